package attempt

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestFirstSendGoesByTheOlderOfBothClocks(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	const (
		clock  = 100 * time.Hour
		recent = 5 * time.Second
		old    = time.Minute
	)
	for _, row := range []struct {
		what      string
		made      time.Time
		madeClock time.Duration
		attempts  []Attempt
		doubtful  bool
		want      firstSend
	}{
		{"made a moment ago", now.Add(-recent), clock - recent, nil, false, SendNow},
		{"made long ago", now.Add(-old), clock - old, nil, false, TooLate},
		{"the wall clock was set back", now.Add(-recent), clock - old, nil, false, TooLate},
		{"the wall clock was set ahead", now.Add(-old), clock - recent, nil, false, TooLate},
		{"the wall clock was ahead when it was made", now.Add(old), clock - recent, nil, false, TooLate},
		{"made by a release without a journal's clock", now.Add(-recent), 0, nil, false, SendNow},
		{
			"made long ago, and asked a moment ago", now.Add(-old), clock - old,
			[]Attempt{{StartedAt: now.Add(-recent), StartedClock: clock - recent}},
			false, SendNow,
		},
		{
			"asked long ago by the journal's clock", now.Add(-old), clock - old,
			[]Attempt{{StartedAt: now.Add(-recent), StartedClock: clock - old}},
			false, TooLate,
		},
		{"the journal may be behind", now.Add(-recent), clock - recent, nil, true, Doubted},
	} {
		driver := NewDriver(nil, Settings{
			SendWithin: 10 * time.Second,
			Now:        func() time.Time { return now },
			Clock:      func() time.Duration { return clock },
			Doubtful:   func(time.Duration) bool { return row.doubtful },
		})
		require.Equal(t, row.want, driver.FirstSend(row.madeClock, row.made, row.madeClock, row.attempts), row.what)
	}
}
