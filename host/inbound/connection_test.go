package inbound

import (
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestConnectionsAreBoundedInAll(t *testing.T) {
	t.Parallel()
	settings := patient()
	settings.Connections = 2
	s := serve(t, settings, hello)
	ask := func(c *client) {
		c.send(t, request("GET", "/"))
		_, text := c.answer(t)
		require.Equal(t, "hello", text)
	}
	first, second := s.dial(t), s.dial(t)
	ask(first)
	ask(second)
	if third, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.address); err == nil { // or it is reset already
		_, err = third.Read(make([]byte, 1))
		require.Error(t, err, "it is closed at once")
		require.NoError(t, third.Close())
	}
	ask(first)
	require.NoError(t, second.Close())
	require.Eventually(t, func() bool { return s.open() == 1 }, time.Minute, time.Millisecond)
	ask(s.dial(t))
}

// stranger is a connection from anywhere.
type stranger struct {
	net.Conn
	from   string
	closed bool
}

func (s *stranger) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(s.from))
}

func (s *stranger) Close() error {
	s.closed = true
	return nil
}

func TestConnectionsAreBoundedByAddress(t *testing.T) {
	t.Parallel()
	log := &strings.Builder{}
	l := New(Settings{
		PerAddress: 2, Proxies: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")},
		Logger: slog.New(slog.NewTextHandler(log, nil)),
	})
	admit := func(from string) net.Conn {
		one := &stranger{from: from}
		admitted := l.admit(one)
		require.Equal(t, admitted == nil, one.closed, from)
		return admitted
	}
	open := admit("192.0.2.1:1")
	require.NotNil(t, open)
	require.NotNil(t, admit("[::ffff:192.0.2.1]:2"))
	require.Nil(t, admit("192.0.2.1:3"))
	require.NotNil(t, admit("192.0.2.2:3"), "another address")
	require.NoError(t, open.Close())
	require.ErrorIs(t, open.Close(), net.ErrClosed)
	require.NotNil(t, admit("192.0.2.1:4"), "one was closed")
	require.Nil(t, admit("192.0.2.1:5"))

	require.NotNil(t, admit("[2001:db8:1:1::1]:1"))
	require.NotNil(t, admit("[2001:db8:1:1:ffff::1]:1"))
	require.Nil(t, admit("[2001:db8:1:1:eeee::1]:1"), "a /64 is one address")
	require.NotNil(t, admit("[2001:db8:1:2::1]:1"))

	for range 3 {
		for _, from := range []string{"127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1", "10.1.2.3:1"} {
			require.NotNil(t, admit(from), from)
		}
	}
	require.Equal(t, 3, l.refused)
	require.Equal(t, 1, strings.Count(log.String(), "\n"), "a flood fills no log: %s", log)
	require.Contains(t, log.String(), "last_from=192.0.2.1:3")
}

func TestAnAddressWithoutConnectionsTakesNoMemory(t *testing.T) {
	t.Parallel()
	l := New(Settings{})
	for i := range 1000 {
		require.NoError(t, l.admit(&stranger{from: fmt.Sprintf("192.0.%d.%d:1", i/256, i%256)}).Close())
	}
	require.Empty(t, l.from)
	require.Zero(t, l.open)
}

func TestConnectionsLeaveHalfOfTheFiles(t *testing.T) {
	t.Parallel()
	require.LessOrEqual(t, New(Settings{}).settings.Connections, openFiles()/2)
	require.Equal(t, 1<<20, New(Settings{Connections: 1 << 20}).settings.Connections, "an operator knows better")
}

// serveTLS serves inside of TLS.
func serveTLS(t *testing.T, settings Settings, handler http.HandlerFunc) *server {
	t.Helper()
	certificate := httptest.NewUnstartedServer(nil)
	certificate.StartTLS()
	t.Cleanup(certificate.Close)
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	limits := New(settings)
	s := limits.Server(handler)
	ended := make(chan error, 1)
	go func() {
		ended <- s.Serve(tls.NewListener(limits.Listener(listener),
			&tls.Config{Certificates: certificate.TLS.Certificates, MinVersion: tls.VersionTLS12}))
	}()
	t.Cleanup(func() {
		_ = s.Close()
		require.ErrorIs(t, <-ended, http.ErrServerClosed)
	})
	return &server{limits, listener.Addr().String()}
}

