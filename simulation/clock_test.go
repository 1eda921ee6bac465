package simulation

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// clock is the router's. Its wall clock can be set; what passes on the monotonic clock is the bubble's, as on a machine whose clock
// somebody sets.
type clock struct {
	// ahead is by how many seconds the wall clock is wrong.
	ahead atomic.Int64
}

// layout is a time.Time with a monotonic reading, of which package time knows no way to say that its wall clock is another: the first word has
// a bit that says so, the seconds since 1885, and 30 bits of nanoseconds.
type layout struct {
	wall      uint64
	monotonic int64
	location  *time.Location
}

const (
	hasMonotonic   = 1 << 63
	nanosecondBits = 30
)

// now has both readings; the bubble's own time has a wall clock only.
func (c *clock) now() time.Time {
	epoch := time.Date(1885, time.January, 1, 0, 0, 0, 0, time.UTC)
	wall := time.Now().Add(time.Duration(c.ahead.Load()) * time.Second)
	seconds := uint64(wall.Unix() - epoch.Unix())
	both := layout{hasMonotonic | seconds<<nanosecondBits | uint64(wall.Nanosecond()), int64(time.Since(epoch)), time.Local}
	return *(*time.Time)(unsafe.Pointer(&both))
}

// wall is what the router's wall clock shows.
func (c *clock) wall() time.Time { return c.now().Round(0) }

// until is when the bubble's clock will stand where the router's wall clock shows a time, if nobody sets it before.
func (c *clock) until(t time.Time) time.Time {
	return t.Add(-time.Duration(c.ahead.Load()) * time.Second)
}

func (c *clock) jump(by time.Duration) { c.ahead.Add(int64(by / time.Second)) }

func TestAClockThatIsSetKeepsItsMonotonicReading(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &clock{}
		before := c.now()
		c.jump(-time.Hour)
		time.Sleep(time.Second)
		after := c.now()
		require.Equal(t, time.Second, after.Sub(before))
		require.Equal(t, time.Second-time.Hour, after.Round(0).Sub(before.Round(0)))
		require.Equal(t, time.Now().Add(-time.Hour).UTC(), c.wall().UTC())
	})
}
