package plugin

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"payrouter/host/atomicfile"
)

// decision is what survives a restart of a plugin beside its modules: which generation became active last.
type decision struct {
	// Active is the stable generation's digest, and Folder the digest of the file in the folder at that time; empty
	// where there was none.
	Active string `json:"active"`
	Folder string `json:"folder,omitempty"`
	// Highest is the newest version that was ever active.
	Highest string `json:"highest,omitempty"`
}

// follow applies a change to a decision.
func (d *decision) follow(c change) {
	if c.file != "" {
		d.Folder = c.digest
	}
	if c.active.Stable == nil {
		d.Active = ""
		return
	}
	d.Active = c.active.Stable.Digest()
	if version := c.active.Stable.manifest.GetVersion(); d.Highest == "" || compareVersions(version, d.Highest) > 0 {
		d.Highest = version
	}
}

const (
	decisionFile    = "record.json"
	moduleSuffix    = ".wasm"
	signatureSuffix = ".minisig"
	unfinished      = "." // starts the name of a file that a crash may leave behind: see atomicfile
)

// keepModule writes a module that is about to become active, so that a restart, and a rollback after it, find it.
func (r *Registry) keepModule(c change) error {
	if r.settings.Dir == "" || c.code == nil {
		return nil
	}
	dir := filepath.Join(r.settings.Dir, c.name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("keep the module: %w", err)
	}
	path := filepath.Join(dir, c.digest+moduleSuffix)
	if info, err := os.Stat(path); err == nil && info.Size() == int64(len(c.code)) {
		return nil // complete, and its digest is checked when it is read
	}
	var err error
	if len(c.signature) > 0 {
		err = atomicfile.Write(path+signatureSuffix, c.signature, 0o600)
	}
	if err == nil {
		err = atomicfile.Write(path, c.code, 0o600)
	}
	if err != nil {
		return fmt.Errorf("keep the module: %w", err)
	}
	return nil
}

// keepDecision writes a plugin's decision, and removes the modules that are neither active nor warm.
func (r *Registry) keepDecision(name string) error {
	if r.settings.Dir == "" {
		return nil
	}
	r.mutex.RLock()
	known := r.stateFor(name)
	text, err := json.Marshal(known.decision)
	needed := []string{known.decision.Active}
	for _, g := range known.warm {
		needed = append(needed, g.Digest())
	}
	if active, _ := r.active.Of(name); active.Canary != nil {
		needed = append(needed, active.Canary.Digest())
	}
	r.mutex.RUnlock()
	dir := filepath.Join(r.settings.Dir, name)
	if err == nil {
		err = writeDecision(dir, text)
	}
	if err != nil {
		return fmt.Errorf("keep the decision on %s: %w", name, err)
	}
	return prune(dir, needed)
}

func writeDecision(dir string, text []byte) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(dir, decisionFile), text, 0o600)
}

// prune removes modules that are not needed, and incomplete files.
func prune(dir string, needed []string) error {
	files, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("remove former modules: %w", err)
	}
	var problems []error
	for _, entry := range files {
		digest, _, isModule := strings.Cut(entry.Name(), moduleSuffix)
		if isModule && !slices.Contains(needed, digest) || strings.HasPrefix(entry.Name(), unfinished) {
			problems = append(problems, os.Remove(filepath.Join(dir, entry.Name())))
		}
	}
	return errors.Join(problems...)
}

// decisions reads those of all plugins, by name.
func (r *Registry) decisions() (map[string]decision, error) {
	found := map[string]decision{}
	if r.settings.Dir == "" {
		return found, nil
	}
	files, err := os.ReadDir(r.settings.Dir)
	if errors.Is(err, os.ErrNotExist) {
		return found, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the decisions on plugins: %w", err)
	}
	for _, entry := range files {
		path := filepath.Join(r.settings.Dir, entry.Name(), decisionFile)
		text, err := os.ReadFile(path) //nolint:gosec // G304: the router's own folder
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read the decisions on plugins: %w", err)
		}
		var read decision
		if err := json.Unmarshal(text, &read); err != nil {
			return nil, fmt.Errorf("read the decisions on plugins: %s: %w", path, err)
		}
		found[entry.Name()] = read
	}
	return found, nil
}

// readKept reads a module from Dir, with its signature.
func (r *Registry) readKept(name, digest string) (Candidate, error) {
	path := filepath.Join(r.settings.Dir, name, digest+moduleSuffix)
	file, err := readFile(path)
	if err == nil && digestOf(file.Code) != digest {
		err = fmt.Errorf("%s is damaged", path)
	}
	if err != nil {
		return Candidate{}, fmt.Errorf("read the module that was active last: %w", err)
	}
	return Candidate{
		Code: file.Code, Signature: file.Signature, Name: name, Source: "kept from before the start", kept: true,
	}, nil
}
