package payplay_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"payrouter/host/sandbox"
	"payrouter/host/sandbox/payplay"
	"payrouter/host/sandbox/sandboxtest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

func TestOrderHasTheDocumentsFieldsInItsOrder(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	id := w.PayPlayOrder("order_1", "12.12", "EUR")
	got := w.PayPlay("GET", "/private-api/orders/shop/"+id, "")
	number := got.At(t, "order", "order_number").(string)
	require.Regexp(t, `^\d{9}$`, number)
	require.Equal(t, sandboxtest.Compact(t, `{
  "order":{
    "id":"`+id+`",
    "currency":"EUR",
    "order_number":"`+number+`",
    "value":"12.12",
    "expected_amount":null,
    "received_total":"0",
    "exchange_rate":null,
    "clean_exchange_rate":null,
    "is_internal":null,
    "deposited_currency":"USDT",
    "received_currency":"USDT",
    "status":"INIT",
    "external_order_id":"order_1",
    "created_at":"2026-03-02 12:00:00",
    "completed_at":null,
    "acquiring_url":"`+w.URL+`/payplay/crypto-orders/`+id+`",
    "successful_link":"https://shop.example/ok",
    "failure_link":null,
    "transactions":[

    ]
  }
}`), got.Text)
	require.Equal(t, got.Text, w.PayPlay("GET", "/private-api/crypto-orders/shop/"+id, "").Text)

	require.NoError(t, w.Drive("payplay", "order_1", "open", ""))
	open := w.PayPlay("GET", "/private-api/orders/shop/"+id, "")
	require.Equal(t, "OPEN", open.At(t, "order", "status"))
	require.Equal(t, "0.95369928", open.At(t, "order", "exchange_rate"))
	require.Equal(t, "12.708409", open.At(t, "order", "expected_amount"))

	w.Clock.Set("2026-03-02T12:01:00Z")
	require.NoError(t, w.Drive("payplay", id, "pay", ""))
	paid := w.PayPlay("GET", "/private-api/orders/shop/"+id, "")
	require.Equal(t, "COMPLETE", paid.At(t, "order", "status"))
	require.Equal(t, "12.12", paid.At(t, "order", "value"))
	require.Equal(t, "12.581324", paid.At(t, "order", "received_total"), "another currency, and net of the fee")
	require.Equal(t, "2026-03-02 12:01:00", paid.At(t, "order", "completed_at"))
	entry := paid.At(t, "order", "transactions", 0, "id").(string)
	shown := w.PayPlay("GET", "/private-api/transactions/"+entry, "")
	require.Regexp(t,
		`^{"transaction":{"id":"`+entry+`","type":"CRYPTO_INVOICE","currency":"USDT","value":"12.708409",`+
			`"status":"COMPLETE","hash":"[0-9a-f-]{36}","is_internal":false,"created_at":"2026-03-02 12:01:00",`+
			`"completed_at":"2026-03-02 12:01:00"}}$`, shown.Text)
	require.Equal(t, "100012.581324", w.PayPlayBalance("USDT"))
	require.ErrorIs(t, w.Drive("payplay", id, "pay", ""), sandbox.ErrRefused)
}

func TestEnds(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		event, status string
		moved         bool
	}{
		"paid":       {"pay", "COMPLETE", true},
		"underpaid":  {"underpay", "PARTIALLY_FULFILLED", true},
		"declined":   {"decline", "DECLINED", false},
		"canceled":   {"cancel", "CANCELED", false},
		"timed out":  {"expire", "DECLINED", false},
		"being paid": {"open", "OPEN", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := sandboxtest.Serve(t, sandbox.Options{})
			id := w.PayPlayOrder("o", "10", "USDT")
			require.NoError(t, w.Drive("payplay", "o", tt.event, ""))
			require.Equal(t, tt.status, w.PayPlay("GET", "/private-api/orders/shop/"+id, "").At(t, "order", "status"))
			require.Equal(t, tt.moved, w.Ledger("")[0].MovedMoney)
			require.Equal(t, tt.status, w.Ledger("")[0].Status)
		})
	}
}

