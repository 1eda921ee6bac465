package plugin

import (
	"context"
	"fmt"
	"slices"
	"strconv"
)

// change is a change of what serves of one plugin.
type change struct {
	name string
	// active is what serves after it; the zero Active takes the plugin out.
	active Active
	// code and signature are a module that is new here, and digest is the code's.
	code, signature []byte
	digest          string
	// file is where in the folder it came from.
	file string
	// kept: nothing serves yet, so that nobody is asked.
	kept bool
}

// serve makes a change. The caller holds changing, and every generation of the change.
func (s *Registry) serve(ctx context.Context, t *trail, c change) error {
	if err := s.keepModule(c); err != nil {
		return t.failed(StepKeep, err)
	}
	active := s.ActiveSet()
	former, _ := active.Of(c.name)
	next := active.with(c.name, c.active)
	if !c.kept {
		if err := s.adopt(ctx, next); err != nil {
			return t.failed(StepAdopt, &RefusedError{Step: StepAdopt, Reason: ErrIncompatible, Err: err})
		}
		t.done(StepAdopt, "")
	}
	if former.Stable != nil {
		former.Stable.Hold() // until settle has found its place
	}
	s.line(next)
	dropped := s.settle(c, former)
	t.done(stepOf(former, c.active), sentence(former, c.active))
	for _, generation := range dropped {
		generation.Release()
	}
	if err := s.keepRecord(c.name); err != nil {
		t.note(StepKeep, "it serves, and a restart serves what did before", err)
	}
	return nil
}

// settle brings a plugin's entry in step with what serves now. It takes over a hold on what served as stable, and gives
// the generations that are no longer kept, each as often as the caller is to release it.
func (s *Registry) settle(c change, former Active) (dropped []*Generation) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	known := s.entry(c.name)
	if i := slices.Index(known.warm, c.active.Stable); i >= 0 {
		known.warm = slices.Delete(known.warm, i, i+1)
		dropped = append(dropped, c.active.Stable) // its hold as a warm one: the active has it now
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
	if most := max(s.settings.Keep, 0); len(known.warm) > most {
		dropped = append(dropped, known.warm[most:]...)
		known.warm = slices.Clip(known.warm[:most])
	}
	if c.active.Canary != former.Canary {
		known.trial = newTrial(c.active, s.settings.Now().UTC())
	}
	known.record.follow(c)
	if c.file != "" {
		known.file = c.file
	}
	return dropped
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

// sentence says what changed.
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

// Rollback makes a former generation serve again that is kept warm: the one with the digest, or the last one where it
// is empty. What served is kept in its place, so a second rollback takes back the first. by says who wants it.
func (s *Registry) Rollback(ctx context.Context, name, digest, by string) error {
	return s.change(ctx, name, "rollback by "+by, StepRollback, func(active Active, known *entry) (change, error) {
		if active.Canary != nil {
			return change{},
				&RefusedError{Step: StepRollback, Reason: ErrCanary, What: "one is on trial", Hint: "abort it first"}
		}
		i := slices.IndexFunc(known.warm, func(g *Generation) bool { return digest == "" || g.Digest() == digest })
		if i < 0 {
			return change{}, &RefusedError{Step: StepRollback, Reason: ErrNothingKept}
		}
		return change{name: name, active: Active{Stable: known.warm[i]}}, s.pinned(name, known.warm[i].Digest())
	})
}

// Drain lets go of generations that are kept warm, the one with the digest or all; attempts that are under way end
// first. The digest of what serves takes the whole plugin out of service, where the configuration can do without it; a
// canary's aborts it.
func (s *Registry) Drain(ctx context.Context, name, digest, by string) error {
	source := "drain by " + by
	return s.change(ctx, name, source, StepDrain, func(active Active, known *entry) (change, error) {
		switch {
		case digest == active.Stable.Digest():
			return change{name: name}, nil
		case active.Canary != nil && digest == active.Canary.Digest():
			return change{name: name, active: Active{Stable: active.Stable}}, nil
		}
		return change{}, s.cool(name, digest, source)
	})
}

// cool lets go of generations that are kept warm.
func (s *Registry) cool(name, digest, source string) error {
	s.mutex.Lock()
	known := s.entries[name]
	var dropped, kept []*Generation
	for _, g := range known.warm {
		if digest == "" || g.Digest() == digest {
			dropped = append(dropped, g)
		} else {
			kept = append(kept, g)
		}
	}
	known.warm = kept
	s.mutex.Unlock()
	if len(dropped) == 0 {
		return &RefusedError{Step: StepDrain, Reason: ErrNothingKept}
	}
	for _, g := range dropped {
		t := s.trail(name, source)
		t.of(g)
		t.done(StepDrain, "generation "+strconv.FormatInt(g.number, 10)+" is no longer kept")
		g.Release()
	}
	return s.keepRecord(name)
}

// change decides on a change of a plugin that serves, and makes it. decide may find that there is nothing to serve
// otherwise: it gives a change without a name.
func (s *Registry) change(ctx context.Context, name, source string, step Step,
	decide func(Active, *entry) (change, error),
) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	active, found := s.ActiveSet().Of(name)
	if !found {
		return &RefusedError{Step: step, Reason: ErrUnknown, What: strconv.Quote(name)}
	}
	t := s.trail(name, source)
	t.of(active.Stable)
	s.mutex.RLock()
	known := *s.entries[name]
	s.mutex.RUnlock()
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
	return s.serve(ctx, t, decided)
}
