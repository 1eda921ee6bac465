package inbound

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// soon is a limit that fires while a test waits for it, and never is one that does not.
const (
	soon  = 50 * time.Millisecond
	never = time.Hour
)

// patient are limits that do not fire.
func patient() Settings {
	return Settings{Header: never, Body: never, Write: never, Whole: never, Idle: never, Rate: 1 << 40}
}

// server is a server on a real socket.
type server struct {
	limits  *Limits
	address string
}

func serve(t *testing.T, settings Settings, handler http.HandlerFunc) *server {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	limits := New(settings)
	s := limits.Server(handler)
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(limits.Listener(listener)) }()
	t.Cleanup(func() {
		_ = s.Close()
		require.ErrorIs(t, <-ended, http.ErrServerClosed)
	})
	return &server{limits, listener.Addr().String()}
}

func (s *server) open() int {
	s.limits.mutex.Lock()
	defer s.limits.mutex.Unlock()
	return s.limits.open
}

// requireForgotten waits until the server has given every connection up.
func (s *server) requireForgotten(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool { return s.open() == 0 }, time.Minute, time.Millisecond)
}

// client is the other end of a connection. What it waits for has to come within a minute.
type client struct {
	net.Conn
	in *bufio.Reader
}

func (s *server) dial(t *testing.T) *client {
	t.Helper()
	c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	require.NoError(t, c.SetReadDeadline(time.Now().Add(time.Minute)))
	return &client{c, bufio.NewReader(c)}
}

func (c *client) send(t *testing.T, text string) {
	t.Helper()
	_, err := io.WriteString(c, text)
	require.NoError(t, err)
}

// trickle sends byte after byte until the connection ends.
func (c *client) trickle() {
	for {
		if _, err := io.WriteString(c, "x"); err != nil {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// answer reads one answer to its end.
func (c *client) answer(t *testing.T) (answer *http.Response, text string) {
	t.Helper()
	answer, err := http.ReadResponse(c.in, nil)
	require.NoError(t, err)
	read, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	return answer, string(read)
}

// requireEnd waits for the end of the connection, before which nothing comes.
func (c *client) requireEnd(t *testing.T) {
	t.Helper()
	_, err := c.in.ReadByte()
	require.ErrorIs(t, err, io.EOF)
}

// answered is a connection whose request was answered with a status. A machine that is too busy to send a request
// within a short limit tries again.
func (s *server) answered(t *testing.T, text string, status int) *client {
	t.Helper()
	for {
		c := s.dial(t)
		c.send(t, text)
		answer, err := http.ReadResponse(c.in, nil)
		if err != nil {
			continue
		}
		_, err = io.Copy(io.Discard, answer.Body)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		require.Equal(t, status, answer.StatusCode)
		return c
	}
}

func request(method, path string, headers ...string) string {
	return fmt.Sprintf("%s %s HTTP/1.1\r\nHost: router\r\n%s\r\n", method, path, lines(headers))
}

func lines(headers []string) string {
	if len(headers) == 0 {
		return ""
	}
	return strings.Join(headers, "\r\n") + "\r\n"
}

func hello(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }

func TestARequestsHeaderHasATime(t *testing.T) {
	t.Parallel()
	settings := patient()
	settings.Header = soon
	s := serve(t, settings, hello)
	for name, begin := range map[string]string{
		"nothing": "", "half a header": "GET / HTTP/1.1\r\nHost: rou", "half a line": "GE",
	} {
		for _, trickles := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " ", trickles), func(t *testing.T) {
				t.Parallel()
				c := s.dial(t)
				c.send(t, begin)
				if trickles {
					go c.trickle()
				}
				_, _ = io.Copy(io.Discard, c.in)
				require.NoError(t, c.Close())
			})
		}
	}
	t.Run("after another request", func(t *testing.T) {
		t.Parallel()
		c := s.answered(t, request("GET", "/"), http.StatusOK)
		c.send(t, "GET / HTTP/1.1\r\nHost: rou")
		c.requireEnd(t)
	})
	t.Cleanup(func() { s.requireForgotten(t) })
}

// reads answers 408 to a body that is too slow, and otherwise repeats it.
func reads(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusRequestTimeout)
		return
	}
	_, _ = w.Write(text)
}