func TestTakesAnUnderpaidOrderForComplete(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	id := w.PayPlayOrder("o", "10", "USDT")
	complete := "/private-api/crypto-orders/shop/" + id + "/complete"
	require.Equal(t, 422, w.PayPlay("POST", complete, "").Status)
	require.NoError(t, w.Drive("payplay", "o", "underpay", "4"))
	got := w.PayPlay("POST", complete, "")
	require.Equal(t, "COMPLETE", got.At(t, "order", "status"))
	require.Equal(t, "3.96", got.At(t, "order", "received_total"))
}

func TestListsByPageAndFilter(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	for i := range 5 {
		w.Clock.Set(fmt.Sprintf("2026-03-0%dT12:00:00Z", i+1))
		w.PayPlayOrder(fmt.Sprintf("o%d", i+1), "1", "USDT")
	}
	require.NoError(t, w.Drive("payplay", "o2", "pay", ""))
	list := func(query string) sandboxtest.Reply { return w.PayPlay("GET", "/private-api/orders/shop?"+query, "") }
	references := func(r sandboxtest.Reply) []any {
		found := []any{}
		for _, o := range r.At(t, "orders").([]any) {
			found = append(found, o.(map[string]any)["external_order_id"])
		}
		return found
	}
	first := list("per_page=2")
	require.Equal(t, []any{"o5", "o4"}, references(first), "newest first")
	require.Contains(t, first.Text, `"meta":{"current_page":1,"last_page":3,"total":5}}`)
	require.Equal(t, []any{"o1"}, references(list("per_page=2&page=3")))
	require.Empty(t, references(list("per_page=2&page=4")))
	require.Equal(t, []any{"o3"}, references(list("external_order_id=o3")))
	require.Equal(t, []any{"o2"}, references(list("order_status_id=ab306dbd-b837-413a-add5-3bd76542c1c4")))
	require.Equal(t, []any{"o3", "o2"}, references(list("date_from=2026-03-02+00:00:00&date_to=2026-03-03+12:00:00")))
	require.Equal(t, []any{"o2"}, references(list("completed_at_from=2026-03-01+00:00:00")))
	require.Equal(t, 422, list("page=none").Status)
	require.Equal(t, 422, list("date_from=yesterday").Status)
	require.Empty(t, references(w.PayPlay("GET", "/private-api/orders/other", "")), "another page's")
	require.Equal(t, "1", w.PayPlay("GET", "/private-api/transactions?per_page=1", "").At(t, "meta", "total"))
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{PayPlay: payplay.Options{Slug: "shop", Company: "acme"}})
	create := "/private-api/crypto-orders/shop"
	for name, tt := range map[string]struct {
		got    sandboxtest.Reply
		status int
		text   string
	}{
		"no key": {
			w.Do("GET", "/payplay/private-api/order-statuses", nil, ""), 401,
			"Unauthenticated.",
		},
		"another page": {w.PayPlay("POST", "/private-api/crypto-orders/other",
			`{"amount":"1","currency":"USDT"}`), 404, "Page not found"},
		"no such call":        {w.PayPlay("GET", "/private-api/nothing", ""), 404, "Page not found"},
		"no such order":       {w.PayPlay("GET", "/private-api/orders/shop/x", ""), 404, "Order not found"},
		"no such transaction": {w.PayPlay("GET", "/private-api/transactions/x", ""), 404, "Transaction not found"},
		"no amount": {
			w.PayPlay("POST", create, `{"currency":"USDT"}`), 422,
			"The amount field is required.",
		},
		"an amount of nothing": {
			w.PayPlay("POST", create, `{"amount":"0","currency":"USDT"}`), 422,
			"The amount must be greater than 0.",
		},
		"an unknown currency": {
			w.PayPlay("POST", create, `{"amount":"1","currency":"XXX"}`), 422,
			"The selected currency is invalid.",
		},
		"a reference with a blank": {
			w.PayPlay("POST", create,
				`{"amount":"1","currency":"USDT","external_order_id":"a b"}`), 422,
			"The external order id format is invalid.",
		},
		"a link that is none": {
			w.PayPlay("POST", create, `{"amount":"1","currency":"USDT","failure_link":"x"}`),
			422, "The failure_link field must be a valid URL.",
		},
		"no JSON":         {w.PayPlay("POST", create, `amount=1`), 422, "The given data was invalid."},
		"another company": {w.PayPlay("POST", "/private-api/other/withdrawal", `{}`), 404, "Page not found"},
		"a withdrawal of a number": {w.PayPlay("POST", "/private-api/acme/withdrawal",
			`{"amount":1,"currency":"USDT","wallet":"T","network":"TRC20"}`), 422, "The amount must be a string."},
		"a withdrawal to nowhere": {w.PayPlay("POST", "/private-api/acme/withdrawal",
			`{"amount":"1","currency":"USDT","network":"TRC20"}`), 422, "The wallet field is required."},
		"less than is sent": {
			w.PayPlay("POST", "/private-api/acme/withdrawal",
				`{"amount":"0.99","currency":"USDT","wallet":"T","network":"TRC20"}`), 422,
			"The amount must be at least 1.",
		},
		"more than there is": {w.PayPlay("POST", "/private-api/acme/withdrawal",
			`{"amount":"99999.5","currency":"USDT","wallet":"T","network":"TRC20"}`), 422, "Insufficient balance."},
		"a rate of a coin": {
			w.PayPlay("GET", "/private-api/exchange-rates/BTC", ""), 404,
			"Currency not found",
		},
	} {
		require.Equal(t, tt.status, tt.got.Status, name)
		require.Equal(t, tt.text, tt.got.At(t, "message"), name)
	}
	require.Empty(t, w.Ledger("payplay"))
}

