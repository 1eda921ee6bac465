// Package egress talks to providers' HTTP APIs and decides whether a call may be repeated below the payment engine.
//
// A plugin only names its secrets; they are put in here, and go nowhere but to the provider's own hosts. What comes
// back is masked before anybody sees it. A Client never lets net/http send a request twice on its own, never sends one
// later than it was told, and says of every try whether a byte of it left the host.
package egress

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	abi "payrouter/abi/v1"
)

// maxResponseHeader bounds an answer's header, interim answers included, in bytes.
const maxResponseHeader = 64 << 10

// Settings of one provider account. Only Provider and BaseURL are needed.
type Settings struct {
	// Provider is the account's name in errors and logs.
	Provider string
	// BaseURL is where requests go that name no origin: https, no query, a path if need be.
	BaseURL string
	// Hosts are further hosts, with a port where it is not 443, that requests and secrets may go to by https.
	Hosts []string
	// Secrets by name: printable ASCII, at least 8 bytes.
	Secrets map[string]string
	// AllowPrivate is for a sandbox: addresses inside the house, and plain http.
	AllowPrivate bool
	// RootCAs vouch for the provider. Nil means the system's.
	RootCAs *x509.CertPool
	// Resolver looks the provider's names up. Nil means the system's.
	Resolver *net.Resolver
	// Dial connects in the place of a Dialer, for networks that are not the world's: no address is checked then. Nil
	// means a Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	// Timeout bounds a whole try, the answer's last byte included. 0 means 20 s.
	Timeout time.Duration
	// DialTimeout bounds a connection's making, TLS included. 0 means 5 s.
	DialTimeout time.Duration
	// IdleTimeout is how long an unused connection is kept. Long ones are found closed by the provider when a payment
	// is on its way. 0 means 3 s.
	IdleTimeout time.Duration
	// MaxConns bounds connections to one host; further tries wait. 0 means 64.
	MaxConns int
	// MaxResponse bounds an answer's body after decompression, in bytes. 0 means 1 MiB.
	MaxResponse int64

	// PerSecond is how many requests leave in any second at most, all lanes together. 0 means no limit.
	PerSecond int

	Retry   RetrySettings
	Breaker BreakerSettings
	// Admission decides whether new payments are sent. Nil means one of the client's own.
	Admission *Admission
	// Machine knows what this process can still open. Nil means one of the client's own.
	Machine *Machine

	// Logger gets breaker changes and incidents; no request, no answer. Nil discards.
	Logger *slog.Logger
	// Now is the clock. Nil means time.Now. Its monotonic reading is used where it has one.
	Now func() time.Time
	// Random gives numbers in [0, 1) for jitter. Nil means math/rand/v2.
	Random func() float64
}

// RetrySettings bound the tries of one exchange. Whether one is wanted is the caller's Judgement.
type RetrySettings struct {
	// MaxTries counts the first one. 0 means 3; 1 means no retry.
	MaxTries int
	// BaseDelay before the second try; doubled for each further one. 0 means 200 ms.
	BaseDelay time.Duration
	// MaxDelay bounds a delay that we choose. 0 means 5 s, or BaseDelay where that is more.
	MaxDelay time.Duration
	// RetryAfterCap bounds a delay that the provider asks for. 0 means 10 s.
	RetryAfterCap time.Duration
	// BudgetRatio is how many retries each exchange adds to the provider's budget. 0 means 0.2.
	BudgetRatio float64
	// BudgetMin is how many retries the budget holds at most, and at the start. 0 means 10.
	BudgetMin int
}

// BreakerSettings say when a provider is left alone.
type BreakerSettings struct {
	// Failures in a row that open the breaker. 0 means 5.
	Failures uint32
	// Ratio of faults among the window's tries that opens it. 0 means 0.5.
	Ratio float64
	// MinTries in the window before Ratio counts. 0 means 20.
	MinTries uint32
	// Window over which tries are counted. 0 means 60 s.
	Window time.Duration
	// Cooldown before an open breaker lets probes through. 0 means 15 s.
	Cooldown time.Duration
	// Probes at a time while half open; so many good ones in a row close it. 0 means 1.
	Probes uint32
}

func (s Settings) withDefaults() Settings {
	s.Timeout = or(s.Timeout, 20*time.Second)
	s.DialTimeout = or(s.DialTimeout, 5*time.Second)
	s.IdleTimeout = or(s.IdleTimeout, 3*time.Second)
	s.MaxConns = or(s.MaxConns, 64)
	s.MaxResponse = or(s.MaxResponse, 1<<20)
	s.Retry.MaxTries = or(s.Retry.MaxTries, 3)
	s.Retry.BaseDelay = or(s.Retry.BaseDelay, 200*time.Millisecond)
	s.Retry.MaxDelay = or(s.Retry.MaxDelay, max(5*time.Second, s.Retry.BaseDelay))
	s.Retry.RetryAfterCap = or(s.Retry.RetryAfterCap, 10*time.Second)
	s.Retry.BudgetRatio = or(s.Retry.BudgetRatio, 0.2)
	s.Retry.BudgetMin = or(s.Retry.BudgetMin, 10)
	s.Breaker.Failures = or(s.Breaker.Failures, 5)
	s.Breaker.Ratio = or(s.Breaker.Ratio, 0.5)
	s.Breaker.MinTries = or(s.Breaker.MinTries, 20)
	s.Breaker.Window = or(s.Breaker.Window, time.Minute)
	s.Breaker.Cooldown = or(s.Breaker.Cooldown, 15*time.Second)
	s.Breaker.Probes = or(s.Breaker.Probes, 1)
	if s.Logger == nil {
		s.Logger = slog.New(slog.DiscardHandler)
	}
	if s.Now == nil {
		s.Now = time.Now //nolint:forbidigo // the one place
	}
	if s.Random == nil {
		s.Random = rand.Float64 //nolint:forbidigo // the one place
	}
	if s.Admission == nil {
		s.Admission = NewAdmission(AdmissionSettings{
			Provider: s.Provider, Logger: s.Logger, Now: s.Now,
			Random: s.Random,
		})
	}
	s.Machine = or(s.Machine, &Machine{})
	s.Secrets = maps.Clone(s.Secrets)
	return s
}

