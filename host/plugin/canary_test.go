package plugin_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/plugin"
	"payrouter/host/plugin/canary"
	"payrouter/host/plugin/sequential"
)

// traffic draws payments between a canary and the stable generation, and reports what becomes of them.
type traffic struct {
	registry       *plugin.Registry
	stable, canary *plugin.Generation
	random         *rand.Rand
	count          int
}

func newTraffic(t *testing.T) *traffic {
	t.Helper()
	registry, stable, canary := withCanary(t, plugin.Settings{})
	return &traffic{registry: registry, stable: stable, canary: canary, random: rand.New(rand.NewPCG(1, 1))}
}

// sample is the next payment at one side.
func (f *traffic) sample(drawn bool, result canary.Result) canary.Sample {
	f.count++
	s := canary.Sample{
		Plugin: "hostile", Digest: f.stable.Digest(), Canary: drawn, Share: 50, Owner: fmt.Sprint("pay_", f.count),
		First: true, Result: result, Took: 20 * time.Millisecond, Fuel: 1000,
	}
	if drawn {
		s.Digest = f.canary.Digest()
	}
	return s
}

// drawn reports payments, of which one side's have a result and the other's succeed.
func (f *traffic) drawn(payments int, ofCanary, ofStable canary.Result) {
	for range payments {
		drawn := f.random.IntN(2) == 0
		result := ofStable
		if drawn {
			result = ofCanary
		}
		f.registry.Observe(f.sample(drawn, result))
	}
}

// pairs reports a payment of each side, so many times.
func (f *traffic) pairs(payments int, ofCanary, ofStable canary.Result) {
	for range payments {
		f.registry.Observe(f.sample(true, ofCanary))
		f.registry.Observe(f.sample(false, ofStable))
	}
}

func (f *traffic) status() plugin.Status {
	status, _ := f.registry.Plugin("hostile")
	return status
}

// ends waits until the canary is no more, and returns how it did.
func (f *traffic) ends(t *testing.T) canary.Status {
	t.Helper()
	require.Eventually(t, func() bool { return f.status().Canary == nil }, waiting, tick)
	active, _ := f.registry.ActiveSet().Of("hostile")
	require.Equal(t, plugin.Active{Stable: f.stable}, active)
	require.NotNil(t, f.status().FormerCanary)
	return *f.status().FormerCanary
}

// A canary that is worse in one kind of result is aborted by a few payments, and the event has both sides' figures.
func TestWorseCanaryIsAborted(t *testing.T) {
	t.Parallel()
	for claim, row := range map[string]struct {
		result canary.Result
		says   string
	}{
		"unreadable": {canary.Unreadable, "it fails more often, of new payments"},
		"unknown":    {canary.Unknown, "it leaves payments unknown more often, of new payments"},
		"declined":   {canary.Declined, "it is declined more often, of new payments"},
		"busy":       {canary.Busy, "it fails more often, of new payments"},
	} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			f := newTraffic(t)
			f.pairs(4, row.result, canary.Succeeded)
			going := f.status().Canary
			require.NotNil(t, going, "so few prove nothing")
			require.Equal(t, sequential.Undecided, going.Verdict)
			require.Equal(t, 4, going.Canary.Payments)
			require.Equal(t, canary.Figures{
				Payments: 4, Succeeded: 4, Median: 20 * time.Millisecond, Slowest: 20 * time.Millisecond, Fuel: 1000,
			}, going.Stable)
			f.pairs(3, row.result, canary.Succeeded)
			ended := f.ends(t)
			require.Equal(t, sequential.Worse, ended.Verdict)
			require.Contains(t, ended.Reason, row.says)
			require.False(t, ended.Ended.IsZero())
			require.LessOrEqual(t, ended.Canary.Payments, 8)
			require.Contains(t, fmt.Sprint(f.status().Events), "aborted because "+row.says)
			require.Contains(t, fmt.Sprint(f.status().Events), "drains: canary "+ended.Canary.String()+"; stable ")
		})
	}
}

// Where the provider fails both sides, or declines as often at both, the canary goes on.
func TestEqualCanaryGoesOn(t *testing.T) {
	t.Parallel()
	f := newTraffic(t)
	for range 20 {
		f.drawn(80, canary.Succeeded, canary.Succeeded)
		f.drawn(20, canary.Unknown, canary.Unknown)
		f.drawn(20, canary.Declined, canary.Declined)
	}
	status := f.status().Canary
	require.NotNil(t, status)
	require.Equal(t, 2400, status.Canary.Payments+status.Stable.Payments)
	require.Len(t, status.Comparisons, 6)
	for _, compared := range status.Comparisons {
		require.InDelta(t, math.Log(6/0.05), compared.Bound, 1e-9)
		require.Less(t, compared.Statistic, compared.Bound)
	}
}

// Faults of the canary's own end it at once, however large its share is; the same payment counts once.
func TestFaultsEndACanaryAtOnce(t *testing.T) {
	t.Parallel()
	f := newTraffic(t)
	again := f.sample(true, canary.Faulted)
	again.Share = 0
	for range 20 {
		f.registry.Observe(again)
	}
	for range 3 {
		s := f.sample(true, canary.Faulted)
		s.Share = 0 // it is not compared
		f.registry.Observe(s)
	}
	require.NotNil(t, f.status().Canary)
	f.registry.Observe(f.sample(true, canary.Faulted))
	require.Contains(t, f.ends(t).Reason, "fault of its own at 5 payments")
}

// A fault that the stable generation has too is compared, and does not end the canary by itself.
func TestFaultsOfBothSidesAreCompared(t *testing.T) {
	t.Parallel()
	f := newTraffic(t)
	f.registry.Observe(f.sample(false, canary.Faulted))
	for range 30 {
		f.drawn(5, canary.Faulted, canary.Faulted)
	}
	require.NotNil(t, f.status().Canary)
}

// What shows nothing of the sides does not count: what was not drawn, what did not leave, another plugin's, another
// module's, and a payment that counted already.
func TestWhatIsNotCompared(t *testing.T) {
	t.Parallel()
	f := newTraffic(t)
	for range 50 {
		notDrawn, again := f.sample(true, canary.Unknown), f.sample(true, canary.Unknown)
		other, former := f.sample(true, canary.Unknown), f.sample(true, canary.Unknown)
		notDrawn.Share, other.Plugin, former.Digest = 0, "nobody", "none"
		again.Owner = "pay_again"
		for _, s := range []canary.Sample{notDrawn, other, former, again, f.sample(true, canary.Nothing)} {
			f.registry.Observe(s)
		}
		f.registry.Observe(f.sample(false, canary.Succeeded))
	}
	status := f.status().Canary
	require.NotNil(t, status)
	require.Equal(t, 1, status.Canary.Payments)
}

// A canary that cannot read look-ups is found by them, though it makes payments well.
func TestWorseLookupsEndACanary(t *testing.T) {
	t.Parallel()
	f := newTraffic(t)
	for range 40 {
		for _, drawn := range []bool{true, false} {
			result := canary.Succeeded
			if drawn {
				result = canary.Unreadable
			}
			made := f.sample(drawn, canary.Succeeded)
			look := made
			look.First, look.Result = false, result
			f.registry.Observe(made)
			f.registry.Observe(look)
		}
	}
	require.Contains(t, f.ends(t).Reason, "it fails more often, of what is asked about payments later")
}
