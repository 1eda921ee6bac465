package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
)

// Copy is what a journal's file holds, and how it compares with a witness.
type Copy struct {
	Path     string
	Identity string
	Mode     Mode
	// Commits counts the transactions that changed anything; At is when the last of them was, by the wall clock.
	Commits int64
	At      time.Time
	// Held is why it was held already when it was copied; empty where it was not.
	Held string
	// Payments and Runs are how many there are by status.
	Payments, Runs map[string]int
	// Missing is what it lacks of what the witness saw: a router would hold it. Empty where it lacks nothing, or no
	// witness was named.
	Missing string
	// Witnessed: a witness was found.
	Witnessed bool
}

// Backup copies the journal of a data directory to a file that does not exist yet, and reads the copy back whole. A
// router may run in the directory meanwhile: the copy is the journal as it stood at one moment. The copy survives a
// crash of the machine once this returns.
func Backup(ctx context.Context, dir, to string) (_ Copy, err error) {
	from := filepath.Join(dir, databaseName)
	if _, err := os.Stat(from); err != nil {
		return Copy{},
			&DirectoryError{
				Dir: dir, What: "has no journal", Mend: "name the folder that the router's --data names",
				Err: err,
			}
	}
	if _, err := os.Lstat(to); !errors.Is(err, os.ErrNotExist) {
		return Copy{}, fmt.Errorf("back the journal up: %s is there already: name a file that is not", to)
	}
	// SQLite fills an empty file, and leaves its mode: the owner's alone.
	draft, err := os.CreateTemp(filepath.Dir(to), "."+filepath.Base(to)+".*")
	if err != nil {
		return Copy{}, fmt.Errorf("back the journal up: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(draft.Name()))
		}
	}()
	defer draft.Close() //nolint:errcheck // what matters is synced
	source, err := openCopy(ctx, from)
	if err != nil {
		return Copy{}, err
	}
	defer source.Close() //nolint:errcheck // only read from
	if _, err := source.ExecContext(ctx, "VACUUM INTO ?", draft.Name()); err != nil {
		return Copy{}, fmt.Errorf("back the journal up: %w", err)
	}
	if err := draft.Sync(); err != nil {
		return Copy{}, fmt.Errorf("back the journal up: %w", err)
	}
	made, err := Check(ctx, draft.Name(), "")
	if err != nil {
		return Copy{}, fmt.Errorf("read the copy back: %w", err)
	}
	if err := os.Rename(draft.Name(), to); err != nil {
		return Copy{}, fmt.Errorf("back the journal up: %w", err)
	}
	made.Path = to
	return made, syncDirectory(filepath.Dir(to))
}

// Journal is the path of a data directory's journal, and Witness of its witness where no other is named.
func Journal(dir string) string { return filepath.Join(dir, databaseName) }

// Witness is the path of a data directory's own witness.
func Witness(dir string) string { return filepath.Join(dir, witnessName) }

// Check reads a journal's whole file, reports whether it is intact, and compares it with a witness; an empty path names
// none. It changes nothing. A router may run with the file meanwhile.
func Check(ctx context.Context, file, witness string) (Copy, error) {
	if _, err := os.Stat(file); err != nil {
		return Copy{}, fmt.Errorf("check the journal: %w", err)
	}
	db, err := openCopy(ctx, file)
	if err != nil {
		return Copy{}, err
	}
	defer db.Close() //nolint:errcheck // only read from
	if err := checkSound(ctx, db, file); err != nil {
		return Copy{}, err
	}
	s, err := readStanding(ctx, db)
	if err != nil {
		return Copy{}, err
	}
	c := Copy{Path: file, Identity: s.identity, Mode: Mode(s.mode), Commits: s.commits, At: s.wall}
	if s.hold != nil {
		c.Held = s.hold.Reason
	}
	if c.Payments, err = countBy(ctx, db, countPayments); err != nil {
		return Copy{}, err
	}
	if c.Runs, err = countBy(ctx, db, countRuns); err != nil {
		return Copy{}, err
	}
	if witness == "" {
		return c, nil
	}
	seen, err := readTestimony(witness)
	if err != nil || seen == nil {
		return c, err
	}
	sessions, err := readSessions(ctx, db)
	if err != nil {
		return Copy{}, err
	}
	c.Witnessed, c.Missing = true, seen.missing(s.identity, sessions, s.commits)
	return c, nil
}

// openCopy opens a file that is only read from.
func openCopy(ctx context.Context, file string) (*sql.DB, error) {
	path, err := filepath.Abs(file)
	if err != nil {
		return nil, fmt.Errorf("find the journal: %w", err)
	}
	name := url.URL{
		Scheme: "file", Path: path,
		RawQuery: url.Values{"mode": {"ro"}, "_pragma": {"busy_timeout(5000)"}}.Encode(),
	}
	connector, err := sqlite.NewConnector(name.String())
	if err != nil {
		return nil, fmt.Errorf("name the journal %s: %w", file, err)
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(1)
	if err := db.PingContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open the journal %s: %w", file, err), db.Close())
	}
	return db, nil
}

// checkSound reads a database whole: every page, every index, and the version of its schema.
func checkSound(ctx context.Context, db *sql.DB, file string) error {
	var verdict string
	if err := db.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&verdict); err != nil {
		return fmt.Errorf("check the journal %s: %w", file, err)
	}
	if verdict != "ok" {
		return fmt.Errorf("check the journal %s: it is damaged: %s", file, verdict)
	}
	var version, newest int64
	if err := db.QueryRowContext(ctx,
		"SELECT coalesce(max(version_id), 0) FROM "+goose.DefaultTablename).Scan(&version); err != nil {
		return fmt.Errorf("check the journal %s: it is no router's journal: %w", file, err)
	}
	entries, err := migrations.ReadDir("migration")
	if err != nil {
		return fmt.Errorf("find the migrations: %w", err)
	}
	if newest = int64(len(entries)); version != newest {
		return fmt.Errorf(
			"check the journal %s: its schema is at version %d, and this binary's is %d: check it with the release "+
				"that made it",
			file, version, newest)
	}
	return nil
}

// What is not converted yet counts, too.
const (
	countPayments = `SELECT status, count(*) FROM (SELECT status FROM owner WHERE operation IS NULL
		UNION ALL SELECT status FROM former_payment) GROUP BY status`
	countRuns = `SELECT status, count(*) FROM (SELECT status FROM owner WHERE operation IS NOT NULL
		UNION ALL SELECT status FROM former_run) GROUP BY status`
)

func countBy(ctx context.Context, db *sql.DB, query string) (map[string]int, error) {
	const what = "count what the journal holds"
	rows, err := db.QueryContext(ctx, query) //nolint:sqlclosecheck // collect closes it
	counts := map[string]int{}
	_, err = collect(ctx, what, rows, err, func() (struct{}, error) {
		var name string
		var count int
		if err := rows.Scan(&name, &count); err != nil {
			return struct{}{}, err
		}
		counts[name] = count
		return struct{}{}, nil
	})
	return counts, err
}