func TestARequestsBodyHasATime(t *testing.T) {
	t.Parallel()
	settings := patient()
	settings.Body = soon
	s := serve(t, settings, reads)
	for _, header := range []string{"Content-Length: 1000000", "Transfer-Encoding: chunked"} {
		for _, trickles := range []bool{false, true} {
			t.Run(fmt.Sprint(header, trickles), func(t *testing.T) {
				t.Parallel()
				c := s.dial(t)
				c.send(t, request("POST", "/", header))
				if trickles && strings.Contains(header, "chunked") {
					c.send(t, "100000\r\n")
				}
				if trickles {
					go c.trickle()
				}
				answer, _ := c.answer(t)
				require.Equal(t, http.StatusRequestTimeout, answer.StatusCode)
				require.True(t, answer.Close)
				c.requireEnd(t)
				require.NoError(t, c.Close())
			})
		}
	}
	t.Cleanup(func() { s.requireForgotten(t) })
}

func TestAConnectionWaitsOnlySoLongForItsNextRequest(t *testing.T) {
	t.Parallel()
	settings := patient()
	settings.Idle = soon
	s := serve(t, settings, hello)
	c := s.dial(t)
	c.send(t, request("GET", "/"))
	answer, _ := c.answer(t)
	require.False(t, answer.Close)
	c.requireEnd(t)
	s.requireForgotten(t)
}

func TestAClientThatReadsSlowlyIsCutOff(t *testing.T) {
	t.Parallel()
	for name, trickles := range map[string]bool{"not at all": false, "a byte now and then": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			settings := patient()
			settings.Write = soon
			failed := make(chan error, 1)
			s := serve(t, settings, func(w http.ResponseWriter, _ *http.Request) {
				var err error
				for piece := make([]byte, 64<<10); err == nil; {
					_, err = w.Write(piece)
				}
				failed <- err
			})
			c := s.dial(t)
			c.send(t, request("GET", "/"))
			if trickles {
				ended := make(chan struct{})
				defer func() { <-ended }()
				defer func() { _ = c.Close() }()
				go func() {
					defer close(ended)
					for _, err := c.in.ReadByte(); err == nil; _, err = c.in.ReadByte() {
						time.Sleep(time.Millisecond)
					}
				}()
			}
			require.Error(t, <-failed)
			s.requireForgotten(t)
		})
	}
}

func TestAWholeRequestHasATime(t *testing.T) {
	t.Parallel()
	settings := patient()
	settings.Whole = soon
	s := serve(t, settings, func(w http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		http.Error(w, "it took too long", http.StatusServiceUnavailable)
	})
	c := s.dial(t)
	c.send(t, request("GET", "/"))
	answer, text := c.answer(t)
	require.Equal(t, http.StatusServiceUnavailable, answer.StatusCode)
	require.Equal(t, "it took too long\n", text)
}

func TestAHandlerThatDoesNotEndHoldsNoConnection(t *testing.T) {
	t.Parallel()
	settings := patient()
	settings.Whole, settings.Write = soon, soon
	release := make(chan struct{})
	s := serve(t, settings, func(http.ResponseWriter, *http.Request) { <-release })
	c := s.dial(t)
	c.send(t, request("GET", "/"))
	_, err := c.in.ReadByte()
	require.Error(t, err)
	require.NotErrorIs(t, err, net.ErrClosed)
	s.requireForgotten(t)
	close(release)
}

func TestAHeaderHasASize(t *testing.T) {
	t.Parallel()
	settings := patient()
	settings.HeaderBytes = 4 << 10
	s := serve(t, settings, hello)
	c := s.dial(t)
	c.send(t, request("GET", "/", "X-Long: "+strings.Repeat("x", 16<<10)))
	answer, _ := c.answer(t)
	require.Equal(t, http.StatusRequestHeaderFieldsTooLarge, answer.StatusCode)
	c.requireEnd(t)
	s.requireForgotten(t)
}

// refuses answers without a look at the body.
func refuses(w http.ResponseWriter, _ *http.Request) {
	http.Error(w, "refused", http.StatusUnauthorized)
}

