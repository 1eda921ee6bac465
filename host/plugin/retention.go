package plugin

import (
	"errors"
	"maps"
	"slices"
	"strconv"

	"payrouter/host/plugin/canary"
)

// retain updates what is kept of a plugin after a change: the generation that was stable stays warm, and of the warm
// ones the latest Settings.Keep stay. It takes over the caller's hold on the former stable generation, and returns the
// generations that are no longer kept, each as often as the caller must release it. decided is what the change comes
// to.
func (r *Registry) retain(c change, former Active, decided decision) (dropped []*Generation) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	known := r.stateFor(c.name)
	if i := slices.Index(known.warm, c.active.Stable); i >= 0 {
		known.warm = slices.Delete(known.warm, i, i+1)
		dropped = append(dropped, c.active.Stable) // its hold as a warm one: the active set has one now
	}
	switch {
	case c.active.Stable == nil:
		dropped = append(dropped, known.warm...)
		dropped, known.warm = append(dropped, former.Stable), nil
	case former.Stable == c.active.Stable:
		dropped = append(dropped, former.Stable)
	case former.Stable != nil:
		known.warm = slices.Insert(known.warm, 0, former.Stable)
	}
	if most := max(r.settings.Keep, 0); len(known.warm) > most {
		dropped = append(dropped, known.warm[most:]...)
		known.warm = slices.Clip(known.warm[:most])
	}
	if c.active.Stable != former.Stable {
		known.probation = probation{}
		if former.Stable != nil && c.active.Stable != nil && !c.back {
			until := r.settings.Now().Add(r.settings.Quarantine.Probation)
			known.probation = probation{of: c.active.Stable, former: former.Stable, until: until}
		}
	}
	if known.live != nil && known.live != c.concludes && c.active != former {
		known.live.stop(errors.New("another generation serves"))
	}
	if c.active.Canary != former.Canary {
		now := r.settings.Now().UTC()
		if known.canary != nil {
			known.formerCanary = known.canary.Status(former.Share)
			known.formerCanary.Ended = now
		}
		known.canary = nil
		if c.active.Canary != nil {
			known.canary = canary.NewTally(c.active.Stable.Digest(), c.active.Canary.Digest(), r.settings.Canary, now)
		}
	}
	if c.file != "" {
		known.file = c.file
	}
	known.decision, known.undecided = decided, nil
	if c.code != nil {
		known.allowed[c.digest] = c.allowed
	}
	maps.DeleteFunc(known.allowed, func(digest string, _ []Allowance) bool {
		of := func(g *Generation) bool { return g != nil && g.Digest() == digest }
		return !of(c.active.Stable) && !of(c.active.Canary) && !slices.ContainsFunc(known.warm, of)
	})
	return dropped
}

// dropWarm releases generations that are kept warm: the one with the digest, or all where it is empty.
func (r *Registry) dropWarm(name, digest, source string) error {
	r.mutex.Lock()
	known := r.states[name]
	var dropped, kept []*Generation
	for _, g := range known.warm {
		if digest == "" || g.Digest() == digest {
			dropped = append(dropped, g)
		} else {
			kept = append(kept, g)
		}
	}
	known.warm = kept
	r.mutex.Unlock()
	if len(dropped) == 0 {
		return &RefusedError{Step: StepDrain, Reason: ErrNothingKept}
	}
	for _, g := range dropped {
		t := r.trail(name, source)
		t.of(g)
		t.done(StepDrain, "generation "+strconv.FormatInt(g.number, 10)+" is no longer kept")
		g.Release()
	}
	return r.prune(name)
}