func TestRatesAreTheDocuments(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	require.Equal(t, `{"USDT_USD":"1,00"}`, w.Do("GET", "/payplay/rates", nil, "").Text,
		"a decimal comma, and no credentials")
	require.Equal(t, `{"ticker":"NGN","exchange_rate":"1660.2759444311"}`,
		w.PayPlay("GET", "/private-api/exchange-rates/NGN", "").Text)
	statuses := w.PayPlay("GET", "/private-api/order-statuses", "")
	require.Len(t, statuses.At(t, "order_statuses"), 6)
	require.Equal(t, "f46218e8-e883-4478-abac-f5b8c94f97c2", statuses.At(t, "order_statuses", 2, "id"))
	require.Equal(t, "PARTIALLY_FULFILLED", statuses.At(t, "order_statuses", 2, "label"))
	fees := w.PayPlay("GET", "/private-api/withdrawals/fees", "")
	require.Equal(t, "USDT", fees.At(t, "currencies", 0, "ticker"))
	require.Equal(t, "1", fees.At(t, "currencies", 0, "network_fees", "TRC20", "fixed"))
	require.Equal(t, true, fees.At(t, "currencies", 0, "network_fees", "TON", "is_memo_required"))
}

func TestWithdrawalAddsUp(t *testing.T) {
	t.Parallel()
	for event, tt := range map[string]struct{ status, balance string }{
		"pay": {"COMPLETE", "99899"}, "decline": {"DECLINED", "100000"}, "cancel": {"CANCELLED", "100000"},
	} {
		t.Run(event, func(t *testing.T) {
			t.Parallel()
			w := sandboxtest.Serve(t, sandbox.Options{})
			balance := func() string { return w.PayPlayBalance("USDT") }
			made := w.PayPlay("POST", "/private-api/acme/withdrawal",
				`{"amount":"100","currency":"USDT","wallet":"TWallet","network":"TRC20","external_id":"w1"}`)
			require.NotEmpty(t, made.At(t, "request_id"))
			require.Equal(t, "PENDING_WITHDRAWAL", made.At(t, "transactions", 0, "status"))
			require.Equal(t, "USDT", made.At(t, "transactions", 0, "currency", "ticker"), "an object here")
			require.Equal(t, "1", made.At(t, "transactions", 0, "fee"))
			require.Equal(t, "99899", balance())
			require.NoError(t, w.Drive("payplay", "w1", event, ""))
			require.Equal(t, tt.balance, balance())
			id := made.At(t, "transactions", 0, "id").(string)
			again := w.PayPlay("GET", "/private-api/transactions/"+id, "")
			require.Equal(t, tt.status, again.At(t, "transaction", "status"))
			require.Equal(t, "USDT", again.At(t, "transaction", "currency"), "a string here")
			require.Equal(t, event == "pay", w.Ledger("")[0].MovedMoney)
			require.ErrorIs(t, w.Drive("payplay", "w1", event, ""), sandbox.ErrRefused)
		})
	}
}

