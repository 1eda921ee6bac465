package plugin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"payrouter/host/wasm"
)

// Refusal is a module that was refused, or a file of the folder that is no module.
//
// A refusal of a module is kept on the disk. Where it names allowances, its digest is refused again, by whichever way
// it comes, until an install allows them all: what proved the difference, say the recorded flows, may be gone by then.
// Where it names none, every step is repeated: they decide on the same bytes, the same configuration and the same keys
// in the same way.
type Refusal struct {
	// Name is the plugin's; as long as the manifest was not read, it is the one that the candidate had to have, or its
	// file's.
	Name string `json:"name"`
	// Digest is empty for a file that could not be read.
	Digest  string `json:"digest,omitempty"`
	Version string `json:"version,omitempty"`
	Step    Step   `json:"step"`
	// Reason is the error in words.
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
	// Source is the candidate's.
	Source string `json:"source"`
	// Needs are the allowances without which the digest is refused again.
	Needs []Allowance `json:"needs,omitempty"`
}

// maxRepeated bounds the refusals that name no allowance, all plugins together; those that name some all stay.
const maxRepeated = 100

// mistaken are the errors that are about the request, or about the router, and no verdict on the module.
func mistaken(err error) bool {
	return errors.Is(err, ErrRefused) || errors.Is(err, ErrName) || errors.Is(err, ErrCanary) ||
		errors.Is(err, ErrUnproven) || errors.Is(err, ErrQuarantine) || errors.Is(err, ErrSlow) ||
		errors.Is(err, wasm.ErrClosed) || errors.Is(err, context.Canceled)
}

// refuse keeps the verdict on a candidate that a step refused. name and version are the manifest's, where it was read.
func (r *Registry) refuse(t *trail, c Candidate, err error) {
	refused, ok := errors.AsType[*RefusedError](err)
	if !ok || refused.Step == StepKeep {
		return
	}
	refusal := Refusal{
		Name: t.name, Digest: t.about.Digest, Version: t.about.Version, Step: refused.Step, Reason: err.Error(),
		At: r.settings.Now().UTC(), Source: c.Source, Needs: neededBy(err),
	}
	switch {
	case c.file != "" && errors.Is(err, ErrName): // of the folder's order, not of the module
		refusal.Digest = ""
		r.noteRefusal(fileKey(c.file), refusal)
		return
	case mistaken(err):
		return
	}
	if former, found := r.refusalOf(refusal.Digest); found {
		refusal.Needs = union(former.Needs, refusal.Needs)
	}
	r.noteRefusal(refusal.Digest, refusal)
	if err := r.keptRefusals().keep(refusal); err != nil {
		t.note(StepKeep, "the refusal does not outlast a restart", err)
	}
}

// fileKey is the key of the refusal of a file, among those of digests.
func fileKey(path string) string { return "file " + path }

// noteRefusal has a refusal shown, and obeyed. Of those that name no allowance the oldest go.
func (r *Registry) noteRefusal(key string, refusal Refusal) {
	r.mutex.Lock()
	r.refusals[key] = refusal
	var repeated []string
	for key, refusal := range r.refusals {
		if len(refusal.Needs) == 0 {
			repeated = append(repeated, key)
		}
	}
	slices.SortFunc(repeated, func(a, b string) int { return r.refusals[a].At.Compare(r.refusals[b].At) })
	dropped := repeated[:max(len(repeated)-maxRepeated, 0)]
	for _, key := range dropped {
		delete(r.refusals, key)
	}
	r.mutex.Unlock()
	for _, key := range dropped {
		r.removeRefusal(key)
	}
}

// readable forgets that a file of the folder could not be read, or was one too many.
func (r *Registry) readable(path string) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	delete(r.refusals, fileKey(path))
}

// lift ends the refusal of a digest, which an act has made the stable generation.
func (r *Registry) lift(digest string) {
	r.mutex.Lock()
	_, found := r.refusals[digest]
	delete(r.refusals, digest)
	r.mutex.Unlock()
	if found {
		r.removeRefusal(digest)
	}
}

func (r *Registry) refusalOf(digest string) (Refusal, bool) {
	r.mutex.RLock()
	defer r.mutex.RUnlock()
	refusal, found := r.refusals[digest]
	return refusal, found
}

// notRefused refuses a digest that was refused before, unless all that it needs is allowed now.
func (r *Registry) notRefused(c Candidate, digest string) error {
	refusal, found := r.refusalOf(digest)
	missing := slices.DeleteFunc(slices.Clone(refusal.Needs), c.allows)
	if !found || len(missing) == 0 {
		return nil
	}
	return &RefusedError{
		Step: StepCompare, Reason: ErrRefused, Needs: refusal.Needs,
		What: fmt.Sprintf("on %s, by %s", refusal.At.Format(time.RFC3339), refusal.Reason),
		Hint: "upload it and allow " + allowances(missing),
	}
}

// refusalsOf are the refusals under a plugin's name, the latest first. The caller holds the mutex.
func (r *Registry) refusalsOf(name string) []Refusal {
	var found []Refusal
	for _, refusal := range r.refusals {
		if refusal.Name == name {
			found = append(found, refusal)
		}
	}
	slices.SortFunc(found, func(a, b Refusal) int {
		return cmp.Or(b.At.Compare(a.At), strings.Compare(a.Digest, b.Digest))
	})
	return found
}

func (r Refusal) digest() string { return r.Digest }

func (r *Registry) keptRefusals() documents[Refusal] {
	return documentsOf[Refusal](r, ".refused", "refusal")
}

// removeRefusal removes a refusal's file. One that stays is obeyed after a restart, which refuses more, and never less.
func (r *Registry) removeRefusal(digest string) { _ = r.keptRefusals().remove(digest) }

// readRefusals reads what was refused before the start. The error joins those that cannot be read, whose digests are
// refused all the same.
func (r *Registry) readRefusals() error {
	found, unreadable, err := r.keptRefusals().read()
	problems := []error{err}
	for digest, err := range unreadable {
		problems = append(problems, err)
		found[digest] = Refusal{
			Name: "unnamed", Digest: digest, Step: StepRead, Reason: err.Error(), At: r.settings.Now().UTC(),
			Source: keptSource, Needs: Allowances(),
		}
	}
	for digest, refusal := range found {
		r.noteRefusal(digest, refusal)
		r.expect(refusal.Name)
	}
	return errors.Join(problems...)
}

// neededBy are the allowances that an error's refusals name, sorted.
func neededBy(err error) []Allowance {
	var needs []Allowance
	if refused, ok := err.(*RefusedError); ok { //nolint:errorlint // the tree is walked
		needs = refused.Needs
	}
	switch wrapped := err.(type) { //nolint:errorlint // as above
	case interface{ Unwrap() []error }:
		for _, inner := range wrapped.Unwrap() {
			needs = union(needs, neededBy(inner))
		}
	case interface{ Unwrap() error }:
		needs = union(needs, neededBy(wrapped.Unwrap()))
	}
	return needs
}

func union(a, b []Allowance) []Allowance {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

func allowances(of []Allowance) string {
	names := make([]string, len(of))
	for i, allowance := range of {
		names[i] = string(allowance)
	}
	return strings.Join(names, ",")
}
