package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/host/api"
)

// byPartner is a payout of what the exchange owes its partner: all of it.
const byPartner = `{"kind":"payout","amount":"25.00","currency":"USD",` +
	`"destination":{"account":"TBeneficiaryMadeUp0000000000000001"},"provider":"exchanger"}`

// A partner's balance is paid out whole or not at all; what has left it is gone from the balance and stands in the
// statement.
func TestAPartnersBalanceIsPaidOutWhole(t *testing.T) {
	t.Parallel()
	w := build(t, plan{})
	require.Equal(t, "25", w.available("exchanger", "USD"))
	for amount, code := range map[string]string{"24.99": "limit_exceeded", "25.01": "insufficient_funds"} {
		p := w.create(`{"kind":"payout","amount":"` + amount +
			`","currency":"USD","destination":{"account":"T1"},"provider":"exchanger"}`)
		require.Equal(t, "failed", p.Status)
		require.Equal(t, code, p.Failure.Code)
		require.Len(t, w.attempts(p.ID), 1, "the balance was read, and nothing else done")
	}
	require.Empty(t, w.bookings("exchanger"))

	out := w.create(byPartner)
	require.Equal(t, "processing", out.Status)
	require.Regexp(t, `^payout-\d+$`, out.ProviderReference)
	require.Equal(t, "0", w.available("exchanger", "USD"))
	require.Len(t, w.bookings("exchanger"), 1)
	require.Equal(t, "failed", w.create(byPartner).Status, "nothing is left")

	statement := listed[api.Transaction](w, "/v1/statements?provider=exchanger&currency=USD")
	require.Empty(t, statement.Errors)
	require.Len(t, statement.Data, 1)
	require.Equal(t, []string{"-25", "pending", out.ProviderReference},
		[]string{statement.Data[0].Amount.Amount, statement.Data[0].Status, statement.Data[0].ProviderReference})

	w.drive("exchanger", out.ProviderReference, "pay")
	paid := w.act(out, "refresh", "")
	require.Equal(t, "succeeded", paid.Status)
	require.Equal(t, "25", paid.AmountReceived.Amount)

	w.control("POST", "exchanger/balance", `{"account":"partner","currency":"USD","amount":"30"}`)
	again := w.create(
		`{"kind":"payout","amount":"30","currency":"USD","destination":{"address":"4111 1111 1111 1111"},` +
			`"provider":"exchanger",` +
			`"provider_options":{"exchanger":{"method_id":"22"}}}`)
	require.Equal(t, "0", w.available("exchanger", "USD"))
	w.drive("exchanger", again.ProviderReference, "cancel")
	require.Equal(t, "canceled", w.act(again, "refresh", "").Status)
	require.Equal(t, "30", w.available("exchanger", "USD"), "what was called off is there again")
}

// A payout whose answer is lost is sent once, and waits for a person: nothing distinguishes it from another.
func TestAPartnersPayoutThatGoesWrong(t *testing.T) {
	t.Parallel()
	w := build(t, plan{environ: patient})
	w.control("POST", "exchanger/faults", `{"operation":"add_partner_payout","kind":"reset_after","count":1}`)
	p := w.create(byPartner)
	require.Equal(t, "unknown", p.Status)
	require.Len(t, w.bookings("exchanger"), 1)
	require.NotEmpty(t, w.refused(p, "refresh", "").Detail)
	require.Equal(t, "unknown", w.get(p.ID).Status)
	require.Len(t, w.bookings("exchanger"), 1)
}

// The exchange's rates are those of the account's own directions; its catalogs are the site's.
func TestTheExchangeTellsWhatItOffers(t *testing.T) {
	t.Parallel()
	w := build(t, plan{})
	rates := listed[api.Rate](w, "/v1/rates?provider=exchanger")
	require.Empty(t, rates.Errors)
	var pairs []string
	for _, rate := range rates.Data {
		pairs = append(pairs, rate.From.Amount+" "+rate.From.Currency+" "+rate.To.Amount+" "+rate.To.Currency)
	}
	require.ElementsMatch(t, []string{"1 USDT 0.93 EUR", "1 BTC 95800 USDT", "1 ETH 2710.5 USDT"}, pairs)

	directions := listed[api.Item](w, "/v1/catalog/directions?provider=exchanger&currency=ETH")
	require.Empty(t, directions.Errors)
	require.Equal(t, []api.Item{
		{
			Provider: "exchanger", Code: "6", Name: "Ethereum ETH → Tether TRC20 USDT", Currency: "ETH",
			CurrencyOut: "USDT",
		},
		{
			Provider: "exchanger", Code: "7", Name: "Visa/MasterCard USD → Ethereum ETH", Currency: "USD",
			CurrencyOut: "ETH",
		},
	}, directions.Data)
	require.Contains(t, listed[api.Item](w, "/v1/catalog/currencies?provider=exchanger").Data,
		api.Item{
			Provider: "exchanger", Code: "USDT", Name: "Tether TRC20 USDT", Category: "give, get",
			Currency: "USDT",
		})
}

