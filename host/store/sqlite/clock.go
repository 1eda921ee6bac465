package sqlite

import (
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"payrouter/host/store"
)

const (
	// longestStop is how much of a stop counts, at most: while the router stops there is only the wall clock, and that
	// may be wrong.
	longestStop = time.Hour
	// jumpTolerance is how far the wall clock may depart from the monotonic one before that is a jump.
	jumpTolerance = time.Minute
	// sampleEvery is how often the wall clock is compared with the monotonic one, at least.
	sampleEvery = time.Second
	// persistEvery is how much of the clock a crash of an idle router may lose.
	persistEvery = time.Minute
)

// clock is the journal's own. It advances by the monotonic clock while the journal is open, and by at most longestStop
// over a stop. Lifetimes count in it, so that a wrong wall clock ends none. It is safe for concurrent use.
type clock struct {
	now func() time.Time
	log *slog.Logger

	mutex sync.Mutex
	// shown is what the clock showed at read.
	shown time.Duration
	read  time.Time
	// anchor is what the wall clock is compared with.
	anchor time.Time
	// last is the last jump, and unwritten are those that are not in the journal yet.
	last      *store.ClockJump
	unwritten []time.Duration
}

// moment is one reading of a clock.
type moment struct {
	clock time.Duration
	wall  time.Time
	// jumps are those of the wall clock that are not in the journal yet, in their order.
	jumps []time.Duration
}

func (m moment) ms() int64 { return m.clock.Milliseconds() }

// startClock goes on from what a journal shows. wall is when it was written last, by the wall clock; zero for a new
// one.
func startClock(now func() time.Time, log *slog.Logger, shown time.Duration, wall time.Time) *clock {
	at := now()
	c := &clock{now: now, log: log, shown: shown, read: at, anchor: at}
	if wall.IsZero() {
		return c
	}
	stopped := at.Round(0).Sub(wall)
	c.shown += min(max(stopped, 0), longestStop)
	if stopped <= -jumpTolerance {
		c.jump(at, stopped)
	}
	return c
}

// moment reads the clock, and compares the wall clock with the monotonic one.
func (c *clock) moment() moment {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	at := c.now()
	c.shown += max(at.Sub(c.read), 0)
	c.read = at
	if skew := at.Round(0).Sub(c.anchor.Round(0)) - at.Sub(c.anchor); skew.Abs() >= jumpTolerance {
		c.jump(at, skew)
		c.anchor = at
	}
	return moment{clock: c.shown, wall: at.Round(0).UTC(), jumps: slices.Clone(c.unwritten)}
}

func (c *clock) jump(at time.Time, by time.Duration) {
	c.log.Error(jumpText(by)+": look at what sets it; lifetimes count in the journal's own clock",
		slog.Duration("by", by), slog.Time("wall", at))
	c.last = &store.ClockJump{At: at.Round(0).UTC(), By: by}
	c.unwritten = append(c.unwritten, by)
}

// written records that a moment's jumps are in the journal.
func (c *clock) written(m moment) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.unwritten = c.unwritten[len(m.jumps):]
}

func (c *clock) lastJump() *store.ClockJump {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.last
}

func jumpText(by time.Duration) string {
	if by < 0 {
		return fmt.Sprintf("the wall clock was set back by %s", (-by).Round(time.Second))
	}
	return fmt.Sprintf("the wall clock was set ahead by %s", by.Round(time.Second))
}

// After the wall clock was set back, what was scheduled by the clock that was ahead is due at once: it would wait for
// as long as that was ahead. Payments need none of it: see listStranded.
const (
	wakeCallbacks  = `UPDATE callback SET due = ?1 WHERE due > ?1`
	wakeDeliveries = `UPDATE webhook_delivery SET due = ?1 WHERE state = 'pending' AND due > ?1`
	wakeEndpoints  = `UPDATE webhook_endpoint SET held_until = NULL WHERE held_until > ?1`
)

// jumped writes a jump of the wall clock down, and mends schedules.
func (t transaction) jumped(by time.Duration) error {
	m := t.batch.moment
	if err := t.note(store.ClockJumped, "", jumpText(by)); err != nil {
		return err
	}
	if by > 0 {
		return nil
	}
	for _, wake := range []string{wakeCallbacks, wakeDeliveries, wakeEndpoints} {
		if _, err := t.exec(wake, textOf(m.wall)); err != nil {
			return err
		}
	}
	return nil
}
