package health

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/apd/v3"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"payrouter/host/attempt"
	"payrouter/host/routing"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestWhatIsOlderThanTheWindowIsForgotten(t *testing.T) {
	t.Parallel()
	var b Statistics
	b.Add(Attempt{Provider: "a", At: noon, Took: time.Second, Succeeded: true})
	require.Equal(t, 1, b.Record("a", noon).Tries)
	require.Equal(t, 1, b.Record("a", noon.Add(Window)).Tries)
	require.Equal(t, routing.Record{}, b.Record("a", noon.Add(Window+2*Window/parts)))
	require.Equal(t, routing.Record{}, b.Record("b", noon))
}

// The book is held against a list of everything, from which it may differ at the window's edge only.
func TestRecordAgreesWithAListOfAllAttempts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var b Statistics
		var all []Attempt
		now := noon
		for range rapid.IntRange(1, 200).Draw(t, "attempts") {
			now = now.Add(time.Duration(rapid.IntRange(0, 40_000).Draw(t, "gap")) * time.Millisecond)
			a := Attempt{
				Provider: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "provider"), At: now,
				Succeeded: rapid.Bool().Draw(t, "well"),
				Took:      time.Duration(rapid.IntRange(0, 600_000).Draw(t, "took")) * time.Millisecond,
			}
			b.Add(a)
			all = append(all, a)
		}
		for _, provider := range []string{"a", "b"} {
			count := func(window time.Duration) (tries, well int) {
				for _, a := range all {
					if a.Provider == provider && now.Sub(a.At) < window {
						tries++
						if a.Succeeded {
							well++
						}
					}
				}
				return tries, well
			}
			record := b.Record(provider, now)
			fewest, fewestWell := count(Window)
			most, mostWell := count(Window + Window/parts)
			require.True(t, fewest <= record.Tries && record.Tries <= most, "%d <= %d <= %d", fewest, record.Tries,
				most)
			require.True(t, fewestWell <= record.Succeeded && record.Succeeded <= mostWell)
		}
	})
}

func TestMedianIsAtMostAQuarterTooHigh(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var b Statistics
		took := rapid.SliceOfN(rapid.IntRange(0, 600_000), 1, 60).Draw(t, "took")
		for _, ms := range took {
			b.Add(Attempt{Provider: "a", At: noon, Took: time.Duration(ms) * time.Millisecond})
		}
		median := b.Record("a", noon).Median
		atMost, below := 0, 0
		for _, ms := range took {
			if time.Duration(ms)*time.Millisecond <= median {
				atMost++
			}
			if time.Duration(ms)*time.Millisecond <= median*4/5 {
				below++
			}
		}
		require.GreaterOrEqual(t, atMost*2, len(took))
		require.Less(t, below*2, len(took)+1+boolInt(median < 8*time.Millisecond)*len(took))
	})
}

func boolInt(is bool) int {
	if is {
		return 1
	}
	return 0
}

func TestEveryTimeHasItsBucket(t *testing.T) {
	t.Parallel()
	last := -1
	for ms := range 700_000 {
		took := time.Duration(ms) * time.Millisecond
		bucket := bucketOf(took)
		follows := bucket == last || bucket == last+1
		if !follows || upperEnd(bucket) < took || bucket > 0 && upperEnd(bucket-1) >= took {
			t.Fatalf("%d ms are in bucket %d, up to %s, after %d", ms, bucket, upperEnd(bucket), last)
		}
		last = bucket
	}
	require.Equal(t, buckets-1, bucketOf(24*time.Hour))
	require.Equal(t, 0, bucketOf(-time.Second))
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	for event, want := range map[attempt.Event]routing.Record{
		attempt.Accepted:     {Tries: 1, Succeeded: 1},
		attempt.DeclinedHard: {Tries: 1, Succeeded: 1},
		attempt.NotFound:     {Tries: 1, Succeeded: 1},
		attempt.DeclinedSoft: {Tries: 1},
		attempt.Refused:      {Tries: 1},
		attempt.Unanswered:   {Tries: 1},
		attempt.NotSent:      {Tries: 1},
		attempt.Duplicate:    {},
		attempt.Unable:       {},
		"":                   {},
	} {
		var b Statistics
		b.Observe(attempt.Attempt{
			Provider: "a", Event: event, StartedAt: noon.Add(-3 * time.Millisecond),
			FinishedAt: noon,
		})
		if want.Tries > 0 {
			want.Median = 3 * time.Millisecond
		}
		require.Equal(t, want, b.Record("a", noon), event)
	}
}

func TestAPluginsFaultShowsNothingOfItsProvider(t *testing.T) {
	t.Parallel()
	var b Statistics
	b.Observe(attempt.Attempt{Provider: "a", Event: attempt.Unanswered, FinishedAt: noon, PluginFault: true})
	require.Zero(t, b.Record("a", noon))
}

func TestLimitsLetThroughWhatTheySay(t *testing.T) {
	t.Parallel()
	var b Statistics
	limits := routing.Limits{PerMinute: 3, PerHour: 4, AmountPerDay: "100"}
	take := func(amount string, at time.Time) bool { return b.Take("r", limits, amount, at) }
	for range 3 {
		require.True(t, take("10", noon))
	}
	require.False(t, take("10", noon), "per minute")
	later := noon.Add(2 * time.Minute)
	require.True(t, take("10", later))
	require.False(t, take("10", later), "per hour")
	nextHour := noon.Add(2 * time.Hour)
	require.False(t, take("60.01", nextHour), "amount per day")
	require.True(t, take("60", nextHour))
	require.Equal(t, routing.Use{Minute: 1, Hour: 1, Day: 5, Amount: "100"}, b.Used("r", nextHour))
	require.False(t, take("0.01", nextHour))
	b.GiveBack("r", "60", nextHour)
	require.Equal(t, routing.Use{Day: 4, Amount: "40"}, b.Used("r", nextHour))
	require.True(t, take("60", nextHour))
	require.True(t, take("100", nextHour.Add(25*time.Hour)), "the next day")
	require.True(t, b.Take("other", limits, "100", nextHour))
}