func TestLimitsHoldInsideOfTLS(t *testing.T) {
	t.Parallel()
	t.Run("handshake", func(t *testing.T) {
		t.Parallel()
		settings := patient()
		settings.Header = soon
		s := serveTLS(t, settings, hello)
		c := s.dial(t)
		_, _ = io.Copy(io.Discard, c.in)
		require.NoError(t, c.Close())
		s.requireForgotten(t)
	})
	t.Run("an answer before the body", func(t *testing.T) {
		t.Parallel()
		s := serveTLS(t, patient(), refuses)
		plain := s.dial(t)
		secured := tls.Client(plain, &tls.Config{InsecureSkipVerify: true})
		_, err := io.WriteString(secured, request("POST", "/", "Content-Length: 100")+"x")
		require.NoError(t, err)
		text, err := io.ReadAll(secured)
		require.NoError(t, err)
		require.Contains(t, string(text), "401 Unauthorized")
		s.requireForgotten(t)
	})
}

// pipes is a listener of connections in memory.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	c, open := <-p
	if !open {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (p pipes) Close() error   { return nil }
func (p pipes) Addr() net.Addr { return &net.UnixAddr{} }

// The server goes on to read while a handler works. The body's limit used to end that read, and so the request's and
// the connection's context.
func TestABodysTimeDoesNotEndWhatIsDoneWithIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		limits := New(Settings{Body: time.Second, Whole: time.Hour})
		var problem error
		s := limits.Server(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			text, _ := io.ReadAll(r.Body)
			time.Sleep(30 * time.Second) // the bubble's clock
			problem = r.Context().Err()
			_, _ = w.Write(text)
		}))
		listener := make(pipes)
		ended := make(chan error, 1)
		go func() { ended <- s.Serve(limits.Listener(listener)) }()
		far, near := net.Pipe()
		listener <- near
		go func() {
			_, _ = io.WriteString(far, request("POST", "/", "Content-Length: 5", "Connection: close")+"hello")
		}()
		text, err := io.ReadAll(far)
		require.NoError(t, err)
		require.Contains(t, string(text), "200 OK")
		require.Contains(t, string(text), "hello")
		require.NoError(t, problem)
		close(listener)
		require.ErrorIs(t, <-ended, net.ErrClosed)
	})
}

func TestMuchThatComesGetsMoreTime(t *testing.T) {
	t.Parallel()
	begin := time.Unix(1000, 0)
	s := Settings{Rate: 1000}
	for _, row := range []struct {
		bytes int64
		limit time.Duration
		last  time.Duration
		want  time.Duration
	}{
		{0, 10 * time.Second, time.Hour, 10 * time.Second},
		{500, 10 * time.Second, time.Hour, 10500 * time.Millisecond},
		{20_000, 10 * time.Second, time.Hour, 30 * time.Second},
		{1 << 40, 10 * time.Second, 25 * time.Second, 25 * time.Second},
		{0, 10 * time.Second, 5 * time.Second, 5 * time.Second},
	} {
		require.Equal(t, begin.Add(row.want), s.after(begin, row.limit, row.bytes, begin.Add(row.last)), row)
	}
}

// After a thousand slow connections there is nothing left of them.
func TestManySlowConnectionsLeaveNothingBehind(t *testing.T) {
	const many = 1000
	if files := openFiles(); files < 3*many {
		t.Skipf("the process may open %d files; two for each of %d connections are needed", files, many)
	}
	settings := Settings{Header: soon, Body: soon, Write: soon, Idle: soon, Rate: 1 << 40, Connections: 2 * many}
	long := make([]byte, 8<<20)
	s := serve(t, settings, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/long" {
			_, _ = w.Write(long)
			return
		}
		reads(w, r)
	})
	goroutines, memory := runtime.NumGoroutine(), inUse()

	var clients []net.Conn
	for i := range many {
		c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.address)
		require.NoError(t, err)
		clients = append(clients, c)
		_, err = io.WriteString(c, [...]string{
			"GET / HTTP/1.1\r\nHost: rou",
			request("POST", "/", "Content-Length: 100") + "x",
			request("GET", "/long"),
		}[i%3])
		require.NoError(t, err)
	}
	s.requireForgotten(t) // by the limits alone: no client has read, or hung up
	for _, c := range clients {
		require.NoError(t, c.Close())
	}
	wait := func(done func() bool) {
		for end := time.Now().Add(time.Minute); !done(); time.Sleep(time.Millisecond) {
			require.True(t, time.Now().Before(end), "%d goroutines, before %d; heap of %d, before %d",
				runtime.NumGoroutine(), goroutines, inUse(), memory)
		}
	}
	wait(func() bool { return runtime.NumGoroutine() <= goroutines })
	const noise = 1 << 20
	wait(func() bool { return inUse() < memory+noise })
}

// inUse is what the heap holds. Two collections empty the pools.
func inUse() uint64 {
	runtime.GC()
	runtime.GC()
	var statistics runtime.MemStats
	runtime.ReadMemStats(&statistics)
	return statistics.HeapAlloc
}
