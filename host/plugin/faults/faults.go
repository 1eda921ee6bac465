// Package faults decides when a plugin's faults are so many that it makes no new requests: by how many inputs failed,
// and whose.
package faults

import (
	"cmp"
	"sync"
	"time"
)

// Settings decide when a generation goes into quarantine, and what follows. Zero fields take the defaults
// that they name.
type Settings struct {
	// Faults of different inputs that suffice. 0 means 3; below 0 there is no quarantine.
	Faults int
	// Merchants whose calls must have failed, where the generation had calls of so many in the last ten minutes; where
	// it had calls of fewer, all of them. 0 means 2.
	Merchants int
	// Probation is how long after a swap a generation in quarantine is replaced by the one before it. 0 means 10 min;
	// below 0 it never is.
	Probation time.Duration
}

// WithDefaults fills the fields that are zero.
func (s Settings) WithDefaults() Settings {
	s.Faults = cmp.Or(s.Faults, 3)
	s.Merchants = cmp.Or(s.Merchants, 2)
	s.Probation = cmp.Or(s.Probation, 10*time.Minute)
	return s
}

const (
	// perFault is how many calls without a fault make up for one: a generation of which over one call in 20 fails is
	// not believed to work, however many calls it has.
	perFault = 20
	// lately is how long a merchant's call shows that the generation serves it.
	lately = 10 * time.Minute
	// maxTallied bounds what is kept of inputs, and of merchants.
	maxTallied = 1000
)

// Input identifies what a call was about, without what differs between two calls of the same content: the time, the
// seed.
type Input [32]byte

// Tally counts the faults of one generation's calls of a kind. The same input counts once. It is safe for concurrent
// use.
type Tally struct {
	settings Settings

	mutex sync.Mutex
	// score rises by perFault with a fault, and falls by one with a call without.
	score int
	// inputs that failed, and merchants whose calls failed, since the score was 0.
	inputs  map[Input]struct{}
	failing map[string]struct{}
	// merchants are those that the generation served, with their last call.
	merchants map[string]time.Time
	// calls that failed, and distinct ones.
	calls, distinct int64
}

// NewTally makes one without faults.
func NewTally(settings Settings) *Tally {
	return &Tally{
		settings: settings.WithDefaults(), inputs: map[Input]struct{}{}, failing: map[string]struct{}{},
		merchants: map[string]time.Time{},
	}
}

// Well counts a call without a fault. merchant is empty for a call of the router's own.
func (t *Tally) Well(merchant string, now time.Time) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.serve(merchant, now)
	if t.score--; t.score <= 0 {
		t.forget()
	}
}

// Fault counts a call with a fault, and reports whether the generation is to go into quarantine.
func (t *Tally) Fault(of Input, merchant string, now time.Time) bool {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.serve(merchant, now)
	t.calls++
	if merchant != "" && len(t.failing) < maxTallied {
		t.failing[merchant] = struct{}{}
	}
	if _, known := t.inputs[of]; !known && len(t.inputs) < maxTallied {
		t.inputs[of] = struct{}{}
		t.distinct++
		t.score += perFault
	}
	most := t.settings.Faults
	return most > 0 && len(t.inputs) >= most && t.score > perFault*(most-1) &&
		len(t.failing) >= min(t.settings.Merchants, t.served(now))
}

// serve notes a merchant's call. Where there are too many, those that are not recent go.
func (t *Tally) serve(merchant string, now time.Time) {
	if merchant == "" {
		return
	}
	if _, known := t.merchants[merchant]; !known && len(t.merchants) >= maxTallied {
		t.served(now)
		if len(t.merchants) >= maxTallied {
			return
		}
	}
	t.merchants[merchant] = now
}

// served counts the merchants that the generation served lately, and forgets the others.
func (t *Tally) served(now time.Time) int {
	for merchant, at := range t.merchants {
		if now.Sub(at) > lately {
			delete(t.merchants, merchant)
		}
	}
	return len(t.merchants)
}

// forget begins anew.
func (t *Tally) forget() {
	t.score = 0
	if len(t.inputs) > 0 {
		clear(t.inputs)
	}
	if len(t.failing) > 0 {
		clear(t.failing)
	}
}

// Reset begins anew after a person has ended a quarantine.
func (t *Tally) Reset() {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.forget()
}

// Count is of calls that a plugin failed: traps, calls out of fuel or memory, answers that are none.
type Count struct {
	// Calls that failed.
	Calls int64
	// Inputs that they were about: the same input counts once.
	Inputs int64
}

// Count returns what it counted since it was made.
func (t *Tally) Count() Count {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return Count{Calls: t.calls, Inputs: t.distinct}
}
