package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/host/api"
)

const (
	euros = `{"amount":"49.90","currency":"EUR","country":"DE","reference":"order-1001",` +
		`"return_url":"https://shop.example/thanks","payer":{"email":"payer@shop.example"},`

	byPayGram    = euros + `"provider":"paygram-eu"}`
	byCryptogram = euros + `"provider":"cryptogram"}`
	byPayPlay    = euros + `"provider":"payplay"}`
	byExchanger  = `{"amount":"100","currency":"USDT","payer":{"email":"payer@shop.example"},"provider":"exchanger"}`
	byExchangerE = `{"amount":"0.5","currency":"ETH","payer":{"email":"payer@shop.example"},"provider":"exchanger"}`
	payout       = `{"kind":"payout","amount":"100","currency":"USDT",` +
		`"destination":{"address":"TBeneficiaryMadeUp0000000000000001","network":"tron"}}`
	// paidOut goes to the same place at another provider.
	paidOut = `{"kind":"payout","amount":"100","currency":"USDT",` +
		`"destination":{"address":"TBeneficiaryMadeUp0000000000000001","network":"tron"},"provider":"paygram-eu"}`
	recharge = `{"kind":"recharge","amount":"199","currency":"INR","country":"IN","destination":{"operator":"AT",` +
		`"number":"9876543210"}}`
)

// end is a way in which a payment comes to an end, or stays open.
type end struct {
	what     string
	provider string
	order    string
	// created is how the payment stands after its create.
	created string
	// events happen at the provider, one after another.
	events []string
	// confirm, where it is not empty, is what the merchant confirms after them. Otherwise the payment is looked up.
	confirm string
	status  string
	// received is what has been received, as "49.90 EUR".
	received string
	// failure is the canonical code, and alert a part of the alert.
	failure, alert string
}

func TestEveryPaymentComesToItsNaturalEnd(t *testing.T) {
	t.Parallel()
	ends := []end{
		{"paid", "paygram", byPayGram, "requires_action", []string{"pay"}, "", "succeeded", "49.90 EUR", "", ""},
		{
			"paid, and not redeemed yet", "paygram", byPayGram, "requires_action",
			[]string{"pay_unredeemed"},
			"",
			"processing", "49.90 EUR", "", "",
		},
		{
			"paid, and redeemed by us", "paygram", byPayGram, "requires_action",
			[]string{"pay_unredeemed"},
			`{"operation":"RedeemInvoice"}`, "succeeded", "49.90 EUR", "", "",
		},
		{
			"redeemed without naming the operation", "paygram", byPayGram, "requires_action",
			[]string{"pay_unredeemed"},
			`{}`, "succeeded", "49.90 EUR", "", "",
		},
		{
			"paid from a user's wallet", "paygram", byPayGram, "requires_action", nil,
			`{"operation":"PayInvoice","input":{"user_cli_id":"customer-7"}}`, "succeeded", "49.90 EUR", "", "",
		},
		{"canceled", "paygram", byPayGram, "requires_action", []string{"cancel"}, "", "canceled", "", "", ""},
		{"denied", "paygram", byPayGram, "requires_action", []string{"decline"}, "", "failed", "", "declined", ""},
		{"broken", "paygram", byPayGram, "requires_action", []string{"error"}, "", "failed", "", "provider_error", ""},
		{"paid out", "paygram", paidOut, "processing", []string{"pay"}, "", "succeeded", "", "", ""},
		{"payout denied", "paygram", paidOut, "processing", []string{"decline"}, "", "failed", "", "declined", ""},

		{"paid", "cryptogram", byCryptogram, "requires_action", []string{"pick", "pay"}, "", "succeeded", "", "", ""},
		{
			"overpaid", "cryptogram", byCryptogram, "requires_action",
			[]string{"overpay"},
			"", "succeeded", "", "",
			"more was received",
		},
		{
			"underpaid", "cryptogram", byCryptogram, "requires_action",
			[]string{"underpay"},
			"", "processing", "", "",
			"",
		},
		{"canceled", "cryptogram", byCryptogram, "requires_action", []string{"cancel"}, "", "canceled", "", "", ""},
		{"expired", "cryptogram", byCryptogram, "requires_action", []string{"expire"}, "", "expired", "", "", ""},

		{
			"paid", "payplay", byPayPlay, "requires_action",
			[]string{"open", "pay"},
			"", "succeeded", "51.799347 USDT",
			"", "",
		},
		{
			"underpaid", "payplay", byPayPlay, "requires_action",
			[]string{"underpay"},
			"", "processing", "", "",
			"paid in part",
		},
		{
			"underpaid, and taken as it is", "payplay", byPayPlay, "requires_action",
			[]string{"underpay"},
			`{}`,
			"succeeded", "", "", "",
		},
		{"declined", "payplay", byPayPlay, "requires_action", []string{"decline"}, "", "failed", "", "declined", ""},
		{
			"expired, which is declined there", "payplay", byPayPlay, "requires_action",
			[]string{"expire"},
			"", "failed",
			"", "declined", "",
		},
		{"canceled", "payplay", byPayPlay, "requires_action", []string{"cancel"}, "", "canceled", "", "", ""},
		{"paid out", "payplay", payout, "processing", []string{"pay"}, "", "succeeded", "", "", ""},
		{"payout declined", "payplay", payout, "processing", []string{"decline"}, "", "failed", "", "declined", ""},
		{"payout canceled", "payplay", payout, "processing", []string{"cancel"}, "", "canceled", "", "", ""},

		{"exchanged", "exchanger", byExchanger, "requires_action", []string{"pay"}, "", "succeeded", "", "", ""},
		{"marked as paid", "exchanger", byExchanger, "requires_action", nil, `{}`, "processing", "", "", ""},
		{"deleted", "exchanger", byExchanger, "requires_action", []string{"expire"}, "", "canceled", "", "", ""},
		{
			"in error, which an operator may still mend", "exchanger", byExchanger, "requires_action",
			[]string{"decline"},
			"", "processing", "", "", "went wrong",
		},

		{"recharged", "paygrt", recharge, "processing", []string{"pay"}, "", "succeeded", "", "", ""},
		{"recharge failed", "paygrt", recharge, "processing", []string{"decline"}, "", "failed", "", "declined", ""},
	}
	w := build(t, plan{})
	for _, end := range ends {
		t.Run(end.provider+"/"+end.what, func(t *testing.T) {
			t.Parallel()
			w := w.seenBy(t)
			p := w.create(end.order)
			require.Equal(t, end.created, p.Status, "%+v", p.Failure)
			require.NotEmpty(t, p.ProviderReference)
			require.Equal(t, end.provider, strings.TrimSuffix(p.Provider, "-eu"))
			require.Equal(t, p, w.get(p.ID))
			for _, event := range end.events {
				w.drive(end.provider, p.ProviderReference, event)
			}

			if end.confirm != "" {
				p = w.act(p, "confirm", end.confirm)
			} else {
				p = w.act(p, "refresh", "")
			}

			w.requireEnd(p, end)
			require.Equal(t, p, w.get(p.ID))
			w.requireSettled(p)
		})
	}
}

