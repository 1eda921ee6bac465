package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"

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
	_, _ = fmt.Fprintf(h.stdout, "# The simulated providers listen on %[1]s (controls: %[1]s/_sandbox/). A router reaches them with:\n", base)
	for _, variable := range sandbox.Environment(base) {
		_, _ = fmt.Fprintf(h.stdout, "export %q\n", variable)
	}
	return server.Serve(h.ctx, listener)
}

// startSandbox runs the simulated providers beside a router, until stop.
func startSandbox(h *host, listen string) (server *sandbox.Server, stop func(), base string, err error) {
	listener, err := (&net.ListenConfig{}).Listen(h.ctx, "tcp", listen)
	if err != nil {
		return nil, nil, "", err
	}
	server, err = sandbox.New(sandbox.Options{Log: h.log})
	if err != nil {
		return nil, nil, "", err
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(h.ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(ctx, listener); err != nil {
			h.log.Error("serve the simulated providers", slog.Any("error", err))
		}
	}()
	base = "http://" + listener.Addr().String()
	_, _ = fmt.Fprintf(h.stdout, "The simulated providers listen on %s (controls: %s/_sandbox/).\n", base, base)
	return server, func() {
		cancel()
		<-done
		server.Close()
	}, base, nil
}