func TestRefundsWhatItReceivedOnce(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	id := w.PayPlayOrder("o", "10", "USDT")
	refund := func(body string) sandboxtest.Reply { return w.PayPlay("POST", "/private-api/refunds/orders/"+id, body) }
	require.Equal(t, 422, refund("").Status)
	require.NoError(t, w.Drive("payplay", "o", "pay", ""))
	part := refund(`{"amount":"4"}`)
	require.Equal(t, "4", part.At(t, "order", "transactions", 1, "value"))
	require.Equal(t, true, part.At(t, "order", "is_refund_available"))
	require.Equal(t, 422, refund(`{"amount":"5.91"}`).Status)
	require.Equal(t, 422, refund(`amount=1`).Status)
	rest := refund("")
	require.Equal(t, "5.9", rest.At(t, "order", "transactions", 2, "value"))
	require.Equal(t, true, rest.At(t, "order", "is_refunded"))
	require.Equal(t, 422, refund("").Status)
	require.Equal(t, "100000", w.PayPlayBalance("USDT"))
	require.Equal(t, 404, w.PayPlay("POST", "/private-api/refunds/orders/x", "").Status)
}

func TestBooksARepeatedReferenceTwiceAndCanBeFunded(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	require.NoError(t, w.Fund("payplay", "", "TRX", "3"))
	require.ErrorIs(t, w.Fund("payplay", "", "EUR", "3"), sandbox.ErrUnknown)
	require.Equal(t, "3", w.PayPlayBalance("TRX"))
	first, second := w.PayPlayOrder("same", "1", "USDT"), w.PayPlayOrder("same", "1", "USDT")
	require.NotEqual(t, first, second)
	require.Equal(t, 2, w.Ledger("payplay")[0].Times)
}

func sign(key, body string) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(body))
	return hex.EncodeToString(mac.Sum(nil))
}

func TestSignsWebhooksByFamily(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	in := sandboxtest.Receive(t)
	require.NoError(t, w.Report("payplay", sandbox.Callback{URL: in.URL, Secret: "general", PageSecret: "page"}))
	id := w.PayPlayOrder("o", "1", "USDT")
	require.NoError(t, w.Drive("payplay", "o", "pay", ""))
	r, body := in.Next(t)
	got := sandboxtest.Reply{Text: body}
	require.Equal(t, "order::completed", got.At(t, "event_type"))
	require.Equal(t, id, got.At(t, "order", "id"))
	require.Equal(t, sign("page", body), r.Header.Get("Signature"))

	w.PayPlay("POST", "/private-api/acme/withdrawal",
		`{"amount":"1","currency":"USDT","wallet":"T","network":"TRC20","external_id":"w"}`)
	require.NoError(t, w.Drive("payplay", "w", "pay", ""))
	r, body = in.Next(t)
	require.Equal(t, "withdrawal::completed", sandboxtest.Reply{Text: body}.At(t, "event_type"))
	require.Equal(t, sign("general", body), r.Header.Get("Signature"))
}
