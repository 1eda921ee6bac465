package payment

import (
	"sync"

	"payrouter/host/routing"
)

// Fleet is the accounts and rules that serve together. It is immutable: a new configuration, and a new generation of a
// plugin, is a new Fleet, and each serves once.
type Fleet struct {
	Rules    *routing.Ruleset
	Accounts map[string]*Account
	// Health is what rules go by that order providers or have limits; one Health outlives the fleets. Nil means that
	// nothing is known.
	Health Health
	// Prices tells what orders cost at providers. Nil means that no price is known.
	Prices Prices
	// Retired is called once, when another fleet has taken over and the last turn that began with this one is over:
	// what only this one used may be closed then. Nil means nobody is told.
	Retired func()

	named   sync.Once
	tickers map[string]bool
	schemas schemas

	mutex sync.Mutex
	// users are the turns under way; once replaced, the fleet takes no more.
	users    int
	replaced bool
}

// hold adds a user, unless another fleet has taken over.
func (f *Fleet) hold() bool {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if f.replaced {
		return false
	}
	f.users++
	return true
}

func (f *Fleet) release() {
	f.mutex.Lock()
	f.users--
	last := f.replaced && f.users == 0
	f.mutex.Unlock()
	f.retired(last)
}

func (f *Fleet) replace() {
	f.mutex.Lock()
	last := !f.replaced && f.users == 0
	f.replaced = true
	f.mutex.Unlock()
	f.retired(last)
}

func (f *Fleet) retired(last bool) {
	if last && f.Retired != nil {
		f.Retired()
	}
}

// Fleet is the one that serves now. It is good for looking at; whoever calls its plugins or providers holds it (Hold).
func (e *Engine) Fleet() *Fleet {
	return e.serving.Load()
}

// Serve lets a fleet take over from the one that serves now. Turns that have begun finish with the one that they began
// with.
func (e *Engine) Serve(next *Fleet) {
	if before := e.serving.Swap(next); before != next {
		before.replace()
	}
}

// Hold gives the fleet that serves now, and keeps it from retiring until release is called, once.
func (e *Engine) Hold() (fleet *Fleet, release func()) {
	fleet = e.hold()
	return fleet, sync.OnceFunc(fleet.release)
}

func (e *Engine) hold() *Fleet {
	for {
		if fleet := e.serving.Load(); fleet.hold() {
			return fleet
		}
	}
}
