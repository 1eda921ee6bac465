package attempt

import (
	"fmt"
	"sync"

	abi "payrouter/abi/v1"
)

// Fleet is the accounts that are active together. It is immutable: a new configuration, and a new generation of a
// plugin, is a new Fleet, and each is active once.
type Fleet struct {
	Accounts map[string]*Account
	// Retired is called once, when another fleet has become active and the last holder of this one has released it:
	// what only this one used may be closed then. Nil means that nothing is called.
	Retired func()

	named   sync.Once
	tickers map[string]bool

	mutex sync.Mutex
	// holders are those under way; once replaced, the fleet takes no more.
	holders  int
	replaced bool
}

// Hold adds a holder, unless another fleet has become active.
func (f *Fleet) Hold() bool {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if f.replaced {
		return false
	}
	f.holders++
	return true
}

// Release ends what Hold began.
func (f *Fleet) Release() {
	f.mutex.Lock()
	f.holders--
	last := f.replaced && f.holders == 0
	f.mutex.Unlock()
	f.retired(last)
}

// Replace notes that another fleet has become active.
func (f *Fleet) Replace() {
	f.mutex.Lock()
	last := !f.replaced && f.holders == 0
	f.replaced = true
	f.mutex.Unlock()
	f.retired(last)
}

func (f *Fleet) retired(last bool) {
	if last && f.Retired != nil {
		f.Retired()
	}
}

// Tickers are the currencies that the fleet's accounts take, beside ISO 4217's. The caller does not change them.
func (f *Fleet) Tickers() map[string]bool {
	f.named.Do(func() {
		f.tickers = map[string]bool{}
		for _, account := range f.Accounts {
			for _, flow := range account.Flows("") {
				for _, code := range flow.GetCurrencies() {
					f.tickers[code] = true
				}
			}
		}
	})
	return f.tickers
}

// Native is how an operation of an account is performed by its own name, whatever it is to payments. The error is
// ErrNoOperation.
func (f *Fleet) Native(provider, id, operation string) (Plan, error) {
	account, known := f.Accounts[provider]
	if !known {
		return Plan{}, fmt.Errorf("provider %q is not configured: %w", provider, ErrNoOperation)
	}
	connector := account.Plugin(id)
	found := abi.OperationOf(connector.Manifest(), operation)
	if found == nil {
		return Plan{}, fmt.Errorf("%s has no operation %q: %w", provider, operation, ErrNoOperation)
	}
	return Plan{Account: account, Connector: connector, Operation: found}, nil
}
