// Package egress sends requests to providers' HTTP APIs and decides whether a try is granted.
//
// In reading order: settings.go; egress.go, the Client of one account; render.go, which fills in secrets, with
// signature.go, origin.go and mask.go; tries.go, the loop of tries, with retry.go (delays and budget), admission.go
// (pauses and suspensions), rate.go and breaker.go; send.go, one try, with write_permit.go, transport.go and dial.go.
//
// A plugin only names its secrets; they are filled in here, and go only to the provider's own hosts. Answers are
// masked before any other code sees them. A Client does not let net/http send a request twice, sends nothing after its
// deadline, and reports for every try whether a byte of it left the host.
package egress

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Client talks to one provider account. It owns that account's connections, breakers and retry budget. Safe for
// concurrent use.
type Client struct {
	settings Settings
	origins  origins
	mask     mask
	// breaker is for payments and look-ups, reads for LaneRead.
	breaker   *breaker
	reads     *breaker
	budget    *budget
	transport transport
	// alone keeps no connection alive.
	alone transport
}

// New makes a client; it connects nowhere yet. The error joins every problem of the settings, without a secret's
// value.
func New(s Settings) (*Client, error) {
	s = s.withDefaults()
	allowed, err := newOrigins(s.BaseURL, s.Hosts, s.AllowPrivate)
	if err := errors.Join(s.validate(), err); err != nil {
		return nil, fmt.Errorf("egress to %q: %w", s.Provider, err)
	}
	c := &Client{settings: s, origins: allowed, mask: newMask(s.Secrets), budget: newBudget(s.Retry)}
	c.breaker = newBreaker(s.Provider, "payments", s.Breaker, s.Logger, s.Now)
	c.reads = newBreaker(s.Provider, "reads", s.Breaker, s.Logger, s.Now)
	dial := s.Dial
	if dial == nil {
		dial = (&Dialer{AllowPrivate: s.AllowPrivate, Timeout: s.DialTimeout, Resolver: s.Resolver}).DialContext
	}
	shared, alone := c.newTransport(dial), c.newTransport(dial)
	alone.DisableKeepAlives = true
	c.transport, c.alone = shared, alone
	return c, nil
}

// Close drops idle connections and stops dialling. Call it when no Tries is under way any more.
func (c *Client) Close() {
	c.transport.CloseIdleConnections()
	c.alone.CloseIdleConnections()
}

// Beside returns a client of the same account whose breaker for payments and look-ups is its own, with another cooldown
// where that is not 0. Everything else is the account's: connections, pauses, rate, retry budget, the breaker of reads.
// So what one generation of a plugin does stops that generation alone. name distinguishes it in logs. It is closed with
// c, and only c is closed.
func (c *Client) Beside(name string, cooldown time.Duration) *Client {
	beside := *c
	settings := c.settings.Breaker
	settings.Cooldown = cmp.Or(cooldown, settings.Cooldown)
	beside.breaker = newBreaker(c.settings.Provider, name, settings, c.settings.Logger, c.settings.Now)
	return &beside
}

// Breaker is the state of the breaker for payments and look-ups.
func (c *Client) Breaker() BreakerState { return c.breaker.state() }

// Available is nil, or the *BreakerError or *HeldError by which no new payment would be sent now. A half-open breaker,
// and an account whose pause is over, count as available: they need a probe.
func (c *Client) Available() error {
	if held := c.settings.Admission.held(); held != nil {
		return held
	}
	return c.free(LaneSend)
}

// Askable is nil, or the *BreakerError or *HeldError by which no payment would be looked up now. Pauses and
// suspensions do not count.
func (c *Client) Askable() error { return c.free(LaneLookup) }

// Readable is nil, or the *BreakerError or *HeldError by which nothing would be read now that belongs to no payment.
func (c *Client) Readable() error { return c.free(LaneRead) }

func (c *Client) free(lane Lane) error {
	if open := c.breakerOf(lane).open(); open != nil {
		return open
	}
	if c.settings.Admission.rate.full(c.settings.Now(), lane, c.settings.PerSecond) {
		return &HeldError{Provider: c.settings.Provider, Kind: HeldRate, Limit: c.settings.PerSecond}
	}
	return nil
}

// Resume ends a pause or a suspension of the account, and reports whether there was one.
func (c *Client) Resume() bool { return c.settings.Admission.Resume() }

func (c *Client) breakerOf(lane Lane) *breaker {
	if lane == LaneRead {
		return c.reads
	}
	return c.breaker
}

// String keeps secrets out of a careless %v.
func (c *Client) String() string { return "egress to " + strings.TrimSpace(c.settings.Provider) }
