package callback

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestABucketNeverGrantsMoreThanItsRate(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		start := time.Unix(1_772_366_400, 0)
		b := bucket{perSecond: rapid.IntRange(1, 20).Draw(t, "per second"), most: rapid.IntRange(1, 50).Draw(t, "most")}
		now, granted := start, 0
		for range rapid.IntRange(1, 200).Draw(t, "asks") {
			now = now.Add(time.Duration(rapid.IntRange(0, 400).Draw(t, "ms")) * time.Millisecond)
			if b.take(now) {
				granted++
			}
		}
		require.LessOrEqual(t, float64(granted), float64(b.most)+now.Sub(start).Seconds()*float64(b.perSecond)+1e-6)
		require.True(t, b.take(now.Add(time.Second)), "after a second there is one")
	})
}

func TestABucketSurvivesAClockThatGoesBack(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_772_366_400, 0)
	b := bucket{perSecond: 1, most: 1}
	require.True(t, b.take(now))
	require.False(t, b.take(now.Add(-time.Hour)))
	require.True(t, b.take(now.Add(-time.Hour+time.Second)))
}

func TestLookUpsOfAPaymentAreSpacedOut(t *testing.T) {
	t.Parallel()
	limit := &bucket{perSecond: 1 << 20, most: 1 << 20}
	start := time.Unix(1_772_366_400, 0)
	var l looks
	var at []time.Duration
	for after := time.Duration(0); after < 5*time.Minute; after += 500 * time.Millisecond {
		if v, _ := l.ask("pay_1", "", start.Add(after), start.Add(after), limit); v == goAhead {
			at = append(at, after)
			l.done("pay_1", "", start.Add(after))
		}
	}
	require.Equal(t, []time.Duration{
		0, time.Second, 6 * time.Second, 21 * time.Second, 81 * time.Second, 141 * time.Second, 201 * time.Second, 261 * time.Second,
	}, at)
	v, _ := l.ask("pay_2", "", start, start, limit)
	require.Equal(t, goAhead, v, "another payment waits for nothing")

	now := start.Add(261*time.Second + calm)
	v, _ = l.ask("pay_1", "", now, now, limit)
	require.Equal(t, goAhead, v)
	now = now.Add(time.Second)
	v, _ = l.ask("pay_1", "", now, now, limit)
	require.Equal(t, goAhead, v, "after a calm the gaps are short again")
	l.forget(now.Add(calm))
	require.Empty(t, l.payments)
}

func TestAHintThatCameAfterTheClockWasSetBackIsNotCovered(t *testing.T) {
	t.Parallel()
	limit := &bucket{perSecond: 1 << 20, most: 1 << 20}
	started := time.Unix(1_772_366_400, 0)
	var l looks
	v, _ := l.ask("pay_1", "", started, started, limit)
	require.Equal(t, goAhead, v)
	l.done("pay_1", "", started)
	came := started.Add(2*time.Second - time.Minute)
	v, _ = l.ask("pay_1", "", came, came.Add(time.Second), limit)
	require.NotEqual(t, covered, v)
}

func TestALookUpCoversWhatCameBeforeItAndWasAnswered(t *testing.T) {
	t.Parallel()
	limit := &bucket{perSecond: 1, most: 1}
	start := time.Unix(1_772_366_400, 0)
	var l looks
	v, _ := l.ask("pay_1", "", start.Add(-1), start, limit)
	require.Equal(t, goAhead, v)
	v, until := l.ask("pay_1", "", start.Add(-1), start, limit)
	require.Equal(t, wait, v, "it is under way, and may fail")
	require.Equal(t, start.Add(gaps[0]), until)
	l.done("pay_1", "", start)
	v, _ = l.ask("pay_1", "", start.Add(-1), start, limit)
	require.Equal(t, covered, v)
	v, _ = l.ask("pay_1", "", start.Add(1), start.Add(1), limit)
	require.Equal(t, wait, v, "what came after it is not covered")
	v, _ = l.ask("pay_2", "", start, start, limit)
	require.Equal(t, exhausted, v)
}

func TestATryIsGivenUpAtTheEndOfItsSchedule(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_772_366_400, 0)
	for _, schedule := range [][]time.Duration{strange, failed} {
		for tries, pause := range schedule {
			due, left := after(schedule, tries, now)
			require.True(t, left)
			require.Equal(t, now.Add(pause), due)
		}
		_, left := after(schedule, len(schedule), now)
		require.False(t, left)
	}
}

// A look-up that started while the wall clock was days ahead put the next one off until that day.
func TestTheWaitForTheNextLookUpIsCountedFromNow(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var l looks
	limit := &bucket{perSecond: 10, most: 10}
	v, _ := l.ask("pay_1", "", now, now.Add(30*24*time.Hour), limit)
	require.Equal(t, goAhead, v)
	v, until := l.ask("pay_1", "", now, now, limit)
	require.Equal(t, wait, v)
	require.Equal(t, now.Add(gaps[0]), until)
}
