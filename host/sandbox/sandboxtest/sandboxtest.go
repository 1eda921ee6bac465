// Package sandboxtest serves a sandbox to a test, and calls its providers as a client with good credentials.
package sandboxtest

import (
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/sandbox"
)

// Clock is a hand-set clock.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// Now is the time that was set.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Set sets the clock to a time as in "2026-03-02T12:00:00Z".
func (c *Clock) Set(text string) {
	now, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		panic(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = now
}

// World is a served sandbox and a client of it.
type World struct {
	*sandbox.Server
	t *testing.T
	// URL is the sandbox's, without a slash at the end.
	URL    string
	Client *http.Client
	Clock  *Clock
}

// Serve starts a sandbox on loopback, with a clock at noon of 2026-03-02 and repeatable identifiers.
func Serve(t *testing.T, o sandbox.Options) *World {
	t.Helper()
	c := &Clock{}
	c.Set("2026-03-02T12:00:00.1234567Z")
	o.Now = c.Now
	if o.Seed == 0 {
		o.Seed = 7
	}
	s, err := sandbox.New(o)
	require.NoError(t, err)
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	var work sync.WaitGroup
	work.Go(func() { served <- s.Serve(t.Context(), ln) })
	client := &http.Client{Transport: &http.Transport{}, Timeout: 10 * time.Second}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	t.Cleanup(func() { // t.Context has ended by now
		client.CloseIdleConnections()
		work.Wait()
		require.NoError(t, <-served)
	})
	return &World{s, t, "http://" + ln.Addr().String(), client, c}
}
