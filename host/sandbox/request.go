package sandbox

import (
	"cmp"
	"slices"
	"sync"
)

// Ledger is what provider really booked, oldest first; "" means all providers.
func (s *Server) Ledger(provider string) []Booking {
	return s.ledger.List(provider)
}

// RequestCount is how often one call was asked for.
type RequestCount struct {
	Provider string `json:"provider"`
	// Operation is the provider's name of the call, or "unknown".
	Operation string `json:"operation"`
	Method    string `json:"method"`
	// Path is below the provider's base URL; a credential in it reads as its name in braces, as in "{token}".
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

func (c *counter) seen(key requestKey) { c.add(key, 1, 0) }

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
