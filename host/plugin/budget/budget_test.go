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
	b := budget.New(100, now)
	b.Charge(199, now)
	require.False(t, b.Spent(now))
	b.Charge(301, now)
	require.True(t, b.Spent(now), "300 more than there was")
	require.True(t, b.Spent(now.Add(2990*time.Millisecond)))
	require.False(t, b.Spent(now.Add(3020*time.Millisecond)))
}

func TestIdleBudgetSavesTwoSeconds(t *testing.T) {
	t.Parallel()
	now := time.Unix(1, 0)
	b := budget.New(100, now)
	now = now.Add(time.Hour)
	b.Charge(199, now)
	require.False(t, b.Spent(now))
	b.Charge(1, now)
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
		rate := rapid.Int64Range(1, 1_000_000_000).Draw(t, "rate")
		most := rapid.Int64Range(1, 2_000_000_000).Draw(t, "most fuel of one call")
		start := time.Unix(1_000_000, 0)
		b, now, furthest := budget.New(rate, start), start, time.Duration(0)
		used := int64(0)
		for range rapid.IntRange(1, 200).Draw(t, "calls") {
			step := time.Duration(rapid.Int64Range(-int64(time.Millisecond), int64(time.Second)).Draw(t, "step"))
			now = now.Add(step)
			furthest += max(step, 0)
			if b.Spent(now) {
				continue
			}
			fuel := rapid.Int64Range(0, most).Draw(t, "fuel")
			b.Charge(fuel, now)
			used += fuel
		}
		allowed := 2*float64(rate) + furthest.Seconds()*float64(rate) + float64(most)
		if float64(used) > allowed*1.000001+1 {
			t.Fatalf("%d were used, of %g", used, allowed)
		}
		if b.Spent(now.Add(time.Duration(float64(most)/float64(rate)*float64(time.Second)) + 2*time.Second)) {
			t.Fatal("it does not come back")
		}
	})
}

// A budget that is looked at very often refilled by nothing at all, as each look brought less than one unit.
func TestFrequentLooksLoseNothing(t *testing.T) {
	t.Parallel()
	now := time.Unix(1, 0)
	b := budget.New(10, now)
	b.Charge(25, now)
	for range 10_000 { // 1 s
		now = now.Add(100 * time.Microsecond)
		b.Spent(now)
	}
	require.False(t, b.Spent(now), "5 are left")
}
