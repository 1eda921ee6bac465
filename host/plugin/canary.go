package plugin

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"strconv"
	"sync"
	"time"
)

// CanarySettings decide when a canary is aborted. Zero fields take the defaults that they name.
type CanarySettings struct {
	// MinAttempts is how many attempts both sides need before they are compared. 0 means 50.
	MinAttempts int
	// MaxPercent is by how many percentage points the canary's failures, or its declines, may exceed the stable
	// generation's. 0 means 5.
	MaxPercent int
}

func (c CanarySettings) withDefaults() CanarySettings {
	c.MinAttempts = cmp.Or(c.MinAttempts, 50)
	c.MaxPercent = cmp.Or(c.MaxPercent, 5)
	return c
}

// Sample is the result of one attempt.
type Sample struct {
	Plugin, Digest string
	// Failed: there was no readable answer, or the plugin failed.
	Failed bool
	// Declined: the provider declined it.
	Declined bool
}

// Figures count the results of attempts.
type Figures struct {
	Attempts, Failed, Declined int
}

// canaryTally counts the attempts of a canary and of the stable generation since the canary began. It is safe for
// concurrent use.
type canaryTally struct {
	since        time.Time
	stableDigest string
	canaryDigest string

	mutex          sync.Mutex
	stable, canary Figures
	aborted        string // the reason; empty while the canary goes on
}

func newCanaryTally(active Active, now time.Time) *canaryTally {
	if active.Canary == nil {
		return nil
	}
	return &canaryTally{since: now, stableDigest: active.Stable.Digest(), canaryDigest: active.Canary.Digest()}
}

// count adds a sample, and returns the reason to abort the canary, once.
func (t *canaryTally) count(sample Sample, settings CanarySettings) string {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	switch sample.Digest {
	case t.stableDigest:
		t.stable.add(sample)
	case t.canaryDigest:
		t.canary.add(sample)
	}
	if t.aborted != "" {
		return ""
	}
	t.aborted = worse(t.stable, t.canary, settings)
	return t.aborted
}

func (f *Figures) add(sample Sample) {
	f.Attempts++
	if sample.Failed {
		f.Failed++
	}
	if sample.Declined {
		f.Declined++
	}
}

// worse describes in what a canary is worse than the stable generation, by more than the settings allow and than
// chance explains; empty where it is not.
func worse(stable, canary Figures, settings CanarySettings) string {
	if min(stable.Attempts, canary.Attempts) < settings.MinAttempts {
		return ""
	}
	for _, result := range []struct {
		what           string
		stable, canary int
	}{{"fails", stable.Failed, canary.Failed}, {"is declined", stable.Declined, canary.Declined}} {
		if exceeds(result.stable, stable.Attempts, result.canary, canary.Attempts, settings.MaxPercent) {
			return fmt.Sprintf("it %s %d times of %d, the stable one %d of %d", result.what, result.canary,
				canary.Attempts, result.stable, stable.Attempts)
		}
	}
	return ""
}

// exceeds reports whether the second rate is higher than the first by more than a number of percentage points, and by
// more than chance causes once in a hundred times (two-proportion z-test with the rates pooled).
func exceeds(a, ofA, b, ofB, percent int) bool {
	const oneInHundred = 2.326
	rateA, rateB := float64(a)/float64(ofA), float64(b)/float64(ofB)
	if rateB-rateA <= float64(percent)/100 {
		return false
	}
	pooled := float64(a+b) / float64(ofA+ofB)
	deviation := math.Sqrt(pooled * (1 - pooled) * (1/float64(ofA) + 1/float64(ofB)))
	return rateB-rateA > oneInHundred*deviation
}

// Observe counts the result of an attempt for the canary of its plugin, if there is one. It does not block. A canary
// that turns out worse is aborted.
func (r *Registry) Observe(sample Sample) {
	r.mutex.RLock()
	var tally *canaryTally
	if known := r.states[sample.Plugin]; known != nil {
		tally = known.canary
	}
	r.mutex.RUnlock()
	if tally == nil {
		return
	}
	reason := tally.count(sample, r.settings.Canary)
	if reason == "" {
		return
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.closed {
		return
	}
	// Not on the attempt's own goroutine: Adopt may wait for attempts.
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
	return r.change(ctx, name, "promotion by "+by, StepCanary, func(active Active, _ *pluginState) (change, error) {
		if active.Canary == nil {
			return change{}, noCanary()
		}
		return change{name: name, active: Active{Stable: active.Canary}}, r.pinned(name, active.Canary.Digest())
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
func (r *Registry) abort(ctx context.Context, name, source, reason string, tally *canaryTally) error {
	return r.change(ctx, name, source, StepCanary, func(active Active, known *pluginState) (change, error) {
		if active.Canary == nil || tally != nil && known.canary != tally {
			return change{}, noCanary()
		}
		t := r.trail(name, source)
		t.of(active.Canary)
		t.done(StepCanary,
			"aborted"+because(reason)+", generation "+strconv.FormatInt(active.Canary.number, 10)+" drains")
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
