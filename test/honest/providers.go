package honest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"

	"payrouter/host/sandbox"
)

// Providers serves the simulated providers on loopback, under the base URLs that package sandbox names, until stop is
// called.
func Providers(ctx context.Context) (url string, stop func(), err error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, fmt.Errorf("listen for the providers: %w", err)
	}
	providers, err := sandbox.New(sandbox.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return "", nil, errors.Join(err, listener.Close())
	}
	serving, cancel := context.WithCancel(ctx)
	var work sync.WaitGroup
	work.Go(func() { _ = providers.Serve(serving, listener) })
	return "http://" + listener.Addr().String(), func() {
		cancel()
		work.Wait()
	}, nil
}
