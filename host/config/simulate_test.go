package config

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

func simulator(account, plugin string) (Simulated, error) {
	if plugin != "paygram" {
		return Simulated{}, errors.New("unknown provider")
	}
	return Simulated{
		BaseURL: "http://127.0.0.1:1/" + plugin,
		Secrets: map[string]string{"token": "simulated-token-of-" + account},
	}, nil
}

func TestEveryAccountIsPointedAtItsSimulatedProviderWhateverItsName(t *testing.T) {
	t.Parallel()
	text := `
providers:
  paygram-uk: {plugin: paygram, base_url: https://api.example.com, secrets: {token: env:UK, further: env:REAL,
    filed: "file:/nowhere"}}
  another: {plugin: paygram, secrets: {token: env:UNSET}}
rules: [{name: d, to: [paygram-uk, another]}]
`
	environ := []string{
		"REAL=a-real-secret-value", "UK=a-real-token-value",
		"ROUTER_PROVIDERS__PAYGRAM_UK__BASE_URL=https://real.example.com",
	}
	c := read(t, text, environ...)
	plain := c.Version
	require.NoError(t, c.Simulate(simulator))
	require.Equal(t, plain, c.Version)
	for _, p := range c.Providers {
		require.Equal(t, "http://127.0.0.1:1/paygram", p.BaseURL)
		require.True(t, p.AllowPrivate)
		require.True(t, p.Simulated)
	}
	secrets, err := c.Secrets(Sources{Environ: environ})
	require.NoError(t, err, "what is not set is not missed")
	require.Equal(t, map[string]string{
		"token": "simulated-token-of-paygram-uk", "further": "sandbox-further-made-up",
		"filed": "sandbox-filed-made-up",
	}, secrets.For("paygram-uk"), "no real secret is read")
	require.Equal(t, map[string]string{"token": "simulated-token-of-another"}, secrets.For("another"))
}

func TestAnAccountWhosePluginIsNotSimulatedIsRefused(t *testing.T) {
	t.Parallel()
	c := read(t,
		"providers:\n  a: {plugin: paygram}\n  b: {plugin: till}\n  c: {plugin: wallet}\nrules: [{name: d, to: [a, "+
			"b, c]}]")
	require.Equal(t, []string{
		`routing.yaml:3:3: provider "b": plugin "till" has no simulated provider (unknown provider): take the ` +
			`account out of the file, or run the router without --sandbox`,
		`routing.yaml:4:3: provider "c": plugin "wallet" has no simulated provider (unknown provider): take the ` +
			`account out of the file, or run the router without --sandbox`,
	}, problems(c.Simulate(simulator)))
	require.Empty(t, c.Providers[0].BaseURL, "nothing has changed")
	require.False(t, c.Providers[0].Simulated)
}
