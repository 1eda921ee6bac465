package live

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"payrouter/host/routing"
)

// Errors of an edit, for errors.Is.
var (
	// ErrChanged: the active configuration is not the one that the edit was made from.
	ErrChanged = errors.New("the configuration is another one by now")
	// ErrUnknownVersion: the history has no such version.
	ErrUnknownVersion = errors.New("no such version is remembered")
	// ErrNotWritable: writing the routing file failed. The active configuration is the same; the file has its old text,
	// or the new one, which becomes active when it is read next.
	ErrNotWritable = errors.New("the routing file cannot be written")
)

// InvalidError is why a configuration cannot become active.
type InvalidError struct {
	// Problems is never empty.
	Problems []*routing.Problem
}

func (e *InvalidError) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the problems.
func (e *InvalidError) Unwrap() []error {
	problems := make([]error, len(e.Problems))
	for i, p := range e.Problems {
		problems[i] = p
	}
	return problems
}

// invalid collects an error's problems; an error without any is a problem of the file as a whole.
func (m *Manager) invalid(err error) *InvalidError {
	problems := routing.Problems(err)
	if len(problems) == 0 {
		problems = []*routing.Problem{{At: routing.Position{File: m.settings.File}, What: err.Error()}}
	}
	return &InvalidError{Problems: problems}
}

// Source is where an edition comes from.
type Source string

// The sources of an edition.
const (
	ByFile     Source = "file"
	ByAPI      Source = "api"
	ByRollback Source = "rollback"
)

// Edition is a configuration that was active, from At on.
type Edition struct {
	Version string    `json:"version"`
	At      time.Time `json:"at"`
	Source  Source    `json:"source"`
	// By is who edited it over the API; empty for the file.
	By string `json:"by,omitempty"`
	// Text is the routing file's.
	Text string `json:"text"`
}

// Tag identifies the text, comments included; two texts may have one version.
func (e Edition) Tag() string {
	const length = 12
	sum := sha256.Sum256([]byte(e.Text))
	return e.Version + "-" + hex.EncodeToString(sum[:])[:length]
}

// Pending is an edit of the routing file that is not active because of its problems.
type Pending struct {
	Since    time.Time
	Problems []*routing.Problem
}

// setPending sets the pending edit's problems; Since is when the file first had any.
func (m *Manager) setPending(err error) {
	since := m.now()
	if m.pending != nil {
		since = m.pending.Since
	}
	m.pending = &Pending{Since: since, Problems: m.invalid(err).Problems}
}

// Status is the active configuration, the pending edit and the history.
type Status struct {
	File   string
	Active Edition
	// Pending is nil where the file's text is active.
	Pending *Pending
	// History is the newest first, Active included.
	History []Edition
	// Applied and Refused count edits since the router started.
	Applied, Refused int
	// Out are the problems of accounts that are out of service.
	Out []*routing.Problem
	// Fleets and Clients are how many configurations are active or have payments under way, and how many accounts'
	// clients they use.
	Fleets, Clients int
}

// Status returns the manager's status.
func (m *Manager) Status() Status {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	status := Status{
		File: m.settings.File, Active: m.active(), History: m.history.newest(), Applied: m.applied, Refused: m.refused,
		Fleets: int(m.fleets.open.Load()), Clients: m.fleets.clients.Len(),
	}
	status.Out = routing.Problems(m.current.faults.intolerable(noFault))
	if m.pending != nil {
		status.Pending = &Pending{Since: m.pending.Since, Problems: slices.Clone(m.pending.Problems)}
	}
	return status
}

// active is the active edition, as the history has it.
func (m *Manager) active() Edition {
	for _, e := range m.history.newest() {
		if e.Text == m.current.text {
			return e
		}
	}
	return Edition{Version: m.current.config.Version, Source: ByFile, Text: m.current.text}
}

// Check returns what a text would change, and changes nothing. Its error is a *InvalidError.
func (m *Manager) Check(text string) (Checked, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	would, err := m.build(text, m.activeSet, m.knownFault)
	if err != nil {
		return Checked{}, err
	}
	defer would.discard()
	return Checked{
		Version: would.config.Version, Providers: len(would.config.Providers), Rules: len(would.config.Rules.Rules),
		Before: m.current.fleet.Rules, After: would.fleet.Rules,
	}, nil
}

// Checked is a text that could become active.
type Checked struct {
	Version          string
	Providers, Rules int
	// Before are the active rules, After the text's.
	Before, After *routing.Ruleset
}

// Match is the edition that an edit was made from: it is refused where another is active by now.
type Match struct {
	// Tags are Edition.Tag's, one of which is the active edition's.
	Tags []string
	// Any replaces any edition, and an edit of the file that was not read yet.
	Any bool
}

// Put writes a text to the routing file and makes it active, in this order: a router that stops in between starts with
// it. Nothing has changed after ErrChanged or a *InvalidError. After ErrNotWritable the file may have the text already.
func (m *Manager) Put(text, by string, match Match) (Edition, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.put(text, match, Edition{Source: ByAPI, By: by})
}

// Rollback puts the newest text of a former version; the error may be ErrUnknownVersion too.
func (m *Manager) Rollback(version, by string, match Match) (Edition, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for _, e := range m.history.newest() {
		if e.Version == version {
			return m.put(e.Text, match, Edition{Source: ByRollback, By: by})
		}
	}
	return Edition{}, fmt.Errorf("%s: %w", version, ErrUnknownVersion)
}

func (m *Manager) put(text string, match Match, as Edition) (Edition, error) {
	if err := m.changeable(); err != nil {
		return Edition{}, err
	}
	if err := m.matches(match); err != nil {
		return Edition{}, err
	}
	next, err := m.build(text, m.activeSet, m.knownFault)
	if err != nil {
		m.refused++
		return Edition{}, err
	}
	if err := write(m.settings.File, text); err != nil {
		next.discard()
		return Edition{}, fmt.Errorf("%w: %w", ErrNotWritable, err)
	}
	m.seen, m.watched = snapshot{text: text, secrets: next.seen}, next.config
	as.At = m.now()
	m.apply(next, as)
	return m.active(), nil
}

// matches also compares the file with what was last read of it: an edit of the file that was not read yet would be
// lost.
func (m *Manager) matches(match Match) error {
	if match.Any {
		return nil
	}
	if active := m.active().Tag(); !slices.Contains(match.Tags, active) {
		return fmt.Errorf("%w: it is at %q", ErrChanged, active)
	}
	now := m.see(nil)
	if now.text != m.seen.text || now.unreadable != m.seen.unreadable {
		return fmt.Errorf("%w: the file has just been edited", ErrChanged)
	}
	return nil
}
