// Package live keeps what serves in step with the routing file and the plugins.
//
// It hides how a change comes to serve: an edit of the file, an edit over the API, a change of plugins. Whichever it
// is, what would serve is built whole beside what does serve (fleet.go), and takes its place in one step; what does not
// hold together changes nothing and is shown as the pending edit (look.go, edit.go). What served is remembered over
// restarts, so that it can be gone back to (history.go).
package live

import (
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
)

// Settings of a keeper. Zero fields take the defaults that they name; File has none.
type Settings struct {
	// File is the routing file.
	File string
	// Environ overrides it, and has secrets: "NAME=value".
	Environ []string
	// History is a folder of the keeper's own, for the configurations that served. Empty keeps them in memory only.
	History string
	// Remember is how many of them are kept. 0 means 50.
	Remember int
	// Every is how often the file, and files of secrets, are looked at besides hints that they changed. 0 means 250 ms.
	Every time.Duration
	// Settle is how long they must stand still before what they say is taken. Whoever writes a file in place writes it
	// in pieces, and a piece of a good file may be a good file. 0 means 100 ms.
	Settle time.Duration
	// Simulate points every configuration's accounts at simulated providers before it serves. Nil leaves them as the
	// file has them.
	Simulate config.Simulator
	// Health and Prices are what every fleet's rules go by; see payment.Fleet.
	Health payment.Health
	Prices payment.Prices
	// Machine knows what this process can still open; every account's connections report to it. Nil means one of the
	// keeper's own.
	Machine *egress.Machine
	// Now is the clock. Nil means the system's.
	Now    func() time.Time
	Logger *slog.Logger
}

func (s Settings) withDefaults() Settings {
	if s.Remember == 0 {
		s.Remember = 50
	}
	if s.Every == 0 {
		s.Every = 250 * time.Millisecond
	}
	if s.Settle == 0 {
		s.Settle = 100 * time.Millisecond
	}
	if s.Now == nil {
		s.Now = time.Now //nolint:forbidigo // the clock's one place
	}
	if s.Logger == nil {
		s.Logger = slog.New(slog.DiscardHandler)
	}
	return s
}

// Server is a subscriber of changes of the fleet, as payment.Fleets is.
type Server interface {
	Serve(next *payment.Fleet)
}

// errNotServing: nobody has been told of the first fleet yet.
var errNotServing = errors.New("the router does not serve yet")

// Manager keeps a configuration in effect. It is safe for concurrent use; changes happen one at a time.
type Manager struct {
	settings Settings
	log      *slog.Logger
	fleets   *fleets

	// mutex is held for a whole change. Nothing that is called under it waits for a change of plugins, which may be
	// waiting for it.
	mutex     sync.Mutex
	servers   []Server
	activeSet plugin.ActiveSet
	serving   *build
	// seen is what the file and the secrets' files said last, taken or not; watched is the configuration by which
	// secrets are looked at.
	seen    snapshot
	watched *config.Config
	pending *Pending
	history *history
	applied int
	refused int
	closed  bool
}

// Open makes the routing file serve over a activeSet: Fleet is what an engine begins with. Where the file does not hold
// together and the history has a configuration that does, that one serves, and the file's is the pending edit: a bad
// edit that was found out while the router ran must not keep it from starting again. Close gives back what Open took;
// the activeSet is held until then.
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
	first, err := m.readSeen()
	if err == nil {
		m.serving = first
		m.remember(Edition{At: m.now(), Source: BySourceFile})
		return m, nil
	}
	last, known := m.history.last()
	if !known {
		return nil, err
	}
	former, broken := m.build(last.Text, activeSet)
	if broken != nil {
		return nil, err
	}
	m.serving = former
	m.refused++
	m.setPending(err)
	m.log.Error("the routing file is not in order: the last configuration that served goes on",
		slog.String("version", last.Version), slog.Any("problems", err))
	return m, nil
}

// Fleet is what serves now.
func (m *Manager) Fleet() *payment.Fleet {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.serving.fleet
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
	config.Watch(ctx, m.settings.File, m.settings.Every, func() { m.look(ctx) })
}

// Adopt makes a activeSet serve. Its error says why the configuration does not fit it; then nothing has changed. An
// edit that waits for such plugins is taken with them.
func (m *Manager) Adopt(_ context.Context, activeSet plugin.ActiveSet) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if err := m.changeable(); err != nil {
		return err
	}
	next, err := m.build(m.serving.text, activeSet)
	if m.pending != nil {
		if edited, broken := m.build(m.seen.text, activeSet); broken == nil {
			next.discard()
			m.activeSet = activeSet
			m.take(edited, Edition{At: m.now(), Source: BySourceFile})
			return nil
		}
	}
	if err != nil {
		return fmt.Errorf("the plugins do not fit the configuration: %w", err)
	}
	m.activeSet = activeSet
	m.serve(next)
	return nil
}

// Pinned tells whether the configuration that serves lets a module of a plugin serve every account of it.
func (m *Manager) Pinned(name, digest string) bool {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return !slices.ContainsFunc(m.serving.config.Providers, func(p *config.Provider) bool {
		return p.Plugin == name && len(p.Digests) > 0 && !slices.Contains(p.Digests, digest)
	})
}

// Close gives back what serves now, once nobody serves with it any more, and lets nothing change from then on.
func (m *Manager) Close() {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.closed {
		return
	}
	m.closed = true
	m.serving.fleet.Retired()
}

func (m *Manager) changeable() error {
	if m.servers == nil || m.closed {
		return errNotServing
	}
	return nil
}

// take makes a configuration serve that is not the one that does, and remembers it.
func (m *Manager) take(next *build, as Edition) {
	former := m.serving.config.Version
	m.serve(next)
	m.remember(as)
	m.applied++
	m.pending = nil
	m.log.Info("configuration changed", slog.String("version", next.config.Version), slog.String("from", former),
		slog.String("source", string(as.Source)), slog.String("by", as.By))
}

// serve lets the engine have a fleet. The one before is given back by the engine, when its last turn is over.
func (m *Manager) serve(next *build) {
	m.serving = next
	for _, server := range m.servers {
		server.Serve(next.fleet)
	}
}

// remember notes what serves now, if that is not what was noted last. A history that cannot be written keeps no change
// from serving.
func (m *Manager) remember(as Edition) {
	if last, known := m.history.last(); known && last.Text == m.serving.text {
		return
	}
	as.Version, as.Text = m.serving.config.Version, m.serving.text
	if err := m.history.add(as); err != nil {
		m.log.Error("remember the configuration", slog.String("version", as.Version), slog.Any("error", err))
	}
}

// now is as the history has it, so that what was read back is what was written.
func (m *Manager) now() time.Time { return m.settings.Now().UTC().Round(0) }
