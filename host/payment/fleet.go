package payment

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	abi "payrouter/abi/v1"
	"payrouter/host/attempt"
	"payrouter/host/routing"
)

// Fleet is the accounts and the rules that are active together. It is immutable, as an attempt.Fleet is.
type Fleet struct {
	attempt.Fleet

	// Out are the accounts of the configuration that are out of service, by name. None is among Accounts.
	Out   map[string]Out
	Rules *routing.Ruleset
	// Health is what rules go by that order providers or have limits; one Health outlives the fleets. Nil means that
	// nothing is known.
	Health Health
	// Prices returns what orders cost at providers. Nil means that no price is known.
	Prices Prices
}

// Out is an account that is out of service until its fault is corrected.
type Out struct {
	Name, Plugin string
	// Reason is for everybody who may see the account: it names no secret, no setting and no file.
	Reason string
}

// Prices returns what an order costs at these providers, for one decision on one goroutine, as quote.Cache.Prices does:
// a provider's price is decimal text in the order's currency, or it is not known. It may wait for providers, within
// bounds of its own.
type Prices func(o Order, providers []string) func(provider string) (price string, ok bool)

// Quoters are the accounts that may have quotes of such orders, by name: those whose plugins have an operation for it.
func (f *Fleet) Quoters(o Order) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(f.Accounts)) {
		account := f.Accounts[name]
		_, able := account.Plan("", o.Kind.ABI(), abi.Role_ROLE_QUOTE, "")
		takes := slices.ContainsFunc(account.Flows(""), func(flow *abi.Flow) bool {
			return flow.GetKind() == o.Kind.ABI() &&
				(len(flow.GetCurrencies()) == 0 || slices.Contains(flow.GetCurrencies(), o.Currency))
		})
		if able && takes {
			names = append(names, name)
		}
	}
	return names
}

// Fleets hold the fleet that is active. The zero value has none: Serve gives it the first. They are safe for concurrent
// use.
type Fleets struct {
	active atomic.Pointer[Fleet]
}

// Serve makes a fleet active. What has begun finishes with the fleet that it began with.
func (f *Fleets) Serve(next *Fleet) {
	if next.Rules != nil {
		next.Rules.ID() // it is made now, so that no payment waits for it
	}
	if before := f.active.Swap(next); before != nil && before != next {
		before.Replace()
	}
}

// Active is the active fleet. It is good for looking at; a caller of its plugins or providers holds it (Hold).
func (f *Fleets) Active() *Fleet { return f.active.Load() }

// Hold returns the active fleet, and keeps it from being retired until release is called, once.
func (f *Fleets) Hold() (fleet *Fleet, release func()) {
	fleet = f.hold()
	return fleet, sync.OnceFunc(fleet.Release)
}

func (f *Fleets) hold() *Fleet {
	for {
		if fleet := f.active.Load(); fleet.Hold() {
			return fleet
		}
	}
}

// Accounts holds the accounts of the active fleet, for packages that know no rules.
type Accounts struct{ Fleets *Fleets }

// Hold returns the active accounts, and keeps them from being retired until release is called, once.
func (a Accounts) Hold() (fleet *attempt.Fleet, release func()) {
	active, release := a.Fleets.Hold()
	return &active.Fleet, release
}

// Fleet is the active fleet, for looking at.
func (e *Engine) Fleet() *Fleet { return e.fleets.Active() }
