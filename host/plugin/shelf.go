package plugin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"payrouter/abi/conformance/check"
	abi "payrouter/abi/v1"
	"payrouter/host/wasm"
)

// ErrManifest tells of a module whose manifest is incomplete or contradicts itself.
var ErrManifest = errors.New("manifest refused")

// Settings of a shelf. Zero fields take the defaults that they name.
type Settings struct {
	// Limits bound the plugins' guests.
	Limits wasm.Limits
	// Adopt is asked to let a lineup serve from now on, one lineup at a time, and not about what LoadDir finds, before which nothing serves.
	// Its error, say that a manifest does not fit the configuration, leaves what served before. It must not change the shelf. Nil means that
	// every lineup is taken.
	Adopt func(ctx context.Context, lineup Lineup) error
	// Logger is told of every step of a change. Nil means silence.
	Logger *slog.Logger
}

func (s Settings) withDefaults() Settings {
	if s.Adopt == nil {
		s.Adopt = func(context.Context, Lineup) error { return nil }
	}
	if s.Logger == nil {
		s.Logger = slog.New(slog.DiscardHandler)
	}
	return s
}

// Shelf holds the generations of each plugin: those that serve, and those that are kept for a while. It is safe for concurrent use.
// Changes are made one at a time.
type Shelf struct {
	compiler *wasm.Compiler
	settings Settings

	// changing is held during a change, Adopt included; mutex never is while anything is waited for.
	changing sync.Mutex

	mutex   sync.RWMutex
	lineup  Lineup
	open    map[*Generation]struct{}
	last    int64
	closed  bool
	closing sync.WaitGroup
	broken  []error // what closing generations complained of
}

// NewShelf makes an empty shelf. Close gives back what was loaded; the compiler stays the caller's.
func NewShelf(compiler *wasm.Compiler, settings Settings) *Shelf {
	return &Shelf{compiler: compiler, settings: settings.withDefaults(), open: map[*Generation]struct{}{}}
}

// LoadDir loads every *.wasm of a directory. It reports every module that could not be loaded, joined, and a directory without one; those
// that could be are on the shelf all the same.
func (s *Shelf) LoadDir(ctx context.Context, dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("load plugins: %w", err)
	}
	var problems []error
	found := 0
	for _, entry := range entries {
		if entry.IsDir() || !strings.HasSuffix(entry.Name(), ".wasm") {
			continue
		}
		found++
		path := filepath.Join(dir, entry.Name())
		code, err := os.ReadFile(path) //nolint:gosec // G304: the operator's own folder
		if err == nil {
			_, err = s.Load(ctx, code)
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("load plugin %s: %w", path, err))
		}
	}
	if found == 0 {
		problems = append(problems, fmt.Errorf("load plugins: no *.wasm in %s: build them with \"make plugins\"", dir))
	}
	return errors.Join(problems...)
}

// Load checks and compiles a module, asks it for its manifest, and puts it on the shelf. A plugin of the same name must not be there yet.
func (s *Shelf) Load(ctx context.Context, code []byte) (*Generation, error) {
	s.changing.Lock()
	defer s.changing.Unlock()
	generation, err := s.make(ctx, code)
	if err != nil {
		return nil, err
	}
	defer generation.Release()
	name := generation.manifest.GetName()
	if there, found := s.Current(name); found {
		return nil, fmt.Errorf("plugin %q is loaded already, with digest %s", name, there.Digest())
	}
	s.line(s.Lineup().with(name, Serving{Stable: generation}))
	return generation, nil
}

// make compiles a module and asks it for its manifest. The caller releases the generation.
func (s *Shelf) make(ctx context.Context, code []byte) (*Generation, error) {
	if s.shut() {
		return nil, fmt.Errorf("load plugin: %w", wasm.ErrClosed)
	}
	module, err := s.compiler.Compile(ctx, code, s.settings.Limits)
	if err != nil {
		return nil, err
	}
	manifest, err := describe(ctx, module)
	if err != nil {
		return nil, errors.Join(err, module.Close(context.WithoutCancel(ctx)))
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.last++
	generation := &Generation{module: module, manifest: manifest, number: s.last, shelf: s, holds: 1}
	s.open[generation] = struct{}{}
	return generation, nil
}

func describe(ctx context.Context, module *wasm.Module) (*abi.Manifest, error) {
	answer, _, err := ask(ctx, module, wasm.Describe, nil, wasm.Env{})
	if err != nil {
		return nil, fmt.Errorf("ask for the manifest: %w", err)
	}
	manifest := answer.GetManifest()
	if problems := check.Manifest(manifest); len(problems) > 0 {
		return nil, fmt.Errorf("%w: %s", ErrManifest, strings.Join(problems, "; "))
	}
	return manifest, nil
}

// line makes a lineup the shelf's, and lets go of the one before.
func (s *Shelf) line(lineup Lineup) {
	lineup.Hold()
	s.mutex.Lock()
	former := s.lineup
	s.lineup = lineup
	s.mutex.Unlock()
	former.Release()
}

// Lineup is what serves now. It stays open while it is the shelf's, or held.
func (s *Shelf) Lineup() Lineup {
	s.mutex.RLock()
	defer s.mutex.RUnlock()
	return s.lineup
}

// Current is the stable generation of a plugin.
func (s *Shelf) Current(name string) (*Generation, bool) {
	serving, found := s.Lineup().Of(name)
	return serving.Stable, found
}

// Manifests are those of the stable generations, by name.
func (s *Shelf) Manifests() map[string]*abi.Manifest { return s.Lineup().Manifests() }

// Open counts the generations that are open, and their instances.
func (s *Shelf) Open() (generations, instances int) {
	s.mutex.RLock()
	defer s.mutex.RUnlock()
	for generation := range s.open {
		instances += generation.Stats().Instances
	}
	return len(s.open), instances
}

// shut tells a shelf that is closed. Whoever changes it asks under changing, so that it stays true.
func (s *Shelf) shut() bool {
	s.mutex.RLock()
	defer s.mutex.RUnlock()
	return s.closed
}

func (s *Shelf) hold(g *Generation) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if g.holds == 0 && !s.closed {
		panic("plugin: a generation is held that nobody keeps open")
	}
	g.holds++
}

func (s *Shelf) release(g *Generation) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if g.holds == 0 {
		panic("plugin: a generation is released more often than it was held")
	}
	if g.holds--; g.holds > 0 || s.closed {
		return
	}
	// No conversation has it any more, so what is waited for is at most a callback that is being read.
	s.closing.Go(func() {
		err := g.module.Close(context.Background())
		s.mutex.Lock()
		defer s.mutex.Unlock()
		delete(s.open, g)
		if err != nil {
			s.broken = append(s.broken, fmt.Errorf("close %s: %w", g.manifest.GetName(), err))
		}
	})
}

// Close empties the shelf, held or not, and waits for calls under way until ctx ends.
func (s *Shelf) Close(ctx context.Context) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	s.mutex.Lock()
	s.closed = true
	s.lineup = Lineup{}
	s.mutex.Unlock()
	s.closing.Wait()
	s.mutex.Lock()
	defer s.mutex.Unlock()
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
