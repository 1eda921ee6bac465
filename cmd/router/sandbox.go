package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"

	"payrouter/host/callback"
	"payrouter/host/config"
	"payrouter/host/payment"
	"payrouter/host/sandbox"
)

type sandboxCommand struct {
	Listen string `default:"127.0.0.1:8081" help:"Address to listen on."`
	Seed   uint64 `help:"Makes identifiers the same on every run; 0 means random ones."`
}

func (s *sandboxCommand) Run(h *host) error {
	listener, err := (&net.ListenConfig{}).Listen(h.ctx, "tcp", s.Listen)
	if err != nil {
		return err
	}
	server, err := sandbox.New(sandbox.Options{Seed: s.Seed, Log: h.log})
	if err != nil {
		return err
	}
	defer server.Close()
	base := "http://" + listener.Addr().String()
	_, _ = fmt.Fprintf(h.stdout,
		"# The simulated providers listen on %[1]s (controls: %[1]s/_sandbox/). A router reaches them with:\n", base)
	for _, variable := range sandbox.Environment(base) {
		_, _ = fmt.Fprintf(h.stdout, "export %q\n", variable)
	}
	return server.Serve(h.ctx, listener)
}

// simulation is the simulated providers beside a router.
type simulation struct {
	server *sandbox.Server
	// base is without a trailing slash.
	base string

	mutex   sync.Mutex
	reports reports
}

// Simulate implements router.Sandbox.
func (s *simulation) Simulate(account, plugin string) (config.Simulated, error) {
	access, err := s.server.Open(plugin, account)
	if err != nil {
		return config.Simulated{}, err
	}
	return config.Simulated{BaseURL: s.base + access.Path, Secrets: access.Secrets}, nil
}

// Report implements router.Sandbox.
func (s *simulation) Report(fleet *payment.Fleet, addresses callback.Addresses) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.reports.reportTo(s.server, fleet, addresses)
}

// startSandbox runs the simulated providers beside a router, until stop.
// They report to a router that serves TLS, too.
func startSandbox(h *host, listen string) (simulated *simulation, stop func(), err error) {
	listener, err := (&net.ListenConfig{}).Listen(h.ctx, "tcp", listen)
	if err != nil {
		return nil, nil, err
	}
	server, err := sandbox.New(sandbox.Options{Log: h.log, Deliver: &http.Transport{
		DisableKeepAlives: true, // as the sandbox's own
		// The certificate is for the router's public name, and the address is of this process.
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // G402: see above
	}})
	if err != nil {
		return nil, nil, errors.Join(err, listener.Close())
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(h.ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(ctx, listener); err != nil {
			h.log.Error("serve the simulated providers", slog.Any("error", err))
		}
	}()
	base := "http://" + listener.Addr().String()
	_, _ = fmt.Fprintf(h.stdout, "The simulated providers listen on %s (controls: %s/_sandbox/).\n", base, base)
	return &simulation{server: server, base: base}, func() {
		cancel()
		<-done
		server.Close()
	}, nil
}
