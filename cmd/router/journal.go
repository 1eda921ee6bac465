package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"payrouter/host/store/sqlite"
)

type journalCommand struct {
	Backup journalBackupCommand `cmd:"" help:"Copy the journal to a file, while a router may run."`

	Check journalCheckCommand `cmd:"" help:"Check a journal or a copy, and whether a router would start held."`

	Release journalReleaseCommand `cmd:"" help:"Release a held journal, over a router's API."`

	Downgrade journalDowngradeCommand `cmd:"" help:"Bring a journal back to the former release's form."`
}

type journalBackupCommand struct {
	To   string `arg:"" type:"path" help:"The file to write. It must not exist."`
	Data string `default:"data" type:"path" help:"The router's data folder."`
}

// Run copies the journal and prints a summary of the copy.
func (c *journalBackupCommand) Run(h *host) error {
	made, err := sqlite.Backup(h.ctx, c.Data, c.To)
	if err != nil {
		return err
	}
	return write(h, copyText(made))
}

type journalCheckCommand struct {
	Journal string `arg:"" optional:"" type:"path" help:"The file to check. Without one, the data folder's."`
	Data    string `default:"data" type:"path" help:"The router's data folder."`
	Witness string `type:"path" help:"The witness file to compare it with; the data folder's when empty."`
}

// Run prints a summary of a journal. It fails if the journal is damaged, or if a router would hold it.
func (c *journalCheckCommand) Run(h *host) error {
	found, err := sqlite.Check(h.ctx, cmp.Or(c.Journal, sqlite.Journal(c.Data)),
		cmp.Or(c.Witness, sqlite.Witness(c.Data)))
	if err != nil {
		return err
	}
	if err := write(h, copyText(found)); err != nil {
		return err
	}
	switch {
	case found.Missing != "":
		return fmt.Errorf("a router would hold it: %s", found.Missing)
	case found.Held != "":
		return fmt.Errorf("it is held: %s", found.Held)
	case !found.Witnessed:
		return write(h, "no witness was found: nothing shows whether it is the latest\n")
	}
	return write(h, "its witness saw nothing later\n")
}

func copyText(c sqlite.Copy) string {
	var text strings.Builder
	mode := cmp.Or(string(c.Mode), "not marked sandbox or real")
	fmt.Fprintf(&text, "%s is sound: journal %s, %s, commit %d of %s\n", c.Path, c.Identity, mode, c.Commits,
		c.At.Format(time.RFC3339))
	for _, kind := range []struct {
		name   string
		counts map[string]int
	}{{"payments", c.Payments}, {"native operations", c.Runs}} {
		fmt.Fprintf(&text, "%s:", kind.name)
		for _, status := range slices.Sorted(maps.Keys(kind.counts)) {
			fmt.Fprintf(&text, " %s %d", status, kind.counts[status])
		}
		if len(kind.counts) == 0 {
			text.WriteString(" none")
		}
		text.WriteString("\n")
	}
	return text.String()
}

type journalDowngradeCommand struct {
	Data string `default:"data" type:"path" help:"The data folder. No router may run in it."`
}

// Run brings a journal back, so that the release before this one goes on with it.
func (c *journalDowngradeCommand) Run(h *host) error {
	if err := sqlite.Downgrade(h.ctx, c.Data, h.log); err != nil {
		return err
	}
	return write(h, fmt.Sprintf("%s is as the former release wrote it\n", sqlite.Journal(c.Data)))
}

type journalReleaseCommand struct {
	Reason string `required:"" help:"What the journal was compared with. It stays in the journal."`
	Router string `default:"http://127.0.0.1:8080" help:"The router to ask."`
	APIKey string `name:"api-key" env:"ROUTER_API_KEY" help:"An operator's API key, where the router has keys."`

	askerFlags `embed:""`
}

// Run releases the journal of a running router.
func (c *journalReleaseCommand) Run(h *host) error {
	target, err := url.JoinPath(c.Router, "/v1/journal/release")
	if err != nil {
		return fmt.Errorf("the router's address: %w", err)
	}
	body, err := json.Marshal(map[string]string{"reason": c.Reason})
	if err != nil {
		return fmt.Errorf("encode the reason: %w", err)
	}
	asker, err := newAsker(h, c.APIKey, c.askerFlags, time.Minute)
	if err != nil {
		return err
	}
	defer asker.close()
	answer, err := asker.ask(http.MethodPost, target, body, nil)
	if err != nil {
		return err
	}
	return asker.print(answer)
}
