package sandbox

import (
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"time"

	"payrouter/host/origin"
	"payrouter/host/sandbox/simulator"
)

// site is one provider as the server sees it.
type site struct {
	name     string
	routes   []compiledRoute
	now      func() time.Time
	ledger   *simulator.Ledger
	requests *counter
	faults   faults
	strikes  *strikes
	earlier  earlier
	closing  <-chan struct{}

	mu       sync.Mutex // guards provider and backend
	provider simulator.Provider
	backend  *simulator.Backend
}

// process answers one request by the provider's rules.
func (s *site) process(r *simulator.Request, rt *compiledRoute) simulator.Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if rt != nil && rt.Open {
		return rt.Serve(r)
	}
	if refusal := s.provider.Admit(r); refusal != nil {
		return *refusal
	}
	if rt == nil {
		return s.provider.Missing(r)
	}
	return rt.Serve(r)
}

// serveHTTP reads the request, lets the fault that is due interfere, and answers.
func (s *site) serveHTTP(w http.ResponseWriter, r *http.Request, path string) {
	if r.Method == http.MethodGet && s.servePage(w, path) {
		return
	}
	req, err := readRequest(r, s.name, path, s.now())
	if err != nil {
		writeProblem(w, http.StatusRequestEntityTooLarge, err.Error())
		return
	}
	rt := match(s.routes, req)
	if (rt == nil || !rt.Page || !origin.Follows(r)) && refused(w, r) {
		return
	}
	operation := "unknown"
	if rt != nil {
		operation = rt.Operation
	}
	key := requestKey{s.name, operation, r.Method, s.provider.LoggedPath(path)}
	s.requests.seen(key)
	process := func() simulator.Answer {
		s.requests.processed(key)
		return s.process(req, rt)
	}
	due, ok := s.faults.take(operation)
	if !ok {
		a := process()
		a.Write(w)
		s.earlier.keep(operation, a)
		return
	}
	s.interfere(w, r, operation, due, process)
}

// operations are the names that a fault may be ordered for.
func (s *site) operations() []string {
	var names []string
	for i := range s.routes {
		names = append(names, s.routes[i].Operation)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func writeProblem(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"status": status, "title": http.StatusText(status), "detail": detail})
}
