// Package inbound bounds what a client's connection may cost: how long each part of a request and of its answer may
// take, how long a connection may wait between two requests, and how many connections there are, in all and from one
// address. What a request asks for is none of its business.
//
// It speaks HTTP/1.1 alone: there a connection has one request at a time, so a limit of a request is one of its
// connection. HTTP/2 is a proxy's work.
package inbound

import (
	"cmp"
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Settings of Limits. Zero fields take the defaults that they name.
type Settings struct {
	// Header is how long a request's line and header may take, from its first byte, and from the connection's begin for
	// its first request. 0 means 10 s.
	Header time.Duration
	// Body is how long a request's body may take, from when it is first asked for. Each Rate bytes that came give it
	// another second. 0 means 10 s.
	Body time.Duration
	// Write is how long a client may take to accept an answer, from its first byte. Each Rate bytes of the answer give
	// it another second. 0 means 30 s.
	Write time.Duration
	// Whole is how long a request may take in all, from the end of its header: then its context ends, and Write later
	// its connection. It has to be longer than whatever a handler waits for. 0 means 2 min.
	Whole time.Duration
	// Idle is how long a connection may wait for its next request. 0 means 2 min.
	Idle time.Duration
	// Rate is how many bytes in a second a client has to send and accept at least, beyond what Body and Write give it.
	// 0 means 64 KiB.
	Rate int64
	// HeaderBytes is the largest request line and header. 0 means 64 KiB.
	HeaderBytes int
	// Connections is how many there are at once; further ones are closed at once. 0 means 4,096, and no more than half
	// of the files that the process may open: the other half is for providers and the journal.
	Connections int
	// PerAddress is how many connections there are from one IPv4 address or one /64 of IPv6; further ones are closed at
	// once. Loopback addresses have no such bound. 0 means 256.
	PerAddress int
	// Proxies are the addresses of reverse proxies, which have no such bound either.
	Proxies []netip.Prefix
	// Logger gets the connections that are refused, once in ten seconds, and what the server has to report.
	Logger *slog.Logger
}

// The defaults of Settings.
const (
	defaultConnections = 4096
	defaultPerAddress  = 256
	defaultRate        = 64 << 10
	defaultHeader      = 64 << 10
)

// refusalsEvery is the pause between two lines of the log about refused connections.
const refusalsEvery = 10 * time.Second

func (s Settings) withDefaults() Settings {
	s.Header = cmp.Or(s.Header, 10*time.Second)
	s.Body = cmp.Or(s.Body, 10*time.Second)
	s.Write = cmp.Or(s.Write, 30*time.Second)
	s.Whole = cmp.Or(s.Whole, 2*time.Minute)
	s.Idle = cmp.Or(s.Idle, 2*time.Minute)
	s.Rate = cmp.Or(s.Rate, defaultRate)
	s.HeaderBytes = cmp.Or(s.HeaderBytes, defaultHeader)
	s.Connections = cmp.Or(s.Connections, min(defaultConnections, max(openFiles()/2, 1)))
	s.PerAddress = cmp.Or(s.PerAddress, defaultPerAddress)
	if s.Logger == nil {
		s.Logger = slog.New(slog.DiscardHandler)
	}
	return s
}

// Limits are the limits of one server's connections. They are safe for concurrent use.
type Limits struct {
	settings Settings
	// reports bounds how often refused connections are logged.
	reports rate.Sometimes

	mutex sync.Mutex
	open  int
	// from counts open connections by address, without those that have no bound of their own.
	from    map[netip.Addr]int
	refused int
}

// New makes the limits of one server.
func New(settings Settings) *Limits {
	return &Limits{
		settings: settings.withDefaults(), from: map[netip.Addr]int{}, reports: rate.Sometimes{Interval: refusalsEvery},
	}
}

// Server makes a server that holds its clients to the limits. It has to serve what Listener gives, as it is or inside
// of TLS.
func (l *Limits) Server(handler http.Handler) *http.Server {
	s := l.settings
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	return &http.Server{
		Handler: &bounded{settings: s, next: handler}, Protocols: protocols,
		ReadHeaderTimeout: s.Header, IdleTimeout: s.Idle, MaxHeaderBytes: s.HeaderBytes,
		// Both are for what the server answers by itself, such as 417: it reads the body there. A handler's requests
		// have deadlines of their own.
		ReadTimeout: s.Header + s.Body, WriteTimeout: s.Whole + s.Write,
		// The server's own answer to "OPTIONS *" waits for its body.
		DisableGeneralOptionsHandler: true,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, connOf(c))
		},
		ErrorLog: slog.NewLogLogger(s.Logger.Handler(), slog.LevelWarn),
	}
}

type connKey struct{}

// connOf is the connection that Listener gave, inside of what was made of it; nil where it gave none.
func connOf(c net.Conn) *conn {
	if secured, ok := c.(interface{ NetConn() net.Conn }); ok {
		c = secured.NetConn()
	}
	own, _ := c.(*conn)
	return own
}
