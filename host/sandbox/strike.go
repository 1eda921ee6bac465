package sandbox

import (
	"cmp"
	"slices"
	"strings"
	"sync"
)

// Strike is a fault that struck, and how often.
type Strike struct {
	Provider string `json:"provider"`
	// Operation is the provider's name of the call that was struck, or "unknown".
	Operation string `json:"operation"`
	Kind      string `json:"kind"`
	// Detail is a page with its status, a status, or a spelling.
	Detail string `json:"detail,omitempty"`
	// Processed: the provider had done what was requested.
	Processed bool `json:"processed"`
	Times     int  `json:"times"`
}

// strikes counts the faults that struck.
type strikes struct {
	mu     sync.Mutex
	counts map[Strike]int
}

func (s *strikes) add(one Strike) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.counts == nil {
		s.counts = map[Strike]int{}
	}
	s.counts[one]++
}

// Strikes are the faults that struck at provider, sorted; "" means all providers.
func (s *Server) Strikes(provider string) []Strike {
	s.strikes.mu.Lock()
	defer s.strikes.mu.Unlock()
	list := []Strike{}
	for one, times := range s.strikes.counts {
		if provider == "" || one.Provider == provider {
			one.Times = times
			list = append(list, one)
		}
	}
	slices.SortFunc(list, func(a, b Strike) int {
		return cmp.Or(cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.Operation, b.Operation),
			cmp.Compare(a.Kind, b.Kind),
			cmp.Compare(a.Detail, b.Detail), strings.Compare(boolText(a.Processed), boolText(b.Processed)))
	})
	return list
}

func boolText(b bool) string {
	if b {
		return "1"
	}
	return "0"
}