// An order and the partner's share of it are in the statement, and the share is on the balance.
func TestWhatAnOrderEarnsIsOnTheBalance(t *testing.T) {
	t.Parallel()
	w := build(t, plan{})
	order := w.create(byExchanger)
	w.drive("exchanger", order.ProviderReference, "pay")
	require.Equal(t, "succeeded", w.act(order, "refresh", "").Status)
	statement := listed[api.Transaction](w, "/v1/statements?provider=exchanger")
	require.Len(t, statement.Data, 1)
	entry := statement.Data[0]
	require.Equal(t, []string{"92.07", "EUR", "exchange", "success", order.ProviderReference},
		[]string{entry.Amount.Amount, entry.Amount.Currency, entry.Kind, entry.Status, entry.ProviderReference})
	require.Equal(t, w.attempts(order.ID)[1].Reference, entry.Reference)
}

// Every method of the API document can be called by itself, and a money-moving one is a run.
func TestEveryMethodOfTheExchangeIsAnOperation(t *testing.T) {
	t.Parallel()
	w := build(t, plan{})
	order := w.create(byExchanger)
	bid := `{"id":"` + order.ProviderReference + `"}`
	require.Equal(t, 200, w.ask("GET", w.simulated+"/exchanger/?rid=7", "").status)
	for operation, input := range map[string]string{
		"test": ``, "get_direction_currencies": `{"currency_id_give":11}`, "get_directions": `{"currency_id_get":"21"}`,
		"get_direction": `{"direction_id":1}`,
		"get_calc":      `{"direction_id":"1","calc_amount":"100.50","calc_action":1}`,
		"get_exchanges": `{"status_history":1,"limit":1}`, "bid_info": bid, "pay_bid": bid,
		"get_partner_info": ``, "get_partner_links": ``, "get_partner_exchanges": `{"limit":5}`,
		"get_partner_payouts": `{"end_time":1}`,
	} {
		a := w.ask("POST", w.router+"/v1/providers/exchanger/operations/"+operation, input)
		require.Equal(t, 200, a.status, "%s: %s", operation, a.body)
		require.Equal(t, "0", parsed(t, read[api.Reading](t, a).Output).Text("error"), operation)
	}
	made := map[string]string{}
	for operation, input := range map[string]string{
		"create_bid": `{"direction_id":"4","calc_amount":"100","calc_action":1,"account2":"bc1q",
			"cf6":"payer@shop.example"}`,
		"add_partner_payout": `{"method_id":"11","account":"T1"}`,
	} {
		a := w.ask("POST", w.router+"/v1/providers/exchanger/operations/"+operation, input, "Idempotency-Key",
			"once-"+operation)
		require.Equal(t, 201, a.status, "%s: %s", operation, a.body)
		run := read[api.Run](t, a)
		require.Equal(t, "succeeded", run.Status, operation)
		made[operation] = run.ProviderReference
	}
	require.Equal(t, "0", w.available("exchanger", "USD"))
	canceled := w.ask("POST", w.router+"/v1/providers/exchanger/operations/cancel_bid",
		`{"id":"`+made["create_bid"]+`"}`)
	require.Equal(t, "cancel", parsed(t, read[api.Reading](t, canceled).Output).Text("data"), string(canceled.body))
	refused := problem(t,
		w.ask("POST", w.router+"/v1/providers/exchanger/operations/add_partner_payout",
			`{"method_id":"11","account":"T1","amount":"5"}`, "Idempotency-Key", "k"))
	require.Equal(t, 422, refused.Status)
}
