package plugin

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"payrouter/host/atomicfile"
)

// change is a change of one plugin's active generations.
type change struct {
	name string
	// active is the plugin's active generations after it; the zero Active takes the plugin out of service.
	active Active
	// code and signature are a new module; digest is the code's, and allowed what was accepted of it.
	code, signature []byte
	digest          string
	allowed         []Allowance
	// file is the module's path in the folder; empty where it came another way.
	file string
	// back: to a generation that was active before, so that nothing reverts it by itself.
	back bool
	// concludes is the live shadow whose end the change is; nil for others.
	concludes *liveShadow
	// starting: the router is, so that Adopt is not called. restored: the decision on it is of before the start.
	starting, restored bool
}

// described is what the new module answered.
func (c change) described() description {
	g := c.active.Stable
	if c.active.Canary != nil {
		g = c.active.Canary
	}
	return description{digest: c.digest, manifest: g.manifest, said: g.said}
}

// serve carries a change out. The caller holds r.changing, and every generation of the change.
func (r *Registry) serve(ctx context.Context, t *trail, c change) error {
	if err := r.keepModule(c); err != nil {
		return t.failed(StepKeep, err)
	}
	if err := r.keepDescription(c); err != nil {
		t.note(StepKeep, "the next start compiles it to know its manifest", err)
	}
	decided, draft, err := r.decide(c, t.source)
	if err != nil {
		return t.failed(StepKeep, err)
	}
	active := r.ActiveSet()
	former, _ := active.Of(c.name)
	next := active.with(c.name, c.active)
	if !c.starting {
		if err := r.adopt(ctx, next); err != nil {
			if draft != nil {
				err = errors.Join(err, draft.Discard())
			}
			return t.failed(StepAdopt, &RefusedError{Step: StepAdopt, Reason: ErrIncompatible, Err: err})
		}
		t.done(StepAdopt, "")
	}
	if former.Stable != nil {
		former.Stable.Hold() // until retain has decided about it
	}
	r.setActive(next)
	dropped := r.retain(c, former, decided)
	t.done(stepOf(former, c.active), sentence(former, c.active))
	for _, generation := range dropped {
		generation.Release()
	}
	if err := r.keepDecision(c.name, draft); err != nil {
		t.note(StepKeep, "it is active, and a restart brings back the former one", err)
	}
	if decided.Digest != "" {
		r.lift(decided.Digest)
	}
	return nil
}

// decide returns the decision that a change comes to, and its draft on the disk; no draft where it is known already.
func (r *Registry) decide(c change, by string) (decision, *atomicfile.Draft, error) {
	r.mutex.Lock()
	known := r.stateFor(c.name)
	former := known.decision
	if c.code == nil && c.active.Stable != nil {
		c.allowed = known.allowed[c.active.Stable.Digest()]
	}
	r.mutex.Unlock()
	if c.restored {
		return former, nil, nil
	}
	decided := former.after(c, by, r.settings.Now().UTC())
	draft, err := r.draftDecision(c.name, decided)
	return decided, draft, err
}

func stepOf(former, now Active) Step {
	switch {
	case now.Stable == nil:
		return StepDrain
	case former.Stable == now.Stable:
		return StepCanary
	}
	return StepServe
}

// sentence describes a change for the audit events.
func sentence(former, now Active) string {
	switch {
	case now.Stable == nil:
		return "taken out of service"
	case former.Stable == now.Stable && now.Canary != nil:
		return fmt.Sprintf("generation %d serves %d %% of payments", now.Canary.number, now.Share)
	case former.Stable == now.Stable:
		return fmt.Sprintf("generation %d serves all payments again", now.Stable.number)
	case former.Stable == nil:
		return fmt.Sprintf("generation %d serves", now.Stable.number)
	}
	return fmt.Sprintf("generation %d serves, generation %d drains", now.Stable.number, former.Stable.number)
}

// change carries out a change of an active plugin that decide chooses. decide returns a change without a name where
// the active generations stay as they are.
func (r *Registry) change(ctx context.Context, name, source string, step Step,
	decide func(Active, *pluginState) (change, error),
) error {
	r.changing.Lock()
	defer r.changing.Unlock()
	active, found := r.ActiveSet().Of(name)
	if !found {
		return &RefusedError{Step: step, Reason: ErrUnknown, What: strconv.Quote(name)}
	}
	t := r.trail(name, source)
	t.of(active.Stable)
	r.mutex.RLock()
	known := *r.states[name]
	r.mutex.RUnlock()
	decided, err := decide(active, &known)
	if err != nil {
		return t.failed(step, err)
	}
	if decided.name == "" {
		return nil
	}
	if decided.active.Stable != nil {
		t.of(decided.active.Stable)
	}
	if decided.active.Canary != nil {
		t.of(decided.active.Canary)
	}
	return r.serve(ctx, t, decided)
}
