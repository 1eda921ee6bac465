package egress_test

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
	"payrouter/host/egress"
)

func newGzip(w io.Writer) *gzip.Writer { return gzip.NewWriter(w) }

// Every way in which a provider can fail to answer, on a real socket: what the engine learns of it.
func TestTryTellsWhatBecameOfIt(t *testing.T) {
	t.Parallel()
	bomb := gzipped(t, func(w io.Writer) error {
		_, err := io.CopyN(w, zeros{}, 64<<20)
		return err
	})
	empties := strings.Repeat(string(gzipped(t, func(io.Writer) error { return nil })), 100_000)
	tests := map[string]struct {
		serve  func(v *visit)
		limit  int64
		within time.Duration
		kind   error
		status uint32
		booked int
	}{
		"reset after reading: booked": {
			serve: func(v *visit) { v.book(); v.reset() }, kind: egress.ErrBroken, booked: 1,
		},
		"closed after reading: booked": {
			serve: func(v *visit) { v.book() }, kind: egress.ErrBroken, booked: 1,
		},
		"never answers": {
			serve: func(v *visit) { v.book(); v.hold() }, within: time.Second, kind: egress.ErrTimeout, booked: 1,
		},
		"never ends its answer": {
			serve:  func(v *visit) { v.book(); v.say("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"); v.hold() },
			within: time.Second, kind: egress.ErrTimeout, booked: 1,
		},
		"never ends its header": {
			serve:  func(v *visit) { v.book(); v.say("HTTP/1.1 200 OK\r\nContent-"); v.hold() },
			within: time.Second, kind: egress.ErrTimeout, booked: 1,
		},
		"answer shorter than its length": {
			serve: func(v *visit) { v.book(); v.say("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"ok\":true}") },
			kind:  egress.ErrBroken, booked: 1,
		},
		"answer cut in a chunk": {
			serve: func(v *visit) {
				v.book()
				v.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n{\"ok\"")
			},
			kind: egress.ErrBroken, booked: 1,
		},
		"answer without its last chunk": {
			serve: func(v *visit) {
				v.book()
				v.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n{\"ok\":true}\r\n")
			},
			kind: egress.ErrBroken, booked: 1,
		},
		"chunks that are garbage": {
			serve: func(v *visit) {
				v.book()
				v.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n")
			},
			kind: egress.ErrBroken, booked: 1,
		},
		"not HTTP": {
			serve: func(v *visit) { v.book(); v.say("SSH-2.0-OpenSSH_9.6\r\n\r\n") }, kind: egress.ErrBroken, booked: 1,
		},
		"header without end": {
			serve: func(v *visit) {
				v.book()
				v.say("HTTP/1.1 200 OK\r\n" + strings.Repeat("X-A: "+strings.Repeat("a", 1000)+"\r\n", 100) + "\r\n")
			},
			kind: egress.ErrBroken, booked: 1,
		},
		"larger than allowed by its length": {
			serve: answers(okAnswer), limit: 10, kind: egress.ErrTooLarge, booked: 1,
		},
		"far larger than allowed: nobody waits for it": {
			serve: func(v *visit) { v.book(); v.say("HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n"); v.hold() },
			kind:  egress.ErrTooLarge, booked: 1,
		},
		"larger than allowed without a length": {
			serve: func(v *visit) { v.book(); v.say("HTTP/1.1 200 OK\r\n\r\n{\"ok\":true}") },
			limit: 10, kind: egress.ErrTooLarge, booked: 1,
		},
		"as large as allowed": {
			serve: func(v *visit) { v.book(); v.say("HTTP/1.1 200 OK\r\n\r\n{\"ok\":true}") },
			limit: 11, status: 200, booked: 1,
		},
		"small on the wire, huge unpacked": {
			serve: func(v *visit) {
				v.book()
				v.say(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s",
					len(bomb), bomb))
			},
			kind: egress.ErrTooLarge, booked: 1,
		},
		"huge on the wire, nothing unpacked": {
			serve: func(v *visit) { v.book(); v.say("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + empties) },
			limit: 1000, kind: egress.ErrTooLarge, booked: 1,
		},
		"gzip that is none": {
			serve: func(v *visit) {
				v.book()
				v.say("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 11\r\n\r\n{\"ok\":true}")
			},
			kind: egress.ErrBroken, booked: 1,
		},
		"an encoding that was not asked for": {
			serve: func(v *visit) {
				v.book()
				v.say("HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 2\r\n\r\n{}")
			},
			kind: egress.ErrBroken, booked: 1,
		},
		"switches protocols": {
			serve: func(v *visit) {
				v.book()
				v.say("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
				v.hold()
			},
			kind: egress.ErrBroken, booked: 1,
		},
		"interim answers, then the real one": {
			serve: func(v *visit) {
				v.book()
				v.say("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + okAnswer)
			},
			status: 200, booked: 1,
		},
		"a redirect is the answer": {
			serve:  answers("HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"),
			status: 302, booked: 1,
		},
		"a redirect to nonsense is one too": {
			serve:  answers("HTTP/1.1 302 Found\r\nLocation: http://[::1\r\nContent-Length: 0\r\n\r\n"),
			status: 302, booked: 1,
		},
		"a redirect that keeps the method is one too": {
			serve:  answers("HTTP/1.1 307 Temporary Redirect\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"),
			status: 307, booked: 1,
		},
		"a fault is an answer": {
			serve: answers("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"), status: 503,
			booked: 1,
		},
		"answer ends with EOF": {
			serve: func(v *visit) { v.book(); v.say("HTTP/1.0 200 OK\r\n\r\n{}") }, status: 200,
			booked: 1,
		},
		"answered and reset":    {serve: func(v *visit) { v.book(); v.say(okAnswer) }, status: 200, booked: 1},
		"answer without a body": {serve: answers("HTTP/1.1 204 No Content\r\n\r\n"), status: 204, booked: 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProvider(t, test.serve)
			s := sandbox(p)
			s.MaxResponse, s.Timeout = test.limit, cmp.Or(test.within, s.Timeout)
			try := once(t, newClient(t, s), post(`{"amount":"1"}`))
			require.True(t, try.Sent)
			require.Equal(t, 1, try.Writes)
			require.Equal(t, 1, try.Number)
			require.False(t, try.Finished.Before(try.Started))
			require.Len(t, p.seen(), test.booked)
			if test.kind != nil {
				require.ErrorIs(t, try.Err, test.kind)
				return
			}
			require.NoError(t, try.Err)
			require.Equal(t, test.status, try.Response.GetStatus())
		})
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

func TestNothingIsSentWhereThereIsNoConnection(t *testing.T) {
	t.Parallel()
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		p := newProvider(t, func(*visit) {})
		s := sandbox(p)
		p.stop()
		try := once(t, newClient(t, s), post("{}"))
		require.False(t, try.Sent)
		require.Zero(t, try.Writes)
		require.ErrorIs(t, try.Err, egress.ErrDial)
	})
	t.Run("address not allowed", func(t *testing.T) {
		t.Parallel()
		server := httptest.NewTLSServer(http.NotFoundHandler())
		t.Cleanup(server.Close)
		try := once(t, newClient(t, egress.Settings{Provider: "acme", BaseURL: server.URL}), post("{}"))
		require.False(t, try.Sent)
		require.ErrorIs(t, try.Err, egress.ErrDial)
		require.ErrorIs(t, try.Err, egress.ErrAddressRefused)
	})
	t.Run("certificate not trusted", func(t *testing.T) {
		t.Parallel()
		server := httptest.NewUnstartedServer(http.NotFoundHandler())
		server.Config.ErrorLog = log.New(io.Discard, "", 0)
		server.StartTLS()
		t.Cleanup(server.Close)
		try := once(t, newClient(t, egress.Settings{Provider: "acme", BaseURL: server.URL, AllowPrivate: true}),
			post("{}"))
		require.False(t, try.Sent)
		require.ErrorIs(t, try.Err, egress.ErrDial)
	})
	t.Run("TLS handshake never ends", func(t *testing.T) {
		t.Parallel()
		p := newProvider(t, (*visit).hold)
		s := sandbox(p)
		s.BaseURL = strings.Replace(s.BaseURL, "http://", "https://", 1)
		s.DialTimeout = 100 * time.Millisecond
		try := once(t, newClient(t, s), post("{}"))
		require.False(t, try.Sent)
		require.ErrorIs(t, try.Err, egress.ErrDial)
	})
	t.Run("all connections busy", func(t *testing.T) {
		t.Parallel()
		p := newProvider(t, func(v *visit) { v.book(); v.hold() })
		s := sandbox(p)
		s.MaxConns, s.Timeout = 1, 200*time.Millisecond
		c := newClient(t, s)
		tries := make(chan egress.Try, 2)
		for range 2 {
			go func() { tries <- quietly(c, post("{}")) }()
		}
		one, two := <-tries, <-tries
		require.ErrorIs(t, one.Err, egress.ErrTimeout)
		require.ErrorIs(t, two.Err, egress.ErrTimeout)
		require.LessOrEqual(t, len(p.seen()), 2)
		sent := 0
		for _, try := range []egress.Try{one, two} {
			if try.Sent {
				sent++
			}
		}
		require.Len(t, p.seen(), sent, "what was sent is what arrived")
	})
}

// A reset that meets the request half-way may or may not have been preceded by bytes; the try must not claim more than
// that, and never an answer.
func TestResetBeforeReading(t *testing.T) {
	t.Parallel()
	p := newProvider(t, (*visit).reset)
	try := once(t, newClient(t, sandbox(p)), post("{}"))
	require.Error(t, try.Err)
	require.False(t, try.Sent && errors.Is(try.Err, egress.ErrDial))
	require.Empty(t, p.seen())
}

func TestProxyFromTheEnvironmentIsIgnored(t *testing.T) {
	proxy := newProvider(t, answers(okAnswer))
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"} {
		t.Setenv(name, proxy.url())
	}
	p := newProvider(t, answers(okAnswer))
	s := sandbox(p)
	s.BaseURL = "http://shop.example" // a proxy is never asked for the machine itself
	var dialled []string
	c, err := egress.NewWithDial(s, func(ctx context.Context, network, address string) (net.Conn, error) {
		dialled = append(dialled, address)
		return (&net.Dialer{}).DialContext(ctx, network, p.listener.Addr().String())
	})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	require.NoError(t, once(t, c, get()).Err)
	require.Equal(t, []string{"shop.example:80"}, dialled)
	require.Empty(t, proxy.seen())
}

func TestSpeaksHTTP1OverTLS(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Proto)
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	s := egress.Settings{
		Provider: "acme", BaseURL: server.URL, AllowPrivate: true,
		RootCAs: poolOf(server.Certificate()),
	}
	try := once(t, newClient(t, s), post("{}"))
	require.NoError(t, try.Err)
	require.Equal(t, "HTTP/1.1", string(try.Response.GetBody()))
	require.Equal(t, 1, try.Writes)
}

