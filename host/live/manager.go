// Package live applies changes of the routing file and of the plugins while the router runs.
//
// It hides how a change becomes active: an edit of the file (reload.go), an edit over the API (edit.go), a change of
// plugins (manager.go). A new fleet is built beside the active one (fleet.go) and replaces it in one step; one that
// cannot be built changes nothing and is shown as the pending edit. Former configurations survive restarts, for a
// rollback (history.go).
package live

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"payrouter/host/config"
	"payrouter/host/egress"
	"payrouter/host/payment"
	"payrouter/host/plugin"
	"payrouter/host/plugin/oci"
	"payrouter/host/routing"
)

// Settings of a manager. Zero fields take the defaults that they name; File is required.
type Settings struct {
	// File is the routing file.
	File string
	// Environ overrides it, and has secrets: "NAME=value".
	Environ []string
	// EnvFile is a file of variables with secrets, which take precedence over Environ; see config.Sources. Empty is none.
	EnvFile string
	// SecretsReloaded is called with every reload of secrets that changed something, or that failed; never with a value.
	// It must not call the manager. Nil calls nothing.
	SecretsReloaded func(SecretsReload)
	// FileApplied is called when an edit of the file takes effect. It must not call the manager. Nil calls nothing.
	FileApplied func(from, to Edition)
	// History is a folder for former configurations. Empty keeps them in memory only.
	History string
	// Remember is how many of them are kept. 0 means 50.
	Remember int
	// Every is how often the file, and files of secrets, are read without a notification. 0 means 250 ms.
	Every time.Duration
	// Settle is how long they must not change before they are applied: a file may be written in pieces, and a piece may
	// be valid by itself. 0 means 100 ms.
	Settle time.Duration
	// Simulate points every configuration's accounts at simulated providers. Nil leaves them as the file has them.
	Simulate config.Simulator
	// Health and Prices are for every fleet's rules; see payment.Fleet.
	Health payment.Health
	Prices payment.Prices
	// Machine is shared by every account's connections. Nil means one of the manager's own.
	Machine *egress.Machine
	// Now is the clock. Nil means the system's.
	Now    func() time.Time
	Logger *slog.Logger
}

func (s Settings) withDefaults() Settings {
	s.Remember = cmp.Or(s.Remember, 50)
	s.Every = cmp.Or(s.Every, 250*time.Millisecond)
	s.Settle = cmp.Or(s.Settle, 100*time.Millisecond)
	if s.Now == nil {
		s.Now = time.Now //nolint:forbidigo // the clock's one place
	}
	if s.SecretsReloaded == nil {
		s.SecretsReloaded = func(SecretsReload) {}
	}
	if s.FileApplied == nil {
		s.FileApplied = func(_, _ Edition) {}
	}
	s.Logger = cmp.Or(s.Logger, slog.New(slog.DiscardHandler))
	return s
}

// SecretsReload is what came of reading secrets again: names and references, no values.
type SecretsReload struct {
	At time.Time
	// Changed have other values from now on, for attempts that begin; those under way end with the values that they
	// began with.
	Changed []config.ChangedSecret
	// Kept are the problems by which accounts keep their former values.
	Kept []*routing.Problem
}

// Server is a subscriber of changes of the fleet, as payment.Fleets is.
type Server interface {
	Serve(next *payment.Fleet)
}

// errNotBound: Bind was not called yet.
var errNotBound = errors.New("the router does not serve yet")

// Manager has the active configuration. It is safe for concurrent use; changes happen one at a time.
type Manager struct {
	settings Settings
	log      *slog.Logger
	fleets   *fleets

	// reloading is held while the files are read until they stop changing.
	reloading sync.Mutex
	// mutex is held for a whole change. Nothing that is called under it waits for a change of plugins, which may wait
	// for it.
	mutex     sync.Mutex
	servers   []Server
	activeSet plugin.ActiveSet
	current   *build
	// seen is the last content of the file and the secrets' files, active or not; watched is the configuration whose
	// secrets are watched.
	seen    snapshot
	watched *config.Config
	pending *Pending
	history *history
	applied int
	refused int
	closed  bool
}

// Open makes the routing file active over a set of plugins; Fleet is the engine's first. Where the file has mistakes
// and the history has a configuration without any, that one becomes active, and the file's is the pending edit: an
// edit that was refused while the router ran must not keep it from starting again. Nor does one account's fault, its
// module, secrets or settings: where no configuration is without one, the account is out of service. Close releases
// what Open took; the set is held until then.
func Open(s Settings, activeSet plugin.ActiveSet) (*Manager, error) {
	s = s.withDefaults()
	file, err := filepath.Abs(s.File)
	if err != nil {
		return nil, fmt.Errorf("find the routing file: %w", err)
	}
	s.File = file
	m := &Manager{settings: s, log: s.Logger, fleets: newFleets(s), activeSet: activeSet}
	if m.history, err = openHistory(s.History, s.Remember, s.Logger); err != nil {
		return nil, err
	}
	m.seen = m.see(nil)
	if m.current, err = m.first(); err != nil {
		return nil, err
	}
	m.noteFaults(nil, m.current.faults)
	return m, nil
}

