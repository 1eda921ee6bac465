package simulator

import (
	"sync"
	"time"
)

// Booking is one thing that a provider really made: an invoice, an order, a recharge, a withdrawal. A test compares the
// bookings with what the router believes.
type Booking struct {
	Provider string `json:"provider"`
	// Account is whose credentials booked it, where the provider has more than one account here.
	Account string `json:"account,omitempty"`
	// Operation is the call that booked it.
	Operation string `json:"operation"`
	// Reference is the caller's, as the provider took it. Where a provider takes none, its package chooses what stands in.
	Reference string `json:"reference"`
	// ProviderReference is the provider's own: unique at that provider.
	ProviderReference string `json:"provider_reference"`
	Amount            string `json:"amount"`
	Currency          string `json:"currency"`
	// Times is how many bookings the provider holds under the same operation and reference, this one included: above 1,
	// something was made twice.
	Times int `json:"times"`
	// MovedMoney: money has moved for it and was not given back; a recharge that failed later has given it back.
	MovedMoney bool `json:"moved_money"`
	// Status is the provider's own word.
	Status string    `json:"status"`
	At     time.Time `json:"at"`
}

// Ledger keeps what the providers booked. It is safe for concurrent use.
type Ledger struct {
	mu       sync.Mutex
	bookings []Booking
	at       map[theirs]int // into bookings
}

// theirs is a provider's own reference.
type theirs struct{ provider, reference string }

// NewLedger makes an empty ledger.
func NewLedger() *Ledger { return &Ledger{at: map[theirs]int{}} }

func (l *Ledger) book(b Booking) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.at[theirs{b.Provider, b.ProviderReference}] = len(l.bookings)
	l.bookings = append(l.bookings, b)
}

// update sets what became of a booking.
func (l *Ledger) update(provider, providerReference, status string, moved bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i, ok := l.at[theirs{provider, providerReference}]; ok {
		l.bookings[i].Status, l.bookings[i].MovedMoney = status, moved
	}
}

// List is what provider booked, oldest first; "" means all providers.
func (l *Ledger) List(provider string) []Booking {
	l.mu.Lock()
	defer l.mu.Unlock()
	type key struct{ provider, operation, reference string }
	times := map[key]int{}
	for _, b := range l.bookings {
		times[key{b.Provider, b.Operation, b.Reference}]++
	}
	list := []Booking{}
	for _, b := range l.bookings {
		if provider != "" && b.Provider != provider {
			continue
		}
		b.Times = 1
		if b.Reference != "" {
			b.Times = times[key{b.Provider, b.Operation, b.Reference}]
		}
		list = append(list, b)
	}
	return list
}
