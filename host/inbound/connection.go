package inbound

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// lingers is how long a connection is read after its last answer, and the client has that long to close it; maxRead
	// is how much of it is read at most. A client whose bytes are left unread gets a reset, and may lose the answer:
	// RFC 9112, section 9.6.
	lingers = 2 * time.Second
	maxRead = 16 << 20
	// sendBuffer is what the kernel keeps of an answer that a client does not accept. Its own choice grows to
	// megabytes.
	sendBuffer = 128 << 10
)

// Listener bounds the connections that a listener accepts.
func (l *Limits) Listener(inner net.Listener) net.Listener { return &listener{inner, l} }

type listener struct {
	net.Listener
	limits *Limits
}

// Accept implements net.Listener. It closes the connections that are too many, and waits for the next.
func (l *listener) Accept() (net.Conn, error) {
	for {
		accepted, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if admitted := l.limits.admit(accepted); admitted != nil {
			return admitted, nil
		}
	}
}

// admit takes a connection in, or closes it and returns nil.
func (l *Limits) admit(accepted net.Conn) net.Conn {
	from, bound := l.source(accepted.RemoteAddr())
	if !l.take(from, bound) {
		reset(accepted)
		_ = accepted.Close()
		l.reports.Do(func() { l.report(accepted.RemoteAddr()) })
		return nil
	}
	if tcp, ok := accepted.(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(sendBuffer) // the kernel's own choice is no mistake
	}
	return &conn{Conn: accepted, release: func() { l.give(from, bound) }}
}

func (l *Limits) take(from netip.Addr, bound bool) bool {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.open >= l.settings.Connections || bound && l.from[from] >= l.settings.PerAddress {
		l.refused++
		return false
	}
	l.open++
	if bound {
		l.from[from]++
	}
	return true
}

func (l *Limits) give(from netip.Addr, bound bool) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.open--
	if !bound {
		return
	}
	if l.from[from]--; l.from[from] == 0 {
		delete(l.from, from)
	}
}

func (l *Limits) report(last net.Addr) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.settings.Logger.Warn("connections are refused: there are as many as may be", slog.Int("open", l.open),
		slog.Int("at_most", l.settings.Connections), slog.Int("from_one_address", l.settings.PerAddress),
		slog.Int("refused_since_start", l.refused), slog.String("last_from", last.String()))
}

// source is the address that a connection counts for, and whether that has a bound.
func (l *Limits) source(remote net.Addr) (from netip.Addr, bound bool) {
	tcp, ok := remote.(*net.TCPAddr)
	if !ok {
		return netip.Addr{}, false
	}
	from = tcp.AddrPort().Addr().Unmap().WithZone("")
	if from.IsLoopback() ||
		slices.ContainsFunc(l.settings.Proxies, func(p netip.Prefix) bool { return p.Contains(from) }) {
		return from, false
	}
	if from.Is6() {
		const subnet = 64 // what one customer of a network has at least
		from = netip.PrefixFrom(from, subnet).Masked().Addr()
	}
	return from, true
}

// conn is an accepted connection. It gives its place back when it is closed.
type conn struct {
	net.Conn
	release func()
	once    sync.Once
	// unread: an answer was begun although the request's body is not read to its end.
	unread atomic.Bool
	// answered: nothing was read since the last write.
	answered atomic.Bool
	// reading counts reads that wait for the client.
	reading atomic.Int32
	// stalled: the client does not accept what it is sent.
	stalled atomic.Bool
}

// Read implements net.Conn.
func (c *conn) Read(p []byte) (int, error) {
	c.answered.Store(false)
	c.reading.Add(1)
	defer c.reading.Add(-1)
	return c.Conn.Read(p)
}

// Write implements net.Conn.
func (c *conn) Write(p []byte) (int, error) {
	c.answered.Store(true)
	n, err := c.Conn.Write(p)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.stalled.Store(true)
	}
	return n, err
}

// Close implements net.Conn. Where the client may still send, it closes one direction, reads for a while, and then
// closes the other: else the client could lose its answer. A connection that waits for its next request is closed at
// once.
func (c *conn) Close() (err error) {
	err = net.ErrClosed
	c.once.Do(func() {
		defer c.release()
		switch {
		case c.stalled.Load():
			reset(c.Conn)
		case c.unread.Load() || c.answered.Load() && c.reading.Load() == 0:
			c.linger()
		}
		err = c.Conn.Close()
	})
	return err
}

// CloseWrite closes the direction to the client.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

func (c *conn) linger() {
	if c.CloseWrite() != nil || c.SetReadDeadline(time.Now().Add(lingers)) != nil { //nolint:forbidigo // see deadline
		return
	}
	_, _ = io.CopyN(io.Discard, c.Conn, maxRead)
}

// cut ends a connection whatever happens on it.
func (c *conn) cut() {
	c.stalled.Store(true)
	_ = c.Close()
}

// reset makes closing a connection drop what the client has not accepted. The kernel would keep it for minutes.
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // then the kernel keeps it
	}
}
