package egress

import (
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
