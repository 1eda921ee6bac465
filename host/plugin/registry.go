package plugin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	abi "payrouter/abi/v1"
	"payrouter/host/plugin/signature"
	"payrouter/host/wasm"
)

// Settings of a registry. Zero fields take the defaults that they name.
type Settings struct {
	// Limits bound the plugins' guests.
	Limits wasm.Limits
	// Adopt is asked to let an active set serve from now on, one active at a time, and not about what LoadDir finds,
	// before which nothing serves. Its error, say that a manifest does not fit the configuration, leaves what served
	// before. It must not change the registry. Nil means that every active is taken.
	Adopt func(ctx context.Context, active ActiveSet) error
	// Pinned tells whether the configuration lets a module of a plugin serve. Nil means that it lets any.
	Pinned func(name, digest string) bool
	// Keys are those whose signatures are believed.
	Keys signature.Keys
	// RequireSignature refuses modules that are not signed with one of the Keys.
	RequireSignature bool
	// Keep is how many former generations of a plugin stay warm for a rollback. 0 means 1, less than 0 none.
	Keep int
	// Dir is where modules are kept that came otherwise than by the folder, so that a restart serves them. Empty means
	// that they are not.
	Dir string
	// Record is how many conversations of each operation of a plugin are recorded, in memory. 0 means 100, less than 0
	// none.
	Record int
	// RecordBytes is what the recordings of one plugin may take. 0 means 4 MiB.
	RecordBytes int
	// FuelPercent is how much more fuel than before a candidate may burn on recorded conversations. 0 means 50.
	FuelPercent int
	// Canary decides when a canary is given up.
	Canary CanarySettings
	// Now is the clock. Nil means the system's.
	Now func() time.Time
	// Logger is told of every step of a change. Nil means silence.
	Logger *slog.Logger
}

func (s Settings) withDefaults() Settings {
	if s.Adopt == nil {
		s.Adopt = func(context.Context, ActiveSet) error { return nil }
	}
	if s.Pinned == nil {
		s.Pinned = func(string, string) bool { return true }
	}
	if s.Keep == 0 {
		s.Keep = 1
	}
	if s.Record == 0 {
		s.Record = 100
	}
	if s.RecordBytes == 0 {
		s.RecordBytes = 4 << 20
	}
	if s.FuelPercent == 0 {
		s.FuelPercent = 50
	}
	s.Canary = s.Canary.withDefaults()
	if s.Now == nil {
		s.Now = time.Now //nolint:forbidigo // the clock's one place
	}
	if s.Logger == nil {
		s.Logger = slog.New(slog.DiscardHandler)
	}
	return s
}

// Registry holds the generations of each plugin: those that serve, and those that are kept for a while. It is safe for
// concurrent use. Changes are made one at a time.
type Registry struct {
	compiler *wasm.Compiler
	settings Settings
	// base is for what outlives the call that starts it: closing a generation, giving up a canary.
	base context.Context

	// installing is held while a module is examined, and changing, taken after it, while the active changes, Adopt
	// included: so a rollback does not wait for a compilation. mutex is the innermost, and never held while anything is
	// waited for.
	installing, changing sync.Mutex

	mutex   sync.RWMutex
	active  ActiveSet
	entries map[string]*entry
	open    map[*Generation]struct{}
	last    int64
	closed  bool
	tasks   sync.WaitGroup // closing generations, and ending canaries
	broken  []error        // what closing generations complained of
}

// entry is what the registry knows of a plugin beyond what serves.
type entry struct {
	// warm are former generations, the last one first. The registry holds each.
	warm     []*Generation
	recorder *recorder
	// trial is the canary's; nil where there is none.
	trial  *trial
	events []Event
	record record
	// file is the path in the folder that provides the plugin; empty where none does.
	file string
}

// NewRegistry makes an empty registry. Close gives back what was loaded; the compiler stays the caller's.
func NewRegistry(compiler *wasm.Compiler, settings Settings) *Registry {
	return &Registry{
		base: context.Background(), compiler: compiler, settings: settings.withDefaults(),
		entries: map[string]*entry{}, open: map[*Generation]struct{}{},
	}
}

