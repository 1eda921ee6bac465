package main

import (
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/api"
	"payrouter/host/approval"
	"payrouter/host/attempt"
	"payrouter/host/payment"
	"payrouter/host/sandbox"
	"payrouter/host/sandbox/paygram"
)

// readings are PayGram as its documents may be read, wherever only public material or an inference tells: the router
// does the same under each.
var readings = map[string]paygram.Options{
	"as the vendor's source has it":       {},
	"as the document's examples have it":  {AsDocumented: true, NoPayURL: true},
	"codes in type":                       {CodesInType: true},
	"enums by name":                       {EnumNames: true},
	"rates by number":                     {NumberedRates: true, EnumNames: true},
	"callbacks and updates the other way": {CamelCaseCallbacks: true, PascalCaseUpdates: true},
	"pages begin with the cursor's entry": {InclusiveCursor: true, NothingBeforeZero: true},
	"withdrawals are not paid":            {UnpaidWithdrawals: true, RightWithdrawnAmounts: true},
	"transfers show their amount alone":   {NetTransferInvoices: true},
}

func TestPayGramIsReadEitherWay(t *testing.T) {
	t.Parallel()
	w := build(t, plan{environ: patient})
	w.control("POST", "paygram/balance", `{"account":"paygram-eu/customer-7","currency":"USDT","amount":"0"}`)
	for _, name := range slices.Sorted(maps.Keys(readings)) {
		t.Run(name, func(t *testing.T) {
			w := w.seenBy(t)
			options, err := json.Marshal(readings[name])
			require.NoError(t, err)
			w.control("PATCH", "paygram/options", string(options))
			w.requireActs("paygram-eu", byPayGram, map[string]end{
				"pay":      {status: "succeeded", received: "49.90 EUR"},
				"underpay": {status: "processing", received: "24.95 EUR", alert: "less than was asked for"},
				"overpay":  {status: "succeeded", received: "99.8 EUR", alert: "more than was asked for"},
				"expire":   {status: "canceled"},
				"decline":  {status: "failed", failure: "declined"},
			})
			w.requireActs("paygram-eu", paidOut, map[string]end{
				"accept":            {status: "processing"},
				"pay":               {status: "succeeded"},
				"cancel":            {status: "canceled"},
				"cancel_unrefunded": {status: "unknown", alert: "the money was taken"},
				"decline":           {status: "failed", failure: "declined"},
				"error":             {status: "unknown", alert: "the money was taken"},
			})
			w.requireLostTransferFound()
			w.requireWholeStatement()
			w.requireRates()
			require.NotEmpty(t, w.available("paygram-eu", "USDT"))
			updates := w.run("GetUpdates", w.key(), "{}")
			require.Equal(t, "succeeded", updates.Status)
		})
	}
}

// requireActs drives a payment each, and looks at what the router makes of it.
func (w *harness) requireActs(provider, order string, ends map[string]end) {
	w.t.Helper()
	for _, event := range slices.Sorted(maps.Keys(ends)) {
		p := w.create(order)
		require.Equal(w.t, provider, p.Provider)
		w.drive(sandbox.PayGram, p.ProviderReference, event)
		w.requireEnd(w.act(p, "refresh", ""), ends[event])
	}
}

// requireLostTransferFound loses the answer to a transfer, which GetInvoices and InvoiceInfo then tell of.
func (w *harness) requireLostTransferFound() {
	w.t.Helper()
	w.control("POST", "paygram/faults", `{"operation":"TransferCredit","count":1,"kind":"reset_after"}`)
	p := w.create(transferred)
	require.Equal(w.t, "unknown", p.Status)
	p = w.act(p, "refresh", "")
	require.Equal(w.t, "succeeded", p.Status, "%+v", p.Failure)
	booked := w.bookings(sandbox.PayGram)
	last := booked[len(booked)-1]
	require.Equal(w.t, []any{"TransferCredit", p.ProviderReference, 1},
		[]any{last.Operation, last.ProviderReference, last.Times})
}

// requireWholeStatement walks a statement in small pages: every entry once, the newest first, and an end.
func (w *harness) requireWholeStatement() {
	w.t.Helper()
	until := time.Now().Add(time.Minute).UTC().Format(time.RFC3339)
	path := "/v1/statements?provider=paygram-eu&limit=3&until=" + until
	var ids []string
	var at []time.Time
	kinds := map[string]bool{}
	for page := (across[api.Transaction]{Next: "first"}); page.Next != ""; {
		next := path
		if len(ids) > 0 {
			next += "&cursor=" + url.QueryEscape(page.Next)
		}
		page = listed[api.Transaction](w, next)
		require.Empty(w.t, page.Errors)
		for _, entry := range page.Data {
			ids, at = append(ids, entry.ID), append(at, entry.At)
			kinds[entry.Kind] = true
		}
		require.Less(w.t, len(ids), 1000)
	}
	require.Len(w.t, slices.Compact(slices.Sorted(slices.Values(ids))), len(ids), "an entry stands twice")
	require.True(w.t, slices.IsSortedFunc(at, func(a, b time.Time) int { return b.Compare(a) }))
	for _, kind := range []string{"incoming transfer", "withdrawal", "withdrawal refund", "outgoing direct transfer"} {
		require.True(w.t, kinds[kind], "%s: %v", kind, kinds)
	}
	whole := parsed(w.t, w.reading("GetStatement", strings.Replace(statement, `"resultsPerPage":1,`,
		`"resultsPerPage":1000,`, 1)).Output)
	require.Len(w.t, whole.Items("statementEntries"), len(ids), "an entry is missing")
}

