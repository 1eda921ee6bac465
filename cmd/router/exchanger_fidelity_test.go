package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/host/sandbox"
)

// atSite is a routing file whose only account is at the simulated exchange site.
const atSite = `providers:
  exchanger:
    plugin: exchanger
    base_url: "{site}/exchanger"
    allow_private: true
    secrets: {api_login: env:EXCHANGER_API_LOGIN, api_key: env:EXCHANGER_API_KEY}
    retry: {tries: 2, base_delay: 1ms}
    settings: {settings}
rules: [{name: default, to: [exchanger]}]
`

// directionsAtSite are an account's directions for a coin, and for a currency that has a code of the site's own.
const directionsAtSite = `directions: {USDT: {direction_id: "1", account2: "4000000000000002", fields: {cfget8: Shop}},
      PMUSD: {direction_id: "8", account1: U7654321, account2: TShopWallet}}`

// buildAtSite is a router whose only account is at the simulated exchange site, with these settings.
func buildAtSite(t *testing.T, settings string, with plan) *harness {
	t.Helper()
	site := &harness{t: t, data: t.TempDir()}
	site.openSandbox(with.sandbox)
	file := filepath.Join(t.TempDir(), "routing.yaml")
	text := strings.NewReplacer("{site}", site.simulated, "{settings}", "{"+settings+"}").Replace(atSite)
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	with.command.Routing, with.beside, with.bare = file, site, true
	// The simulator's credentials, without the addresses of the accounts that this file does not have.
	with.environ = append(slices.DeleteFunc(sandbox.Environment(site.simulated), func(variable string) bool {
		return strings.HasPrefix(variable, "ROUTER_")
	}), with.environ...)
	return build(t, with)
}

// "Currency codes are each site's own (PMUSD, SBERRUB, USDTTRC20): which an account takes is in its settings, not in the
// manifest."
func TestTheDirectionsOfAnExchangeAccountAreItsCurrencies(t *testing.T) {
	t.Parallel()
	w := buildAtSite(t, directionsAtSite, plan{})
	provider := w.provider("exchanger")
	require.Equal(t, []string{"PMUSD", "USDT"}, provider.Currencies)
	require.Equal(t, []string{"collect"}, provider.Kinds, "without a partner_currency it pays nothing out")
	for i, currency := range provider.Currencies {
		made := w.create(`{"amount":"100","currency":"` + currency + `","payer":{"email":"payer@shop.example"}}`)
		require.Equal(t, "requires_action", made.Status, currency)
		require.Equal(t, currency, w.bookings("exchanger")[i].Currency)
	}

	for currency, status := range map[string]int{"EUR": 422, "BTC": 422, "pmusd": 422} {
		asked := w.ask("POST", w.router+"/v1/payments", `{"amount":"100","currency":"`+currency+`"}`,
			"Idempotency-Key", w.key())
		require.Equal(t, status, asked.status, currency)
	}
	require.Contains(t, w.explain(`{"amount":"100","currency":"EUR"}`).Text, "currency EUR is not PMUSD or USDT")
	require.Len(t, w.bookings("exchanger"), 2)
}

// The currency of a partner's balance is the only one that an account pays out in.
func TestThePartnersCurrencyIsWhatAnExchangeAccountPaysOut(t *testing.T) {
	t.Parallel()
	w := buildAtSite(t, `partner_currency: USD, payout_method: "11"`, plan{})
	provider := w.provider("exchanger")
	require.Equal(t, []string{"USD"}, provider.Currencies)
	require.Equal(t, []string{"payout"}, provider.Kinds, "without directions it collects nothing")
	require.Equal(t, "processing", w.create(byPartner).Status)
	asked := w.ask("POST", w.router+"/v1/payments", strings.Replace(byPartner, "USD", "EUR", 1), "Idempotency-Key", w.key())
	require.Equal(t, 422, asked.status)
}
