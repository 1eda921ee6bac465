package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/host/api"
	"payrouter/host/sandbox"
	"payrouter/host/sandbox/paygram"
)

func TestWhatThePayerIsTold(t *testing.T) {
	t.Parallel()
	w := build(t, plan{})

	byPage := w.create(byPayGram)
	require.Equal(t, "redirect", byPage.NextAction.Type)
	require.Equal(t, w.simulated+"/paygram/pay/"+byPage.ProviderReference, byPage.NextAction.URL)
	require.Equal(t, 200, w.ask("GET", byPage.NextAction.URL, "").status, "the page is there")

	wallet := w.create(byCryptogram)
	require.Equal(t, "redirect", wallet.NextAction.Type)
	w.drive(sandbox.Cryptogram, wallet.ProviderReference, "pick")
	wallet = w.act(wallet, "refresh", "")
	require.Equal(t, "requires_action", wallet.Status)
	require.Equal(t, "pay_to", wallet.NextAction.Type)
	require.True(t, strings.HasPrefix(wallet.NextAction.Address, "bc1q"), wallet.NextAction.Address)
	require.Equal(t, "bitcoin", wallet.NextAction.Network)
	require.Equal(t, "BTC", wallet.NextAction.Amount.Currency)
	require.Equal(t, "0.00054307", wallet.NextAction.Amount.Amount)

	order := w.create(byPayPlay)
	require.Equal(t, "redirect", order.NextAction.Type)
	require.Equal(t, w.simulated+"/payplay/crypto-orders/"+order.ProviderReference, order.NextAction.URL)

	exchange := w.create(byExchanger)
	require.Equal(t, "instructions", exchange.NextAction.Type)
	require.Contains(t, exchange.NextAction.Text, "Send exactly 100 USDT to T")
	require.Equal(t, "100", exchange.NextAction.Amount.Amount)
	require.Equal(t, "USDT", exchange.NextAction.Amount.Currency)

	require.Nil(t, w.create(recharge).NextAction, "nobody has to do anything about a recharge")
}

func TestAnInvoiceWithoutAPageIsPaidByItsCode(t *testing.T) {
	t.Parallel()
	w := build(t, plan{sandbox: sandbox.Options{PayGram: paygram.Options{NoPayURL: true}}})
	p := w.create(byPayGram)
	require.Equal(t, "instructions", p.NextAction.Type)
	require.Contains(t, p.NextAction.Text, p.ProviderReference)
}

func TestCancelling(t *testing.T) {
	t.Parallel()
	w := build(t, plan{})

	canceled := w.create(byExchanger)
	require.Equal(t, "canceled", w.act(canceled, "cancel", "").Status)
	again := w.act(canceled, "cancel", "")
	require.Equal(t, "canceled", again.Status)
	require.Equal(t, 1, w.requests(sandbox.Exchanger, "cancel_bid"), "what is canceled is not canceled twice")
	require.Equal(t, "cancel", w.bookings(sandbox.Exchanger)[0].Status)

	disabled := w.create(byExchangerE)
	problem := w.refused(disabled, "cancel", "")
	require.Equal(t, 422, problem.Status)
	require.Equal(t, "provider-declined", problem.Type)
	require.Equal(t, "unsupported", problem.Failure.Code)
	require.Equal(t, disabled.ID, problem.PaymentID)
	require.Equal(t, "requires_action", w.get(disabled.ID).Status, "it stands as it was")

	for _, order := range []string{byPayGram, byCryptogram, byPayPlay, payout, recharge} {
		p := w.create(order)
		problem := w.refused(p, "cancel", "")
		require.Equal(t, 409, problem.Status)
		require.Equal(t, "not-supported", problem.Type)
		require.Equal(t, p.Status, w.get(p.ID).Status)
	}

	paid := w.create(byPayGram)
	w.drive(sandbox.PayGram, paid.ProviderReference, "pay")
	require.Equal(t, "succeeded", w.act(paid, "refresh", "").Status)
	for _, act := range []string{"cancel", "confirm"} {
		problem := w.refused(paid, act, "")
		require.Equal(t, 409, problem.Status)
		require.Equal(t, "wrong-status", problem.Type)
	}
}

func TestConfirmingWhatCannotBeConfirmed(t *testing.T) {
	t.Parallel()
	w := build(t, plan{})

	// A confirm that comes too early changes nothing, and is not sent: the payment is looked up first.
	unpaid := w.create(byPayPlay)
	for _, early := range []api.Payment{unpaid, w.create(byPayGram)} {
		problem := w.refused(early, "confirm", "")
		require.Equal(t, 422, problem.Status)
		require.Equal(t, "invalid_request", problem.Failure.Code)
		stands := w.get(early.ID)
		require.Equal(t, "requires_action", stands.Status)
		require.NotNil(t, stands.NextAction)
		for _, attempt := range w.attempts(early.ID) {
			require.NotEqual(t, "confirm", attempt.Role)
		}
	}

	require.Equal(t, "not-supported", w.refused(unpaid, "confirm", `{"operation":"Mint"}`).Type)
	require.Equal(t, "not-supported", w.refused(w.create(byCryptogram), "confirm", "").Type)
	nobody := w.refused(w.create(byPayGram), "confirm", `{"operation":"PayInvoice"}`)
	require.Equal(t, 422, nobody.Status)
	require.Contains(t, nobody.Detail, "user_cli_id")
	poor := w.create(`{"amount":"1000000","currency":"EUR","provider":"paygram-eu"}`)
	refused := w.refused(poor, "confirm", `{"operation":"PayInvoice","input":{"user_cli_id":"customer-8"}}`)
	require.Equal(t, "insufficient_funds", refused.Failure.Code)
}

