package sandbox

import (
	"bytes"
	"net/http"
	"slices"
	"sync"

	"payrouter/host/sandbox/simulator"
)

// kept is how many answers of each call a site remembers, to give one of them for another's.
const kept = 32

// earlier are the last answers that a site gave as they were, by call. The zero value has none.
type earlier struct {
	mu      sync.Mutex
	answers map[string][]simulator.Answer
}

func (e *earlier) keep(operation string, a simulator.Answer) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.answers == nil {
		e.answers = map[string][]simulator.Answer{}
	}
	list := append(e.answers[operation], a)
	e.answers[operation] = list[max(0, len(list)-kept):]
}

// about gives the newest earlier answer to the same call that is about another object, and about none that a is about.
func (e *earlier) about(operation string, a simulator.Answer, objects []string) (simulator.Answer, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	named := func(body []byte, reference string) bool { return bytes.Contains(body, []byte(reference)) }
	for _, other := range slices.Backward(e.answers[operation]) {
		names, same := false, false
		for _, reference := range objects {
			if !named(other.Body, reference) {
				continue
			}
			names = true
			same = same || named(a.Body, reference)
		}
		if names && !same {
			return other, true
		}
	}
	return simulator.Answer{}, false
}

// deliverOther does not strike while no other object was ever answered about.
func deliverOther(s *site, w http.ResponseWriter, _ *http.Request, f Fault, a simulator.Answer) bool {
	var objects []string
	for _, b := range s.ledger.List(s.name) {
		objects = append(objects, b.ProviderReference)
	}
	other, struck := s.earlier.about(f.struckAt, a, objects)
	if struck {
		a = other
	}
	a.Write(w)
	return struck
}