// A provider that answers once too often must not have that answer taken for the next payment's.
func TestSurplusAnswerIsNobodys(t *testing.T) {
	t.Parallel()
	const bogus = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nbogus"
	for name, surplus := range map[string]string{"whole": bogus, "its beginning": bogus[:20]} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProvider(t, func(v *visit) {
				for v.book() {
					v.say(okAnswer + surplus)
				}
			})
			s := sandbox(p)
			s.MaxConns = 1 // so that somebody waits for the connection, and gets it at once
			c := newClient(t, s)
			var all sync.WaitGroup
			for range 8 {
				all.Go(func() {
					for range 25 {
						try := quietly(c, post("{}"))
						if try.Response != nil && string(try.Response.GetBody()) != `{"ok":true}` {
							t.Errorf("took %q for its answer", try.Response.GetBody())
						}
					}
				})
			}
			all.Wait()
		})
	}
}

// A surplus answer that comes once the next request is out is that one's answer, for all that anybody can see. A
// request that goes alone is not reached by it.
func TestARequestThatGoesAloneGetsNobodyElsesAnswer(t *testing.T) {
	t.Parallel()
	for name, alone := range map[string]bool{"alone": true, "over a connection that was kept": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProvider(t, func(v *visit) {
				for answer := ""; v.book(); {
					answer = cmp.Or(answer, v.last) // each is answered as the connection's first was
					v.say("HTTP/1.1 200 OK\r\nContent-Length: " + strconv.Itoa(len(answer)) + "\r\n\r\n" + answer)
				}
			})
			c := newClient(t, sandbox(p))
			require.Equal(t, "first", string(once(t, c, post("first")).Response.GetBody()))
			second := onceAs(t, c, exchange{Request: post("second"), Alone: alone})
			if !alone {
				require.Equal(t, "first", string(second.Response.GetBody()))
				return
			}
			require.Equal(t, "second", string(second.Response.GetBody()))
			require.Equal(t, "third",
				string(onceAs(t, c, exchange{Request: post("third"), Alone: true}).Response.GetBody()))
			require.Equal(t, 1, second.Writes)
		})
	}
}

