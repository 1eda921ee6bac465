package egress_test

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/egress"
)

func beforeIn(d time.Duration) func(context.Context, int) (time.Time, error) {
	return func(context.Context, int) (time.Time, error) { return time.Now().Add(d), nil }
}

func onceBefore(t *testing.T, c *egress.Client, body string, d time.Duration) egress.Try {
	t.Helper()
	var tries []egress.Try
	err := do(t.Context(), c, exchange{Request: post(body), Before: beforeIn(d), After: collect(&tries)})
	require.NoError(t, err)
	require.Len(t, tries, 1)
	return tries[0]
}

func TestNothingLeavesLate(t *testing.T) {
	t.Parallel()
	t.Run("late before there is a connection", func(t *testing.T) {
		t.Parallel()
		p := newProvider(t, answers(okAnswer))
		try := onceBefore(t, newClient(t, sandbox(p)), "{}", -time.Second)
		require.ErrorIs(t, try.Err, egress.ErrLate)
		require.False(t, try.Sent)
		require.Empty(t, p.seen())
	})
	// The router is paused after the connection stands, right before the write: on a new connection and on a warm one.
	for _, warm := range []bool{false, true} {
		t.Run(map[bool]string{false: "paused on a new connection", true: "paused on a warm connection"}[warm],
			func(t *testing.T) {
				t.Parallel()
				p := newProvider(t, answers(okAnswer))
				var paused, slept atomic.Bool
				s := sandbox(p)
				s.Now = func() time.Time {
					if slept.Load() {
						return time.Now().Add(time.Hour)
					}
					return time.Now()
				}
				c, err := egress.NewWithDial(s, func(ctx context.Context, network, address string) (net.Conn, error) {
					raw, err := (&net.Dialer{}).DialContext(ctx, network, address)
					return &pausing{raw, &paused, &slept}, err
				})
				require.NoError(t, err)
				t.Cleanup(c.Close)
				if warm {
					require.NoError(t, once(t, c, post("warm")).Err)
				}
				seen := len(p.seen())
				paused.Store(true)
				try := onceBefore(t, c, "{}", time.Minute)
				require.ErrorIs(t, try.Err, egress.ErrLate)
				require.False(t, try.Sent)
				require.Len(t, p.seen(), seen)
			})
	}
	t.Run("a slow write is cut off", func(t *testing.T) {
		t.Parallel()
		release := make(chan struct{})
		p := newProvider(t, func(*visit) { <-release })
		t.Cleanup(func() { close(release) })
		try := onceBefore(t, newClient(t, sandbox(p)), string(make([]byte, 16<<20)), time.Second)
		require.ErrorIs(t, try.Err, egress.ErrLate)
		require.True(t, try.Sent, "a part of it left")
		require.Less(t, try.Finished.Sub(try.Started), 9*time.Second)
	})
}

// pausing lets the clock jump when a request is about to be written.
type pausing struct {
	net.Conn
	paused, slept *atomic.Bool
}

func (c *pausing) SetWriteDeadline(at time.Time) error {
	if c.paused.Load() {
		c.slept.Store(true)
	}
	return c.Conn.SetWriteDeadline(at)
}
