package budget_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"payrouter/host/plugin/budget"
)

func TestOverdrawnBudgetIsPaidOffBeforeNewWork(t *testing.T) {
	t.Parallel()
	now := time.Unix(1, 0)
	b := budget.New(0.5, now)
	b.Charge(999*time.Millisecond, now)
	require.False(t, b.Spent(now))
	b.Charge(1501*time.Millisecond, now)
	require.True(t, b.Spent(now), "1.5 s more than there was")
	require.True(t, b.Spent(now.Add(2990*time.Millisecond)))
	require.False(t, b.Spent(now.Add(3020*time.Millisecond)))
}

func TestIdleBudgetSavesTwoSeconds(t *testing.T) {
	t.Parallel()
	now := time.Unix(1, 0)
	b := budget.New(1, now)
	now = now.Add(time.Hour)
	b.Charge(1999*time.Millisecond, now)
	require.False(t, b.Spent(now))
	b.Charge(time.Millisecond, now)
	require.True(t, b.Spent(now))
}

func TestNoBudgetIsNeverSpent(t *testing.T) {
	t.Parallel()
	var b *budget.Budget
	b.Charge(1<<62, time.Unix(1, 0))
	require.False(t, b.Spent(time.Unix(1, 0)))
}

// However often it is looked at, and whatever the clock does, what new work may use in sum is the burst, and the rate
// for the time that has passed; and a budget that is left alone is there again.
func TestWorkInSumIsBounded(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		cpus := rapid.Float64Range(0.001, 64).Draw(t, "CPUs")
		most := rapid.Int64Range(1, int64(2*time.Second)).Draw(t, "most of one call")
		start := time.Unix(1_000_000, 0)
		b, now, furthest := budget.New(cpus, start), start, time.Duration(0)
		used := time.Duration(0)
		for range rapid.IntRange(1, 200).Draw(t, "calls") {
			step := time.Duration(rapid.Int64Range(-int64(time.Millisecond), int64(time.Second)).Draw(t, "step"))
			now = now.Add(step)
			furthest += max(step, 0)
			if b.Spent(now) {
				continue
			}
			took := time.Duration(rapid.Int64Range(0, most).Draw(t, "took"))
			b.Charge(took, now)
			used += took
		}
		allowed := cpus*(2+furthest.Seconds()) + time.Duration(most).Seconds()
		if used.Seconds() > allowed*1.000001 {
			t.Fatalf("%s were used, of %g s", used, allowed)
		}
		if b.Spent(now.Add(time.Duration(float64(most)/cpus) + 2*time.Second)) {
			t.Fatal("it does not come back")
		}
	})
}

// A budget that is looked at very often refilled by nothing at all, as each look brought less than a nanosecond.
func TestFrequentLooksLoseNothing(t *testing.T) {
	t.Parallel()
	now := time.Unix(1, 0)
	b := budget.New(0.001, now)
	b.Charge(2500*time.Microsecond, now)
	for range 1_000_000 { // 1 s
		now = now.Add(time.Microsecond)
		b.Spent(now)
	}
	require.False(t, b.Spent(now), "half a millisecond is left")
}
