// Package budget decides whether CPU is left for new work, by the fuel that was used in sum: a token bucket of fuel per
// second that is charged after the work, and may be overdrawn by it.
package budget

import (
	"sync"
	"time"
)

// burst is how many seconds of fuel a budget saves up.
const burst = 2

// Budget is fuel that refills at a rate, up to what two seconds bring. Work is charged when it is done, whatever is
// left, and what it overdraws is paid off before there is anything for new work. A nil Budget has no limit. It is safe
// for concurrent use.
type Budget struct {
	rate int64

	mutex sync.Mutex
	left  int64
	at    time.Time
}

// New makes a budget that is full. perSecond is positive.
func New(perSecond int64, now time.Time) *Budget {
	return &Budget{rate: perSecond, left: burst * perSecond, at: now}
}

// Spent reports whether nothing is left for new work.
func (b *Budget) Spent(now time.Time) bool {
	if b == nil {
		return false
	}
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.refill(now)
	return b.left <= 0
}

// Charge takes the fuel that some work used.
func (b *Budget) Charge(fuel int64, now time.Time) {
	if b == nil {
		return
	}
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.refill(now)
	b.left -= fuel
}

// refill adds what the time since the last call brought. A clock that goes back brings nothing.
func (b *Budget) refill(now time.Time) {
	elapsed := now.Sub(b.at)
	b.at = now
	if elapsed <= 0 {
		return
	}
	most := burst * b.rate
	if missing := float64(most - b.left); elapsed.Seconds()*float64(b.rate) >= missing {
		b.left = most
		return
	}
	// What is less than one unit is kept for the next time.
	brought := int64(elapsed.Seconds() * float64(b.rate))
	b.left += brought
	b.at = now.Add(time.Duration(float64(brought)/float64(b.rate)*float64(time.Second)) - elapsed)
}