// The same without a race: the answer was in net/http's buffer before the request was written.
func TestAnswerFromABufferIsNoAnswer(t *testing.T) {
	t.Parallel()
	p := newProvider(t, (*visit).hold)
	raw, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", p.listener.Addr().String())
	require.NoError(t, err)
	c, err := egress.NewUnheard(sandbox(p), raw, func() *http.Response {
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(`{"ok":true}`))}
	})
	require.NoError(t, err)
	try := once(t, c, post("{}"))
	require.ErrorIs(t, try.Err, egress.ErrBroken)
	require.True(t, try.Sent)
	_, err = raw.Write([]byte("x"))
	require.ErrorIs(t, err, net.ErrClosed, "the connection cannot be trusted any more")
}

// net/http dials on when the request has given up. Close ends that too.
func TestCloseEndsDialling(t *testing.T) {
	t.Parallel()
	gone := make(chan struct{})
	p := newProvider(t, func(v *visit) { v.hold(); close(gone) })
	s := sandbox(p)
	s.BaseURL = strings.Replace(s.BaseURL, "http://", "https://", 1)
	s.Timeout, s.DialTimeout = 500*time.Millisecond, time.Hour
	c := newClient(t, s)
	try := once(t, c, post("{}"))
	require.ErrorIs(t, try.Err, egress.ErrTimeout)
	require.False(t, try.Sent)
	c.Close()
	select {
	case <-gone:
	case <-time.After(10 * time.Second):
		t.Fatal("still dialling")
	}
}

