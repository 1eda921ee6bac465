package plugin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	abi "payrouter/abi/v1"
	"payrouter/host/atomicfile"
	"payrouter/host/regularfile"
)

// Admitted is the act by which a module became the stable generation.
type Admitted struct {
	Digest  string `json:"active"`
	Version string `json:"version,omitempty"`
	// Allowed are the differences that the act accepted.
	Allowed []Allowance `json:"allowed,omitempty"`
	// By is the act's source: "upload by ops", "folder plugins/paygram.wasm".
	By string    `json:"by,omitempty"`
	At time.Time `json:"at,omitzero"`
}

// decision is what survives a restart of a plugin beside its modules: which generation became active last. Its Digest
// is empty where the plugin was taken out of service.
type decision struct {
	Admitted
	// Folder is the digest of the last file of the folder that was active; empty where there was none.
	Folder string `json:"folder,omitempty"`
	// Highest is the newest version that was ever active.
	Highest string `json:"highest,omitempty"`
}

// after is the decision that a change makes of this one.
func (d decision) after(c change, by string, at time.Time) decision {
	if c.file != "" {
		d.Folder = c.digest
	}
	stable := c.active.Stable
	switch {
	case stable == nil:
		d.Admitted = Admitted{By: by, At: at}
		return d
	case stable.Digest() == d.Digest: // a canary begins or ends
		return d
	}
	version := stable.manifest.GetVersion()
	d.Admitted = Admitted{Digest: stable.Digest(), Version: version, Allowed: c.allowed, By: by, At: at}
	if d.Highest == "" || compareVersions(version, d.Highest) > 0 {
		d.Highest = version
	}
	return d
}

const (
	decisionFile    = "record.json"
	moduleSuffix    = ".wasm"
	signatureSuffix = ".minisig"
	// descriptionSuffix follows a module's name, for what it answers about itself.
	descriptionSuffix = ".manifest"
	maxDescription    = 16 << 20
	unfinished        = "." // starts the name of a file that a crash may leave behind: see atomicfile
	keptSource        = "kept from before the start"
	maxDecision       = 1 << 20
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
	var err error
	if len(c.signature) > 0 { // also where the same bytes came without one before
		err = atomicfile.Write(path+signatureSuffix, c.signature, 0o600)
	}
	if info, missing := os.Stat(path); err == nil && (missing != nil || info.Size() != int64(len(c.code))) {
		err = atomicfile.Write(path, c.code, 0o600) // else it is complete, and its digest is checked when it is read
	}
	if err != nil {
		return fmt.Errorf("keep the module: %w", err)
	}
	return nil
}

// keepDescription writes a module's answer beside it, after its checksum, so that a start needs not compile the module
// to know its manifest.
func (r *Registry) keepDescription(c change) error {
	if r.settings.Dir == "" || c.code == nil {
		return nil
	}
	d := c.described()
	path := r.descriptionPath(c.name, c.digest)
	content := append([]byte(d.checksum()+"\n"), d.said...)
	if there, err := regularfile.Read(path, maxDescription); err == nil && bytes.Equal(there, content) {
		return nil
	}
	if err := atomicfile.Write(path, content, 0o600); err != nil {
		return fmt.Errorf("keep the manifest: %w", err)
	}
	return nil
}

func (r *Registry) descriptionPath(name, digest string) string {
	return filepath.Join(r.settings.Dir, name, digest+moduleSuffix+descriptionSuffix)
}

// discardDescription removes a manifest that is not the module's.
func (r *Registry) discardDescription(name, digest string) {
	_ = os.Remove(r.descriptionPath(name, digest))
}

// checksum is of the answer, for the module that gave it.
func (d description) checksum() string { return digestOf(append([]byte(d.digest+"\n"), d.said...)) }

// readDescription reads what keepDescription wrote of a module. The error is also of a manifest that is not in order
// for this version of the router.
func (r *Registry) readDescription(name, digest string) (description, error) {
	path := r.descriptionPath(name, digest)
	content, err := regularfile.Read(path, maxDescription)
	if err != nil {
		return description{}, err
	}
	sum, said, _ := bytes.Cut(content, []byte("\n"))
	if kept := (description{digest: digest, said: said}); kept.checksum() != string(sum) {
		return description{}, fmt.Errorf("%s is damaged", path)
	}
	answer := new(abi.Answer)
	if err := answer.UnmarshalVTUnsafe(said); err != nil {
		return description{}, fmt.Errorf("%s: %w", path, err)
	}
	return described(digest, answer, said)
}

// draftDecision writes a decision to the disk without replacing the plugin's former one. Nil where none is kept.
func (r *Registry) draftDecision(name string, d decision) (*atomicfile.Draft, error) {
	if r.settings.Dir == "" {
		return nil, nil //nolint:nilnil // no folder is a setting
	}
	dir := filepath.Join(r.settings.Dir, name)
	text, err := json.Marshal(d)
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err != nil {
		return nil, fmt.Errorf("keep the decision on %s: %w", name, err)
	}
	draft, err := atomicfile.NewDraft(filepath.Join(dir, decisionFile), text, 0o600)
	if err != nil {
		return nil, fmt.Errorf("keep the decision on %s: %w", name, err)
	}
	return draft, nil
}

// keepDecision replaces a plugin's decision by a draft, if there is one, and removes the modules that are neither
// active nor warm.
func (r *Registry) keepDecision(name string, draft *atomicfile.Draft) error {
	if draft != nil {
		if err := draft.Commit(); err != nil {
			return fmt.Errorf("keep the decision on %s: %w", name, err)
		}
	}
	return r.prune(name)
}

// prune removes the modules of a plugin that are neither active nor warm, and incomplete files.
func (r *Registry) prune(name string) error {
	if r.settings.Dir == "" {
		return nil
	}
	r.mutex.Lock()
	known := r.stateFor(name)
	needed := []string{known.decision.Digest}
	for _, g := range known.warm {
		needed = append(needed, g.Digest())
	}
	if active, _ := r.active.Of(name); active.Canary != nil {
		needed = append(needed, active.Canary.Digest())
	}
	r.mutex.Unlock()
	return prune(filepath.Join(r.settings.Dir, name), needed)
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

// decisions reads those of all plugins, by name. A plugin whose decision cannot be read has an error in its place.
func (r *Registry) decisions() (found map[string]decision, unreadable map[string]error, err error) {
	found, unreadable = map[string]decision{}, map[string]error{}
	if r.settings.Dir == "" {
		return found, unreadable, nil
	}
	files, err := os.ReadDir(r.settings.Dir)
	if errors.Is(err, os.ErrNotExist) {
		return found, unreadable, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read the decisions on plugins: %w", err)
	}
	for _, entry := range files {
		path := filepath.Join(r.settings.Dir, entry.Name(), decisionFile)
		text, err := regularfile.Read(path, maxDecision)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		var read decision
		if err == nil {
			err = json.Unmarshal(text, &read)
		}
		if err != nil {
			unreadable[entry.Name()] = fmt.Errorf("read the decision on the plugin: %s: %w", path, err)
			continue
		}
		found[entry.Name()] = read
	}
	return found, unreadable, nil
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
		Code: file.Code, Signature: file.Signature, Name: name, Source: keptSource, kept: true,
	}, nil
}

// discardKept removes a module that cannot be read, so that it is written again.
func (r *Registry) discardKept(name, digest string) {
	_ = os.Remove(filepath.Join(r.settings.Dir, name, digest+moduleSuffix))
}
