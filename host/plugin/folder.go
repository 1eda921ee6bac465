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
)

// LoadDir makes plugins active at the start: every *.wasm of a directory, with its *.wasm.minisig where there is one.
// Where an upload or a rollback chose another module since the file last changed, that module becomes active instead.
// The error joins every module that could not be loaded, and a directory without any; the others are active all the
// same.
func (r *Registry) LoadDir(ctx context.Context, dir string) error {
	decisions, err := r.decisions()
	if err != nil {
		return err
	}
	r.mutex.Lock()
	for name, decided := range decisions {
		r.stateFor(name).decision = decided
	}
	r.mutex.Unlock()
	paths, err := modulesOf(dir)
	if err != nil {
		return fmt.Errorf("load plugins: %w", err)
	}
	var problems []error
	for _, path := range paths {
		if err := r.loadFile(ctx, path, decisions); err != nil {
			problems = append(problems, fmt.Errorf("load plugin %s: %w", path, err))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(decisions)) {
		decided := decisions[name]
		if _, active := r.Current(name); active || decided.Active == "" || decided.Active == decided.Folder {
			continue // a module of the folder is gone with its file
		}
		if err := r.loadKept(ctx, name, decided.Active, "", ""); err != nil {
			problems = append(problems, fmt.Errorf("load plugin %s: %w", name, err))
		}
	}
	if len(paths) == 0 && len(r.ActiveSet().plugins) == 0 {
		problems = append(problems, fmt.Errorf("load plugins: no *.wasm in %s: build them with \"make plugins\"", dir))
	}
	return errors.Join(problems...)
}

// modulesOf lists the modules of a directory.
func modulesOf(dir string) ([]string, error) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, entry := range files {
		path := filepath.Join(dir, entry.Name())
		if !strings.HasSuffix(path, moduleSuffix) || strings.HasPrefix(entry.Name(), ".") {
			continue
		}
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			continue
		}
		paths = append(paths, path)
	}
	return paths, nil
}

// readFile reads a module with its signature.
func readFile(path string) (Candidate, error) {
	code, err := os.ReadFile(path) //nolint:gosec // G304: the operator's folder, or the router's own
	if err != nil {
		return Candidate{}, err
	}
	signed, err := os.ReadFile(path + signatureSuffix) //nolint:gosec // G304: as above
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return Candidate{}, err
	}
	return Candidate{Code: code, Signature: signed, Source: "folder " + path, file: path}, nil
}

// loadFile loads a module of the folder, or the one that was chosen in its place.
func (r *Registry) loadFile(ctx context.Context, path string, decisions map[string]decision) error {
	c, err := readFile(path)
	if err != nil {
		return err
	}
	digest := digestOf(c.Code)
	for name, decided := range decisions {
		if decided.Folder == digest && decided.Active != "" && decided.Active != digest {
			return r.loadKept(ctx, name, decided.Active, path, digest)
		}
		c.kept = c.kept || decided.Active == digest
	}
	return r.load(ctx, c)
}

// loadKept loads the module that was active last, where the folder has another.
func (r *Registry) loadKept(ctx context.Context, name, digest, file, folder string) error {
	c, err := r.readKept(name, digest)
	if err != nil {
		return err
	}
	if err := r.load(ctx, c); err != nil {
		return err
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	known := r.stateFor(name)
	known.file, known.decision.Folder = file, folder
	return nil
}

// load makes a module active while the router starts.
func (r *Registry) load(ctx context.Context, c Candidate) error {
	r.installing.Lock()
	defer r.installing.Unlock()
	t := r.trail(c.presumedName(), c.Source)
	t.quiet = true
	t.about.Digest = digestOf(c.Code)
	generation, err := r.examine(ctx, c, t)
	if err != nil {
		return err
	}
	defer generation.Release()
	r.changing.Lock()
	defer r.changing.Unlock()
	if err := r.compare(c, generation, nil, nil); err != nil {
		return t.failed(StepCompare, err)
	}
	name := generation.manifest.GetName()
	if there, found := r.Current(name); found {
		return t.failed(StepCompare,
			&RefusedError{
				Step: StepCompare, Reason: ErrName,
				What: fmt.Sprintf("%q is loaded already with digest %s", name, there.Digest()),
			})
	}
	if err := r.pinned(name, generation.Digest()); err != nil {
		return t.failed(StepPin, err)
	}
	return r.serve(ctx, t, change{
		name: name, active: Active{Stable: generation}, code: c.Code, digest: generation.Digest(),
		signature: c.Signature, file: c.file, kept: true,
	})
}

// fileOf is the path in the folder that provides a plugin; empty where none does.
func (r *Registry) fileOf(name string) string {
	r.mutex.RLock()
	defer r.mutex.RUnlock()
	if known := r.states[name]; known != nil {
		return known.file
	}
	return ""
}

// noteFile records that a file of the folder holds the module that is active already.
func (r *Registry) noteFile(name, digest string, c Candidate) {
	if c.file == "" {
		return
	}
	r.changing.Lock()
	defer r.changing.Unlock()
	r.mutex.Lock()
	known := r.stateFor(name)
	changed := known.decision.Folder != digest
	known.file, known.decision.Folder = c.file, digest
	r.mutex.Unlock()
	if !changed {
		return
	}
	if err := r.keepDecision(name); err != nil {
		r.trail(name, c.Source).note(StepKeep, "", err)
	}
}
