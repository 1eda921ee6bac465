package egress

import (
	"context"
	"sync"
	"time"
)

// How long a request waits for its account's rate at most, by lane. A new payment has another account to go to.
const (
	sendPatience = time.Second
	askPatience  = 5 * time.Second
)

// slowLookups is the gap between two look-ups at an account that is paused or suspended.
const slowLookups = time.Second

func (l Lane) patience() time.Duration {
	if l == LaneSend {
		return sendPatience
	}
	return askPatience
}

// gap is the shortest time between two requests of a lane at so many a second. Look-ups take half of an account's rate
// at most, reads a quarter, so that neither starves payments.
func (l Lane) gap(perSecond int, slow bool) time.Duration {
	var gap time.Duration
	if perSecond > 0 {
		switch l {
		case LaneLookup:
			gap = 2 * time.Second / time.Duration(perSecond)
		case LaneRead:
			gap = 4 * time.Second / time.Duration(perSecond)
		case LaneSend:
		}
	}
	if slow && l == LaneLookup {
		gap = max(gap, slowLookups)
	}
	return gap
}

// pace keeps an account's requests below a number a second: in no second there are more. Safe for concurrent use.
type pace struct {
	mutex sync.Mutex
	// slots are when requests leave: those of the last second, and those that wait, in their order.
	slots []time.Time
	// next is when each lane may have its next slot.
	next [LaneRead + 1]time.Time
}

// wait returns when a request may leave, or a *HeldError where that would take longer than its lane waits, or the
// context's error.
func (p *pace) wait(ctx context.Context, x *Exchange, s *Settings, slow bool) error {
	for _, reserve := range []func(now time.Time) (time.Duration, bool){
		func(now time.Time) (time.Duration, bool) { return p.reserveLane(now, x.Lane, s.PerSecond, slow) },
		func(now time.Time) (time.Duration, bool) { return p.reserve(now, s.PerSecond, x.Lane.patience()) },
	} {
		wait, ok := reserve(s.Now())
		if !ok {
			return &HeldError{Provider: s.Provider, Kind: HeldRate, Limit: s.PerSecond}
		}
		if wait <= 0 {
			continue
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
	return nil
}

// reserveLane takes a lane's next slot within its own part of the rate.
func (p *pace) reserveLane(now time.Time, lane Lane, perSecond int, slow bool) (time.Duration, bool) {
	gap := lane.gap(perSecond, slow)
	if gap == 0 {
		return 0, true
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	at := p.next[lane]
	if at.Before(now) {
		at = now
	}
	if at.Sub(now) > lane.patience() {
		return 0, false
	}
	p.next[lane] = at.Add(gap)
	return at.Sub(now), true
}

// reserve takes the next slot of the account's rate.
func (p *pace) reserve(now time.Time, perSecond int, patience time.Duration) (time.Duration, bool) {
	if perSecond == 0 {
		return 0, true
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	at := p.freeLocked(now, perSecond)
	if at.Sub(now) > patience {
		return 0, false
	}
	p.slots = append(p.slots, at)
	return at.Sub(now), true
}

// freeLocked is when the next request may leave: a second after the one that so many others came after.
func (p *pace) freeLocked(now time.Time, perSecond int) time.Time {
	past := 0
	for past < len(p.slots) && now.Sub(p.slots[past]) >= time.Second {
		past++
	}
	p.slots = append(p.slots[:0], p.slots[past:]...)
	at := now
	if n := len(p.slots); n > 0 && p.slots[n-1].After(at) {
		at = p.slots[n-1]
	}
	if n := len(p.slots); n >= perSecond {
		if free := p.slots[n-perSecond].Add(time.Second); free.After(at) {
			at = free
		}
	}
	return at
}

// full tells that a request of a lane would not get a slot now.
func (p *pace) full(now time.Time, lane Lane, perSecond int) bool {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.next[lane].Sub(now) > lane.patience() {
		return true
	}
	return perSecond > 0 && p.freeLocked(now, perSecond).Sub(now) > lane.patience()
}
