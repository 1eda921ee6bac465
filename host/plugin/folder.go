package plugin

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"payrouter/host/plugin/signature"
	"payrouter/host/regularfile"
)

// ErrNoModules is why a router cannot start with its plugins: the folder has no module, and none is kept from before
// the start.
var ErrNoModules = errors.New("there is no plugin to start with")

// LoadDir makes plugins active at the start: those that were active when the router stopped, from Settings.Dir. What
// else the folder has is a candidate for Admit or Watch. Where nothing was ever decided, on a new machine or without
// Settings.Dir, the modules of the folder become active instead, each *.wasm with its *.wasm.minisig: they go through
// the steps that need neither a former generation nor a configuration.
//
// The error joins what could not be loaded, ErrNoModules where there is nothing; the others are active all the same.
func (r *Registry) LoadDir(ctx context.Context, dir string) error {
	decisions, unreadable, err := r.decisions()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNoModules, err)
	}
	problems := []error{r.readRefusals(), r.readQuarantines()}
	r.mutex.Lock()
	for name, decided := range decisions {
		r.stateFor(name).decision = decided
	}
	for name, err := range unreadable {
		r.stateFor(name).undecided = err
	}
	r.mutex.Unlock()
	for _, names := range []iter.Seq[string]{maps.Keys(decisions), maps.Keys(unreadable)} {
		for name := range names {
			r.readRecordings(name)
			r.reportLostShadow(name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(unreadable)) {
		r.trail(name, keptSource).note(StepRead, "", unreadable[name])
		problems = append(problems, unreadable[name])
	}
	for _, name := range slices.Sorted(maps.Keys(decisions)) {
		if decisions[name].Digest == "" {
			continue // it was taken out of service
		}
		if err := r.restore(ctx, dir, name, decisions[name].Admitted); err != nil {
			problems = append(problems, fmt.Errorf("load plugin %s: %w", name, err))
		}
	}
	paths, err := modulesOf(dir)
	decided := len(decisions)+len(unreadable) > 0
	switch {
	case err != nil && decided:
		problems = append(problems, fmt.Errorf("load plugins: %w", err))
	case err != nil:
		problems = append(problems, fmt.Errorf("load plugins: %w: %w", ErrNoModules, err))
	case len(paths) == 0 && !decided:
		problems = append(problems, fmt.Errorf("load plugins: %w: no *.wasm in %s: build them with \"make plugins\"",
			ErrNoModules, dir))
	case !decided:
		problems = append(problems, r.loadFiles(ctx, paths))
	}
	return errors.Join(problems...)
}

// modulesOf lists what has a module's name in a directory, files or not.
func modulesOf(dir string) ([]string, error) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, entry := range files {
		if strings.HasSuffix(entry.Name(), moduleSuffix) && !strings.HasPrefix(entry.Name(), ".") {
			paths = append(paths, filepath.Join(dir, entry.Name()))
		}
	}
	return paths, nil
}

// readFile reads a module with its signature.
func readFile(path string) (Candidate, error) {
	code, err := regularfile.Read(path, MaxModule)
	if err != nil {
		return Candidate{}, err
	}
	signed, err := regularfile.Read(path+signatureSuffix, signature.MaxFile)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return Candidate{}, err
	}
	return Candidate{Code: code, Signature: signed, Source: folderSource(path), file: path}, nil
}

func folderSource(path string) string { return "folder " + path }

// loadFiles makes the modules of the folder active where nothing was ever decided.
func (r *Registry) loadFiles(ctx context.Context, paths []string) error {
	var problems []error
	for _, path := range paths {
		c, err := readFile(path)
		if err != nil {
			err = r.refuseFile(path, err)
		} else {
			err = r.load(ctx, c)
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("load plugin %s: %w", path, err))
		}
	}
	return errors.Join(problems...)
}

// restore makes the module active that was when the router stopped.
func (r *Registry) restore(ctx context.Context, dir, name string, admitted Admitted) error {
	c, err := r.readKept(name, admitted.Digest)
	if err != nil {
		again, found := fileWith(dir, admitted.Digest)
		if !found {
			t := r.trail(name, keptSource)
			t.about.Digest, t.about.Version = admitted.Digest, admitted.Version
			return t.failed(StepRead, err)
		}
		c.Code, c.Signature, c.Name, c.Source, c.kept = again.Code, again.Signature, name, keptSource, true
		r.discardKept(name, admitted.Digest)
	}
	c.Allow = admitted.Allowed
	return r.load(ctx, c)
}

// fileWith is the file of the folder that has a digest.
func fileWith(dir, digest string) (Candidate, bool) {
	paths, err := modulesOf(dir)
	if err != nil {
		return Candidate{}, false
	}
	for _, path := range paths {
		if c, err := readFile(path); err == nil && digestOf(c.Code) == digest {
			return c, true
		}
	}
	return Candidate{}, false
}

// load makes a module active while the router starts.
func (r *Registry) load(ctx context.Context, c Candidate) error {
	r.installing.Lock()
	defer r.installing.Unlock()
	t := r.trail(c.presumedName(), c.Source)
	t.quiet = true
	t.about.Digest = digestOf(c.Code)
	err := r.loadCandidate(ctx, c, t)
	if err != nil && !c.kept {
		r.refuse(t, c, err)
	}
	return err
}

func (r *Registry) loadCandidate(ctx context.Context, c Candidate, t *trail) error {
	generation, err := r.examine(ctx, c, t)
	if err != nil {
		return err
	}
	defer generation.Release()
	if !c.kept {
		c = r.permitted(c, generation, t)
		if _, err := r.check(ctx, c, generation, t); err != nil {
			return err
		}
	}
	r.changing.Lock()
	defer r.changing.Unlock()
	if err := r.compare(c, generation, nil, nil); err != nil {
		return t.failed(StepCompare, err)
	}
	if err := r.pinned(generation.manifest.GetName(), generation.Digest()); err != nil && !c.kept {
		return t.failed(StepPin, err)
	}
	return r.serve(ctx, t, change{
		name: generation.manifest.GetName(), active: Active{Stable: generation}, code: c.Code,
		digest: generation.Digest(), allowed: c.Allow, signature: c.Signature, file: c.file, starting: true,
		restored: c.kept,
	})
}

// refuseFile notes that a file of the folder cannot be read, and returns the error of the step.
func (r *Registry) refuseFile(path string, err error) error {
	c := Candidate{file: path}
	t := r.trail(c.presumedName(), folderSource(path))
	err = t.failed(StepRead, err)
	r.noteRefusal(fileKey(path), Refusal{
		Name: t.name, Step: StepRead, Reason: err.Error(), At: r.settings.Now().UTC(), Source: t.source,
	})
	return err
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

// settled reports whether the last decision on a plugin was made with this file: it stands, whatever is active now.
func (r *Registry) settled(path, digest string) bool {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for _, known := range r.states {
		if known.decision.Folder == digest && (known.file == "" || known.file == path) {
			known.file = path
			return true
		}
	}
	return false
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
	decided := known.decision
	r.mutex.Unlock()
	if !changed {
		return
	}
	draft, err := r.draftDecision(name, decided)
	if err == nil {
		err = r.keepDecision(name, draft)
	}
	if err != nil {
		r.trail(name, c.Source).note(StepKeep, "", err)
	}
}