// first is the configuration to start with: the file's, or else the last one that was active, without a fault of any
// account; or else the same two without the accounts that have one.
func (m *Manager) first() (*build, error) {
	last, known := m.history.last()
	var invalid error
	for _, tolerated := range []tolerance{noFault, anyFault} {
		first, err := m.readSeen(tolerated)
		if err == nil {
			m.current = first
			m.remember(Edition{At: m.now(), Source: ByFile})
			return first, nil
		}
		invalid = err
		if !known || last.Text == m.seen.text {
			continue
		}
		former, broken := m.build(last.Text, m.activeSet, tolerated)
		if broken != nil {
			continue
		}
		m.refused++
		m.setPending(err)
		m.log.Error("the routing file has mistakes: the last active configuration is used",
			slog.String("version", last.Version), slog.Any("problems", err))
		return former, nil
	}
	return nil, invalid
}

// Fleet is the active one.
func (m *Manager) Fleet() *payment.Fleet {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.current.fleet
}

// Bind names the subscribers of a change of fleet. They begin with Fleet, and receive every one that follows, in their
// order. Nothing can be changed before.
func (m *Manager) Bind(servers ...Server) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.servers = servers
}

// Run watches the routing file and the files of secrets until ctx ends.
func (m *Manager) Run(ctx context.Context) {
	config.Watch(ctx, m.settings.File, m.settings.Every, func() { m.reload(ctx) })
}

// Adopt applies a set of plugins. Its error is why the configuration does not fit it; then nothing has changed. A
// pending edit that needs these plugins becomes active with them.
func (m *Manager) Adopt(_ context.Context, activeSet plugin.ActiveSet) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if err := m.changeable(); err != nil {
		return err
	}
	if m.pending != nil && m.seen.text != m.current.text {
		if edited, err := m.build(m.seen.text, activeSet, m.knownFault); err == nil {
			m.activeSet = activeSet
			m.apply(edited, Edition{At: m.now(), Source: ByFile})
			return nil
		}
	}
	next, err := m.build(m.current.text, activeSet, m.outAlready)
	if err != nil {
		return fmt.Errorf("the plugins do not fit the configuration: %w", err)
	}
	m.activeSet = activeSet
	m.swap(next)
	return nil
}

// Policy is what the active configuration names of a plugin.
func (m *Manager) Policy(name string) plugin.Policy {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return PolicyOf(m.current.config, name)
}

// PolicyOf is what a configuration names of a plugin.
func PolicyOf(c *config.Config, name string) plugin.Policy {
	named := c.Plugins[name]
	if named == nil {
		return plugin.Policy{}
	}
	policy := plugin.Policy{Digests: named.Digests}
	for _, allowed := range named.Allow {
		policy.Allow = append(policy.Allow, plugin.Allowance(allowed))
	}
	return policy
}

// Pinned reports whether the active configuration allows a module for every account of its plugin.
func (m *Manager) Pinned(name, digest string) bool {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return !slices.ContainsFunc(m.current.config.Providers, func(p *config.Provider) bool {
		return p.Plugin == name && len(p.Digests) > 0 && !slices.Contains(p.Digests, digest)
	})
}

// Close releases the active fleet, which the server must no longer use, and refuses changes from then on.
func (m *Manager) Close() {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.closed {
		return
	}
	m.closed = true
	m.current.fleet.Retired()
}

func (m *Manager) changeable() error {
	if m.servers == nil || m.closed {
		return errNotBound
	}
	return nil
}

// apply makes another configuration active, and adds it to the history.
func (m *Manager) apply(next *build, as Edition) {
	from := Edition{Version: m.current.config.Version, Text: m.current.text}
	m.swap(next)
	m.remember(as)
	m.applied++
	m.pending = nil
	m.judge(next.stale)
	m.log.Info("configuration changed", slog.String("version", next.config.Version), slog.String("from", from.Version),
		slog.String("source", string(as.Source)), slog.String("by", as.By))
	if as.Source == ByFile {
		m.settings.FileApplied(from, Edition{Version: next.config.Version, Text: next.text})
	}
}

// swap gives the server a fleet. The server releases the former one when its last payment under way has ended.
func (m *Manager) swap(next *build) {
	m.noteFaults(m.current.faults, next.faults)
	changed := next.secrets.Changed(m.current.secrets)
	m.current = next
	for _, server := range m.servers {
		server.Serve(next.fleet)
	}
	if len(changed) > 0 {
		m.settings.SecretsReloaded(SecretsReload{At: m.now(), Changed: changed})
	}
}

func (m *Manager) sources() config.Sources {
	return config.Sources{Environ: m.settings.Environ, EnvFile: m.settings.EnvFile}
}

// Registry is what the active configuration has of a registry, with its password as it is now.
func (m *Manager) Registry(name string) (oci.Registry, error) {
	m.mutex.Lock()
	active := m.current.config
	m.mutex.Unlock()
	found, ok := active.Registry(name)
	if !ok {
		return oci.Registry{}, fmt.Errorf("%q is not in the routing file, under registries", name)
	}
	password, err := found.Password(m.sources())
	if err != nil {
		return oci.Registry{}, err
	}
	return oci.Registry{
		Username: found.Username, Password: password, TokenHost: found.TokenHost, AllowPrivate: found.AllowPrivate,
		PlainHTTP: found.PlainHTTP,
	}, nil
}

// remember adds the active configuration to the history, if it is not the last one there. A history that cannot be
// written does not stop a change.
func (m *Manager) remember(as Edition) {
	if last, known := m.history.last(); known && last.Text == m.current.text {
		return
	}
	as.Version, as.Text = m.current.config.Version, m.current.text
	if err := m.history.add(as); err != nil {
		m.log.Error("the configuration cannot be added to the history", slog.String("version", as.Version),
			slog.Any("error", err))
	}
}

// now has the precision of the history, so that what is read back equals what was written.
func (m *Manager) now() time.Time { return m.settings.Now().UTC().Round(0) }
