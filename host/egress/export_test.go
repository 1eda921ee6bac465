package egress

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/http/httptrace"

	abi "payrouter/abi/v1"
)

// NewWithDial makes a client that reaches its provider through dial, past the address check.
func NewWithDial(s Settings,
	dial func(ctx context.Context, network, address string) (net.Conn, error),
) (*Client, error) {
	s.Dial = dial
	return New(s)
}

// NewUnheard makes a client whose answers stand before their requests do: a request is written to c, and answered by
// what was never read from it.
func NewUnheard(s Settings, c net.Conn, answer func() *http.Response) (*Client, error) {
	client, err := New(s)
	if err == nil {
		client.transport = unheard{&conn{Conn: c}, answer}
	}
	return client, err
}

type unheard struct {
	conn   *conn
	answer func() *http.Response
}

func (u unheard) RoundTrip(r *http.Request) (*http.Response, error) {
	httptrace.ContextClientTrace(r.Context()).GotConn(httptrace.GotConnInfo{Conn: u.conn})
	return u.answer(), r.Write(u.conn)
}

func (unheard) CloseIdleConnections() {}

// CheckAddress is what the dialer asks about every address.
var CheckAddress = checkAddress

// Wire is what a request looks like on the wire.
func Wire(c *Client, in *abi.HttpRequest) ([]byte, error) {
	out, err := c.render(in)
	if err != nil {
		return nil, err
	}
	var wire bytes.Buffer
	err = out.http(context.Background(), false).Write(&wire)
	return wire.Bytes(), err
}

// Mask replaces secrets as answers and errors have them replaced.
func Mask(secrets map[string]string) func(string) string { return newMask(secrets).text }
