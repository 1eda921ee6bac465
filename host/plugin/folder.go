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

// LoadDir loads the plugins that serve from the start: every *.wasm of a directory, with its *.wasm.minisig where there
// is one. Where something else was decided since the file was last changed, by an upload or a rollback, that serves. It
// reports every module that could not be loaded, joined, and a directory without one; those that could be are on the
// registry all the same.
func (s *Registry) LoadDir(ctx context.Context, dir string) error {
	records, err := s.records()
	if err != nil {
		return err
	}
	s.mutex.Lock()
	for name, record := range records {
		s.entry(name).record = record
	}
	s.mutex.Unlock()
	paths, err := modulesOf(dir)
	if err != nil {
		return fmt.Errorf("load plugins: %w", err)
	}
	var problems []error
	for _, path := range paths {
		if err := s.loadFile(ctx, path, records); err != nil {
			problems = append(problems, fmt.Errorf("load plugin %s: %w", path, err))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(records)) {
		if _, serves := s.Current(name); serves || records[name].Active == "" ||
			records[name].Active == records[name].Folder {
			continue // what came by the folder went with its file
		}
		if err := s.loadKept(ctx, name, records[name].Active, "", ""); err != nil {
			problems = append(problems, fmt.Errorf("load plugin %s: %w", name, err))
		}
	}
	if len(paths) == 0 && len(s.ActiveSet().plugins) == 0 {
		problems = append(problems, fmt.Errorf("load plugins: no *.wasm in %s: build them with \"make plugins\"", dir))
	}
	return errors.Join(problems...)
}

// modulesOf lists the modules of a directory.
func modulesOf(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, entry := range entries {
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

// readFile reads a module of the folder with its signature.
func readFile(path string) (Candidate, error) {
	code, err := os.ReadFile(path) //nolint:gosec // G304: the operator's own folder
	if err != nil {
		return Candidate{}, err
	}
	signed, err := os.ReadFile(path + signatureSuffix) //nolint:gosec // G304: the operator's own folder
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return Candidate{}, err
	}
	return Candidate{Code: code, Signature: signed, Source: "folder " + path, file: path}, nil
}

// loadFile loads a module of the folder, or what was decided to serve in its place.
func (s *Registry) loadFile(ctx context.Context, path string, records map[string]record) error {
	c, err := readFile(path)
	if err != nil {
		return err
	}
	digest := digestOf(c.Code)
	for name, record := range records {
		if record.Folder == digest && record.Active != "" && record.Active != digest {
			return s.loadKept(ctx, name, record.Active, path, digest)
		}
		c.kept = c.kept || record.Active == digest
	}
	return s.load(ctx, c)
}

// loadKept loads what served last, which is not what lies in the folder.
func (s *Registry) loadKept(ctx context.Context, name, digest, file, folder string) error {
	c, err := s.kept(name, digest)
	if err != nil {
		return err
	}
	if err := s.load(ctx, c); err != nil {
		return err
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	known := s.entry(name)
	known.file, known.record.Folder = file, folder
	return nil
}

// load makes a module serve before anything does.
func (s *Registry) load(ctx context.Context, c Candidate) error {
	s.installing.Lock()
	defer s.installing.Unlock()
	t := s.trail(c.called(), c.Source)
	t.quiet = true
	t.about.Digest = digestOf(c.Code)
	generation, err := s.examine(ctx, c, t)
	if err != nil {
		return err
	}
	defer generation.Release()
	s.changing.Lock()
	defer s.changing.Unlock()
	if err := s.compare(c, generation, nil); err != nil {
		return t.failed(StepCompare, err)
	}
	name := generation.manifest.GetName()
	if there, found := s.Current(name); found {
		return t.failed(StepCompare,
			&RefusedError{
				Step: StepCompare, Reason: ErrName,
				What: fmt.Sprintf("%q is loaded already, with digest %s", name, there.Digest()),
			})
	}
	if err := s.pinned(name, generation.Digest()); err != nil {
		return t.failed(StepPin, err)
	}
	return s.serve(ctx, t, change{
		name: name, active: Active{Stable: generation}, code: c.Code, digest: generation.Digest(),
		signature: c.Signature, file: c.file, kept: true,
	})
}

// fileOf is the path in the folder that provides a plugin; empty where none does.
func (s *Registry) fileOf(name string) string {
	s.mutex.RLock()
	defer s.mutex.RUnlock()
	if known := s.entries[name]; known != nil {
		return known.file
	}
	return ""
}

// seen notes that a file of the folder holds what serves anyway.
func (s *Registry) seen(name, digest string, c Candidate) {
	if c.file == "" {
		return
	}
	s.changing.Lock()
	defer s.changing.Unlock()
	s.mutex.Lock()
	known := s.entry(name)
	changed := known.record.Folder != digest
	known.file, known.record.Folder = c.file, digest
	s.mutex.Unlock()
	if !changed {
		return
	}
	if err := s.keepRecord(name); err != nil {
		s.trail(name, c.Source).note(StepKeep, "", err)
	}
}
