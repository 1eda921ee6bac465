package egress_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/egress"
)

func TestSettingsReportEveryProblem(t *testing.T) {
	t.Parallel()
	_, err := egress.New(egress.Settings{
		BaseURL: "ftp://api.example.com", Hosts: []string{"a b", "files.example.com/x", "http://x"},
		Secrets: map[string]string{
			"short": "1234567", "line": "secret-with\nbreak", "carriage": "secret-with\rbreak",
			"space":   " padded-secret",
			"letters": "пароль-пароль", "not a name": "long-enough-1",
		},
		Timeout: -1, DialTimeout: -1, IdleTimeout: -1, MaxConns: -1, MaxResponse: -1,
		Retry: egress.RetrySettings{
			MaxTries: -1, BaseDelay: -1, MaxDelay: -2, RetryAfterCap: -1, BudgetRatio: -1, BudgetMin: -1,
		},
		Breaker: egress.BreakerSettings{Ratio: 2, Window: -1, Cooldown: -1},
	})
	require.Error(t, err)
	for _, want := range []string{
		"no name", "timeout is negative", "dial timeout", "idle timeout", "max conns", "max response", "max tries",
		"base delay",
		"max delay", "Retry-After", "budget ratio", "budget minimum", "breaker: ratio", "breaker: window",
		"breaker: cooldown",
		"base URL: is neither https nor http", `host "a b"`, `host "files.example.com/x"`, `host "http://x"`,
		`secret "short" is shorter`, `secret "line" holds`, `secret "carriage" holds`, `secret "space" starts`,
		`secret "letters" holds`, `secret "not a name": not a name`,
	} {
		require.ErrorContains(t, err, want)
	}
	for _, value := range []string{"1234567", "secret-with", "padded", "long-enough"} {
		require.NotContains(t, err.Error(), value)
	}
}

func TestBaseURLs(t *testing.T) {
	t.Parallel()
	for base, ok := range map[string]bool{
		"https://api.example.com": true, "https://api.example.com/": true, "https://api.example.com/v1": true,
		"https://api.example.com:8443/v1/": true, "https://[2606:4700::1]:443": true,
		"": false, "api.example.com": false, "http://api.example.com": false, "https://": false,
		"https://a:b@api.example.com": false,
		"https://api.example.com?x=1": false, "https://api.example.com/#": false, "https://api.example.com/../x": false,
		"https://api.example.com//x": false, "https://api.example.com/a b": false, "https://bücher.example": false,
		"https://%61pi.example.com": false,
	} {
		_, err := egress.New(egress.Settings{Provider: "acme", BaseURL: base})
		require.Equal(t, ok, err == nil, "%s: %v", base, err)
	}
}

func TestZeroSettingsServe(t *testing.T) {
	t.Parallel()
	c, err := egress.New(egress.Settings{
		Provider: "acme", BaseURL: "https://api.example.com", Retry: egress.RetrySettings{BaseDelay: time.Minute},
	})
	require.NoError(t, err, "the most follows the base")
	require.NoError(t, c.Available())
	c.Close()
}

// Secrets are the client's own copy.
func TestSecretsDoNotChangeUnderway(t *testing.T) {
	t.Parallel()
	p := newProvider(t, answers(okAnswer))
	s := sandbox(p)
	c := newClient(t, s)
	s.Secrets["token"] = "changed-later"
	request := get()
	request.Headers = append(request.Headers, field("X-Key", secret("token")))
	require.NoError(t, once(t, c, request).Err)
	require.Equal(t, tokenValue, p.seen()[0].header.Get("X-Key"))
}

// A connection that idled is not trusted with a payment.
func TestIdleConnectionIsDropped(t *testing.T) {
	t.Parallel()
	gone := make(chan struct{}, 2)
	p := newProvider(t, func(v *visit) {
		answers(okAnswer)(v)
		gone <- struct{}{}
	})
	s := sandbox(p)
	s.IdleTimeout = 10 * time.Millisecond
	c := newClient(t, s)
	require.NoError(t, once(t, c, post("1")).Err)
	<-gone
	require.NoError(t, once(t, c, post("2")).Err)
	require.Len(t, p.seen(), 2)
}
