// Package health remembers how providers did lately, and what rules with limits let through.
//
// It hides the windows: counts in slices of time, of which the oldest falls out when a new one begins. Memory does not
// grow with traffic, and the clock comes in as a parameter. What it remembers is this process's own: another router has
// its own Book, and a restart begins anew.
package health

import (
	"maps"
	"sync"
	"time"

	"github.com/cockroachdb/apd/v3"

	"payrouter/host/routing"
)

const (
	// Window is how far back a provider is judged.
	Window = 5 * time.Minute
	// parts is into how many slices the Window is cut: what is told of it is that much coarser.
	parts = 30
	// mostNames bounds a book that is told of ever new names; the real ones come from a configuration.
	mostNames = 1_000
)

// Book is what is remembered. The zero value is an empty one. Safe for concurrent use.
type Book struct {
	mutex     sync.Mutex
	providers map[string]*history
	rules     map[string]*usage
}

// Attempt is one try at a provider that is over.
type Attempt struct {
	Provider string
	// At is when it ended.
	At time.Time
	// Took is how long the provider had it.
	Took time.Duration
	// Well: the provider did its part, whatever its answer means to the payer.
	Well bool
}

// Add remembers an attempt.
func (b *Book) Add(a Attempt) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	h := b.providers[a.Provider]
	if h == nil {
		b.providers = room(b.providers, func(h *history) bool { return h.ring.idle(a.At) })
		h = &history{ring: newRing[tries](Window, parts)}
		b.providers[a.Provider] = h
	}
	h.add(a)
}

// Record is how a provider did within the Window before now. Of a provider that made no attempt it is zero.
func (b *Book) Record(provider string, now time.Time) routing.Record {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	h := b.providers[provider]
	if h == nil {
		return routing.Record{}
	}
	return h.record(now)
}

// Used is how much a rule let through.
func (b *Book) Used(rule string, now time.Time) routing.Use {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	u := b.rules[rule]
	if u == nil {
		return routing.Use{}
	}
	return u.use(now)
}

// Take counts a payment against a rule's limits, unless it would go over one of them; then it is false, and nothing is
// counted. Any number of callers at once are let through no further than the limits.
func (b *Book) Take(rule string, limits routing.Limits, amount string, now time.Time) bool {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	u := b.rules[rule]
	if u == nil {
		b.rules = room(b.rules, func(u *usage) bool { return u.idle(now) })
		u = newUsage()
		b.rules[rule] = u
	}
	if _, why := limits.Reached(u.use(now), amount); why != "" {
		return false
	}
	u.add(now, 1, amount)
	return true
}

// GiveBack undoes a Take of the same amount at the same time: the payment was not made.
func (b *Book) GiveBack(rule, amount string, at time.Time) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if u := b.rules[rule]; u != nil {
		u.add(at, -1, amount)
	}
}

// room makes place for one more name: those of which nothing is remembered go first, and if all are in use, all.
func room[T any](names map[string]T, idle func(T) bool) map[string]T {
	if names == nil {
		return map[string]T{}
	}
	if len(names) >= mostNames {
		maps.DeleteFunc(names, func(_ string, of T) bool { return idle(of) })
	}
	if len(names) >= mostNames {
		clear(names)
	}
	return names
}

// usage is what a rule let through, in each window that it may be limited in.
type usage struct {
	minute, hour ring[int]
	day          ring[dayPart]
}

type dayPart struct {
	count  int
	amount apd.Decimal
}

func newUsage() *usage {
	return &usage{
		minute: newRing[int](time.Minute, 60), hour: newRing[int](time.Hour, 120),
		day: newRing[dayPart](24*time.Hour, 288),
	}
}

func (u *usage) idle(now time.Time) bool { return u.day.idle(now) }

func (u *usage) use(now time.Time) routing.Use {
	var use routing.Use
	for count := range u.minute.recent(now) {
		use.Minute += *count
	}
	for count := range u.hour.recent(now) {
		use.Hour += *count
	}
	var sum apd.Decimal
	for part := range u.day.recent(now) {
		use.Day += part.count
		_, _ = exactly.Add(&sum, &sum, &part.amount)
	}
	use.Amount = sum.Text('f')
	return use
}

// add counts a payment, or with by -1 takes one back. Where its slice is over, there is nothing to take back.
func (u *usage) add(at time.Time, by int, amount string) {
	count := func(r *ring[int]) {
		if slice := r.at(at, by > 0); slice != nil {
			*slice = max(*slice+by, 0)
		}
	}
	count(&u.minute)
	count(&u.hour)
	part := u.day.at(at, by > 0)
	if part == nil {
		return
	}
	part.count = max(part.count+by, 0)
	one, _, err := apd.NewFromString(amount)
	if err != nil {
		return // it is no part of a sum; Limits.Reached refuses it where there is one
	}
	if by < 0 {
		one.Negative = !one.Negative
	}
	_, _ = exactly.Add(&part.amount, &part.amount, one)
}

// exactly is wide enough that sums of amounts, of 64 digits at most, are never rounded.
//
//nolint:gochecknoglobals // a constant
var exactly = apd.Context{Precision: 200, MaxExponent: apd.MaxExponent, MinExponent: apd.MinExponent}
