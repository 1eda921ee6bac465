package egress_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	abi "payrouter/abi/v1"
	"payrouter/host/egress"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// booked is a request that a provider read whole.
type booked struct {
	method, path string
	header       http.Header
	body         string
}

// provider is a server on loopback that misbehaves byte by byte.
type provider struct {
	listener net.Listener
	wait     sync.WaitGroup

	mu    sync.Mutex
	books []booked
	conns []net.Conn
}

// visit is one connection to a provider, the number-th from 1.
type visit struct {
	net.Conn
	number   int
	reader   *bufio.Reader
	provider *provider
	last     string // the body booked last
}

// newProvider serves every connection with serve and closes it afterwards.
func newProvider(t *testing.T, serve func(v *visit)) *provider {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &provider{listener: listener}
	p.wait.Go(func() { p.accept(serve) })
	t.Cleanup(p.stop)
	return p
}

func (p *provider) accept(serve func(v *visit)) {
	for number := 1; ; number++ {
		c, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		p.conns = append(p.conns, c)
		p.mu.Unlock()
		p.wait.Go(func() {
			defer func() { _ = c.Close() }()
			serve(&visit{Conn: c, number: number, reader: bufio.NewReader(c), provider: p})
		})
	}
}

func (p *provider) stop() {
	_ = p.listener.Close()
	p.mu.Lock()
	for _, c := range p.conns {
		_ = c.Close()
	}
	p.mu.Unlock()
	p.wait.Wait()
}

func (p *provider) url() string { return "http://" + p.listener.Addr().String() }

func (p *provider) seen() []booked {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]booked(nil), p.books...)
}

// book reads one request whole, and is false at the connection's end.
func (v *visit) book() bool {
	request, err := http.ReadRequest(v.reader)
	if err != nil {
		return false
	}
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return false
	}
	v.last = string(body)
	v.provider.mu.Lock()
	defer v.provider.mu.Unlock()
	v.provider.books = append(v.provider.books,
		booked{request.Method, request.RequestURI, request.Header, string(body)})
	return true
}

func (v *visit) say(s string) { _, _ = io.WriteString(v, s) }

// hold keeps the connection open until the other side closes it.
func (v *visit) hold() { _, _ = io.Copy(io.Discard, v.reader) }

// reset makes the close that follows a TCP reset.
func (v *visit) reset() {
	if tcp, ok := v.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
}

const okAnswer = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{\"ok\":true}"

// answers books every request and gives each the same answer.
func answers(answer string) func(v *visit) {
	return func(v *visit) {
		for v.book() {
			v.say(answer)
		}
	}
}

func sandbox(p *provider) egress.Settings {
	return egress.Settings{
		Provider: "acme", BaseURL: p.url(), AllowPrivate: true, Timeout: 10 * time.Second,
		Secrets: map[string]string{"token": "tok/9f8e7d6c+5b", "password": "hunter2hunter2"},
	}
}

func newClient(t *testing.T, s egress.Settings) *egress.Client {
	t.Helper()
	c, err := egress.New(s)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func literal(s string) []*abi.Part { return []*abi.Part{{Part: &abi.Part_Literal{Literal: s}}} }

func text(s string) *abi.Part { return &abi.Part{Part: &abi.Part_Text{Text: s}} }

func secret(name string) *abi.Part { return &abi.Part{Part: &abi.Part_Secret{Secret: name}} }

func post(body string) *abi.HttpRequest {
	return &abi.HttpRequest{Method: "POST", Path: literal("/orders"), Body: []byte(body)}
}

func get() *abi.HttpRequest { return &abi.HttpRequest{Method: "GET", Path: literal("/orders/1")} }

func before(context.Context, int) (time.Time, error) { return time.Now().Add(time.Minute), nil }

// exchange is an exchange with a test's part in its tries: Before is called before a try is sent, After when it is
// over.
type exchange struct {
	Request                  *abi.HttpRequest
	Lane                     egress.Lane
	Begun, Resendable, Alone bool

	Before func(ctx context.Context, try int) (sendBefore time.Time, err error)
	After  func(ctx context.Context, try egress.Try) egress.Judgement
}

// endedError is a retry (or, with no tries, the first try) that was not granted.
type endedError struct {
	Reason egress.EndReason
	Tries  int
}

func (e *endedError) Error() string { return "no further try: " + string(e.Reason) }

// do makes the tries of an exchange. Its error is Render's, Before's or an *endedError.
func do(ctx context.Context, c *egress.Client, x exchange) error {
	request, err := c.Render(x.Request)
	if err != nil {
		return err
	}
	last := &egress.Try{Ended: "before the first"}
	for try := range c.Tries(ctx, egress.Exchange{
		Request: request, Lane: x.Lane, Begun: x.Begun, Resendable: x.Resendable, Alone: x.Alone,
	}) {
		last = try
		if try.Err == nil {
			sendBefore, err := x.Before(ctx, try.Number)
			if err != nil {
				return err
			}
			try.Send(sendBefore)
		}
		try.Judge(x.After(ctx, *try))
	}
	if last.Ended != "" {
		return &endedError{last.Ended, last.Number}
	}
	return nil
}

// once makes one exchange that wants no retry, and gives its try.
func once(t *testing.T, c *egress.Client, request *abi.HttpRequest) egress.Try {
	t.Helper()
	return onceAs(t, c, exchange{Request: request})
}

// onceAs is once for an exchange of some kind.
func onceAs(t *testing.T, c *egress.Client, x exchange) egress.Try {
	t.Helper()
	var last egress.Try
	x.Before = before
	x.After = func(_ context.Context, try egress.Try) egress.Judgement {
		last = try
		return egress.Judgement{}
	}
	require.NoError(t, do(t.Context(), c, x))
	require.Equal(t, last.Response == nil, last.Err != nil, "a try has either an answer or an error")
	require.False(t, last.Response != nil && !last.Sent, "an answer to nothing")
	return last
}

func gzipped(t *testing.T, write func(w io.Writer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	w := newGzip(&b)
	require.NoError(t, errors.Join(write(w), w.Close()))
	return b.Bytes()
}
