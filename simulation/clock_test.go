package simulation

import (
	"sync/atomic"
	"time"
	"unsafe"
)

// clock is the router's. Its wall clock can be set; what passes on the monotonic clock is the bubble's, as on a machine whose clock
// somebody sets.
type clock struct {
	// ahead is by how many seconds the wall clock is wrong.
	ahead atomic.Int64
}

// now has both readings, of which only the wall clock's is shifted. Package time knows no way to say so: a time with a monotonic reading keeps
// the seconds of its wall clock above the 30 bits of nanoseconds in its first word.
func (c *clock) now() time.Time {
	const nanosecondBits = 30
	t := time.Now()
	word := (*uint64)(unsafe.Pointer(&t))
	*word += uint64(c.ahead.Load()) << nanosecondBits
	return t
}

// wall is what the router's wall clock shows.
func (c *clock) wall() time.Time { return c.now().Round(0) }

// until is when the bubble's clock will stand where the router's wall clock shows a time, if nobody sets it before.
func (c *clock) until(t time.Time) time.Time {
	return t.Add(-time.Duration(c.ahead.Load()) * time.Second)
}

func (c *clock) jump(by time.Duration) { c.ahead.Add(int64(by / time.Second)) }