func TestGivingBackWhatIsOverChangesNothing(t *testing.T) {
	t.Parallel()
	var b Statistics
	b.GiveBack("r", "5", noon)
	require.True(t, b.Take("r", routing.Limits{PerDay: 1}, "5", noon))
	b.GiveBack("r", "5", noon.Add(-48*time.Hour))
	require.Equal(t, 1, b.Used("r", noon).Day)
}

func TestRushLetsThroughNoMoreThanTheLimit(t *testing.T) {
	t.Parallel()
	var b Statistics
	var taken atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				if b.Take("r", routing.Limits{PerMinute: 50, AmountPerDay: "40"}, "1", noon) {
					taken.Add(1)
				}
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 40, taken.Load())
}

// Whatever is taken, the last minute never holds more than the limit, nor is anything refused that had room in a
// minute and a slice.
func TestMinuteNeverHoldsMoreThanTheLimit(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var b Statistics
		limits := routing.Limits{PerMinute: rapid.IntRange(1, 5).Draw(t, "limit")}
		var taken []time.Time
		now := noon
		within := func(window time.Duration) (count int) {
			for _, at := range taken {
				if now.Sub(at) < window {
					count++
				}
			}
			return count
		}
		for range rapid.IntRange(1, 60).Draw(t, "payments") {
			now = now.Add(time.Duration(rapid.IntRange(0, 30_000).Draw(t, "gap")) * time.Millisecond)
			if b.Take("r", limits, "1", now) {
				taken = append(taken, now)
				require.LessOrEqual(t, within(time.Minute), limits.PerMinute)
				continue
			}
			require.GreaterOrEqual(t, within(time.Minute+time.Second), limits.PerMinute)
		}
	})
}

func TestSumsAreExactWhateverTheDigits(t *testing.T) {
	t.Parallel()
	var b Statistics
	limits := routing.Limits{AmountPerDay: "1000000000000000000000000000000000000000000000000000000000000000"}
	large, small := "99999999999999999999999999999999999999999999999999999999999",
		"0.000000000000000000000000000000000000000000000000000000000001"
	require.True(t, b.Take("r", limits, large, noon))
	require.True(t, b.Take("r", limits, small, noon))
	want, _, err := apd.NewFromString(large + small[1:])
	require.NoError(t, err)
	got, _, err := apd.NewFromString(b.Used("r", noon).Amount)
	require.NoError(t, err)
	require.Zero(t, want.Cmp(got))
	require.False(t, b.Take("r", routing.Limits{AmountPerDay: large}, small, noon),
		"a sum longer than an amount still counts")
}

func TestMemoryDoesNotGrowWithNames(t *testing.T) {
	t.Parallel()
	var b Statistics
	for i := range maxNames + 10 {
		b.Add(Attempt{Provider: fmt.Sprint(i), At: noon.Add(time.Duration(i) * time.Second)})
	}
	require.LessOrEqual(t, len(b.providers), maxNames)
	require.Equal(t, 1, b.Record(fmt.Sprint(maxNames+9), noon.Add(maxNames*time.Second)).Tries, "the newest are kept")
	require.Equal(t, 1, b.Record(fmt.Sprint(maxNames-1), noon.Add(maxNames*time.Second)).Tries, "the newest are kept")
}

func TestClockThatWasSetBackIsNoReasonToForget(t *testing.T) {
	t.Parallel()
	var b Statistics
	b.Add(Attempt{Provider: "a", At: noon, Succeeded: true})
	b.Add(Attempt{Provider: "a", At: noon.Add(-time.Minute)})
	require.Equal(t, 2, b.Record("a", noon.Add(-time.Minute)).Tries)
	require.Equal(t, 2, b.Record("a", noon).Tries)
}

func TestRecordingDoesNotAllocate(t *testing.T) {
	var b Statistics
	a := Attempt{Provider: "a", At: noon, Took: time.Second, Succeeded: true}
	b.Add(a)
	require.Zero(t, testing.AllocsPerRun(100, func() { b.Add(a) }))
	require.Zero(t, testing.AllocsPerRun(100, func() { b.Record("a", noon) }))
}

// Amounts are bounded before they are counted; were they not, a limit on their sum would hold all the same.
func TestSumThatCannotBeComputedIsAboveEveryLimit(t *testing.T) {
	t.Parallel()
	const immense = "9e100000"
	for claim, later := range map[string]time.Duration{"in one slice": 0, "in two slices": time.Hour} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			var s Statistics
			require.True(t, s.Take("r", routing.Limits{PerDay: 3}, immense, noon))
			require.True(t, s.Take("r", routing.Limits{PerDay: 3}, immense, noon.Add(later)))
			require.Equal(t, "Infinity", s.Used("r", noon.Add(later)).Amount)
			require.False(t, s.Take("r", routing.Limits{AmountPerDay: "100"}, "1", noon.Add(later)))
		})
	}
}
