package simulator

import (
	"fmt"
	"slices"
	"time"
)

// Backend is what a simulated provider may use of the server around it: the type that simulates the provider embeds it.
// The server lets one request at a time into a provider, and reads and changes the provider's Backend under the same
// lock.
type Backend struct {
	// Now is the provider's clock.
	Now func() time.Time
	// IDs makes the provider's identifiers.
	IDs *IDs

	provider string
	ledger   *Ledger
	courier  *Courier
	accounts []string
	// general is for the accounts that have no callback in own, which is by the account.
	general Callback
	own     map[string]Callback
}

// NewBackend makes the Backend of the provider of a name. All providers share the clock, the source of identifiers, the
// ledger and the courier.
func NewBackend(provider string, now func() time.Time, ids *IDs, ledger *Ledger, courier *Courier) *Backend {
	return &Backend{
		Now: now, IDs: ids, provider: provider, ledger: ledger, courier: courier, own: map[string]Callback{},
	}
}

// Book records something that the provider made, with the provider's name and the time.
func (b *Backend) Book(made Booking) {
	made.Provider = b.provider
	made.At = b.Now().UTC()
	b.ledger.book(made)
}

// Settle records what became of the booking that has providerReference: its status, and whether money has moved for it.
func (b *Backend) Settle(providerReference, status string, moved bool) {
	b.ledger.update(b.provider, providerReference, status, moved)
}

// Post sends a callback soon. It does not block, and does nothing without a URL.
func (b *Backend) Post(c Delivery) {
	b.courier.post(b.provider, c)
}

// SetAccounts names the provider's accounts, where it has more than one here.
func (b *Backend) SetAccounts(names []string) { b.accounts = names }

// Accounts are the names that SetAccounts set, in a copy.
func (b *Backend) Accounts() []string { return slices.Clone(b.accounts) }

// Callback is where an account's changes are reported: the callback of that account if SetCallback gave it one with a
// URL, and that of all accounts otherwise. A provider with a single account asks for account "".
func (b *Backend) Callback(account string) Callback {
	if own := b.own[account]; own.URL != "" {
		return own
	}
	return b.general
}

// SetCallback sets the callback of the account c.Account, or of all accounts if it is "". The error is ErrUnknown if
// there is no such account.
func (b *Backend) SetCallback(c Callback) error {
	switch {
	case c.Account == "":
		b.general = c
	case !slices.Contains(b.accounts, c.Account):
		return fmt.Errorf("%w account %q of %s: there are %q", ErrUnknown, c.Account, b.provider, b.accounts)
	default:
		b.own[c.Account] = c
	}
	return nil
}

// LoggedPath is API.LoggedPath of a provider that has no credential in its paths: the path itself. Other providers have
// a method of their own.
func (b *Backend) LoggedPath(path string) string { return path }
