package figures

import (
	"fmt"
	"os"
	"strings"
)

// The tables stand between lines that only a page's source shows.
const (
	begin = "<!-- make bench writes what follows: %s -->\n"
	end   = "<!-- make bench wrote the above -->\n"
)

// Update returns a page with the tables of the newest runs that have them in the place of those that it has.
func Update(page string, runs []Run) (string, error) {
	s := latest(runs)
	var err error
	put := func(name string, run Run, table func() string) {
		if err == nil && !run.At.IsZero() {
			page, err = replace(page, name, origin(run)+"\n"+table())
		}
	}
	put("payments", s.payments, func() string { return s.payments.Payments.table() })
	put("calls", s.calls, func() string { return s.calls.Calls.table() })
	put("journal", s.journal, func() string { return s.journal.Journal.table() })
	return page, err
}

// UpdateFile is Update on a file, from the results in a folder.
func UpdateFile(path, folder string) error {
	runs, err := Read(folder)
	if err != nil {
		return err
	}
	page, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read the page of figures: %w", err)
	}
	updated, err := Update(string(page), runs)
	if err != nil {
		return fmt.Errorf("write the tables of %s: %w", path, err)
	}
	if err := os.WriteFile(path, []byte(updated), 0o644); err != nil {
		return fmt.Errorf("write the page of figures: %w", err)
	}
	return nil
}

// Tables are those of all parts that the run measured.
func (r Run) Tables() []string {
	tables := []string{origin(r)}
	if r.Payments != nil {
		tables = append(tables, r.Payments.table())
	}
	if r.Calls != nil {
		tables = append(tables, r.Calls.table())
	}
	if r.Journal != nil {
		tables = append(tables, r.Journal.table())
	}
	return tables
}

func replace(page, name, table string) (string, error) {
	head, rest, found := strings.Cut(page, fmt.Sprintf(begin, name))
	_, tail, ended := strings.Cut(rest, end)
	if !found || !ended {
		return "", fmt.Errorf("there is no place for the table %q", name)
	}
	return head + fmt.Sprintf(begin, name) + "\n" + strings.TrimRight(table, "\n") + "\n\n" + end + tail, nil
}

// origin is the line that dates a table.
func origin(r Run) string {
	return fmt.Sprintf("Of %s, version %s: %d cores, %s,\n%s, load before the run %.1f. Medians of rounds.\n",
		r.At.UTC().Format("2006-01-02 15:04"), r.Version, r.Machine.Cores, r.Machine.CPU, r.Machine.Go, r.Machine.Load)
}