// A byte of a promised body used to hold the connection, and the answer, for ever.
func TestAnAnswerDoesNotWaitForABodyThatNobodyReads(t *testing.T) {
	t.Parallel()
	s := serve(t, patient(), refuses)
	for name, text := range map[string]string{
		"a byte":           request("POST", "/", "Content-Length: 100") + "x",
		"nothing":          request("POST", "/", "Content-Length: 100"),
		"much":             request("POST", "/", "Content-Length: 1000000000") + "x",
		"without a length": request("POST", "/", "Transfer-Encoding: chunked") + "64\r\nx",
		"asks first":       request("POST", "/", "Content-Length: 100", "Expect: 100-continue"),
		"about all":        request("OPTIONS", "*", "Content-Length: 100") + "x",
		"HTTP/1.0":         "POST / HTTP/1.0\r\nContent-Length: 100\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := s.dial(t)
			c.send(t, text)
			answer, _ := c.answer(t)
			require.Equal(t, http.StatusUnauthorized, answer.StatusCode)
			require.True(t, answer.Close)
			c.requireEnd(t)
			// The client holds its own end open, and goes on to send.
			c.send(t, "x")
		})
	}
	t.Cleanup(func() { s.requireForgotten(t) })
}

// The server answers this by itself, and then waits for the body.
func TestAnExpectationThatIsUnknownHoldsNoConnection(t *testing.T) {
	t.Parallel()
	settings := patient()
	settings.Header, settings.Body = soon, soon
	s := serve(t, settings, refuses)
	s.answered(t, request("POST", "/", "Content-Length: 100", "Expect: tea"), http.StatusExpectationFailed).requireEnd(t)
	s.requireForgotten(t)
}

// A connection that is closed with unread bytes is reset, and a reset takes the answer with it that is on its way.
func TestAClientThatGoesOnSendingGetsItsAnswer(t *testing.T) {
	t.Parallel()
	s := serve(t, patient(), func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadFull(r.Body, make([]byte, 10))
		http.Error(w, strings.Repeat("too large ", 1000), http.StatusRequestEntityTooLarge)
	})
	const length = 8 << 20
	for _, header := range []string{fmt.Sprint("Content-Length: ", length), "Transfer-Encoding: chunked"} {
		c := s.dial(t)
		c.send(t, request("POST", "/", header))
		if !strings.Contains(header, "Length") {
			c.send(t, fmt.Sprintf("%x\r\n", length))
		}
		c.send(t, strings.Repeat("x", length))
		answer, text := c.answer(t)
		require.Equal(t, http.StatusRequestEntityTooLarge, answer.StatusCode)
		require.Len(t, text, 10001)
		c.requireEnd(t)
	}
}

// What the server refuses by itself is no handler's, and has to arrive all the same.
func TestARequestThatIsNoneIsAnswered(t *testing.T) {
	t.Parallel()
	s := serve(t, patient(), hello)
	c := s.dial(t)
	c.send(t, "no request\r\n\r\n"+strings.Repeat("x", 100<<10))
	answer, _ := c.answer(t)
	require.Equal(t, http.StatusBadRequest, answer.StatusCode)
	c.requireEnd(t)
}

func TestAnExpectedBodyIsAskedForByTheHandlersThatReadIt(t *testing.T) {
	t.Parallel()
	s := serve(t, patient(), reads)
	c := s.dial(t)
	for range 2 {
		c.send(t, request("POST", "/", "Content-Length: 5", "Expect: 100-continue"))
		first, err := http.ReadResponse(c.in, nil)
		require.NoError(t, err)
		require.NoError(t, first.Body.Close())
		require.Equal(t, http.StatusContinue, first.StatusCode)
		c.send(t, "hello")
		answer, text := c.answer(t)
		require.Equal(t, "hello", text)
		require.False(t, answer.Close)
	}
}

func TestAConnectionGoesOnAfterABody(t *testing.T) {
	t.Parallel()
	var ended atomic.Int32
	s := serve(t, patient(), func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/reads" {
			_, _ = io.Copy(io.Discard, r.Body)
		}
		if r.Context().Err() != nil {
			ended.Add(1)
		}
		hello(w, r)
	})
	c := s.dial(t)
	for _, path := range []string{"/reads", "/", "/reads", "/", "/"} {
		c.send(t, request("POST", path, "Content-Length: 2")+"{}")
		answer, text := c.answer(t)
		require.Equal(t, "hello", text)
		require.False(t, answer.Close, path)
	}
	require.Zero(t, ended.Load())
}

func TestAnAnswerCanBeFlushed(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	s := serve(t, patient(), func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "first")
		_ = http.NewResponseController(w).Flush()
		<-release
	})
	c := s.dial(t)
	c.send(t, request("GET", "/"))
	answer, err := http.ReadResponse(c.in, nil)
	require.NoError(t, err)
	first := make([]byte, 5)
	_, err = io.ReadFull(answer.Body, first)
	require.NoError(t, err)
	require.Equal(t, "first", string(first))
	close(release)
	require.NoError(t, answer.Body.Close())
}
