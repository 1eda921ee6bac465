package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/api"
	"payrouter/host/sandbox"
)

// atSite is a routing file whose only account is at the simulated exchange site.
const atSite = `providers:
  exchanger:
    plugin: exchanger
    base_url: "{site}/exchanger"
    allow_private: true
    secrets: {api_login: env:EXCHANGER_API_LOGIN, api_key: env:EXCHANGER_API_KEY}
    timeout: 2s
    retry: {tries: 2, base_delay: 1ms}
    breaker: {failures: 1000}
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

// "Currency codes are each site's own (PMUSD, SBERRUB, USDTTRC20): which an account takes is in its settings, not in
// the manifest."
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
	asked := w.ask("POST", w.router+"/v1/payments", strings.Replace(byPartner, "USD", "EUR", 1),
		"Idempotency-Key", w.key())
	require.Equal(t, 422, asked.status)
}

// "add_partner_payout that was refused … a plug-in of the site may put in any other": the payout has failed, and can be
// tried again.
func TestAPayoutThatTheSiteRefusesInItsOwnWordsHasFailed(t *testing.T) {
	t.Parallel()
	w := build(t, plan{})
	w.configure("exchanger", `{"payout_refusal": "Выплаты по вторникам"}`)
	refused := w.create(byPartner)
	require.Equal(t, []string{"failed", "declined"}, []string{refused.Status, refused.Failure.Code})
	require.Equal(t, "Выплаты по вторникам", refused.Failure.ProviderCode)
	require.Empty(t, w.bookings("exchanger"))
	w.configure("exchanger", `{"payout_refusal": ""}`)
	w.control("POST", "exchanger/balance", `{"currency":"USDT","amount":"1"}`)
	short := w.create(byPartner)
	require.Equal(t, []string{"failed", "limit_exceeded"}, []string{short.Status, short.Failure.Code},
		"the site's reserve")
	w.control("POST", "exchanger/balance", `{"currency":"USDT","amount":"1000"}`)
	require.Equal(t, "processing", w.create(byPartner).Status)
}

// "no active partner program or no partner id … that is "has none", not a fault"
func TestWhoIsNoPartnerHasNoBalanceAndAStatementOfOrders(t *testing.T) {
	t.Parallel()
	w := build(t, plan{})
	order := w.create(byExchanger)
	for _, text := range []string{"no active partner program", "no partner id", "Нет партнёрской программы"} {
		w.configure("exchanger", `{"no_partner": "`+text+`"}`)
		balances := listed[api.Balance](w, "/v1/balances?provider=exchanger")
		require.Empty(t, balances.Errors, text)
		require.Empty(t, balances.Data, text)
		statement := listed[api.Transaction](w, "/v1/statements?provider=exchanger")
		require.Empty(t, statement.Errors, text)
		require.Len(t, statement.Data, 1, text)
		require.Equal(t, order.ProviderReference, statement.Data[0].ProviderReference)
		out := w.create(byPartner)
		require.Equal(t, "failed", out.Status, text)
	}
	require.Len(t, w.bookings("exchanger"), 1, "the order alone")
}

// "create_bid, bid_info, cancel_bid, pay_bid say error "2" with maintenance or the site's own text; the reading methods
// say error 1. Error "2" of create_bid means that nothing was made."
func TestMaintenanceOfAnExchangeSite(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"maintenance", "Технические работы до 18:00"} {
		w := buildAtSite(t, directionsAtSite, plan{})
		made := w.create(byExchanger)
		w.configure("exchanger", `{"maintenance": "`+text+`"}`)
		refused := w.create(byExchanger)
		require.Equal(t, []string{"failed", "provider_unavailable"}, []string{refused.Status, refused.Failure.Code}, text)
		require.Len(t, w.bookings("exchanger"), 1)
		for _, act := range []string{"refresh", "cancel", "confirm"} {
			require.NotEmpty(t, w.refused(made, act, "").Detail, act)
		}
		require.Equal(t, "requires_action", w.get(made.ID).Status, "what is not known is as it was")
		statement := listed[api.Transaction](w, "/v1/statements?provider=exchanger")
		require.Len(t, statement.Errors, 1, "a statement is whole, or none")
		w.configure("exchanger", `{"maintenance": ""}`)
		require.Equal(t, "canceled", w.act(made, "cancel", "").Status)
	}
}

// "time is strtotime of a site-local date read as UTC, so it is off by the site's zone"
func TestAStatementOfASiteInAnotherZone(t *testing.T) {
	t.Parallel()
	for _, zone := range []string{"+03:00", "-09:30", "+14:00", "Europe/Berlin"} {
		w := buildAtSite(t, directionsAtSite+`, utc_offset: "`+zone+`"`, plan{})
		w.configure("exchanger", `{"utc_offset": "`+zone+`"}`)
		order := w.create(byExchanger)
		from, until := order.CreatedAt.Add(-time.Minute), order.CreatedAt.Add(time.Minute)
		statement := listed[api.Transaction](w, "/v1/statements?provider=exchanger&from="+
			from.UTC().Format(time.RFC3339)+"&until="+until.UTC().Format(time.RFC3339))
		require.Empty(t, statement.Errors)
		require.Len(t, statement.Data, 1, zone)
		require.WithinDuration(t, order.CreatedAt, statement.Data[0].At, time.Minute, zone)
	}
}

// An order whose answer was lost is found whatever the api_id filter does, in whatever zone the site is, and however
// busy it is.
func TestALostOrderIsFound(t *testing.T) {
	t.Parallel()
	for name, options := range map[string]string{
		"the filter compares with the order's id": `{"api_id_filter": ""}`,
		"there is no filter":                      `{"api_id_filter": "none"}`,
		"the filter compares with api_id":         `{"api_id_filter": "api_id"}`,
		"a site ahead of UTC":                     `{"utc_offset": "+12:00"}`,
		"a site behind UTC":                       `{"utc_offset": "-10:00"}`,
		"errors are numbers":                      `{"errors": "numbers"}`,
		"errors are texts":                        `{"errors": "texts"}`,
		"members of other types":                  `{"loose": true}`,
		"decimal commas":                          `{"decimal_comma": true}`,
		"its direction was switched off":          `{"directions_off": ["1"]}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := buildAtSite(t, directionsAtSite, plan{})
			w.control("POST", "exchanger/faults", `{"operation":"create_bid","kind":"reset_after","count":1}`)
			lost := w.create(byExchanger)
			require.Equal(t, "unknown", lost.Status)
			w.configure("exchanger", options)
			found := w.act(lost, "refresh", "")
			require.Equal(t, w.bookings("exchanger")[0].ProviderReference, found.ProviderReference)
			require.Equal(t, "requires_action", found.Status)
			require.Len(t, w.bookings("exchanger"), 1)
		})
	}
}

