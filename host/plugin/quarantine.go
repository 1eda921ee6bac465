package plugin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"payrouter/host/plugin/manifest"
)

// Quarantine is a module that failed too many calls. It makes no new payments, or reads no callbacks; look-ups and
// answers of what was sent before go on. It outlasts a restart, and ends by EndQuarantine.
type Quarantine struct {
	Name    string `json:"name"`
	Digest  string `json:"digest"`
	Version string `json:"version,omitempty"`
	// Sends: no new request is made. Callbacks: none is read.
	Sends     bool `json:"sends,omitempty"`
	Callbacks bool `json:"callbacks,omitempty"`
	// Reason is the last fault, in words.
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// stopped is what no longer happens, for the events.
func (q Quarantine) stopped() string {
	switch {
	case q.Sends && q.Callbacks:
		return "no new payments, and no callbacks"
	case q.Sends:
		return "no new payments"
	}
	return "no callbacks"
}

const quarantineSource = "quarantine"

// confine puts a generation into quarantine, at once for its next calls. What follows of it, say a rollback, does not
// keep the caller.
func (r *Registry) confine(g *Generation, of Quarantine) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	former, known := r.quarantines[g.Digest()]
	if known && (former.Sends || !of.Sends) && (former.Callbacks || !of.Callbacks) || r.closed {
		return
	}
	of.Name, of.Digest, of.Version = g.manifest.GetName(), g.Digest(), g.manifest.GetVersion()
	of.Sends, of.Callbacks = of.Sends || former.Sends, of.Callbacks || former.Callbacks
	of.At = r.settings.Now().UTC()
	r.setQuarantine(of.Digest, &of)
	// Not on the payment's own goroutine: Adopt may wait for payments.
	r.tasks.Go(func() { r.contain(g, of) })
}

// Fault counts a fault of a module that none of its calls shows by itself, about a payment or a run.
func (r *Registry) Fault(digest, about, merchant string, why error) {
	r.mutex.RLock()
	var at *Generation
	for g := range r.open {
		if g.Digest() == digest {
			at = g
		}
	}
	r.mutex.RUnlock()
	if at != nil {
		at.fault(hashed([]byte(about)), merchant, why)
	}
}

// setQuarantine sets or, by nil, ends the quarantine of a digest. The caller holds the mutex.
func (r *Registry) setQuarantine(digest string, q *Quarantine) {
	delete(r.quarantines, digest)
	if q != nil {
		r.quarantines[digest] = *q
	}
	for g := range r.open {
		if g.Digest() == digest {
			g.guard.quarantine.Store(q)
		}
	}
}

// contain is what follows from a quarantine: it is kept and shown, a canary is aborted, and within the probation the
// former generation is active again.
func (r *Registry) contain(g *Generation, q Quarantine) {
	if !r.noteQuarantine(g, q) {
		return
	}
	r.settings.Quarantined(q)
	if !q.Sends {
		return
	}
	active, _ := r.ActiveSet().Of(q.Name)
	switch {
	case active.Canary == g:
		_ = r.abort(r.base, q.Name, quarantineSource, "it is in quarantine", nil)
	case active.Stable == g:
		r.retreat(g)
	}
}

// noteQuarantine keeps a quarantine on the disk, and has it among the plugin's events; it is false where a person has
// ended it meanwhile.
func (r *Registry) noteQuarantine(g *Generation, q Quarantine) bool {
	r.changing.Lock()
	defer r.changing.Unlock()
	if _, stands := r.quarantineOf(q.Digest); !stands {
		return false
	}
	t := r.trail(q.Name, quarantineSource)
	t.of(g)
	t.note(StepQuarantine, q.stopped(), errors.New(q.Reason))
	if err := r.keptQuarantines().keep(q); err != nil {
		t.note(StepKeep, "the quarantine does not outlast a restart", err)
	}
	return true
}