func or[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}

// validate reports every problem of settings that have their defaults.
func (s Settings) validate() error {
	var problems []error
	check := func(ok bool, what string) {
		if !ok {
			problems = append(problems, errors.New(what))
		}
	}
	check(s.Provider != "", "provider has no name")
	check(s.Timeout > 0, "timeout is negative")
	check(s.DialTimeout > 0, "dial timeout is negative")
	check(s.IdleTimeout > 0, "idle timeout is negative")
	check(s.MaxConns > 0, "max conns is negative")
	check(s.MaxResponse > 0, "max response is negative")
	check(s.PerSecond >= 0, "rate is negative")
	check(s.Retry.MaxTries > 0, "retry: max tries is negative")
	check(s.Retry.BaseDelay > 0, "retry: base delay is negative")
	check(s.Retry.MaxDelay >= s.Retry.BaseDelay, "retry: max delay is below base delay")
	check(s.Retry.RetryAfterCap > 0, "retry: cap of Retry-After is negative")
	check(s.Retry.BudgetRatio > 0, "retry: budget ratio is negative")
	check(s.Retry.BudgetMin > 0, "retry: budget minimum is negative")
	check(s.Breaker.Ratio > 0 && s.Breaker.Ratio <= 1, "breaker: ratio is not between 0 and 1")
	check(s.Breaker.Window >= time.Second, "breaker: window is below a second")
	check(s.Breaker.Cooldown > 0, "breaker: cooldown is negative")
	for _, name := range slices.Sorted(maps.Keys(s.Secrets)) {
		if !tokenPattern.MatchString(name) {
			problems = append(problems, fmt.Errorf("secret %q: not a name", name))
		}
		if err := checkSecret(s.Secrets[name]); err != nil {
			problems = append(problems, fmt.Errorf("secret %q: %w", name, err))
		}
	}
	return errors.Join(problems...)
}

// Client talks to one provider account. It owns that account's connections, breakers and retry budget. Safe for
// concurrent use.
type Client struct {
	settings Settings
	origins  origins
	mask     mask
	// breaker judges what payments bring, reads what LaneRead does.
	breaker   *breaker
	reads     *breaker
	budget    *budget
	transport transport
	// alone keeps no connection alive.
	alone transport
}

// New makes a client; it connects nowhere yet. The error joins every problem of the settings, without a secret's value.
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
		Proxy: nil, // none, whatever the environment says
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

// connect dials, with TLS where secure is not nil. net/http goes on dialling after a request gave up, for the next one:
// hence the bound of its own.
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

// Close drops idle connections and stops dialling. Call it when no Do is under way any more.
func (c *Client) Close() {
	c.transport.CloseIdleConnections()
	c.alone.CloseIdleConnections()
}

// Available is nil, or a *BreakerError or *HeldError that says why no new payment would be sent now. A half-open
// breaker, and an account whose pause is over, count as available: somebody has to probe.
func (c *Client) Available() error {
	if held := c.settings.Admission.held(); held != nil {
		return held
	}
	return c.free(LaneSend)
}

// Askable is nil, or a *BreakerError or *HeldError that says why no payment would be looked up now. Pauses and
// suspensions do not count.
func (c *Client) Askable() error { return c.free(LaneLookup) }

// Readable is nil, or a *BreakerError or *HeldError that says why nothing would be read now that belongs to no payment.
func (c *Client) Readable() error { return c.free(LaneRead) }

func (c *Client) free(lane Lane) error {
	if open := c.breakerOf(lane).open(); open != nil {
		return open
	}
	if c.settings.Admission.pace.full(c.settings.Now(), lane, c.settings.PerSecond) {
		return &HeldError{Provider: c.settings.Provider, Kind: HeldRate, Limit: c.settings.PerSecond}
	}
	return nil
}

// Resume ends a pause or a suspension of the account at a person's word, and tells whether there was one.
func (c *Client) Resume() bool { return c.settings.Admission.Resume() }

func (c *Client) breakerOf(lane Lane) *breaker {
	if lane == LaneRead {
		return c.reads
	}
	return c.breaker
}

// Render gives a request as it would leave, with secrets still named only. A request that Do would refuse gives the
// same *DeniedError here.
func (c *Client) Render(in *abi.HttpRequest) (Request, error) {
	out, err := c.render(in)
	if err != nil {
		return Request{}, err
	}
	return out.shown, nil
}

// String names the client, and keeps its secrets out of a careless %v.
func (c *Client) String() string { return "egress to " + strings.TrimSpace(c.settings.Provider) }
