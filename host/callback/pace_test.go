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
		const start = time.Hour
		perSecond, burst := rapid.IntRange(1, 20).Draw(t, "per second"), rapid.IntRange(1, 50).Draw(t, "burst")
		b := newLimiter(perSecond, burst)
		now, granted := start, 0
		for range rapid.IntRange(1, 200).Draw(t, "asks") {
			now += time.Duration(rapid.IntRange(0, 400).Draw(t, "ms")) * time.Millisecond
			if b.allow(now) {
				granted++
			}
		}
		require.LessOrEqual(t, float64(granted), float64(burst)+(now-start).Seconds()*float64(perSecond)+1e-6)
		require.True(t, b.allow(now+time.Second), "after a second there is one")
	})
}

func generous() bool { return true }

func TestLookUpsOfAPaymentAreSpacedOut(t *testing.T) {
	t.Parallel()
	const start = time.Hour
	var l looks
	var at []time.Duration
	for after := time.Duration(0); after < 5*time.Minute; after += 500 * time.Millisecond {
		if v, _ := l.ask("pay_1", "", start+after, start+after, generous); v == goAhead {
			at = append(at, after)
			l.done("pay_1", "", start+after)
		}
	}
	require.Equal(t, []time.Duration{
		0, time.Second, 6 * time.Second, 21 * time.Second, 81 * time.Second, 141 * time.Second, 201 * time.Second,
		261 * time.Second,
	}, at)
	v, _ := l.ask("pay_2", "", start, start, generous)
	require.Equal(t, goAhead, v, "another payment waits for nothing")

	now := start + 261*time.Second + quietPeriod
	v, _ = l.ask("pay_1", "", now, now, generous)
	require.Equal(t, goAhead, v)
	now += time.Second
	v, _ = l.ask("pay_1", "", now, now, generous)
	require.Equal(t, goAhead, v, "after a calm the gaps are short again")
	l.forget(now + quietPeriod)
	require.Empty(t, l.payments)
}

func TestALookUpCoversWhatCameBeforeItAndWasAnswered(t *testing.T) {
	t.Parallel()
	const start, before = time.Hour, time.Hour - time.Millisecond
	var l looks
	v, _ := l.ask("pay_1", "", before, start, generous)
	require.Equal(t, goAhead, v)
	v, left := l.ask("pay_1", "", before, start, generous)
	require.Equal(t, wait, v, "it is under way, and may fail")
	require.Equal(t, gaps[0], left)
	l.done("pay_1", "", start)
	v, _ = l.ask("pay_1", "", before, start, generous)
	require.Equal(t, covered, v)
	v, _ = l.ask("pay_1", "other", before, start, generous)
	require.Equal(t, wait, v, "another object of the payment was not looked up")
	v, _ = l.ask("pay_1", "", start, start, generous)
	require.Equal(t, wait, v, "what came in the same millisecond may have come after it began")
	v, _ = l.ask("pay_2", "", start, start, func() bool { return false })
	require.Equal(t, exhausted, v)
}

func TestATryIsGivenUpAtTheEndOfItsSchedule(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_772_366_400, 0)
	for _, schedule := range [][]time.Duration{unknownPaymentBackoff, unansweredBackoff} {
		for tries, pause := range schedule {
			due, left := after(schedule, tries, now)
			require.True(t, left)
			require.Equal(t, now.Add(pause), due)
		}
		_, left := after(schedule, len(schedule), now)
		require.False(t, left)
	}
}
