// Package clocktest hides how a test sets the wall clock while the monotonic clock goes on, as when a machine's clock
// is set.
package clocktest

import (
	"sync/atomic"
	"time"
	"unsafe"
)

// Clock is a clock whose wall reading a test sets. Its monotonic reading is the process's, or that of the test's
// bubble. The zero value shows the right time. It is safe for concurrent use.
type Clock struct {
	// ahead is by how many seconds the wall clock is wrong.
	ahead atomic.Int64
}

// layout is a time.Time with a monotonic reading. Package time has no way to change only the wall reading. The first
// word has a bit that marks a monotonic reading, the seconds since 1885, and 30 bits of nanoseconds.
type layout struct {
	wall      uint64
	monotonic int64
	location  *time.Location
}

const (
	hasMonotonic   = 1 << 63
	nanosecondBits = 30
)

// Now has both readings, also in a bubble of testing/synctest, whose own times have a wall reading only.
func (c *Clock) Now() time.Time {
	now := time.Now()
	both := (*layout)(unsafe.Pointer(&now))
	if both.wall&hasMonotonic == 0 {
		epoch := time.Date(1885, time.January, 1, 0, 0, 0, 0, time.UTC)
		seconds := uint64(now.Unix() - epoch.Unix())
		both = &layout{
			hasMonotonic | seconds<<nanosecondBits | uint64(now.Nanosecond()), int64(now.Sub(epoch)),
			time.Local,
		}
	}
	both.wall += uint64(c.ahead.Load()) << nanosecondBits // two's complement subtracts
	return *(*time.Time)(unsafe.Pointer(both))
}

// Wall is what the wall clock shows.
func (c *Clock) Wall() time.Time { return c.Now().Round(0) }

// Jump sets the wall clock ahead, or back, by whole seconds.
func (c *Clock) Jump(by time.Duration) { c.ahead.Add(int64(by / time.Second)) }

// Ahead is by how much the wall clock is ahead of the right time.
func (c *Clock) Ahead() time.Duration { return time.Duration(c.ahead.Load()) * time.Second }
