// Package health has statistics of providers' recent results, and of what rules with limits let through.
//
// It hides the windows: counts in slices of time, of which the oldest drops out when a new one begins. Memory does not
// grow with traffic, and the clock is a parameter. Statistics are a process's own: another router has others, and a
// restart begins with empty ones.
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
	// parts is how many slices the Window has, and so its resolution.
	parts = 30
	// maxNames bounds the providers and rules; a configuration has fewer.
	maxNames = 1_000
)

// Statistics are the counts by provider and by rule. The zero value is ready. Safe for concurrent use.
type Statistics struct {
	mutex     sync.Mutex
	providers map[string]*history
	rules     map[string]*ruleUse
}

// Attempt is a finished attempt at a provider.
type Attempt struct {
	Provider string
	// At is when it ended.
	At time.Time
	// Took is how long the provider took.
	Took time.Duration
	// Succeeded: the provider worked, whatever its answer means to the payer.
	Succeeded bool
}

// Add counts an attempt.
func (s *Statistics) Add(a Attempt) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	h := s.providers[a.Provider]
	if h == nil {
		s.providers = room(s.providers, func(h *history) bool { return h.ring.idle(a.At) })
		h = &history{ring: newRing[tries](Window, parts)}
		s.providers[a.Provider] = h
	}
	h.add(a)
}

// Record is a provider's results within the Window before now. It is zero for a provider without attempts.
func (s *Statistics) Record(provider string, now time.Time) routing.Record {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	h := s.providers[provider]
	if h == nil {
		return routing.Record{}
	}
	return h.record(now)
}

// Used is how much a rule let through.
func (s *Statistics) Used(rule string, now time.Time) routing.Use {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	u := s.rules[rule]
	if u == nil {
		return routing.Use{}
	}
	return u.use(now)
}

// Take counts a payment against a rule's limits. It is false, and counts nothing, where that would exceed one of them.
// Concurrent callers do not exceed the limits together.
func (s *Statistics) Take(rule string, limits routing.Limits, amount string, now time.Time) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	u := s.rules[rule]
	if u == nil {
		s.rules = room(s.rules, func(u *ruleUse) bool { return u.idle(now) })
		u = newRuleUse()
		s.rules[rule] = u
	}
	if _, why := limits.Reached(u.use(now), amount); why != "" {
		return false
	}
	u.add(now, 1, amount)
	return true
}

// GiveBack undoes a Take of the same amount at the same time: the payment was not made.
func (s *Statistics) GiveBack(rule, amount string, at time.Time) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if u := s.rules[rule]; u != nil {
		u.add(at, -1, amount)
	}
}

// room makes room for one more name: it removes idle ones, or all where none is idle.
func room[T any](names map[string]T, idle func(T) bool) map[string]T {
	if names == nil {
		return map[string]T{}
	}
	if len(names) >= maxNames {
		maps.DeleteFunc(names, func(_ string, of T) bool { return idle(of) })
	}
	if len(names) >= maxNames {
		clear(names)
	}
	return names
}

// ruleUse is what a rule let through, in each window that limits have.
type ruleUse struct {
	minute, hour ring[int]
	day          ring[dayPart]
}

type dayPart struct {
	count  int
	amount apd.Decimal
}

func newRuleUse() *ruleUse {
	return &ruleUse{
		minute: newRing[int](time.Minute, 60), hour: newRing[int](time.Hour, 120),
		day: newRing[dayPart](24*time.Hour, 288),
	}
}

func (u *ruleUse) idle(now time.Time) bool { return u.day.idle(now) }

func (u *ruleUse) use(now time.Time) routing.Use {
	var use routing.Use
	for count := range u.minute.recent(now) {
		use.Minute += *count
	}
	for count := range u.hour.recent(now) {
		use.Hour += *count
	}
	var sum apd.Decimal
	exactly := apd.MakeErrDecimal(&apd.BaseContext) // without rounding
	for part := range u.day.recent(now) {
		use.Day += part.count
		exactly.Add(&sum, &sum, &part.amount)
	}
	if exactly.Err() != nil {
		sum.Form, sum.Negative = apd.Infinite, false // above every limit
	}
	use.Amount = sum.Text('f')
	return use
}

// add counts a payment, or with by -1 removes one. Where its slice is over, there is nothing to remove.
func (u *ruleUse) add(at time.Time, by int, amount string) {
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
		return // it is in no sum; Limits.Reached refuses it where there is a limit on one
	}
	if by < 0 {
		one.Negative = !one.Negative
	}
	if _, err := apd.BaseContext.Add(&part.amount, &part.amount, one); err != nil {
		part.amount.Form, part.amount.Negative = apd.Infinite, false // above every limit
	}
}
