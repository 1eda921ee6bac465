// Package sandbox stands in for the five payment providers: real HTTP servers with state, built from the providers'
// public documents alone, that misbehave on demand.
//
// One listener serves all five, each under a prefix that is its base URL:
//
//	http://127.0.0.1:PORT/paygram  …/cryptogram  …/payplay  …/exchanger  …/paygrt
//
// and, under /_sandbox/, the controls: move a payment on, order a fault, read what was really booked and asked. The
// same controls are methods of Server. Everything is in memory, and every credential is made up.
package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// The providers, by the prefix under which they stand.
const (
	PayGram    = "paygram"
	Cryptogram = "cryptogram"
	PayPlay    = "payplay"
	Exchanger  = "exchanger"
	Paygrt     = "paygrt"
)

// Options configures a sandbox. The zero value is usable.
type Options struct {
	// Now is the providers' clock; nil means the wall clock. It must be safe for concurrent use.
	Now func() time.Time
	// Seed makes identifiers the same on every run; 0 means random ones.
	Seed uint64
	// Credentials are what the providers accept; an empty one means its default from DefaultCredentials.
	Credentials Credentials
	// Log gets callbacks that could not be delivered; nil means nowhere.
	Log *slog.Logger
	// Deliver carries callbacks; nil means the network, with a connection for each.
	Deliver http.RoundTripper

	// PayGramNoPayURL makes invoices come with a null payUrl, as in the document's example.
	PayGramNoPayURL bool
	// PayGramUnlistedWithdrawals keeps withdrawals out of GetInvoices: no document states that they are listed.
	PayGramUnlistedWithdrawals bool
	// CryptogramLimit is how many requests a minute Cryptogram takes before it answers 429; 0 means any number, while
	// its headers still speak of 1000.
	CryptogramLimit int
	// PayPlaySlug and PayPlayCompany are the payment page and the company that exist; empty means any.
	PayPlaySlug, PayPlayCompany string
	// PaygrtMerchant is the merchant that exists; empty means any.
	PaygrtMerchant string
	// PaygrtBalance is the merchant's opening balance in INR; empty means 100000.
	PaygrtBalance string
	// PaygrtImmediate makes a recharge that will succeed do so in its first answer, instead of "Pending".
	PaygrtImmediate bool
}

// Server simulates the five providers. It is safe for concurrent use. Close it, or let Serve do so.
type Server struct {
	sites    map[string]*site
	names    []string
	ledger   *ledger
	requests *counter
	strikes  *strikes
	courier  *courier
	closing  chan struct{}
	close    sync.Once
}

// New makes a sandbox with fresh state. The error is a bad option.
func New(o Options) (*Server, error) {
	if o.Now == nil {
		o.Now = time.Now //nolint:forbidigo // the seam itself: what the options leave out
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.PaygrtBalance == "" {
		o.PaygrtBalance = "100000"
	}
	balance, err := parseMoney(o.PaygrtBalance)
	if err != nil {
		return nil, fmt.Errorf("sandbox option PaygrtBalance: %w", err)
	}
	o.Credentials = o.Credentials.orDefault()

	s := &Server{
		sites:    map[string]*site{},
		ledger:   &ledger{at: map[theirs]int{}},
		requests: &counter{},
		strikes:  &strikes{},
		courier:  newCourier(o.Log, o.Deliver),
		closing:  make(chan struct{}),
	}
	draw := newIDs(o.Seed)
	add := func(name string, simulate func(*desk) simulation) {
		d := &desk{
			provider: name, now: o.Now, ids: draw, ledger: s.ledger, courier: s.courier,
			own: map[string]Callback{},
		}
		sim := simulate(d)
		s.sites[name] = &site{
			name: name, desk: d, sim: sim, routes: compileRoutes(sim.routes()), requests: s.requests,
			strikes: s.strikes, closing: s.closing,
		}
		s.names = append(s.names, name)
	}
	add(PayGram, func(d *desk) simulation { return newPayGram(d, o) })
	add(Cryptogram, func(d *desk) simulation { return newCryptogram(d, o) })
	add(PayPlay, func(d *desk) simulation { return newPayPlay(d, o) })
	add(Exchanger, func(d *desk) simulation { return newExchanger(d, o) })
	add(Paygrt, func(d *desk) simulation { return newPaygrt(d, o, balance) })
	return s, nil
}

// Handler serves the providers and the controls. It may be used any number of times, until Close.
func (s *Server) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Not a ServeMux: it would answer a path with "//" or ".." by a redirect that no provider sends.
		first, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
		if first == "_sandbox" {
			s.control(w, r, rest)
			return
		}
		site, ok := s.sites[first]
		if !ok {
			writeProblem(w, http.StatusNotFound,
				fmt.Sprintf("no provider stands under /%s: there are %s", first, strings.Join(s.names, ", ")))
			return
		}
		site.serveHTTP(w, r, "/"+rest)
	})
}