// What a provider says to nobody is dropped: net/http would print it to the standard log.
func TestUnaskedAnswerIsNotLogged(t *testing.T) {
	var printed bytes.Buffer
	log.SetOutput(&printed)
	t.Cleanup(func() { log.SetOutput(os.Stderr) })
	closed := make(chan struct{})
	p := newProvider(t, func(v *visit) {
		v.book()
		v.say(okAnswer)
		v.say("unasked, with a token in it")
		v.hold()
		close(closed)
	})
	c, err := egress.NewWithDial(sandbox(p), func(ctx context.Context, network, address string) (net.Conn, error) {
		raw, err := (&net.Dialer{}).DialContext(ctx, network, address)
		return &slowReader{Conn: raw, most: len(okAnswer)}, err
	})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	require.NoError(t, once(t, c, post("{}")).Err)
	<-closed // the client hangs up
	require.Empty(t, printed.String())
}

// slowReader hands out at most so many bytes at a time.
type slowReader struct {
	net.Conn
	most int
}

func (r *slowReader) Read(b []byte) (int, error) { return r.Conn.Read(b[:min(len(b), r.most)]) }

// quietly is once for goroutines that may not fail the test themselves.
func quietly(c *egress.Client, request *abi.HttpRequest) (last egress.Try) {
	_ = do(context.Background(), c, exchange{
		Request: request, Before: before,
		After: func(_ context.Context, try egress.Try) egress.Judgement {
			last = try
			return egress.Judgement{}
		},
	})
	return last
}

func poolOf(certificate *x509.Certificate) *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(certificate)
	return pool
}
