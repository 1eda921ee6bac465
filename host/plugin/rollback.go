package plugin

import (
	"context"
	"errors"
	"slices"
)

// Rollback makes a former generation active again that is kept warm: the one with the digest, or the last one where it
// is empty. The one that was active is kept in its place, so a second rollback reverts the first. by is who asked.
func (r *Registry) Rollback(ctx context.Context, name, digest, by string) error {
	return r.change(ctx, name, "rollback by "+by, StepRollback,
		func(active Active, known *pluginState) (change, error) {
			if active.Canary != nil {
				return change{},
					&RefusedError{Step: StepRollback, Reason: ErrCanary, What: "there is one", Hint: "abort it first"}
			}
			i := slices.IndexFunc(known.warm, func(g *Generation) bool { return digest == "" || g.Digest() == digest })
			if i < 0 {
				return change{}, &RefusedError{Step: StepRollback, Reason: ErrNothingKept}
			}
			digest := known.warm[i].Digest()
			return change{name: name, active: Active{Stable: known.warm[i]}, back: true},
				errors.Join(r.notQuarantined(StepRollback, digest), r.pinned(name, digest))
		})
}

// Drain releases generations that are kept warm: the one with the digest, or all. Attempts under way end first. The
// digest of the stable generation takes the whole plugin out of service, where the configuration does not need it; a
// canary's digest aborts the canary.
func (r *Registry) Drain(ctx context.Context, name, digest, by string) error {
	source := "drain by " + by
	return r.change(ctx, name, source, StepDrain, func(active Active, known *pluginState) (change, error) {
		switch {
		case digest == active.Stable.Digest():
			return change{name: name}, nil
		case active.Canary != nil && digest == active.Canary.Digest():
			return change{name: name, active: Active{Stable: active.Stable}}, nil
		}
		return change{}, r.dropWarm(name, digest, source)
	})
}
