package plugin

import (
	"context"
	"errors"
	"strconv"

	"payrouter/host/plugin/canary"
)

// Observe counts what became of a payment or a run for the canary of its plugin, if there is one. It does not block. A
// canary that turns out worse is aborted.
func (r *Registry) Observe(sample canary.Sample) {
	r.mutex.RLock()
	var tally *canary.Tally
	if known := r.states[sample.Plugin]; known != nil {
		tally = known.canary
	}
	r.mutex.RUnlock()
	if tally == nil {
		return
	}
	reason := tally.Count(sample)
	if reason == "" {
		return
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.closed {
		return
	}
	// Not on the payment's own goroutine: Adopt may wait for payments.
	r.tasks.Go(func() { _ = r.abort(r.base, sample.Plugin, "canary watch", reason, tally) })
}

// Share changes the percentage of payments that go to a canary; 1 to 99.
func (r *Registry) Share(ctx context.Context, name string, share int, by string) error {
	return r.change(ctx, name, "share by "+by, StepCanary, func(active Active, _ *pluginState) (change, error) {
		if active.Canary == nil {
			return change{}, noCanary()
		}
		active.Share = share
		return change{name: name, active: active}, nil
	})
}

// Promote makes a canary the stable generation.
func (r *Registry) Promote(ctx context.Context, name, by string) error {
	return r.change(ctx, name, "promotion by "+by, StepCanary, func(active Active, known *pluginState) (change, error) {
		if active.Canary == nil {
			return change{}, noCanary()
		}
		digest := active.Canary.Digest()
		if err := errors.Join(r.notQuarantined(StepCanary, digest), r.pinned(name, digest)); err != nil {
			return change{}, err
		}
		t := r.trail(name, "promotion by "+by)
		t.of(active.Canary)
		t.done(StepCanary, "promoted: "+known.canary.Figures())
		return change{name: name, active: Active{Stable: active.Canary}}, nil
	})
}

// Abort ends a canary: every payment goes to the stable generation again. It ends a live shadow, too.
func (r *Registry) Abort(ctx context.Context, name, by string) error {
	if r.abortLive(name, "abort by "+by) {
		return nil
	}
	return r.abort(ctx, name, "abort by "+by, "", nil)
}

// abort ends a canary; with a tally, only the canary that it counts for.
func (r *Registry) abort(ctx context.Context, name, source, reason string, tally *canary.Tally) error {
	return r.change(ctx, name, source, StepCanary, func(active Active, known *pluginState) (change, error) {
		if active.Canary == nil || tally != nil && known.canary != tally {
			return change{}, noCanary()
		}
		t := r.trail(name, source)
		t.of(active.Canary)
		t.done(StepCanary,
			"aborted"+because(reason)+", generation "+strconv.FormatInt(active.Canary.number, 10)+" drains: "+
				known.canary.Figures())
		return change{name: name, active: Active{Stable: active.Stable}}, nil
	})
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return " because " + reason
}

func noCanary() error {
	return &RefusedError{Step: StepCanary, Reason: ErrCanary, What: "there is none"}
}
