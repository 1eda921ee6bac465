package plugin

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"sync"
	"time"
)

// CanarySettings say when a canary is given up. Zero fields take the defaults that they name.
type CanarySettings struct {
	// Least is how many attempts both sides must have had before they are compared. 0 means 50.
	Least int
	// Percent is by how many percentage points the canary's errors, or its declines, may be more than the stable one's.
	// 0 means 5.
	Percent int
}

func (c CanarySettings) withDefaults() CanarySettings {
	if c.Least == 0 {
		c.Least = 50
	}
	if c.Percent == 0 {
		c.Percent = 5
	}
	return c
}

// Sample is what became of one attempt.
type Sample struct {
	Plugin, Digest string
	// Failed: there was no readable answer, or the plugin did not do its part.
	Failed bool
	// Declined: the provider would not take it.
	Declined bool
}

// Figures count what became of attempts.
type Figures struct {
	Attempts, Failed, Declined int
}

// trial is a canary's, since it began. It is safe for concurrent use.
type trial struct {
	since          time.Time
	stable, canary string // digests
	mutex          sync.Mutex
	before, now    Figures // of the stable one and of the canary, since then
	givenUp        string  // why, once it is
}

func newTrial(active Active, now time.Time) *trial {
	if active.Canary == nil {
		return nil
	}
	return &trial{since: now, stable: active.Stable.Digest(), canary: active.Canary.Digest()}
}

// count adds a sample, and gives the reason to give the canary up, once.
func (t *trial) count(sample Sample, settings CanarySettings) string {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	switch sample.Digest {
	case t.stable:
		t.before.add(sample)
	case t.canary:
		t.now.add(sample)
	}
	if t.givenUp != "" {
		return ""
	}
	t.givenUp = worse(t.before, t.now, settings)
	return t.givenUp
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

// worse says in what a canary is worse than what serves beside it, by more than the settings take and than chance
// explains; empty where it is not.
func worse(before, now Figures, settings CanarySettings) string {
	if before.Attempts < settings.Least || now.Attempts < settings.Least {
		return ""
	}
	for _, side := range []struct {
		what                 string
		countBefore, countIs int
	}{{"fails", before.Failed, now.Failed}, {"is declined", before.Declined, now.Declined}} {
		if exceeds(side.countBefore, before.Attempts, side.countIs, now.Attempts, settings.Percent) {
			return fmt.Sprintf("it %s %d times of %d, the stable one %d of %d", side.what, side.countIs, now.Attempts,
				side.countBefore, before.Attempts)
		}
	}
	return ""
}

// exceeds compares two rates: the second must be higher by more than a number of percentage points, and by more than
// chance brings about once in a hundred times, by the two-proportion z-test with the rates pooled.
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

// Observe is told what became of an attempt, for the canary of its plugin, if there is one. It does not wait for
// anything. A canary that turns out worse is aborted.
func (s *Registry) Observe(sample Sample) {
	s.mutex.RLock()
	var on *trial
	if entry := s.entries[sample.Plugin]; entry != nil {
		on = entry.trial
	}
	s.mutex.RUnlock()
	if on == nil {
		return
	}
	reason := on.count(sample, s.settings.Canary)
	if reason == "" {
		return
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.closed {
		return
	}
	// Not on the attempt's own goroutine: who adopts the active may wait for attempts.
	s.tasks.Go(func() { _ = s.abort(s.base, sample.Plugin, "canary watch", reason, on) })
}

// Share changes the percentage of payments that a canary serves; 1 to 99.
func (s *Registry) Share(ctx context.Context, name string, share int, by string) error {
	return s.change(ctx, name, "share by "+by, StepCanary, func(active Active, _ *entry) (change, error) {
		if active.Canary == nil {
			return change{}, noCanary()
		}
		active.Share = share
		return change{name: name, active: active}, nil
	})
}

// Promote makes a canary serve every payment.
func (s *Registry) Promote(ctx context.Context, name, by string) error {
	return s.change(ctx, name, "promotion by "+by, StepCanary, func(active Active, _ *entry) (change, error) {
		if active.Canary == nil {
			return change{}, noCanary()
		}
		return change{name: name, active: Active{Stable: active.Canary}}, s.pinned(name, active.Canary.Digest())
	})
}

// Abort ends a canary: what served beside it serves every payment.
func (s *Registry) Abort(ctx context.Context, name, by string) error {
	return s.abort(ctx, name, "abort by "+by, "", nil)
}

// abort ends a canary, and where on is given only that one.
func (s *Registry) abort(ctx context.Context, name, source, reason string, on *trial) error {
	return s.change(ctx, name, source, StepCanary, func(active Active, known *entry) (change, error) {
		if active.Canary == nil || on != nil && known.trial != on {
			return change{}, noCanary()
		}
		t := s.trail(name, source)
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
	return &RefusedError{Step: StepCanary, Reason: ErrCanary, What: "none is on trial"}
}
