package chaos

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"time"
)

// sendWithin is the fence that the router under test runs with: a request that was journalled longer ago does not
// leave.
const sendWithin = 1500 * time.Millisecond

// counts are what was done to the router.
type counts struct {
	mutex   sync.Mutex
	crashes map[string]int
	stops   map[string]int
	drains  int
	clocks  map[string]int
}

// The clocks that are wrong.
const (
	daysAhead  = "clock days ahead"
	daysBehind = "clock days behind"
)

func (c *counts) clock(how string) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.clocks == nil {
		c.clocks = map[string]int{}
	}
	c.clocks[how]++
}

// wrongClocks are how often the clock was wrong, with 0 for what has to be and was not.
func (c *counts) wrongClocks(long bool) map[string]int {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	struck := map[string]int{}
	if long {
		struck[daysAhead], struck[daysBehind] = 0, 0
	}
	maps.Copy(struck, c.clocks)
	return struck
}

func (c *counts) crash(at string) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.crashes == nil {
		c.crashes = map[string]int{}
	}
	c.crashes[at]++
}

func (c *counts) stop(at string) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.stops == nil {
		c.stops = map[string]int{}
	}
	c.stops[at]++
}

func (c *counts) drain() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.drains++
}

func (c *counts) kills() int {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	sum := 0
	for _, n := range c.crashes {
		sum += n
	}
	return sum
}

// moments are armed in one life of the router after the other, in this order; "kill" ends it there, "pause" lets it be
// stopped there for longer than its fence.
//
//nolint:gochecknoglobals // a table
var moments = []struct{ at, how string }{
	{"journalled", "kill"},
	{"sent", "kill"},
	{"settled", "kill"},
	{"webhook", "kill"},
	{"journalled", "pause"},
	{"sent", "pause"},
}

// troubles come at any moment, in this order.
//
//nolint:gochecknoglobals // a table
var troubles = []string{"kill", "stop", "clock", "kill", "tail", "drain", "kill", "clock", "kill"}

// crasher troubles the router until its kills are done, and leaves it running.
type crasher struct {
	*run

	dice     *rand.Rand
	began    time.Time
	interval time.Duration
	lives    int
	next     int
	// strays are how often the clock was set wrong, and rightAt is when it is put right; zero while it is right.
	strays  int
	rightAt time.Time
	// kept: there is a copy of the journal to put back.
	kept bool
}

func (r *run) crash(ctx context.Context) error {
	c := &crasher{
		run: r, dice: r.dice(4), began: time.Now(),
		interval: r.span() / time.Duration(max(r.settings.Kills, 1)),
	}
	for r.counts.kills() < r.settings.Kills && ctx.Err() == nil {
		if err := c.trouble(ctx); err != nil {
			return err
		}
	}
	return c.router.setClock(0)
}

// stray sets the router's wall clock wrong by days, in turn ahead and behind, until some seconds later.
func (c *crasher) stray() error {
	by, how := time.Duration(24+c.dice.IntN(29*24))*time.Hour, daysAhead
	if c.strays%2 == 1 {
		by, how = -by, daysBehind
	}
	c.strays++
	c.counts.clock(how)
	c.rightAt = time.Now().Add(time.Duration(500+c.dice.IntN(4000)) * time.Millisecond)
	return c.router.setClock(by)
}

// trouble waits for an armed moment, or until the next trouble is due, whichever is first. Kills are spread over the
// orders.
func (c *crasher) trouble(ctx context.Context) error {
	due := c.began.Add(time.Duration(float64(c.interval) * (float64(c.counts.kills()) + c.dice.Float64())))
	timer := time.NewTimer(max(time.Until(due), time.Duration(50+c.dice.IntN(300))*time.Millisecond))
	defer timer.Stop()
	if !c.rightAt.IsZero() && time.Now().After(c.rightAt) {
		c.rightAt = time.Time{}
		if err := c.router.setClock(0); err != nil {
			return err
		}
	}
	life := c.router.life()
	select {
	case <-ctx.Done():
		return nil
	case <-life.Ended():
		c.counts.crash(life.armed)
		return c.restart(ctx)
	case at := <-life.paused:
		c.counts.stop(at)
		life.Pause(ctx, sendWithin+500*time.Millisecond)
		return nil
	case <-timer.C:
	}
	return c.atAnyMoment(ctx)
}

func (c *crasher) atAnyMoment(ctx context.Context) error {
	trouble := troubles[c.next%len(troubles)]
	c.next++
	if !c.settings.with(trouble) {
		return nil
	}
	switch trouble {
	case "stop":
		c.counts.stop("any moment")
		c.router.life().Pause(ctx, time.Duration(50+c.dice.IntN(700))*time.Millisecond)
		return nil
	case "clock":
		return c.stray()
	case "tail":
		if c.kept {
			return c.loseTail(ctx)
		}
		c.counts.crash("any moment")
		c.router.kill()
	case "drain":
		c.counts.drain()
		c.router.life().Terminate()
	default:
		c.counts.crash("any moment")
		c.router.kill()
	}
	return c.restart(ctx)
}

func (c *crasher) restart(ctx context.Context) error {
	if err := c.keep(); err != nil {
		return err
	}
	c.lives++
	if ctx.Err() != nil || c.counts.kills() >= c.settings.Kills {
		return c.router.start(ctx, "", "")
	}
	moment := moments[(c.lives-1)%len(moments)]
	// About as often as not the moment comes before the next trouble is due.
	count := 1 + c.dice.IntN(max(4, int(c.settings.Rate*c.interval.Seconds()/2)))
	return c.router.start(ctx, moment.at, fmt.Sprintf("%s:%d:%s", moment.at, count, moment.how))
}