// Serve serves on ln until ctx ends or ln fails, then closes the sandbox and waits for what it started. It returns nil
// when ctx ended it.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	web := &http.Server{Handler: s.Handler(), ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan struct{})
	var work sync.WaitGroup
	work.Go(func() {
		select {
		case <-ctx.Done():
		case <-ended:
		}
		s.Close()
		stopWeb(context.WithoutCancel(ctx), web)
	})
	err := web.Serve(ln)
	close(ended)
	work.Wait()
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve the sandbox: %w", err)
}

// stopWeb lets answers under way finish for a second, and then cuts them off.
func stopWeb(ctx context.Context, web *http.Server) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if web.Shutdown(ctx) != nil {
		_ = web.Close()
	}
}

// Close ends every answer that hangs or is delayed, and every callback under way, and waits for the callbacks. It may
// be called more than once.
func (s *Server) Close() {
	s.close.Do(func() { close(s.closing) })
	s.courier.close()
}

// Providers are the names of the providers, in the order of the documents.
func (s *Server) Providers() []string {
	return slices.Clone(s.names)
}

// site is one provider as the server sees it.
type site struct {
	name     string
	routes   []compiledRoute
	requests *counter
	faults   faults
	strikes  *strikes
	earlier  earlier
	closing  <-chan struct{}

	mu   sync.Mutex // guards sim and desk
	sim  simulation
	desk *desk
}

// simulation is one provider's behaviour and state. All its methods but routes and events, which always give the same,
// are called under the site's lock.
type simulation interface {
	server
	backOffice
}

// server is what a provider's callers see.
type server interface {
	// routes are the provider's calls; the first that matches is taken.
	routes() []route
	// admit checks credentials: nil, or the refusal.
	admit(r *request) *answer
	// missing answers a request that no route matches.
	missing(r *request) answer
	// maintenance is the provider's own temporary refusal, before processing anything.
	maintenance() answer
	// page shows a payment to a visitor of its link: false if the path is no payment's page.
	page(path string) (payerPage, bool)
}

// backOffice is what a provider's staff and payers do without a call of its API.
type backOffice interface {
	// events are what Drive can do to a payment there.
	events() []string
	// drive moves the payment found by ref, theirs or ours, on; amount may be empty.
	drive(ref, event, amount string) error
	// fund sets a balance.
	fund(account, currency string, amount money) error
	// open makes an account of a name, if the provider has none of it and the simulation has several accounts, and
	// returns its secrets by their names in the contract.
	open(account string) map[string]string
}

// process answers one request by the provider's rules.
func (s *site) process(r *request, rt *compiledRoute) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if rt != nil && rt.open {
		return rt.serve(r)
	}
	if refusal := s.sim.admit(r); refusal != nil {
		return *refusal
	}
	if rt == nil {
		return s.sim.missing(r)
	}
	return rt.serve(r)
}

// serveHTTP reads the request, lets the fault that is due interfere, and answers.
func (s *site) serveHTTP(w http.ResponseWriter, r *http.Request, path string) {
	if r.Method == http.MethodGet && s.servePage(w, path) {
		return
	}
	req, err := readRequest(r, s.name, path, s.desk.now())
	if err != nil {
		writeProblem(w, http.StatusRequestEntityTooLarge, err.Error())
		return
	}
	rt := match(s.routes, req)
	operation := "unknown"
	if rt != nil {
		operation = rt.operation
	}
	key := requestKey{s.name, operation, r.Method, maskedPath(s.name, path)}
	s.requests.seen(key)
	process := func() answer {
		s.requests.processed(key)
		return s.process(req, rt)
	}
	due, ok := s.faults.take(operation)
	if !ok {
		a := process()
		a.write(w)
		s.earlier.keep(operation, a)
		return
	}
	s.interfere(w, r, operation, due, process)
}

// operations are the names that a fault may be ordered for.
func (s *site) operations() []string {
	var names []string
	for i := range s.routes {
		names = append(names, s.routes[i].operation)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// maskedPath is a request's path without the credential that PayGram puts there.
func maskedPath(provider, path string) string {
	if provider != PayGram {
		return path
	}
	return paygramPath(path)
}

func writeProblem(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"status": status, "title": http.StatusText(status), "detail": detail})
}
