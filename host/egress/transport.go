package egress

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
)

// maxResponseHeader bounds an answer's header, interim answers included, in bytes.
const maxResponseHeader = 64 << 10

// transport is what of http.Transport is used.
type transport interface {
	http.RoundTripper
	CloseIdleConnections()
}

type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

func (c *Client) newTransport(dial dialFunc) *http.Transport {
	var protocols http.Protocols
	protocols.SetHTTP1(true) // HTTP/2 resends by rules of its own
	return &http.Transport{
		Proxy: nil, // none, whatever the environment sets
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return c.connect(ctx, dial, network, address, nil)
		},
		DialTLSContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			host, _, err := net.SplitHostPort(address)
			if err != nil {
				return nil, &dialError{cause: err}
			}
			return c.connect(ctx, dial, network, address, &tls.Config{
				MinVersion: tls.VersionTLS12, RootCAs: c.settings.RootCAs, ServerName: host,
				NextProtos: []string{"http/1.1"},
			})
		},
		Protocols:              &protocols,
		MaxConnsPerHost:        c.settings.MaxConns,
		MaxIdleConnsPerHost:    c.settings.MaxConns,
		IdleConnTimeout:        c.settings.IdleTimeout,
		MaxResponseHeaderBytes: maxResponseHeader,
	}
}

// dialError marks that there was never a connection.
type dialError struct{ cause error }

func (e *dialError) Error() string { return e.cause.Error() }
func (e *dialError) Unwrap() error { return e.cause }

// connect dials, with TLS where secure is not nil. net/http goes on dialling after a request gave up, for the next
// one: hence the bound of its own.
func (c *Client) connect(ctx context.Context, dial dialFunc, network, address string,
	secure *tls.Config,
) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, c.settings.DialTimeout)
	defer cancel()
	raw, err := dial(ctx, network, address)
	if err != nil {
		return nil, &dialError{cause: err}
	}
	if secure == nil {
		return &conn{Conn: raw}, nil
	}
	over := tls.Client(raw, secure)
	if err := over.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		return nil, &dialError{cause: fmt.Errorf("TLS: %w", err)}
	}
	return &conn{Conn: over}, nil
}
