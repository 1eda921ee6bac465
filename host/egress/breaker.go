package egress

import (
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"
)

// breakerBuckets is how many steps the breaker's window rolls in.
const breakerBuckets = 10

// BreakerState is what a breaker would do with a try now.
type BreakerState int

// The states.
const (
	// BreakerClosed lets every try through.
	BreakerClosed BreakerState = iota
	// BreakerHalfOpen lets the next try through, as a probe.
	BreakerHalfOpen
	// BreakerProbing lets none through while its probes are under way.
	BreakerProbing
	// BreakerOpen lets none through while its cooldown lasts.
	BreakerOpen
)

var (
	errFault    = errors.New("fault of the provider")
	errExcluded = errors.New("does not count for the provider")
)

// breaker decides whether a try is made. gobreaker drops a report that belongs to an earlier state.
type breaker struct {
	provider string
	probes   uint32
	inner    *gobreaker.TwoStepCircuitBreaker[struct{}]
	until    atomic.Pointer[time.Time]
}

func newBreaker(provider, of string, s BreakerSettings, logger *slog.Logger, now func() time.Time) *breaker {
	b := &breaker{provider: provider, probes: s.Probes}
	b.inner = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Name:         provider,
		MaxRequests:  s.Probes,
		Interval:     s.Window,
		BucketPeriod: s.Window / breakerBuckets,
		Timeout:      s.Cooldown,
		ReadyToTrip:  s.trips,
		IsExcluded:   func(err error) bool { return errors.Is(err, errExcluded) },
		OnStateChange: func(_ string, from, to gobreaker.State) {
			if to == gobreaker.StateOpen {
				until := now().Add(s.Cooldown)
				b.until.Store(&until)
			}
			log := logger.Info
			if to == gobreaker.StateOpen {
				log = logger.Warn
			}
			log("breaker changed", slog.String("provider", provider), slog.String("of", of),
				slog.String("from", from.String()), slog.String("to", to.String()))
		},
	})
	return b
}

func (s BreakerSettings) trips(counts gobreaker.Counts) bool {
	if counts.ConsecutiveFailures >= s.Failures {
		return true
	}
	judged := counts.TotalSuccesses + counts.TotalFailures
	return judged >= s.MinTries && float64(counts.TotalFailures) >= s.Ratio*float64(judged)
}

// allow claims a try, to be reported once with nil, errFault or errExcluded; or returns why none is made.
func (b *breaker) allow() (report func(error), err error) {
	report, err = b.inner.Allow()
	if err == nil {
		return report, nil
	}
	refused := &BreakerError{Provider: b.provider}
	if errors.Is(err, gobreaker.ErrOpenState) {
		refused.Until = *b.until.Load()
	}
	return nil, refused
}

// open is nil, or why no try would be made now. Half open is not open: it needs a probe.
func (b *breaker) open() *BreakerError {
	if b.inner.State() != gobreaker.StateOpen {
		return nil
	}
	return &BreakerError{Provider: b.provider, Until: *b.until.Load()}
}

func (b *breaker) state() BreakerState {
	switch b.inner.State() {
	case gobreaker.StateClosed:
		return BreakerClosed
	case gobreaker.StateHalfOpen:
		if counts := b.inner.Counts(); counts.Requests-counts.TotalExclusions < b.probes {
			return BreakerHalfOpen
		}
		return BreakerProbing
	case gobreaker.StateOpen:
	}
	return BreakerOpen
}
