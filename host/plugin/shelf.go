package plugin

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"payrouter/abi/conformance/check"
	abi "payrouter/abi/v1"
	"payrouter/host/wasm"
)

// ErrManifest tells of a module whose manifest is incomplete or contradicts itself.
var ErrManifest = errors.New("manifest refused")

// Shelf holds the current generation of each plugin. It is safe for concurrent use.
type Shelf struct {
	compiler *wasm.Compiler
	limits   wasm.Limits

	mutex   sync.RWMutex
	current map[string]*Generation
	last    int64
}

// NewShelf makes an empty shelf. Close gives back what was loaded; the compiler stays the caller's.
func NewShelf(compiler *wasm.Compiler, limits wasm.Limits) *Shelf {
	return &Shelf{compiler: compiler, limits: limits, current: map[string]*Generation{}}
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
	module, err := s.compiler.Compile(ctx, code, s.limits)
	if err != nil {
		return nil, err
	}
	manifest, err := describe(ctx, module)
	if err == nil {
		var generation *Generation
		if generation, err = s.put(module, manifest); err == nil {
			return generation, nil
		}
	}
	return nil, errors.Join(err, module.Close(context.WithoutCancel(ctx)))
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

func (s *Shelf) put(module *wasm.Module, manifest *abi.Manifest) (*Generation, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if there, found := s.current[manifest.GetName()]; found {
		return nil, fmt.Errorf("plugin %q is loaded already, with digest %s", manifest.GetName(), there.Digest())
	}
	s.last++
	generation := &Generation{module: module, manifest: manifest, number: s.last}
	s.current[manifest.GetName()] = generation
	return generation, nil
}

// Current is the generation of a plugin that serves now.
func (s *Shelf) Current(name string) (*Generation, bool) {
	s.mutex.RLock()
	defer s.mutex.RUnlock()
	generation, found := s.current[name]
	return generation, found
}

// Manifests are those of the current generations, by name.
func (s *Shelf) Manifests() map[string]*abi.Manifest {
	s.mutex.RLock()
	defer s.mutex.RUnlock()
	manifests := make(map[string]*abi.Manifest, len(s.current))
	for name, generation := range s.current {
		manifests[name] = generation.manifest
	}
	return manifests
}

// Close empties the shelf, and waits for calls under way until ctx ends.
func (s *Shelf) Close(ctx context.Context) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(s.current)) {
		problems = append(problems, s.current[name].module.Close(ctx))
		delete(s.current, name)
	}
	return errors.Join(problems...)
}