// entry gives what is known of a plugin. The caller holds the mutex.
func (s *Registry) entry(name string) *entry {
	known := s.entries[name]
	if known == nil {
		known = &entry{recorder: newRecorder(s.settings.Record, s.settings.RecordBytes, s.settings.Now)}
		s.entries[name] = known
	}
	return known
}

// shelve makes a generation of a module. The caller releases it.
func (s *Registry) shelve(module *wasm.Module, manifest *abi.Manifest) *Generation {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.last++
	generation := &Generation{
		module: module, manifest: manifest, number: s.last, registry: s, holds: 1,
		recorder: s.entry(manifest.GetName()).recorder, loadedAt: s.settings.Now().UTC(),
		operations: operationsOf(manifest),
	}
	s.open[generation] = struct{}{}
	return generation
}

// line makes an active set the registry's, and lets go of the one before.
func (s *Registry) line(active ActiveSet) {
	active.Hold()
	s.mutex.Lock()
	former := s.active
	s.active = active
	s.mutex.Unlock()
	former.Release()
}

// ActiveSet is what serves now. It stays open while it is the registry's, or held.
func (s *Registry) ActiveSet() ActiveSet {
	s.mutex.RLock()
	defer s.mutex.RUnlock()
	return s.active
}

// Current is the stable generation of a plugin.
func (s *Registry) Current(name string) (*Generation, bool) {
	active, found := s.ActiveSet().Of(name)
	return active.Stable, found
}

// Manifests are those of the stable generations, by name.
func (s *Registry) Manifests() map[string]*abi.Manifest { return s.ActiveSet().Manifests() }

// Open counts the generations that are open, and their instances.
func (s *Registry) Open() (generations, instances int) {
	s.mutex.RLock()
	defer s.mutex.RUnlock()
	for generation := range s.open {
		instances += generation.Stats().Instances
	}
	return len(s.open), instances
}

// opened tells whether a generation of a module is open.
func (s *Registry) opened(digest string) bool {
	s.mutex.RLock()
	defer s.mutex.RUnlock()
	for generation := range s.open {
		if generation.Digest() == digest {
			return true
		}
	}
	return false
}

// shut tells a registry that is closed. Whoever changes it asks under changing, so that it stays true.
func (s *Registry) shut() bool {
	s.mutex.RLock()
	defer s.mutex.RUnlock()
	return s.closed
}

func (s *Registry) hold(g *Generation) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if g.holds == 0 && !s.closed {
		panic("plugin: a generation is held that nobody keeps open")
	}
	g.holds++
}

func (s *Registry) release(g *Generation) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if g.holds == 0 {
		panic("plugin: a generation is released more often than it was held")
	}
	if g.holds--; g.holds > 0 || s.closed {
		return
	}
	// No conversation has it any more, so what is waited for is at most a callback that is being read.
	s.tasks.Go(func() { s.retire(g) })
}

// retire closes a generation that nobody holds.
func (s *Registry) retire(g *Generation) {
	err := g.module.Close(s.base)
	s.mutex.Lock()
	delete(s.open, g)
	if err != nil {
		s.broken = append(s.broken, fmt.Errorf("close %s: %w", g.manifest.GetName(), err))
	}
	s.mutex.Unlock()
	t := s.trail(g.manifest.GetName(), g.source)
	t.of(g)
	t.note(StepClose, "nobody has it any more", err)
}

// Close empties the registry, held or not, and waits for calls under way until ctx ends.
func (s *Registry) Close(ctx context.Context) error {
	s.mutex.Lock()
	s.closed = true
	s.mutex.Unlock()
	s.tasks.Wait()
	s.installing.Lock()
	defer s.installing.Unlock()
	s.changing.Lock()
	defer s.changing.Unlock()
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.active, s.entries = ActiveSet{}, map[string]*entry{}
	problems := s.broken
	for generation := range s.open {
		if err := generation.module.Close(ctx); err != nil {
			problems = append(problems, fmt.Errorf("close %s: %w", generation.manifest.GetName(), err))
			continue
		}
		delete(s.open, generation)
	}
	return errors.Join(problems...)
}
