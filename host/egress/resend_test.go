package egress_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
	"payrouter/host/egress"
)

// warmThenBookAndClose answers the first request of its first connection, books the second and hangs up. Further
// connections are answered.
func warmThenBookAndClose(v *visit) {
	if !v.book() {
		return
	}
	v.say(okAnswer)
	if v.number > 1 {
		answers(okAnswer)(v)
		return
	}
	v.book()
}

// net/http resends a request by itself on a kept-alive connection that broke, although the provider may have taken it.
// The provider must get exactly one per try.
func TestWarmConnectionThatBooksAndClosesGetsOneRequest(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"} {
		for _, body := range []string{"", `{"amount":"1"}`} {
			for _, key := range []string{"", "Idempotency-Key", "X-Idempotency-Key", "x-idempotency-key"} {
				if method == "HEAD" && body != "" {
					continue
				}
				t.Run(method+"/"+body+"/"+key, func(t *testing.T) {
					t.Parallel()
					p := newProvider(t, warmThenBookAndClose)
					c := newClient(t, sandbox(p))
					require.NoError(t, once(t, c, post("warm")).Err)
					request := &abi.HttpRequest{Method: method, Path: literal("/recharge"), Body: []byte(body)}
					if key != "" {
						request.Headers = []*abi.Field{{Name: key, Value: literal("key-1")}}
					}
					try := once(t, c, request)
					require.ErrorIs(t, try.Err, egress.ErrBroken)
					require.NotContains(t, try.Err.Error(), "resend", "net/http did not even want to")
					require.True(t, try.Sent)
					require.Equal(t, 1, try.Writes)
					got := p.seen()[1:]
					require.Len(t, got, 1)
					require.Equal(t, method, got[0].method)
					require.Equal(t, body, got[0].body)
					require.Empty(t, got[0].header.Get("Transfer-Encoding"))
					if key != "" {
						require.Equal(t, "key-1", got[0].header.Get(key))
					}
				})
			}
		}
	}
}

// The same, where the request changes nothing: net/http may resend it, and does. This also shows that the trap is
// there.
func TestResendableRequestIsResentByTheTransport(t *testing.T) {
	t.Parallel()
	p := newProvider(t, warmThenBookAndClose)
	c := newClient(t, sandbox(p))
	require.NoError(t, once(t, c, post("warm")).Err)
	var tries []egress.Try
	err := do(t.Context(), c, exchange{Request: get(), Resendable: true, Before: before, After: collect(&tries)})
	require.NoError(t, err)
	require.Len(t, tries, 1)
	require.NoError(t, tries[0].Err)
	require.Equal(t, 2, tries[0].Writes)
	require.Len(t, p.seen(), 3)
}

func collect(tries *[]egress.Try) func(context.Context, egress.Try) egress.Judgement {
	return func(_ context.Context, try egress.Try) egress.Judgement {
		*tries = append(*tries, try)
		return egress.Judgement{}
	}
}

// frail is a connection whose next write fails with nothing written, once broken.
type frail struct {
	net.Conn
	broken *atomic.Bool
}

func (f *frail) Write(b []byte) (int, error) {
	if f.broken.CompareAndSwap(true, false) {
		return 0, &net.OpError{Op: "write", Net: "tcp", Err: syscall.EPIPE}
	}
	return f.Conn.Write(b)
}

// A kept-alive connection that the provider closed just before it is used again: nothing was written, and the try says
// so, or another connection carries it.
func TestConnectionThatDiesOnReuse(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		request *abi.HttpRequest
		sent    bool
	}{
		"with a body":    {post(`{"amount":"1"}`), false},
		"without a body": {post(""), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProvider(t, answers(okAnswer))
			var broken atomic.Bool
			c, err := egress.NewWithDial(sandbox(p),
				func(ctx context.Context, network, address string) (net.Conn, error) {
					raw, err := (&net.Dialer{}).DialContext(ctx, network, address)
					return &frail{raw, &broken}, err
				})
			require.NoError(t, err)
			t.Cleanup(c.Close)
			require.NoError(t, once(t, c, post("warm")).Err)
			broken.Store(true)
			try := once(t, c, test.request)
			require.Equal(t, test.sent, try.Sent)
			require.Equal(t, test.sent, try.Err == nil)
			require.Len(t, p.seen()[1:], try.Writes)
		})
	}
}

// Many payments at once over connections that break after every other booking: no request arrives twice, none arrives
// that is said not to have left, and every answer is the right one's.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	p := newProvider(t, func(v *visit) {
		for range v.number%3 + 1 {
			if !v.book() {
				return
			}
			v.say(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(v.last), v.last))
		}
		v.book()
	})
	s := sandbox(p)
	s.MaxConns, s.Breaker.Failures = 8, 1<<30
	c := newClient(t, s)
	var all sync.WaitGroup
	var sent sync.Map
	for worker := range 16 {
		all.Go(func() {
			for i := range 20 {
				id := fmt.Sprintf("%d-%d", worker, i)
				try := quietly(c, post(id))
				sent.Store(id, try.Sent)
				if try.Response != nil && string(try.Response.GetBody()) != id {
					t.Errorf("%s got the answer to %s", id, try.Response.GetBody())
				}
				if try.Writes > 1 {
					t.Errorf("%s was written %d times", id, try.Writes)
				}
			}
		})
	}
	all.Wait()
	times := map[string]int{}
	for _, got := range p.seen() {
		times[got.body]++
		left, _ := sent.Load(got.body)
		require.Equal(t, true, left, "%s arrived", got.body)
		require.Equal(t, 1, times[got.body], "%s arrived", got.body)
	}
}

// Half a request is a request: part of it left.
func TestWriteThatFailsHalfWay(t *testing.T) {
	t.Parallel()
	p := newProvider(t, (*visit).hold)
	c, err := egress.NewWithDial(sandbox(p), func(ctx context.Context, network, address string) (net.Conn, error) {
		raw, err := (&net.Dialer{}).DialContext(ctx, network, address)
		return half{raw}, err
	})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	try := once(t, c, post("{}"))
	require.True(t, try.Sent)
	require.ErrorIs(t, try.Err, egress.ErrBroken)
	require.Empty(t, p.seen())
}

type half struct{ net.Conn }

func (h half) Write(b []byte) (int, error) {
	n, err := h.Conn.Write(b[:len(b)/2])
	return n, errors.Join(err, syscall.ECONNRESET)
}