// retreat makes the generation active again that a generation in quarantine has replaced lately, if that may do no more
// than this one. Else a person decides.
func (r *Registry) retreat(g *Generation) {
	name := g.manifest.GetName()
	_ = r.change(r.base, name, quarantineSource, StepRollback, func(active Active, known *pluginState) (change, error) {
		if active.Stable != g {
			return change{}, nil // a person was faster
		}
		on := known.probation
		switch {
		case on.of != g || r.settings.Now().After(on.until):
			return change{}, stays("it has no former generation, or was not swapped in lately")
		case !slices.Contains(known.warm, on.former):
			return change{}, stays("the former generation is not kept")
		case on.former.guard.sendable() != nil:
			return change{}, stays("the former generation is in quarantine, too")
		}
		if looser := manifest.Loosened(manifest.Compare(g.manifest, on.former.manifest)); len(looser) > 0 {
			return change{}, stays("the former generation's manifest is looser: " + looser[0].Field)
		}
		return change{name: name, active: Active{Stable: on.former}, back: true}, r.pinned(name, on.former.Digest())
	})
}

// stays is why a generation in quarantine stays active.
func stays(why string) error {
	return &RefusedError{
		Step: StepRollback, Reason: ErrQuarantine, What: why, Hint: "install another module, roll back, or release it",
	}
}

// probation is the time in which a swap may be reverted by itself.
type probation struct {
	// of was swapped in, in place of former. Both are nil where there was no swap, or a rollback.
	of, former *Generation
	until      time.Time
}

// EndQuarantine ends the quarantine of the module with the digest, or of all of a plugin's where it is empty. by is who
// asked.
func (r *Registry) EndQuarantine(_ context.Context, name, digest, by string) error {
	r.changing.Lock()
	defer r.changing.Unlock()
	t := r.trail(name, "release by "+by)
	var ended []Quarantine
	r.mutex.Lock()
	_, found := r.states[name]
	for _, q := range r.quarantines {
		if q.Name == name && (digest == "" || q.Digest == digest) {
			ended = append(ended, q)
		}
	}
	r.mutex.Unlock()
	switch {
	case !found:
		return &RefusedError{Step: StepRelease, Reason: ErrUnknown, What: strconv.Quote(name)}
	case len(ended) == 0:
		return t.failed(StepRelease, &RefusedError{Step: StepRelease, Reason: ErrNoQuarantine})
	}
	for _, q := range ended {
		t.about = Event{Digest: q.Digest, Version: q.Version}
		// The file goes first: what a restart would bring back has not ended.
		if err := r.keptQuarantines().remove(q.Digest); err != nil {
			return t.failed(StepKeep, err)
		}
		r.mutex.Lock()
		r.setQuarantine(q.Digest, nil)
		for g := range r.open {
			if g.Digest() == q.Digest {
				t.about.Generation = g.number
				g.guard.flows.Reset()
				g.guard.callbacks.Reset()
			}
		}
		r.mutex.Unlock()
		t.done(StepRelease, "in quarantine since "+q.At.Format(time.RFC3339))
	}
	return nil
}

// Quarantined counts the modules in quarantine that are active.
func (r *Registry) Quarantined() int {
	count := 0
	for g := range r.ActiveSet().generations {
		if g.guard.quarantine.Load() != nil {
			count++
		}
	}
	return count
}

func (r *Registry) quarantineOf(digest string) (Quarantine, bool) {
	r.mutex.RLock()
	defer r.mutex.RUnlock()
	q, found := r.quarantines[digest]
	return q, found
}

// notQuarantined refuses to make a module active that makes no new payments.
func (r *Registry) notQuarantined(step Step, digest string) error {
	q, found := r.quarantineOf(digest)
	if !found || !q.Sends {
		return nil
	}
	return &RefusedError{
		Step: step, Reason: ErrQuarantine, What: fmt.Sprintf("since %s, by %s", q.At.Format(time.RFC3339), q.Reason),
		Hint: "release it first, if it is to serve",
	}
}

func (q Quarantine) digest() string { return q.Digest }

func (r *Registry) keptQuarantines() documents[Quarantine] {
	return documentsOf[Quarantine](r, ".quarantine", "quarantine")
}

// readQuarantines reads what was in quarantine before the start. The error joins those that cannot be read: their
// digests are in quarantine all the same.
func (r *Registry) readQuarantines() error {
	found, unreadable, err := r.keptQuarantines().read()
	problems := []error{err}
	for digest, err := range unreadable {
		problems = append(problems, err)
		found[digest] = Quarantine{
			Digest: digest, Sends: true, Callbacks: true, Reason: err.Error(), At: r.settings.Now().UTC(),
		}
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for digest, q := range found {
		r.setQuarantine(digest, &q)
	}
	return errors.Join(problems...)
}