func (w *harness) requireRates() {
	w.t.Helper()
	found := listed[api.Rate](w, "/v1/rates?provider=paygram-eu")
	require.Empty(w.t, found.Errors)
	pairs := map[string]bool{}
	for _, rate := range found.Data {
		pairs[rate.From.Currency+" "+rate.To.Currency] = true
	}
	require.True(w.t, pairs["BTC USDT"])
	require.Greater(w.t, len(pairs), 300, "each of 18 currencies in each other, but what is rounded to nothing")
}

// A fee that is in the transfer's invoice, or is not: either is the payment's transfer, and another amount is not.
func TestATransfersFeeIsInItsInvoiceOrNot(t *testing.T) {
	t.Parallel()
	w := build(t, plan{environ: patient})
	w.control("POST", "paygram/balance", `{"account":"paygram-eu/customer-7","currency":"USDT","amount":"0"}`)
	for _, options := range []string{`{"transfer_fee":0.25}`, `{"transfer_fee":0.25,"net_transfer_invoices":true}`} {
		w.control("PATCH", "paygram/options", options)
		w.requireLostTransferFound()
		p := w.create(transferred)
		require.Equal(t, "succeeded", p.Status)
		require.Equal(t, "succeeded", w.act(p, "refresh", "").Status)
	}
}

// A router with a wrong token is told so before any method runs, and so nothing is in doubt: in the older answer and in
// the newer.
func TestAWrongPayGramTokenLeavesNoDoubt(t *testing.T) {
	t.Parallel()
	for order, options := range map[string]paygram.Options{
		paidOut:     {AsDocumented: true},
		transferred: {EnumNames: true},
	} {
		w := build(t, plan{
			environ: []string{"PAYGRAM_EU_TOKEN=5a11d0c5-0000-4000-8000-00000000dead"},
			sandbox: sandbox.Options{PayGram: options},
		})
		p := w.create(order)
		require.Equal(t, "failed", p.Status)
		require.Equal(t, "authentication_failed", p.Failure.Code)
		require.Empty(t, w.bookings(sandbox.PayGram))
	}
}

// A callback names an invoice, a withdrawal or a transfer's voucher, each in an object of its own: whatever its
// spelling, it settles the payment, and finds one whose answer was lost.
func TestPayGramsCallbacksSettleHoweverTheyAreSpelt(t *testing.T) {
	t.Parallel()
	orders := map[string]payment.Order{
		"IssueInvoice": {Kind: payment.Collect, Amount: "49.90", Currency: "EUR"},
		"Withdraw": {
			Kind: payment.Payout, Amount: "100", Currency: "USDT",
			Destination: payment.Destination{Address: "TMadeUpAddressOfNobody00000000001", Network: "TRC20"},
		},
		"TransferCredit": {
			Kind: payment.Transfer, Amount: "4.5", Currency: "USDT",
			Destination: payment.Destination{Account: "customer-7"},
		},
	}
	for _, options := range []paygram.Options{{}, {CamelCaseCallbacks: true}, {EnumNames: true}} {
		s := newShop(t, false, sandbox.Options{PayGram: options})
		require.NoError(t, s.providers.Fund(sandbox.PayGram, "paygram-eu/customer-7", "USDT", "0"))
		for operation, order := range orders {
			order.Pinned = "paygram-eu"
			if operation != "IssueInvoice" {
				require.NoError(t, s.providers.Order(sandbox.PayGram,
					sandbox.Fault{Operation: operation, Kind: sandbox.FaultResetAfter, Count: 1}))
			}
			receipt, err := s.engine.Create(t.Context(), approval.Author{Merchant: "shop"},
				attempt.Key{Value: operation}, order, time.Minute)
			require.NoError(t, err)
			made := receipt.Value
			booked := s.providers.Ledger(sandbox.PayGram)
			if operation != "TransferCredit" { // which is reported as soon as it is made
				require.NoError(t,
					s.providers.Drive(sandbox.PayGram, booked[len(booked)-1].ProviderReference, "pay", ""))
			}
			<-s.kept
			s.round(t, time.Second)
			require.Equal(t, payment.Succeeded, s.payment(t, made.ID).Status, "%s %+v", operation, options)
		}
	}
}
