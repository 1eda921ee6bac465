package config

import (
	"testing"

	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
	"payrouter/host/routing"
)

const shipped = "../../routing.yaml"

var shippedSecrets = []string{
	"PAYGRAM_EU_TOKEN=eu-token", "PAYGRAM_ASIA_TOKEN=asia-token",
	"CRYPTOGRAM_TOKEN=crypto-token", "PAYPLAY_API_KEY=play-api-key",
	"EXCHANGER_API_LOGIN=exchange-login", "EXCHANGER_API_KEY=e-api-key", "PAYGRT_API_KEY=f-api-key",
}

// manifests stand for the plugins' own, of which package config knows nothing.
func manifests() map[string]*abi.Manifest {
	collect := func(currencies ...string) []*abi.Flow {
		return []*abi.Flow{{Kind: abi.Kind_KIND_COLLECT, Currencies: currencies}}
	}
	object := func(properties string) string {
		return `{"type": "object", "additionalProperties": false, "properties": {` + properties + `}}`
	}
	return map[string]*abi.Manifest{
		"paygram": {
			BaseUrl:        "https://api.pay-gram.org",
			Secrets:        []*abi.Secret{{Name: "token", Summary: "the API token"}},
			SettingsSchema: object(`"client_unique": {"type": "boolean"}, "user_cli_id": {"type": "string"}`),
			Flows: collect("BTC", "ETH", "EUR", "USD", "USDT", "LTC", "CNY", "PHP", "VND", "GBP", "BNB", "TRX",
				"USDC"),
		},
		"cryptogram": {
			BaseUrl: "https://cryptogram.vip",
			Secrets: []*abi.Secret{{Name: "token"}},
			SettingsSchema: object(`"title": {"type": "string"}, "redirect": {"type": "string"},
				"wallets": {"type": "array", "items": {"enum": ["btc", "eth", "bnb"]}}`),
			Flows: collect("EUR", "USD", "GBP", "PHP"),
		},
		"payplay": {
			BaseUrl:        "https://api.payplay.io",
			Secrets:        []*abi.Secret{{Name: "api_key"}, {Name: "webhook_token", Optional: true}},
			SettingsSchema: object(`"slug": {"type": "string"}, "company_slug": {"type": "string"}`),
			Flows: append(collect("EUR", "USD", "GBP", "SEK", "BTC", "ETH", "USDT", "USDC", "LTC", "TRX", "BNB"),
				&abi.Flow{Kind: abi.Kind_KIND_PAYOUT, Currencies: []string{"BTC", "ETH", "USDT", "USDC"}}),
		},
		"exchanger": {
			Secrets: []*abi.Secret{{Name: "api_login"}, {Name: "api_key"}},
			SettingsSchema: object(
				`"directions": {"type": "object"}, "partner_currency": {"type": "string"}, "payout_method": {"type": ` +
					`"string"}`),
			Flows: collect(),
		},
		"paygrt": {
			BaseUrl:        "https://api.paygrt.com",
			Secrets:        []*abi.Secret{{Name: "api_key"}},
			SettingsSchema: `{"properties": {"merchant_id": {"type": "string"}}, "required": ["merchant_id"]}`,
			Flows: []*abi.Flow{{
				Kind: abi.Kind_KIND_RECHARGE, Currencies: []string{"INR"},
				Countries: []string{"IN"},
			}},
			Operations: []*abi.Operation{{Name: "Recharge"}},
			Envelope:   []*abi.Proof{{Pointer: "/status"}, {Pointer: "/data"}},
		},
		"plain": {BaseUrl: "https://api.plain.example", Flows: collect()},
	}
}

func TestShippedFileIsInOrder(t *testing.T) {
	t.Parallel()
	config, err := Load(shipped, nil)
	require.NoError(t, err)
	_, err = config.Secrets(Sources{Environ: shippedSecrets})
	require.NoError(t, err)
	_, err = config.Ruleset(manifests())
	require.NoError(t, err)
}

func TestShippedFileRoutesSensibly(t *testing.T) {
	t.Parallel()
	config, err := Load(shipped, nil)
	require.NoError(t, err)
	rules, err := config.Ruleset(manifests())
	require.NoError(t, err)

	for _, c := range []struct {
		facts routing.Facts
		rule  string
		first []string // any of these may be asked first
	}{
		{
			routing.Facts{Kind: "recharge", Amount: "199", Currency: "INR", Country: "IN"},
			"india-recharge",
			[]string{"paygrt"},
		},
		{
			routing.Facts{Amount: "49.90", Currency: "EUR", Country: "DE"},
			"fiat-small",
			[]string{"cryptogram", "payplay"},
		},
		{
			routing.Facts{Amount: "49.90", Currency: "EUR", Metadata: map[string]string{"tier": "gold"}},
			"gold",
			[]string{"paygram-eu"},
		},
		{routing.Facts{Amount: "1000.01", Currency: "EUR"}, "fiat-large", []string{"paygram-eu"}},
		{routing.Facts{Amount: "900", Currency: "PHP", Country: "PH"}, "asia", []string{"paygram-asia"}},
		{routing.Facts{Amount: "5000", Currency: "USDT"}, "tether-large", []string{"payplay"}},
		{routing.Facts{Amount: "0.01", Currency: "BTC"}, "crypto", []string{"payplay", "paygram-eu"}},
		{routing.Facts{Kind: "payout", Amount: "100", Currency: "USDT"}, "payout", []string{"payplay"}},
		{routing.Facts{Amount: "10", Currency: "SEK"}, "default", []string{"payplay"}},
	} {
		d := rules.Decide(c.facts, nil)
		require.Equal(t, c.rule, d.Rule, "%+v", c.facts)
		require.Equal(t, routing.Routed, d.Outcome)
		require.Contains(t, c.first, d.Order()[0])
	}
}

func TestShippedFileShowsTheDefaults(t *testing.T) {
	t.Parallel()
	config, err := Load(shipped, nil)
	require.NoError(t, err)
	written, _ := config.Provider("paygram-eu")
	silent, _ := config.Provider("paygram-asia")
	require.Equal(t, written.Retry, silent.Retry)
	require.Equal(t, written.Breaker, silent.Breaker)
	require.Equal(t, written.Limits, silent.Limits)
	require.Equal(t, written.Timeout, silent.Timeout)
}
