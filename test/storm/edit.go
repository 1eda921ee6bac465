package storm

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"payrouter/host/config"
)

// rulesOf is the nth edition of the rules; 0 is what the router begins with. No two mean the same, and each sends
// orders elsewhere than the one before.
func rulesOf(n int) []byte {
	first, second := "paygram-a", "paygram-b"
	if n%2 == 1 {
		first, second = second, first
	}
	return fmt.Appendf(bytes.Clone(accounts), `
rules:
  - {name: pounds, when: {currency: GBP}, to: [%[2]s]}
  - {name: euros-small, when: {currency: EUR, amount: {max: "1000"}}, to: [{split: {%[1]s: 70, %[2]s: 30}}]}
  - {name: euros-large, when: {currency: EUR}, to: [%[1]s, %[2]s]}
  - {name: coins, when: {currency: [BTC, USDT]}, to: [{split: {payplay: %[3]d, %[2]s: %[4]d}}, %[1]s]}
  - {name: default, to: [%[1]s]}
`, first, second, 1000+n, 1000)
}

// broken is a text of rules with one mistake; there are several kinds.
func broken(n int) []byte {
	mistakes := []struct{ right, wrong string }{
		{"name: default, to", "name: default, too"},
		{"currency: GBP}, to: [", "currency: GBP}, to: [paygramm, "},
		{"- {name: euros-large, when: {", "- {name: euros-large, when: {{"},
		{"amount: {max: \"1000\"}", "amount: {max: \"much\"}"},
		{"plugin: payplay", "plugin: playpay"},
	}
	mistake := mistakes[n%len(mistakes)]
	return bytes.Replace(rulesOf(n), []byte(mistake.right), []byte(mistake.wrong), 1)
}

// way is how a change reaches the router.
type way string

const (
	byRename way = "rename"
	inPlace  way = "in place"
	byPut    way = "put"
)

// edition is a text of rules that served.
type edition struct {
	version string
	text    []byte
	// written is when it was about to reach the router, shown is when it was active.
	written, shown time.Time
}

// edits is what edits came to. One goroutine uses it, until the storm is over.
type edits struct {
	operatorClient *operatorClient
	file           string
	environ        []string

	// made is how many were tried.
	made       int
	editions   []edition
	applied    int
	refused    int
	effects    []time.Duration
	violations []string
}

type configStatus struct {
	Active struct {
		Version string `json:"version"`
		ETag    string `json:"etag"`
	} `json:"active"`
	Pending *struct {
		Problems []struct {
			Line    int    `json:"line"`
			Message string `json:"message"`
		} `json:"problems"`
	} `json:"pending"`
	Refused int `json:"edits_refused"`
	Fleets  int `json:"fleets"`
}

func (e *edits) status(ctx context.Context) (status configStatus, err error) {
	return status, e.operatorClient.get(ctx, "/v1/config", &status)
}

// begin notes what serves before the first edit.
func (e *edits) begin(ctx context.Context) error {
	status, err := e.status(ctx)
	if err != nil {
		return err
	}
	version, err := e.versionOf(rulesOf(0))
	if err != nil {
		return err
	}
	if version != status.Active.Version {
		return fmt.Errorf("the router serves rules %s, and was given %s", status.Active.Version, version)
	}
	e.editions = []edition{{version: version, text: rulesOf(0)}}
	return nil
}

// versionOf is what payments' decisions will call a text.
func (e *edits) versionOf(text []byte) (string, error) {
	read, err := config.Read(e.file, text, e.environ)
	if err != nil {
		return "", fmt.Errorf("read an edition of the rules: %w", err)
	}
	return read.Version, nil
}

// edit makes the nth edit, from 1: two that are in order, then one that is not, each kind in each way in turn.
func (e *edits) edit(ctx context.Context, n int) error {
	how := []way{byRename, inPlace, byPut}[(n+n/3)%3]
	if n%3 == 0 {
		return e.spoil(ctx, n, how)
	}
	text := rulesOf(n)
	version, err := e.versionOf(text)
	if err != nil {
		return err
	}
	written := time.Now()
	if answer, err := e.write(ctx, how, text); err != nil {
		return err
	} else if how == byPut && answer.status != http.StatusOK {
		e.violate("edit %d over the API was answered %d: %.300s", n, answer.status, answer.body)
		return nil
	}
	since := time.Now()
	shown, done, err := until(ctx, func(ctx context.Context) (bool, error) {
		status, err := e.status(ctx)
		return status.Active.Version == version, err
	})
	if err != nil {
		return err
	}
	if !done {
		e.violate("edit %d (%s) had no effect", n, how)
		return nil
	}
	if how == byPut {
		since = written
	}
	e.applied++
	e.effects = append(e.effects, shown.Sub(since))
	e.editions = append(e.editions, edition{version: version, text: text, written: written, shown: shown})
	return nil
}

// spoil makes an edit that must be refused, shown, and without effect.
func (e *edits) spoil(ctx context.Context, n int, how way) error {
	before, err := e.status(ctx)
	if err != nil {
		return err
	}
	answer, err := e.write(ctx, how, broken(n))
	if err != nil {
		return err
	}
	if how == byPut && answer.status != http.StatusUnprocessableEntity {
		e.violate("the broken edit %d over the API was answered %d: %.300s", n, answer.status, answer.body)
	}
	var after configStatus
	_, done, err := until(ctx, func(ctx context.Context) (bool, error) {
		after, err = e.status(ctx)
		return after.Refused > before.Refused && (how == byPut || after.Pending != nil), err
	})
	switch {
	case err != nil:
		return err
	case !done:
		e.violate("the broken edit %d (%s) was not refused, or not shown", n, how)
	case how != byPut && after.Pending.Problems[0].Message == "":
		e.violate("the broken edit %d (%s) is shown without its mistake", n, how)
	case after.Active.Version != before.Active.Version:
		e.violate("the broken edit %d (%s) changed what serves", n, how)
	default:
		e.refused++
	}
	return nil
}

func (e *edits) write(ctx context.Context, how way, text []byte) (reply, error) {
	switch how {
	case byRename:
		return reply{}, replaceFile(e.file, text)
	case inPlace:
		if err := os.WriteFile(e.file, text, 0o600); err != nil {
			return reply{}, fmt.Errorf("write the rules: %w", err)
		}
		return reply{}, nil
	case byPut:
	}
	status, err := e.status(ctx)
	if err != nil {
		return reply{}, err
	}
	return e.operatorClient.send(ctx, http.MethodPut, "/v1/config/routing",
		map[string]string{"If-Match": status.Active.ETag, "Content-Type": "application/yaml"}, text)
}

func (e *edits) violate(format string, args ...any) {
	e.violations = append(e.violations, fmt.Sprintf(format, args...))
}

// replaceFile puts a new file in the place of another, whole.
func replaceFile(path string, content []byte) error {
	next := filepath.Join(filepath.Dir(path), "."+strings.TrimPrefix(filepath.Base(path), ".")+".next")
	if err := os.WriteFile(next, content, 0o600); err != nil {
		return fmt.Errorf("write %s: %w", next, err)
	}
	if err := os.Rename(next, path); err != nil {
		return fmt.Errorf("replace %s: %w", path, err)
	}
	return nil
}
