package payment

import (
	"maps"
	"slices"
	"sync"

	abi "payrouter/abi/v1"

	"payrouter/host/attempt"
	"payrouter/host/routing"
)

// Fleet is the accounts and the rules that are active together. It is immutable, as an attempt.Fleet is.
type Fleet struct {
	attempt.Fleet

	Rules *routing.Ruleset
	// Health is what rules go by that order providers or have limits; one Health outlives the fleets. Nil means that
	// nothing is known.
	Health Health
	// Prices returns what orders cost at providers. Nil means that no price is known.
	Prices Prices
}

// Prices returns what an order costs at these providers, for one decision on one goroutine, as account.Quotes does: a
// provider's price is decimal text in the order's currency, or it is not known. It may wait for providers, within
// bounds of its own.
type Prices func(o Order, providers []string) func(provider string) (price string, ok bool)

// Quoters are the accounts that may have quotes of such orders, by name: those whose plugins have an operation for it.
func (f *Fleet) Quoters(o Order) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(f.Accounts)) {
		account := f.Accounts[name]
		_, able := account.Plan("", o.Kind.ABI(), abi.Role_ROLE_QUOTE, "")
		currencies := attempt.FlowOf(account.Plugin("").Manifest(), o.Kind.ABI()).GetCurrencies()
		if able && (len(currencies) == 0 || slices.Contains(currencies, o.Currency)) {
			names = append(names, name)
		}
	}
	return names
}

// Fleet is the one that serves now. It is good for looking at; whoever calls its plugins or providers holds it (Hold).
func (e *Engine) Fleet() *Fleet {
	return e.active.Load()
}

// Serve lets a fleet take over from the one that serves now. Turns that have begun finish with the one that they began
// with.
func (e *Engine) Serve(next *Fleet) {
	if before := e.active.Swap(next); before != next {
		before.Replace()
	}
}

// Hold gives the fleet that serves now, and keeps it from retiring until release is called, once.
func (e *Engine) Hold() (fleet *Fleet, release func()) {
	fleet = e.hold()
	return fleet, sync.OnceFunc(fleet.Release)
}

func (e *Engine) hold() *Fleet {
	for {
		if fleet := e.active.Load(); fleet.Hold() {
			return fleet
		}
	}
}