func TestEditingAPayment(t *testing.T) {
	t.Parallel()
	w := build(t, plan{})
	p := w.create(byCryptogram)

	a := w.ask("PATCH", w.router+"/v1/payments/"+p.ID,
		`{"description":"Two lamps","return_url":"https://shop.example/lamps","reference":"order-1001-b",`+
			`"metadata":{"lamps":"2"}}`)
	require.Equal(t, 200, a.status, string(a.body))
	edited := w.get(p.ID)
	require.Equal(t, "Two lamps", edited.Description)
	require.Equal(t, "https://shop.example/lamps", edited.ReturnURL)
	require.Equal(t, "order-1001-b", edited.Reference)
	require.Equal(t, map[string]string{"lamps": "2"}, edited.Metadata)
	require.Equal(t, "requires_action", edited.Status)

	held := w.ask("GET", w.simulated+"/cryptogram/api/v1/commerce-payments/"+p.ProviderReference, "",
		"Authorization", "Bearer "+sandbox.DefaultCredentials().Cryptogram)
	var theirs struct{ Description, Redirect string }
	require.NoError(t, json.Unmarshal(held.body, &theirs))
	require.Equal(t, "Two lamps", theirs.Description)
	require.True(t, strings.HasPrefix(theirs.Redirect, "https://shop.example/lamps?"), theirs.Redirect)

	elsewhere := w.create(byPayGram)
	refused := problem(t, w.ask("PATCH", w.router+"/v1/payments/"+elsewhere.ID, `{"description":"Two lamps"}`))
	require.Equal(t, "not-supported", refused.Type)
	require.Empty(t, w.get(elsewhere.ID).Description)
	ours := w.ask("PATCH", w.router+"/v1/payments/"+elsewhere.ID, `{"reference":"order-1002"}`)
	require.Equal(t, 200, ours.status, "what is ours alone can be edited everywhere")
	require.Equal(t, "order-1002", w.get(elsewhere.ID).Reference)
}

// Only Airtel succeeds in the provider's test environment.
func TestARechargeThatIsDeclined(t *testing.T) {
	t.Parallel()
	w := build(t, plan{})
	declined := w.create(strings.Replace(recharge, `"AT"`, `"RJ"`, 1))
	require.Equal(t, "failed", declined.Status)
	require.Equal(t, "declined", declined.Failure.Code)
	require.Equal(t, "soft", string(declined.Failure.Class))
	require.Equal(t, "Recharge Failed", declined.Failure.Message)

	w.control("POST", "paygrt/balance", `{"currency":"INR","amount":"10"}`)
	poor := w.create(recharge)
	require.Equal(t, "failed", poor.Status)
	require.Equal(t, "insufficient_funds", poor.Failure.Code)
	require.Equal(t, "soft", string(poor.Failure.Class))
	require.Equal(t, "Insufficient Merchant Balance", poor.Failure.ProviderCode)
	require.Empty(t, w.bookings(sandbox.Paygrt))
	require.Equal(t, "succeeded", func() string {
		w.control("POST", "paygrt/balance", `{"currency":"INR","amount":"1000"}`)
		p := w.create(recharge)
		w.drive(sandbox.Paygrt, p.ProviderReference, "pay")
		return w.act(p, "refresh", "").Status
	}(), "a decline says nothing about the provider's health")
}

func TestASoftDeclineGoesToTheNextProvider(t *testing.T) {
	t.Parallel()
	w := build(t, plan{})
	w.control("POST", "payplay/down", "")

	// The exchanger wants the payer's e-mail address, and declines.
	p := w.create(`{"amount":"6000","currency":"USDT"}`)

	require.Equal(t, "tether-large", p.Decision.Rule)
	require.Equal(t, "paygram-eu", p.Provider)
	require.Equal(t, "requires_action", p.Status)
	var asked []string
	for _, attempt := range w.attempts(p.ID) {
		asked = append(asked, attempt.Provider+" "+attempt.Operation+" "+attempt.Event)
	}
	require.Equal(t, []string{
		"payplay CreateCryptoOrder unanswered", "payplay CreateCryptoOrder unanswered",
		"payplay CreateCryptoOrder unanswered",
		"exchanger get_calc accepted", "exchanger create_bid declined_soft", "paygram-eu IssueInvoice accepted",
	}, asked)
	require.Empty(t, w.bookings(sandbox.PayPlay))
	require.Empty(t, w.bookings(sandbox.Exchanger))
}
