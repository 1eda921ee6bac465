// Package sandbox stands in for the five payment providers: real HTTP servers with state, built from the providers'
// public documents alone, that misbehave on demand.
//
// One listener serves all five, each under a prefix that is its base URL:
//
//	http://127.0.0.1:PORT/paygram  …/cryptogram  …/payplay  …/exchanger  …/paygrt
//
// and, under /_sandbox/, the controls: move a payment on, order a fault, read what was really booked and asked. The
// same controls are methods of Server. Everything is in memory, and every credential is made up.
//
// A web page may send its reader to a payer's page, and have nothing else done here: see admit.go.
package sandbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"payrouter/host/sandbox/cryptogram"
	"payrouter/host/sandbox/exchanger"
	"payrouter/host/sandbox/paygram"
	"payrouter/host/sandbox/paygrt"
	"payrouter/host/sandbox/payplay"
	"payrouter/host/sandbox/simulator"
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

	// What each provider does where its document leaves a choice.
	PayGram    paygram.Options
	Cryptogram cryptogram.Options
	PayPlay    payplay.Options
	Exchanger  exchanger.Options
	Paygrt     paygrt.Options
}

// Server simulates the five providers. It is safe for concurrent use. Close it, or let Serve do so.
type Server struct {
	sites    map[string]*site
	names    []string
	ledger   *simulator.Ledger
	requests *counter
	strikes  *strikes
	courier  *simulator.Courier
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
	o.Credentials = o.Credentials.orDefault()

	s := &Server{
		sites:    map[string]*site{},
		ledger:   simulator.NewLedger(),
		requests: &counter{},
		strikes:  &strikes{},
		courier:  simulator.NewCourier(o.Log, o.Deliver),
		closing:  make(chan struct{}),
	}
	draw := simulator.NewIDs(o.Seed)
	for _, p := range o.providers() {
		backend := simulator.NewBackend(p.name, o.Now, draw, s.ledger, s.courier)
		provider, err := p.simulate(backend)
		if err != nil {
			return nil, fmt.Errorf("options of %s: %w", p.name, err)
		}
		s.sites[p.name] = &site{
			name: p.name, backend: backend, provider: provider, routes: compileRoutes(provider.Routes()), now: o.Now,
			ledger: s.ledger, requests: s.requests, strikes: s.strikes, closing: s.closing,
		}
		s.names = append(s.names, p.name)
	}
	return s, nil
}

// Handler serves the providers and the controls. It may be used any number of times, until Close.
func (s *Server) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Not a ServeMux: it would answer a path with "//" or ".." by a redirect that no provider sends.
		if err := admitHost(r); err != nil {
			writeProblem(w, http.StatusMisdirectedRequest, err.Error())
			return
		}
		first, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
		if first == "_sandbox" {
			if refused(w, r) {
				return
			}
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
	s.courier.Close()
}

// Providers are the names of the providers, in the order of the documents.
func (s *Server) Providers() []string {
	return slices.Clone(s.names)
}
