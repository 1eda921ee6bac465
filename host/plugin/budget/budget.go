// Package budget decides whether CPU is left for new work, by what was used in sum: a token bucket of CPU time that is
// charged after the work, and may be overdrawn by it.
package budget

import (
	"sync"
	"time"
)

// burst is how many seconds' worth a budget saves up.
const burst = 2

// Budget is CPU time that refills at a rate, up to what two seconds bring. Work is charged when it is done, whatever is
// left, and what it overdraws is paid off before there is anything for new work. A nil Budget has no limit. It is safe
// for concurrent use.
type Budget struct {
	cpus float64

	mutex sync.Mutex
	left  float64 // in seconds; a duration would lose what frequent looks bring
	at    time.Time
}

// New makes a budget that is full. cpus, which is above 0, is how many CPUs it brings: one is a second each second.
func New(cpus float64, now time.Time) *Budget {
	return &Budget{cpus: cpus, left: burst * cpus, at: now}
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

// Charge takes what some work used.
func (b *Budget) Charge(used time.Duration, now time.Time) {
	if b == nil {
		return
	}
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.refill(now)
	b.left -= used.Seconds()
}

// refill adds what the time since the last call brought. A clock that goes back brings nothing.
func (b *Budget) refill(now time.Time) {
	elapsed := now.Sub(b.at)
	b.at = now
	if elapsed > 0 {
		b.left = min(b.left+b.cpus*elapsed.Seconds(), burst*b.cpus)
	}
}
