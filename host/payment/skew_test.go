package payment

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/attempt"
)

// clocks is an engine whose wall clock and journal's clock a test sets.
func clocks(wall time.Time, journal time.Duration) *Engine {
	return &Engine{driver: attempt.NewDriver(nil, attempt.Settings{
		Now: func() time.Time { return wall }, Clock: func() time.Duration { return journal },
	})}
}

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// A wall clock that is days ahead for seconds must not let a plugin find a payment expired.
func TestAPluginReadsAnAnswerNoLaterThanThePaymentIsOld(t *testing.T) {
	t.Parallel()
	made := Payment{CreatedAt: noon, MadeClock: time.Hour}
	for name, row := range map[string]struct {
		payment Payment
		wall    time.Time
		journal time.Duration
		want    time.Time
	}{
		"both clocks agree": {
			made, noon.Add(time.Minute), time.Hour + time.Minute,
			noon.Add(time.Minute),
		},
		"the wall clock is days ahead": {
			made, noon.Add(72 * time.Hour), time.Hour + time.Minute,
			noon.Add(time.Minute),
		},
		"the wall clock is behind": {
			made, noon.Add(-72 * time.Hour), time.Hour + time.Minute,
			noon.Add(-72 * time.Hour),
		},
		"a payment of an earlier release": {
			Payment{CreatedAt: noon},
			noon.Add(72 * time.Hour), time.Minute,
			noon.Add(72 * time.Hour),
		},
		"made while the wall clock was ahead": {
			Payment{CreatedAt: noon.Add(72 * time.Hour), MadeClock: time.Hour},
			noon, time.Hour + time.Minute, noon,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, row.want, clocks(row.wall, row.journal).nowFor(row.payment))
		})
	}
}

// Paygrt is asked by the day on which a recharge was sent: a wrong day finds nothing, for ever.
func TestALookUpIsAboutTheTimeAtWhichTheRequestWasSent(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for name, row := range map[string]struct {
		started time.Time
		clock   time.Duration
		want    []time.Time
	}{
		"both clocks agree": {
			noon.Add(-time.Minute), time.Hour - time.Minute,
			[]time.Time{noon.Add(-time.Minute)},
		},
		"sent while the wall clock was ahead": {
			noon.Add(3 * day), time.Hour - time.Minute,
			[]time.Time{noon.Add(-time.Minute)},
		},
		"sent while it was behind, or before a long stop": {
			noon.Add(-3 * day), time.Hour - time.Minute,
			[]time.Time{noon.Add(-3 * day), noon.Add(-time.Minute)},
		},
		"an attempt of an earlier release": {noon.Add(3 * day), 0, []time.Time{noon.Add(3 * day)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := clocks(noon, time.Hour)
			// A payment that has ended has no checks of its own: its look-ups are callbacks', and each is a new version.
			seen := map[time.Time]bool{}
			for version := range int64(40) {
				seen[e.sentAt(Payment{ID: "pay_1", Version: version},
					attempt.Attempt{StartedAt: row.started, StartedClock: row.clock})] = true
			}
			require.Len(t, seen, len(row.want))
			for _, want := range row.want {
				require.True(t, seen[want], want)
			}
		})
	}
}

// A payment that came to its status while the wall clock was days behind was looked at once an hour from then on, and
// one that came to it while it was days ahead every five seconds until that day.
func TestHowLongAStatusHolds(t *testing.T) {
	t.Parallel()
	e := clocks(noon, 10*time.Hour)
	for name, row := range map[string]struct {
		payment Payment
		want    time.Duration
	}{
		"both clocks agree": {Payment{
			StatusAt:    noon.Add(-time.Minute),
			StatusClock: 10*time.Hour - time.Minute,
		}, time.Minute},
		"the wall clock was days behind": {Payment{
			StatusAt:    noon.Add(-72 * time.Hour),
			StatusClock: 10*time.Hour - time.Minute,
		}, time.Minute},
		"the wall clock was days ahead": {Payment{
			StatusAt:    noon.Add(72 * time.Hour),
			StatusClock: 10*time.Hour - time.Minute,
		}, time.Minute},
		"the journal's counted an hour too many": {Payment{
			StatusAt:    noon.Add(-time.Minute),
			StatusClock: 9 * time.Hour,
		}, time.Minute},
		"of an earlier release": {Payment{StatusAt: noon.Add(-time.Hour)}, time.Hour},
		"of the first release":  {Payment{CreatedAt: noon.Add(-2 * time.Hour)}, 2 * time.Hour},
	} {
		require.Equal(t, row.want, e.statusAge(row.payment), name)
	}
}
