package sandbox

import (
	"cmp"
	"slices"
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
	// Reference is the caller's, as the provider took it: callbackData, external_order_id, api_id, api_ref_id.
	// Cryptogram has none: the payment's redirect URL stands in.
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

// ledger keeps what the providers booked.
type ledger struct {
	mu       sync.Mutex
	bookings []Booking
	at       map[theirs]int // into bookings
}

// theirs is a provider's own reference.
type theirs struct{ provider, reference string }

func (l *ledger) book(b Booking) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.at[theirs{b.Provider, b.ProviderReference}] = len(l.bookings)
	l.bookings = append(l.bookings, b)
}

// update sets what became of a booking.
func (l *ledger) update(provider, providerReference, status string, moved bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i, ok := l.at[theirs{provider, providerReference}]; ok {
		l.bookings[i].Status, l.bookings[i].MovedMoney = status, moved
	}
}

func (l *ledger) list(provider string) []Booking {
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

// Ledger is what provider really booked, oldest first; "" means all providers.
func (s *Server) Ledger(provider string) []Booking {
	return s.ledger.list(provider)
}

// RequestCount is how often one call was asked for.
type RequestCount struct {
	Provider string `json:"provider"`
	// Operation is the provider's name of the call, or "unknown".
	Operation string `json:"operation"`
	Method    string `json:"method"`
	// Path is below the provider's base URL; PayGram's token reads "{token}".
	Path string `json:"path"`
	// Received counts requests read to their end; Processed those that the provider acted on, faults or not.
	Received  int `json:"received"`
	Processed int `json:"processed"`
}

type requestKey struct{ provider, operation, method, path string }

// counter counts requests.
type counter struct {
	mu     sync.Mutex
	counts map[requestKey]RequestCount
}

func (c *counter) seen(key requestKey)      { c.add(key, 1, 0) }
func (c *counter) processed(key requestKey) { c.add(key, 0, 1) }

func (c *counter) add(key requestKey, received, processed int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counts == nil {
		c.counts = map[requestKey]RequestCount{}
	}
	n := c.counts[key]
	c.counts[key] = RequestCount{
		key.provider, key.operation, key.method, key.path,
		n.Received + received, n.Processed + processed,
	}
}

// Requests is how often each call of provider was asked for, sorted; "" means all providers.
func (s *Server) Requests(provider string) []RequestCount {
	s.requests.mu.Lock()
	defer s.requests.mu.Unlock()
	list := []RequestCount{}
	for _, n := range s.requests.counts {
		if provider == "" || n.Provider == provider {
			list = append(list, n)
		}
	}
	slices.SortFunc(list, func(a, b RequestCount) int {
		return cmp.Or(cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.Operation, b.Operation),
			cmp.Compare(a.Path, b.Path), cmp.Compare(a.Method, b.Method))
	})
	return list
}