// A look-up reads 160 orders at most. On a site that changes more of them in a minute it asks for the seconds in which
// the create was sent.
func TestALostOrderIsFoundOnABusySite(t *testing.T) {
	t.Parallel()
	for _, zone := range []string{"", "+05:30"} {
		var later atomic.Int64 // seconds
		now := func() time.Time { return time.Now().Add(time.Duration(later.Load()) * time.Second) }
		w := buildAtSite(t, directionsAtSite, plan{now: now, sandbox: sandbox.Options{Now: now}})
		w.configure("exchanger", `{"utc_offset": "`+zone+`"}`)
		others := func(seconds int) {
			for range seconds {
				later.Add(1)
				for range 3 {
					w.orderOfAnother()
				}
			}
		}
		others(60)
		w.control("POST", "exchanger/faults", `{"operation":"create_bid","kind":"reset_after","count":1}`)
		lost := w.create(byExchanger)
		require.Equal(t, "unknown", lost.Status)
		others(120)
		found := w.act(lost, "refresh", "")
		require.Equal(t, "requires_action", found.Status)
		require.NotEmpty(t, found.ProviderReference)
	}
}

// orderOfAnother is an order at the exchange site that this router knows nothing of.
func (w *harness) orderOfAnother() {
	w.t.Helper()
	c := sandbox.DefaultCredentials()
	a := w.ask("POST", w.simulated+"/exchanger/api/userapi/v1/create_bid",
		"direction_id=4&calc_amount=1&calc_action=1&account2=bc1q&cf6=a%40b.example",
		"API-LOGIN", c.ExchangerLogin, "API-KEY", c.ExchangerKey, "Content-Type", "application/x-www-form-urlencoded")
	require.Contains(w.t, string(a.body), `"error":"0"`)
}