// seenBy is the same harness in a subtest.
func (w *harness) seenBy(t *testing.T) *harness {
	t.Helper()
	return &harness{
		t: t, sandbox: w.sandbox, simulated: w.simulated, router: w.router, client: w.client, log: w.log,
		data: w.data,
	}
}

func (w *harness) requireEnd(p api.Payment, end end) {
	w.t.Helper()
	require.Equal(w.t, end.status, p.Status, "%+v %s", p.Failure, p.Alert)
	require.False(w.t, p.MoneyConflict)
	if end.received != "" {
		require.NotNil(w.t, p.AmountReceived)
		require.Equal(w.t, end.received, p.AmountReceived.Amount+" "+p.AmountReceived.Currency)
	}
	if end.failure == "" {
		require.Nil(w.t, p.Failure)
	} else {
		require.Equal(w.t, end.failure, p.Failure.Code)
		require.NotEmpty(w.t, p.Failure.ProviderCode)
	}
	if end.alert == "" {
		require.Empty(w.t, p.Alert)
	}
	require.Contains(w.t, p.Alert, end.alert)
	if p.Status != "requires_action" {
		require.Nil(w.t, p.NextAction)
	}
}

// requireSettled looks at a payment's attempts: all closed, numbered in their order, counted, each by the same
// reference.
func (w *harness) requireSettled(p api.Payment) {
	w.t.Helper()
	attempts := w.attempts(p.ID)
	require.Len(w.t, attempts, p.Attempts)
	for i, attempt := range attempts {
		require.Equal(w.t, i+1, attempt.Number)
		require.NotEqual(w.t, "open", attempt.Event)
		require.NotEmpty(w.t, attempt.Digest)
		require.Positive(w.t, attempt.Fuel)
		require.True(w.t, attempt.Sent)
		require.False(w.t, attempt.FinishedAt.Before(attempt.StartedAt))
	}
}
