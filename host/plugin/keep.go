package plugin

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// record is what is kept of a plugin beyond the process: what was decided last.
type record struct {
	// Active is the digest that serves as stable, and Folder that of the file in the folder when this was decided;
	// empty where there was none.
	Active string `json:"active"`
	Folder string `json:"folder,omitempty"`
	// Highest is the newest version that has served.
	Highest string `json:"highest,omitempty"`
}

// follow brings a record in step with a change.
func (r *record) follow(c change) {
	if c.file != "" {
		r.Folder = c.digest
	}
	if c.active.Stable == nil {
		r.Active = ""
		return
	}
	r.Active = c.active.Stable.Digest()
	if version := c.active.Stable.manifest.GetVersion(); r.Highest == "" || compareVersions(version, r.Highest) > 0 {
		r.Highest = version
	}
}

const (
	recordFile      = "record.json"
	moduleSuffix    = ".wasm"
	signatureSuffix = ".minisig"
	unfinished      = ".new-" // opens the name of a file that a crash may leave behind
)

// keepModule writes a module that is about to serve, so that a restart, and a rollback after it, find it.
func (s *Registry) keepModule(c change) error {
	if s.settings.Dir == "" || c.code == nil {
		return nil
	}
	dir := filepath.Join(s.settings.Dir, c.name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("keep the module: %w", err)
	}
	path := filepath.Join(dir, c.digest+moduleSuffix)
	if info, err := os.Stat(path); err == nil && info.Size() == int64(len(c.code)) {
		return nil // written whole, and looked at again when it is read
	}
	var err error
	if len(c.signature) > 0 {
		err = writeWhole(path+signatureSuffix, c.signature)
	}
	if err == nil {
		err = writeWhole(path, c.code)
	}
	if err != nil {
		return fmt.Errorf("keep the module: %w", err)
	}
	return nil
}

// keepRecord writes what was decided of a plugin, and removes the modules that nobody can go back to.
func (s *Registry) keepRecord(name string) error {
	if s.settings.Dir == "" {
		return nil
	}
	s.mutex.RLock()
	known := s.entry(name)
	text, err := json.Marshal(known.record)
	needed := []string{known.record.Active}
	for _, g := range known.warm {
		needed = append(needed, g.Digest())
	}
	if active, _ := s.active.Of(name); active.Canary != nil {
		needed = append(needed, active.Canary.Digest())
	}
	s.mutex.RUnlock()
	if err != nil {
		return fmt.Errorf("keep the record of %s: %w", name, err)
	}
	dir := filepath.Join(s.settings.Dir, name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("keep the record of %s: %w", name, err)
	}
	if err := writeWhole(filepath.Join(dir, recordFile), text); err != nil {
		return fmt.Errorf("keep the record of %s: %w", name, err)
	}
	return prune(dir, needed)
}

// prune removes what is no longer needed.
func prune(dir string, needed []string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("remove former modules: %w", err)
	}
	var problems []error
	for _, entry := range entries {
		digest, _, isModule := strings.Cut(entry.Name(), moduleSuffix)
		if isModule && !slices.Contains(needed, digest) || strings.HasPrefix(entry.Name(), unfinished) {
			problems = append(problems, os.Remove(filepath.Join(dir, entry.Name())))
		}
	}
	return errors.Join(problems...)
}

// records are those of all plugins that were ever kept, by name.
func (s *Registry) records() (map[string]record, error) {
	found := map[string]record{}
	if s.settings.Dir == "" {
		return found, nil
	}
	entries, err := os.ReadDir(s.settings.Dir)
	if errors.Is(err, os.ErrNotExist) {
		return found, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read what is kept of plugins: %w", err)
	}
	for _, entry := range entries {
		path := filepath.Join(s.settings.Dir, entry.Name(), recordFile)
		text, err := os.ReadFile(path) //nolint:gosec // G304: the router's own folder
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read what is kept of plugins: %w", err)
		}
		var one record
		if err := json.Unmarshal(text, &one); err != nil {
			return nil, fmt.Errorf("read what is kept of plugins: %s: %w", path, err)
		}
		found[entry.Name()] = one
	}
	return found, nil
}

// kept reads a module that was kept, with its signature.
func (s *Registry) kept(name, digest string) (Candidate, error) {
	path := filepath.Join(s.settings.Dir, name, digest+moduleSuffix)
	code, err := os.ReadFile(path) //nolint:gosec // G304: the router's own folder
	if err != nil {
		return Candidate{}, fmt.Errorf("read the module that served last: %w", err)
	}
	if digestOf(code) != digest {
		return Candidate{}, fmt.Errorf("read the module that served last: %s is damaged", path)
	}
	signed, err := os.ReadFile(path + signatureSuffix) //nolint:gosec // G304: the router's own folder
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return Candidate{}, fmt.Errorf("read the module that served last: %w", err)
	}
	return Candidate{Code: code, Signature: signed, Name: name, Source: "kept from before the start", kept: true}, nil
}

// writeWhole writes a file so that it is there whole or not at all, whatever happens, and not lost once it is there.
func writeWhole(path string, content []byte) (err error) {
	file, err := os.CreateTemp(filepath.Dir(path), unfinished+"*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(file.Name()))
		}
	}()
	_, err = file.Write(content)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	if err = os.Rename(file.Name(), path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