// The payer's acts, where the site calculates an order anew, and where it leaves it as it was ordered.
func TestWhatAnExchangeOrderIsWorth(t *testing.T) {
	t.Parallel()
	w := buildAtSite(t, directionsAtSite, plan{})
	for name, row := range map[string]struct {
		options, event, amount string
		status                 string
		alert                  string
	}{
		"paid":                            {`{}`, "pay", "", "succeeded", ""},
		"less, and calculated anew":       {`{}`, "underpay", "60", "processing", "worth 60 where 100 USDT"},
		"less, and partly paid":           {`{"keeps_sums": true}`, "underpay", "", "processing", ""},
		"more, and calculated anew":       {`{}`, "overpay", "150", "processing", "for 150 where 100 USDT"},
		"more, and executed as it was":    {`{"keeps_sums": true}`, "overpay", "", "succeeded", ""},
		"not paid in time":                {`{}`, "expire", "", "canceled", ""},
		"refused, which a person can end": {`{}`, "decline", "", "processing", "(error)"},
	} {
		w.configure("exchanger", `{"keeps_sums": false}`)
		w.configure("exchanger", row.options)
		order := w.create(byExchanger)
		w.control("POST", "exchanger/payments/"+order.ProviderReference+"/"+row.event, `{"amount":"`+row.amount+`"}`)
		seen := w.act(order, "refresh", "")
		require.Equal(t, row.status, seen.Status, name)
		require.Contains(t, seen.Alert, row.alert, name)
	}
}

// "cancel_bid and pay_bid also means: exists, and its status does not allow it, or its direction is off. Not proof of
// absence."
func TestAnOrderWhoseDirectionIsOffIsStillThere(t *testing.T) {
	t.Parallel()
	w := buildAtSite(t, directionsAtSite, plan{})
	for _, act := range []string{"success", ""} {
		w.configure("exchanger", `{"directions_off": [], "act_answer": "`+act+`"}`)
		order := w.create(byExchanger)
		w.configure("exchanger", `{"directions_off": ["1"]}`)
		require.Equal(t, "requires_action", w.act(order, "refresh", "").Status, "the list still has it")
		require.NotEmpty(t, w.refused(order, "cancel", "").Detail)
		require.Equal(t, "requires_action", w.get(order.ID).Status)
		w.configure("exchanger", `{"directions_off": []}`)
		require.Equal(t, "processing", w.act(order, "confirm", "").Status, "marked as paid")
		require.NotEmpty(t, w.refused(order, "cancel", "").Detail, "past being cancelled")
		other := w.create(byExchanger)
		require.Equal(t, "canceled", w.act(other, "cancel", "").Status)
	}
}

// What only people look at may be missing, null, or of another type: no answer becomes unreadable by it.
func TestAnExchangeSiteThatSpellsItsAnswersOtherwise(t *testing.T) {
	t.Parallel()
	for _, options := range []string{
		`{"loose": true, "errors": "numbers", "fields_as_list": true, "act_answer": "success"}`,
		`{"decimal_comma": true, "errors": "texts", "success_is_one": true}`,
	} {
		w := build(t, plan{})
		w.configure("exchanger", options)
		order := w.create(byExchanger)
		require.Equal(t, "requires_action", order.Status)
		require.NotNil(t, order.NextAction)
		w.drive("exchanger", order.ProviderReference, "pay")
		require.Equal(t, "succeeded", w.act(order, "refresh", "").Status)
		other := w.create(byExchanger)
		require.Equal(t, "canceled", w.act(other, "cancel", "").Status)
		require.Equal(t, "25", w.available("exchanger", "USD"))
		require.Equal(t, "processing", w.create(byPartner).Status)
		require.Empty(t, listed[api.Rate](w, "/v1/rates?provider=exchanger").Errors)
		statement := listed[api.Transaction](w, "/v1/statements?provider=exchanger")
		require.Empty(t, statement.Errors)
		require.Len(t, statement.Data, 3)
		for _, topic := range []string{"directions", "currencies"} {
			require.Empty(t, listed[api.Item](w, "/v1/catalog/"+topic+"?provider=exchanger").Errors)
		}
		for operation, input := range map[string]string{
			"test": `{}`, "get_exchanges": `{"id":"1,2"}`, "get_calc": `{"direction_id":1,"calc_amount":"100","calc_action":1}`,
			"get_direction": `{"currency_id_give":11,"currency_id_get":21}`, "get_partner_info": `{}`, "get_partner_links": `{}`,
			"get_partner_exchanges": `{}`, "get_partner_payouts": `{}`, "bid_info": `{"id":` + order.ProviderReference + `}`,
		} {
			a := w.ask("POST", w.router+"/v1/providers/exchanger/operations/"+operation, input)
			require.Equal(t, 200, a.status, string(a.body))
		}
	}
}
