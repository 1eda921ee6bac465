package egress

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Both clocks bound a request: the wall clock runs on while a machine sleeps, the monotonic one when the other is set
// back.
func TestDeadlinePassesByEitherClock(t *testing.T) {
	t.Parallel()
	start := time.Now()
	wall := func(d time.Duration) time.Time { return start.Round(0).Add(d) }
	for name, test := range map[string]struct {
		at, now time.Time
		passed  bool
	}{
		"in time":                               {start.Add(time.Minute), start.Add(time.Second), false},
		"in time, from the journal":             {wall(time.Minute), start.Add(time.Second), false},
		"to the moment":                         {start.Add(time.Minute), start.Add(time.Minute), true},
		"by both":                               {start.Add(time.Minute), start.Add(time.Hour), true},
		"by both, from the journal":             {wall(time.Minute), start.Add(time.Hour), true},
		"by the wall clock alone: slept":        {start.Add(time.Minute), wall(time.Hour), true},
		"by the monotonic clock: not in time":   {start.Add(-time.Second), start, true},
		"no limit":                              {time.Time{}, start.Add(1000 * time.Hour), false},
		"before it is given, from the journal":  {wall(-time.Second), start, true},
		"in time by a clock without monotonics": {wall(time.Minute), wall(time.Second), false},
	} {
		require.Equal(t, test.passed, newDeadline(test.at, start).passed(test.now), name)
	}
}

// A moment from the journal has no monotonic reading. When the wall clock is set back, the time that has really passed
// still counts; Go has no way to make such a reading, so it is put together here.
func TestDeadlineHoldsWhenTheWallClockIsSetBack(t *testing.T) {
	t.Parallel()
	start := time.Now()
	d := newDeadline(start.Round(0).Add(time.Minute), start)
	require.False(t, d.passed(start.Add(59*time.Second)))
	setBack := deadline{at: d.at.Add(time.Hour), mono: d.mono} // as seen by a wall clock an hour behind
	require.True(t, setBack.passed(start.Add(61*time.Second)))
}

// The monotonic clock stands still while a machine sleeps, and the wall clock does not.
func TestDeadlineHoldsWhenTheMachineSlept(t *testing.T) {
	t.Parallel()
	start := time.Now()
	d := newDeadline(start.Round(0).Add(time.Minute), start)
	slept := deadline{at: d.at.Add(-time.Hour), mono: d.mono} // as seen by a wall clock an hour on
	require.True(t, slept.passed(start.Add(time.Second)))
}

func held(t *testing.T) (mine *conn, theirs net.Conn) {
	t.Helper()
	a, b := net.Pipe()
	t.Cleanup(func() { _, _ = a.Close(), b.Close() })
	go func() { _, _ = io.Copy(io.Discard, b) }()
	return &conn{Conn: a}, b
}

func newPermit() *permit { return &permit{now: time.Now, room: 100, until: deadline{none: true}} }

func TestPermit(t *testing.T) {
	t.Parallel()
	t.Run("nothing is written without one", func(t *testing.T) {
		t.Parallel()
		c, _ := held(t)
		_, err := c.Write([]byte("x"))
		require.ErrorIs(t, err, errNoPermit)
	})
	t.Run("nothing is written after the try", func(t *testing.T) {
		t.Parallel()
		c, _ := held(t)
		p := newPermit()
		p.grant(c)
		lease := c.lease.Load()
		require.Zero(t, p.revoke().writes)
		_, err := c.Write([]byte("x"))
		require.ErrorIs(t, err, errNoPermit)
		c.lease.Store(lease) // a write that had begun
		_, err = c.Write([]byte("x"))
		require.ErrorIs(t, err, errRevoked)
	})
	t.Run("a second connection only while the first has written nothing", func(t *testing.T) {
		t.Parallel()
		one, _ := held(t)
		two, _ := held(t)
		three, _ := held(t)
		p := newPermit()
		p.grant(one)
		p.grant(two)
		_, err := two.Write([]byte("x"))
		require.NoError(t, err)
		p.grant(three)
		_, err = three.Write([]byte("x"))
		require.ErrorIs(t, err, errSecondWrite)
		require.Equal(t, 1, p.revoke().writes)
	})
	t.Run("a refused connection serves the next try", func(t *testing.T) {
		t.Parallel()
		one, _ := held(t)
		two, _ := held(t)
		p := newPermit()
		p.grant(one)
		_, err := one.Write([]byte("x"))
		require.NoError(t, err)
		p.grant(two)
		newPermit().grant(two)
		_, err = two.Write([]byte("x"))
		require.NoError(t, err)
	})
	t.Run("as many as it takes where it may be resent", func(t *testing.T) {
		t.Parallel()
		p := newPermit()
		p.resend = true
		for range 3 {
			c, _ := held(t)
			p.grant(c)
			_, err := c.Write([]byte("x"))
			require.NoError(t, err)
		}
		require.Equal(t, 3, p.revoke().writes)
	})
	t.Run("a write under way counts", func(t *testing.T) {
		t.Parallel()
		a, b := net.Pipe()
		c := &conn{Conn: a}
		p := newPermit()
		p.grant(c)
		done := make(chan error)
		go func() {
			_, err := c.Write([]byte("xy"))
			done <- err
		}()
		_, err := b.Read(make([]byte, 1)) // half of it
		require.NoError(t, err)
		require.Equal(t, 1, p.revoke().writes)
		require.NoError(t, b.Close())
		require.Error(t, <-done)
		require.NoError(t, a.Close())
	})
	t.Run("what was there before the request is no answer to it", func(t *testing.T) {
		t.Parallel()
		c, _ := held(t)
		p := newPermit()
		p.grant(c)
		require.False(t, p.revoke().answered())
		p = newPermit()
		p.grant(c)
		_, err := c.Write([]byte("x"))
		require.NoError(t, err)
		require.False(t, p.revoke().answered(), "it came out of a buffer: nothing was heard since")
	})
	t.Run("nothing is heard before the request", func(t *testing.T) {
		t.Parallel()
		c, theirs := held(t)
		go func() { _, _ = theirs.Write([]byte("early")) }()
		newPermit().grant(c)
		_, err := c.Read(make([]byte, 9))
		require.ErrorIs(t, err, errUnasked)
	})
	t.Run("a write deadline does not outlive its try", func(t *testing.T) {
		t.Parallel()
		inner := &deadlines{}
		c := &conn{Conn: inner}
		p := newPermit()
		p.until = newDeadline(time.Now().Add(time.Minute), time.Now())
		p.grant(c)
		p.revoke()
		require.WithinDuration(t, time.Now().Add(time.Minute), inner.last, time.Minute/2)
		newPermit().grant(c)
		require.True(t, inner.last.IsZero())
	})
	t.Run("too much is not heard", func(t *testing.T) {
		t.Parallel()
		c, theirs := held(t)
		p := newPermit()
		p.room = 3
		p.grant(c)
		_, err := c.Write([]byte("x"))
		require.NoError(t, err)
		go func() { _, _ = theirs.Write([]byte("four")) }()
		_, err = c.Read(make([]byte, 9))
		require.ErrorIs(t, err, ErrTooLarge)
	})
}

// deadlines remembers the last write deadline.
type deadlines struct {
	net.Conn
	last time.Time
}

func (d *deadlines) SetWriteDeadline(at time.Time) error { d.last = at; return nil }
