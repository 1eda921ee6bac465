package main

import (
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"time"
	"unsafe"
)

// clockOffsetVariable names a file with the error of the router's wall clock, for tests of clocks that are set: "72h"
// is three days ahead, "-1h" is an hour behind. The file may change while the router runs. The monotonic clock is not
// affected.
const clockOffsetVariable = "ROUTER_CLOCK_OFFSET_FILE"

// clockOffsetEvery is how often the file is read.
const clockOffsetEvery = 50 * time.Millisecond

// withClock is h with the clock that the environment asks for.
func withClock(h *host) (*host, error) {
	now, err := armClock(h.environ, h.now)
	if err != nil {
		return nil, err
	}
	set := *h
	set.now = now
	return &set, nil
}

// armClock gives the clock that the environment asks for: now, where it names no file.
func armClock(environ []string, now func() time.Time) (func() time.Time, error) {
	file := variable(environ, clockOffsetVariable)
	if file == "" {
		return now, nil
	}
	clock := &wrongClock{file: file, right: now, began: now()}
	offset, err := clock.read()
	if err != nil {
		return nil, err
	}
	clock.offset.Store(int64(offset))
	return clock.now, nil
}

// wrongClock is a clock whose wall reading has the error in a file. It is safe for concurrent use.
type wrongClock struct {
	file   string
	right  func() time.Time
	began  time.Time
	offset atomic.Int64
	// readAt is when the file was read last, in nanoseconds since began.
	readAt atomic.Int64
}

func (c *wrongClock) read() (time.Duration, error) {
	text, err := os.ReadFile(c.file)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", clockOffsetVariable, err)
	}
	offset, err := time.ParseDuration(strings.TrimSpace(string(text)))
	if err != nil {
		return 0, fmt.Errorf("%s: %s holds %q: want a duration such as 72h", clockOffsetVariable, c.file, text)
	}
	return offset.Truncate(time.Second), nil
}

// now reads the file again where that is due. What cannot be read changes nothing.
func (c *wrongClock) now() time.Time {
	at := c.right()
	since, last := int64(at.Sub(c.began)), c.readAt.Load()
	if since-last >= int64(clockOffsetEvery) && c.readAt.CompareAndSwap(last, since) {
		if offset, err := c.read(); err == nil {
			c.offset.Store(int64(offset))
		}
	}
	return setWall(at, time.Duration(c.offset.Load()))
}

// timeLayout is a time.Time with a monotonic reading: a bit that marks the reading, the seconds since 1885, and 30 bits
// of nanoseconds. Package time has no way to change the wall reading alone.
type timeLayout struct {
	wall      uint64
	monotonic int64
	location  *time.Location
}

const (
	timeHasMonotonic   = 1 << 63
	timeNanosecondBits = 30
)

// setWall moves a time's wall reading by whole seconds, and leaves its monotonic reading.
func setWall(t time.Time, by time.Duration) time.Time {
	both := (*timeLayout)(unsafe.Pointer(&t)) //nolint:gosec // G103: see timeLayout
	if both.wall&timeHasMonotonic == 0 {
		return t.Add(by)
	}
	both.wall += uint64(by/time.Second) << timeNanosecondBits //nolint:gosec // G115: two's complement subtracts
	return t
}
