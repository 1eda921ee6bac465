package egress

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net"
	"slices"
	"time"
)

// Settings of one provider account. Only Provider and BaseURL are required. Other zero fields take the value of
// Defaults, or what they name.
type Settings struct {
	// Provider is the account's name in errors and logs.
	Provider string
	// BaseURL receives the requests that name no origin: https, no query, a path if needed.
	BaseURL string
	// Hosts are further hosts, with a port where it is not 443, that requests and secrets may go to by https.
	Hosts []string
	// Secrets by name: printable ASCII, at least 8 bytes.
	Secrets map[string]string
	// AllowPrivate is for a sandbox: it allows private addresses and plain http.
	AllowPrivate bool
	// RootCAs verify the provider's certificate. Nil means the system's.
	RootCAs *x509.CertPool
	// Resolver resolves the provider's names. Nil means the system's.
	Resolver *net.Resolver
	// Dial replaces the Dialer, for simulated networks: no address is checked then. Nil means a Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	// Timeout bounds a whole try, the answer's last byte included.
	Timeout time.Duration
	// DialTimeout bounds the making of a connection, TLS included.
	DialTimeout time.Duration
	// IdleTimeout is how long an unused connection is kept. A provider closes one that is kept long, and the next
	// payment finds it closed.
	IdleTimeout time.Duration
	// MaxConns bounds connections to one host; further tries wait.
	MaxConns int
	// MaxResponse bounds an answer's body after decompression, in bytes.
	MaxResponse int64

	// PerSecond is how many requests leave in any second at most, all lanes together. 0 means no limit.
	PerSecond int

	Retry   RetrySettings
	Breaker BreakerSettings
	// Admission decides whether new payments are sent. Nil means one of the client's own.
	Admission *Admission
	// Machine reports whether this process can open connections. Nil means one of the client's own.
	Machine *Machine

	// Logger gets breaker changes and incidents; no request, no answer. Nil discards.
	Logger *slog.Logger
	// Now is the clock. Nil means time.Now. Its monotonic reading is used where it has one.
	Now func() time.Time
	// Random returns numbers in [0, 1) for jitter. Nil means math/rand/v2.
	Random func() float64
}

// RetrySettings bound the tries of one exchange. Whether another is wanted is the caller's Judgement.
type RetrySettings struct {
	// MaxTries counts the first one; 1 means no retry.
	MaxTries int
	// BaseDelay is the wait before the second try; it doubles for each further one.
	BaseDelay time.Duration
	// MaxDelay bounds a delay that we choose. 0 means BaseDelay where that exceeds the default.
	MaxDelay time.Duration
	// RetryAfterCap bounds a delay that the provider asks for.
	RetryAfterCap time.Duration
	// BudgetRatio is how many retries each exchange adds to the provider's budget.
	BudgetRatio float64
	// BudgetMin is how many retries the budget has at most, and at the start.
	BudgetMin int
}

// BreakerSettings decide when a provider gets no requests for a while.
type BreakerSettings struct {
	// Failures in a row that open the breaker.
	Failures uint32
	// Ratio of faults among the window's tries that opens it.
	Ratio float64
	// MinTries in the window before Ratio counts.
	MinTries uint32
	// Window over which tries are counted.
	Window time.Duration
	// Cooldown before an open breaker allows probes.
	Cooldown time.Duration
	// Probes at a time while half open; so many successful ones in a row close it.
	Probes uint32
}

// ShortestWindow of a breaker: it counts in seconds.
const ShortestWindow = time.Second

// Defaults are the values that zero fields of Settings take, the clock, the logger and the like aside.
func Defaults() Settings {
	return Settings{
		Timeout: 20 * time.Second, DialTimeout: 5 * time.Second, IdleTimeout: 3 * time.Second,
		MaxConns: 64, MaxResponse: 1 << 20,
		Retry: RetrySettings{
			MaxTries: 3, BaseDelay: 200 * time.Millisecond, MaxDelay: 5 * time.Second, RetryAfterCap: 30 * time.Second,
			BudgetRatio: 0.2, BudgetMin: 10,
		},
		Breaker: BreakerSettings{
			Failures: 5, Ratio: 0.5, MinTries: 20, Window: 30 * time.Second, Cooldown: 15 * time.Second, Probes: 1,
		},
	}
}

func (s Settings) withDefaults() Settings {
	d := Defaults()
	s.Timeout = cmp.Or(s.Timeout, d.Timeout)
	s.DialTimeout = cmp.Or(s.DialTimeout, d.DialTimeout)
	s.IdleTimeout = cmp.Or(s.IdleTimeout, d.IdleTimeout)
	s.MaxConns = cmp.Or(s.MaxConns, d.MaxConns)
	s.MaxResponse = cmp.Or(s.MaxResponse, d.MaxResponse)
	s.Retry = s.Retry.withDefaults(d.Retry)
	s.Breaker = s.Breaker.withDefaults(d.Breaker)
	s.Logger = cmp.Or(s.Logger, slog.New(slog.DiscardHandler))
	if s.Now == nil {
		s.Now = time.Now //nolint:forbidigo // the one place
	}
	if s.Random == nil {
		s.Random = rand.Float64 //nolint:forbidigo // the one place
	}
	if s.Admission == nil {
		s.Admission = NewAdmission(AdmissionSettings{
			Provider: s.Provider, Logger: s.Logger, Now: s.Now, Random: s.Random,
		})
	}
	s.Machine = cmp.Or(s.Machine, &Machine{})
	s.Secrets = maps.Clone(s.Secrets)
	return s
}

func (s RetrySettings) withDefaults(d RetrySettings) RetrySettings {
	s.MaxTries = cmp.Or(s.MaxTries, d.MaxTries)
	s.BaseDelay = cmp.Or(s.BaseDelay, d.BaseDelay)
	s.MaxDelay = cmp.Or(s.MaxDelay, max(d.MaxDelay, s.BaseDelay))
	s.RetryAfterCap = cmp.Or(s.RetryAfterCap, d.RetryAfterCap)
	s.BudgetRatio = cmp.Or(s.BudgetRatio, d.BudgetRatio)
	s.BudgetMin = cmp.Or(s.BudgetMin, d.BudgetMin)
	return s
}

func (s BreakerSettings) withDefaults(d BreakerSettings) BreakerSettings {
	s.Failures = cmp.Or(s.Failures, d.Failures)
	s.Ratio = cmp.Or(s.Ratio, d.Ratio)
	s.MinTries = cmp.Or(s.MinTries, d.MinTries)
	s.Window = cmp.Or(s.Window, d.Window)
	s.Cooldown = cmp.Or(s.Cooldown, d.Cooldown)
	s.Probes = cmp.Or(s.Probes, d.Probes)
	return s
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
	check(s.Breaker.Window >= ShortestWindow, "breaker: window is below a second")
	check(s.Breaker.Cooldown > 0, "breaker: cooldown is negative")
	for _, name := range slices.Sorted(maps.Keys(s.Secrets)) {
		if !tokenPattern.MatchString(name) {
			problems = append(problems, fmt.Errorf("secret %q: not a name", name))
		}
		if err := CheckSecret(s.Secrets[name]); err != nil {
			problems = append(problems, fmt.Errorf("secret %q %w", name, err))
		}
	}
	return errors.Join(problems...)
}
