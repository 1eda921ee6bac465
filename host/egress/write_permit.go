package egress

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

var (
	errNoPermit    = errors.New("connection used outside a try")
	errRevoked     = errors.New("the try is over")
	errSecondWrite = errors.New("resend below the journal refused")
	errUnasked     = errors.New("the provider spoke before it was asked")
)

// deadline is the moment until which a request may leave. It is compared with both clocks: the wall clock, because the
// monotonic one stops while a machine sleeps, and the monotonic one, because the wall clock can be set back.
type deadline struct {
	none bool
	// at is as the caller gave it, maybe without a monotonic reading.
	at time.Time
	// mono is the same moment counted from when it was given.
	mono time.Time
}

func newDeadline(at, now time.Time) deadline {
	if at.IsZero() {
		return deadline{none: true}
	}
	return deadline{at: at, mono: now.Add(at.Round(0).Sub(now.Round(0)))}
}

// left is how long the request may still leave, by the stricter clock; not positive means late.
func (d deadline) left(now time.Time) time.Duration {
	return min(d.at.Sub(now), d.mono.Sub(now), d.at.Round(0).Sub(now.Round(0)))
}

func (d deadline) passed(now time.Time) bool { return !d.none && d.left(now) <= 0 }

// permit lets one try write its request, and knows afterwards whether a byte of it left. Connections write only under
// a permit, so that nothing in net/http can send a request late, twice, or after its try was judged.
type permit struct {
	now    func() time.Time
	until  deadline
	resend bool // a second connection may carry the request although the first one has written

	mu      sync.Mutex
	leases  []*lease
	revoked bool
	late    bool
	heard   bool  // a byte came back after the first one left
	room    int64 // bytes that may still come back
}

// lease binds a permit to one connection.
type lease struct {
	permit  *permit
	conn    *conn
	writing bool
	wrote   bool
}

// grant is httptrace's GotConn: net/http is about to write the request to a connection, new or kept alive.
func (p *permit) grant(c net.Conn) {
	held, ok := c.(*conn)
	if !ok {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.resend && p.sentLocked() > 0 {
		held.lease.Store(nil)
		held.refusal.Store(&errSecondWrite)
		return
	}
	l := &lease{permit: p, conn: held}
	p.leases = append(p.leases, l)
	held.refusal.Store(nil)
	held.lease.Store(l)
	// A failure shows at the write that follows.
	_ = held.SetWriteDeadline(p.writeDeadlineLocked())
}

func (p *permit) writeDeadlineLocked() time.Time {
	if p.until.none {
		return time.Time{}
	}
	now := p.now()
	return now.Add(p.until.left(now))
}

func (p *permit) sentLocked() int {
	sent := 0
	for _, l := range p.leases {
		if l.wrote || l.writing {
			sent++
		}
	}
	return sent
}

// spent is what was done under a permit.
type spent struct {
	// writes is on how many connections a byte of the request was written. A write under way counts as written.
	writes int
	// heard is whether a byte came back after that.
	heard bool
	// late is whether a write was refused or cut off because of the time.
	late bool
}

// answered is false where an answer cannot be one to this request: its bytes were there before.
func (s spent) answered() bool { return s.writes > 0 && s.heard }

// revoke ends the try: nothing more is written under the permit.
func (p *permit) revoke() spent {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.revoked = true
	p.parkLocked()
	return spent{writes: p.sentLocked(), heard: p.heard, late: p.late}
}

// park is httptrace's PutIdleConn: the answer was read whole, and the connection is idle.
func (p *permit) park() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.parkLocked()
}

func (p *permit) parkLocked() {
	for _, l := range p.leases {
		l.conn.lease.CompareAndSwap(l, nil)
	}
}

// closeConns closes what carried the try.
func (p *permit) closeConns() {
	p.mu.Lock()
	leases := p.leases
	p.mu.Unlock()
	for _, l := range leases {
		_ = l.conn.Close()
	}
}

func (l *lease) begin() error {
	p := l.permit
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.revoked {
		return errRevoked
	}
	if p.until.passed(p.now()) {
		p.late = true
		return ErrLate
	}
	l.writing = true
	return nil
}

func (l *lease) end(n int, err error) {
	p := l.permit
	p.mu.Lock()
	defer p.mu.Unlock()
	l.writing = false
	l.wrote = l.wrote || n > 0
	p.late = p.late || errors.Is(err, os.ErrDeadlineExceeded)
}

func (l *lease) hear(n int) error {
	p := l.permit
	p.mu.Lock()
	defer p.mu.Unlock()
	if !l.writing && !l.wrote {
		return errUnasked
	}
	p.heard = true
	if p.room -= int64(n); p.room < 0 {
		return ErrTooLarge
	}
	return nil
}

// conn is a connection to a provider that is written only under a permit, and heard only after that. For TLS it wraps
// the TLS connection: handshakes are not the request, and part of a record is nothing that a provider could read.
type conn struct {
	net.Conn
	lease atomic.Pointer[lease]
	// refusal is why there is no lease, where there is a reason.
	refusal atomic.Pointer[error]
}

func (c *conn) Write(b []byte) (int, error) {
	l := c.lease.Load()
	if l == nil {
		if why := c.refusal.Load(); why != nil {
			return 0, *why
		}
		return 0, errNoPermit
	}
	if err := l.begin(); err != nil {
		return 0, err
	}
	n, err := c.Conn.Write(b)
	l.end(n, err)
	return n, err
}

// Read hands nothing up that came while no request was out: net/http would log it, or take it for the next request's
// answer.
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n == 0 {
		return 0, err
	}
	l := c.lease.Load()
	if l == nil {
		return 0, errUnasked
	}
	if refused := l.hear(n); refused != nil {
		return 0, refused
	}
	return n, err
}
