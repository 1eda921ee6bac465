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

// Errors of an edit, told apart with errors.Is.
var (
	// ErrChanged tells that the configuration is not, or is no longer, the one that the edit was made of.
	ErrChanged = errors.New("the configuration is another one by now")
	// ErrUnknownVersion tells that the history has no such version.
	ErrUnknownVersion = errors.New("no such version is remembered")
	// ErrNotWritable tells that the routing file cannot be written, and so nothing was changed.
	ErrNotWritable = errors.New("the routing file cannot be written")
)

// InvalidError says why a configuration cannot serve.
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

// Unwrap gives the problems.
func (e *InvalidError) Unwrap() []error {
	problems := make([]error, len(e.Problems))
	for i, p := range e.Problems {
		problems[i] = p
	}
	return problems
}

// invalid takes an error's problems out of it; one that has none is a problem of the file as a whole.
func (m *Manager) invalid(err error) *InvalidError {
	problems := routing.Problems(err)
	if len(problems) == 0 {
		problems = []*routing.Problem{{At: routing.Position{File: m.settings.File}, What: err.Error()}}
	}
	return &InvalidError{Problems: problems}
}

// Source is where an edition came from.
type Source string

// The sources of an edition.
const (
	BySourceFile Source = "file"
	ByAPI        Source = "api"
	ByRollback   Source = "rollback"
)

// Edition is a configuration that served, from At on.
type Edition struct {
	Version string    `json:"version"`
	At      time.Time `json:"at"`
	Source  Source    `json:"source"`
	// By is who edited it over the API; empty for the file.
	By string `json:"by,omitempty"`
	// Text is the routing file's.
	Text string `json:"text"`
}

// Tag tells texts apart, comments included, where two of them may be one version.
func (e Edition) Tag() string {
	const length = 12
	sum := sha256.Sum256([]byte(e.Text))
	return e.Version + "-" + hex.EncodeToString(sum[:])[:length]
}

// Pending is what the routing file says and what does not serve.
type Pending struct {
	Since    time.Time
	Problems []*routing.Problem
}

// setPending shows a mistake, from the first moment at which the file had one.
func (m *Manager) setPending(err error) {
	since := m.now()
	if m.pending != nil {
		since = m.pending.Since
	}
	m.pending = &Pending{Since: since, Problems: m.invalid(err).Problems}
}

// Status is what serves, what waits, and what served.
type Status struct {
	File string
	// Active serves.
	Active Edition
	// Pending is nil where the file says what serves.
	Pending *Pending
	// History is the newest first, Active included.
	History []Edition
	// Applied and Refused count edits since the router started.
	Applied, Refused int
	// Fleets and Lines are how many configurations have payments on their way or serve, and how many accounts'
	// connections they hold.
	Fleets, Lines int
}

// Status tells how things stand.
func (m *Manager) Status() Status {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	status := Status{
		File: m.settings.File, Active: m.active(), History: m.history.newest(), Applied: m.applied, Refused: m.refused,
		Fleets: int(m.fleets.open.Load()), Lines: m.fleets.clients.Len(),
	}
	if m.pending != nil {
		status.Pending = &Pending{Since: m.pending.Since, Problems: slices.Clone(m.pending.Problems)}
	}
	return status
}

// active is what serves, as the history has it.
func (m *Manager) active() Edition {
	for _, e := range m.history.newest() {
		if e.Text == m.serving.text {
			return e
		}
	}
	return Edition{Version: m.serving.config.Version, Source: BySourceFile, Text: m.serving.text}
}

// Check tells what would come of a text, and changes nothing. Its error is a *InvalidError.
func (m *Manager) Check(text string) (Checked, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	would, err := m.build(text, m.activeSet)
	if err != nil {
		return Checked{}, err
	}
	defer would.discard()
	return Checked{
		Version: would.config.Version, Providers: len(would.config.Providers), Rules: len(would.config.Rules.Rules),
		Before: m.serving.fleet.Rules, After: would.fleet.Rules,
	}, nil
}

// Checked is a text that could serve.
type Checked struct {
	Version          string
	Providers, Rules int
	// Before are the rules that serve, After those that would.
	Before, After *routing.Ruleset
}

// Match says of which edition an edit was made: it is refused where another serves by now.
type Match struct {
	// Tags are Edition.Tag's, one of which is the active edition's.
	Tags []string
	// Any replaces whatever there is, an edit of the file included that nobody has looked at yet.
	Any bool
}

// Put writes a text to the routing file and makes it serve, in this order: a router that stops in between begins with
// it. Nothing has changed after an error: ErrChanged, ErrNotWritable or a *InvalidError.
func (m *Manager) Put(text, by string, match Match) (Edition, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.put(text, match, Edition{Source: ByAPI, By: by})
}

// Rollback puts the newest text of a version that served; the error may be ErrUnknownVersion too.
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
	next, err := m.build(text, m.activeSet)
	if err != nil {
		m.refused++
		return Edition{}, err
	}
	if err := write(m.settings.File, text); err != nil {
		next.discard()
		return Edition{}, fmt.Errorf("%w: %w", ErrNotWritable, err)
	}
	m.seen, m.watched = snapshot{text: text, secrets: next.secrets}, next.config
	as.At = m.now()
	m.take(next, as)
	return m.active(), nil
}

// matches also holds the file against what was seen of it: an edit of the file that is not taken yet would be lost
// without a trace.
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
