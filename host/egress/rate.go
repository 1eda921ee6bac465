package egress

import (
	"context"
	"sync"
	"time"

	xrate "golang.org/x/time/rate"
)

// How long a request waits for its account's rate at most, by lane. A new payment has another account to go to.
const (
	maxSendWait   = time.Second
	maxLookupWait = 5 * time.Second
)

// slowLookups is the time between two look-ups at an account that is paused or suspended.
const slowLookups = time.Second

func (l Lane) maxWait() time.Duration {
	if l == LaneSend {
		return maxSendWait
	}
	return maxLookupWait
}

// gap is the shortest time between two requests of a lane at so many a second; 0 sets none. Look-ups take half of an
// account's rate at most, reads a quarter, so that neither starves payments.
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

// rate keeps an account's requests to a number in any second, and each lane's at its own distance. A token bucket
// spaces the lanes; it cannot bound the account, since it lets twice its burst through within a second. The zero value
// is ready. Safe for concurrent use.
type rate struct {
	mutex sync.Mutex
	// slots are when requests leave: those of the last second, and those that wait, in their order.
	slots []time.Time
	// lanes are token buckets of one token.
	lanes [LaneRead + 1]*xrate.Limiter
}

// wait blocks until a request may leave. Its error is a *HeldError where that would take longer than the lane waits,
// else the context's.
func (r *rate) wait(ctx context.Context, x *Exchange, s *Settings, slow bool) error {
	for _, reserve := range []func(now time.Time) (time.Duration, bool){
		func(now time.Time) (time.Duration, bool) {
			return r.reserveLane(now, x.Lane, x.Lane.gap(s.PerSecond, slow))
		},
		func(now time.Time) (time.Duration, bool) { return r.reserve(now, s.PerSecond, x.Lane.maxWait()) },
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
func (r *rate) reserveLane(now time.Time, lane Lane, gap time.Duration) (time.Duration, bool) {
	if gap == 0 {
		return 0, true
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.lanes[lane] == nil {
		r.lanes[lane] = xrate.NewLimiter(xrate.Every(gap), 1)
	}
	r.lanes[lane].SetLimitAt(now, xrate.Every(gap))
	slot := r.lanes[lane].ReserveN(now, 1)
	wait := slot.DelayFrom(now)
	if wait > lane.maxWait() {
		slot.CancelAt(now)
		return 0, false
	}
	return wait, true
}

// reserve takes the next slot of the account's rate.
func (r *rate) reserve(now time.Time, perSecond int, maxWait time.Duration) (time.Duration, bool) {
	if perSecond == 0 {
		return 0, true
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	at := r.freeLocked(now, perSecond)
	if at.Sub(now) > maxWait {
		return 0, false
	}
	r.slots = append(r.slots, at)
	return at.Sub(now), true
}

// freeLocked is when the next request may leave: a second after the request that is perSecond before it.
func (r *rate) freeLocked(now time.Time, perSecond int) time.Time {
	past := 0
	for past < len(r.slots) && now.Sub(r.slots[past]) >= time.Second {
		past++
	}
	r.slots = append(r.slots[:0], r.slots[past:]...)
	at := now
	if n := len(r.slots); n > 0 && r.slots[n-1].After(at) {
		at = r.slots[n-1]
	}
	if n := len(r.slots); n >= perSecond {
		if free := r.slots[n-perSecond].Add(time.Second); free.After(at) {
			at = free
		}
	}
	return at
}

// full reports whether a request of a lane would wait too long now.
func (r *rate) full(now time.Time, lane Lane, perSecond int) bool {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if bucket := r.lanes[lane]; bucket != nil {
		wait := (1 - bucket.TokensAt(now)) / float64(bucket.Limit())
		if wait > lane.maxWait().Seconds() {
			return true
		}
	}
	return perSecond > 0 && r.freeLocked(now, perSecond).Sub(now) > lane.maxWait()
}
