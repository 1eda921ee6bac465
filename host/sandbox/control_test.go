package sandbox_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/host/sandbox"
	"payrouter/host/sandbox/sandboxtest"
)

func TestControlsOverHTTP(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	control := func(method, path, body string) sandboxtest.Reply {
		return w.Do(method, "/_sandbox/"+path, sandboxtest.JSONHeader(), body)
	}

	index := control("GET", "", "")
	require.Contains(t, index.At(t, "providers", "cryptogram", "events"), "underpay")
	require.Contains(t, index.At(t, "providers", "paygram", "operations"), "IssueInvoice")

	require.Equal(t, 200,
		control("POST", "paygrt/faults",
			`{"operation":"recharge","kind":"status","status":429,"retry_after":7,"count":1,"delay":"1ms"}`).Status)
	listed := control("GET", "paygrt/faults", "")
	require.Equal(t,
		`{"faults":[{"operation":"recharge","kind":"status","count":1,"delay":"1ms","status":429,"retry_after":"7",`+
			`"after":false}]}`, listed.Text)
	require.Equal(t, "7", w.Recharge("r", "1", "AT").Header.Get("Retry-After"))

	require.Equal(t, 200, control("POST", "paygrt/faults", `{"kind":"empty"}`).Status)
	require.Empty(t, w.Recharge("x", "1", "AT").Text)
	require.Equal(t, 200, control("DELETE", "paygrt/faults", "").Status)
	require.Equal(t, 200, control("POST", "paygrt/down", "").Status)
	isReset(t, w.Recharge("y", "1", "AT"))
	require.Equal(t, 200, control("POST", "paygrt/up", "").Status)

	w.Recharge("z", "1.5", "AT")
	require.Equal(t, 200, control("POST", "paygrt/payments/z/pay", "").Status)
	ledger := control("GET", "ledger?provider=paygrt", "")
	require.Equal(t, "z", ledger.At(t, "bookings", 1, "reference"))
	require.Equal(t, "Success", ledger.At(t, "bookings", 1, "status"))
	require.Equal(t, true, ledger.At(t, "bookings", 1, "moved_money"))
	require.Equal(t, "1.50", ledger.At(t, "bookings", 1, "amount"))
	require.Empty(t, control("GET", "ledger?provider=payplay", "").At(t, "bookings"))

	requests := control("GET", "requests", "")
	require.Equal(t,
		`{"requests":[{"provider":"paygrt","operation":"recharge","method":"POST","path":"/v1/recharges/AB1234",`+
			`"received":4,"processed":2}]}`, requests.Text)

	require.Equal(t, 200, control("POST", "paygrt/balance", `{"amount":"5"}`).Status)
	require.Equal(t, "5.0000", w.Paygrt("GET", "/v1/merchants/AB1234/balance").At(t, "data", "balance"))
	in := sandboxtest.Receive(t)
	require.Equal(t, 200, control("POST", "paygrt/callback", `{"url":"`+in.URL+`"}`).Status)
	control("POST", "paygrt/payments/z/decline", "{}")
	in.Next(t)
}

func TestControlsThatMakeNoSenseSayWhy(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	w.Recharge("r", "1", "AT")
	w.Cryptogram("POST", "", sandboxtest.CryptogramCheckout)
	require.NoError(t, w.Drive("paygrt", "r", "pay", ""))
	tests := []struct {
		method, path, body string
		status             int
		detail             string
	}{
		{"POST", "nobody/down", "", 404, `unknown provider "nobody"`},
		{"GET", "ledger?provider=nobody", "", 404, `unknown provider "nobody"`},
		{"POST", "paygrt/payments/none/pay", "", 404, "unknown payment"},
		{"POST", "paygrt/payments/r/explode", "", 404, `unknown event "explode": paygrt has pay, underpay, overpay`},
		{"POST", "paygrt/payments/r/pay", "", 409, "refused: it is Success already"},
		{"POST", "paygrt/payments/r", "", 404, "unknown control"},
		{"PUT", "paygrt/faults", "", 404, "unknown control PUT /_sandbox/paygrt/faults"},
		{"POST", "nothing", "", 404, "unknown control POST /_sandbox/nothing"},
		{"POST", "paygrt/faults", `{"knd":"empty"}`, 400, `unknown field "knd"`},
		{"POST", "paygrt/faults", `{"kind":"delay","delay":"soon"}`, 400, `delay "soon"`},
		{"POST", "paygrt/faults", `{`, 400, "invalid body"},
		{"POST", "paygrt/callback", `{"url":"ftp://x"}`, 400, "callback URL"},
		{"POST", "paygrt/balance", `{"amount":"much"}`, 400, "not an amount"},
		{"POST", "paygrt/balance", `{"amount":"1","currency":"EUR"}`, 400, "paygrt has INR"},
		{"POST", "cryptogram/payments/tok_123456/pay", `{"amount":"-1"}`, 400, "-1 is not above 0"},
		{"POST", "cryptogram/payments/tok_123456/underpay", `{"amount":"x"}`, 400, "not an amount"},
		{"POST", "cryptogram/balance", `{"amount":"1"}`, 404, "cryptogram shows none"},
		{"POST", "paygram/balance", `{"account":"x","amount":"1","currency":"EUR"}`, 404, `unknown account "x"`},
	}
	for _, tt := range tests {
		got := w.Do(tt.method, "/_sandbox/"+tt.path, sandboxtest.JSONHeader(), tt.body)
		require.Equal(t, tt.status, got.Status, tt.path+tt.body)
		require.Contains(t, got.At(t, "detail"), tt.detail, tt.path+tt.body)
	}
}

func TestEachAccountsCallbacksGoToItsOwnAddress(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	accounts, err := w.Accounts("paygram")
	require.NoError(t, err)
	require.Equal(t, []string{"paygram-asia", "paygram-eu"}, accounts)
	others, asias := sandboxtest.Receive(t), sandboxtest.Receive(t)
	require.NoError(t, w.Report("paygram", sandbox.Callback{URL: others.URL}))
	require.NoError(t, w.Report("paygram", sandbox.Callback{URL: asias.URL, Account: "paygram-asia"}))
	require.ErrorIs(t, w.Report("paygram", sandbox.Callback{URL: asias.URL, Account: "paygram-us"}), sandbox.ErrUnknown)
	require.ErrorIs(t, w.Report("paygrt", sandbox.Callback{URL: asias.URL, Account: "paygrt"}), sandbox.ErrUnknown)

	for token, in := range map[string]*sandboxtest.Inbox{
		sandbox.DefaultCredentials().PayGramEU:   others,
		sandbox.DefaultCredentials().PayGramAsia: asias,
	} {
		issued := w.Do("POST", "/paygram/"+token+"/IssueInvoice", sandboxtest.JSONHeader(),
			`{"userCliId":"shop","currencyCode":5,"amount":1,"callbackData":"`+token+`"}`)
		require.NoError(t, w.Drive("paygram", issued.At(t, "invoiceCode").(string), "pay", ""))
		_, body := in.Next(t)
		require.Contains(t, body, token)
	}
}

func TestCallbacksKeepTheirOrder(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	in := sandboxtest.Receive(t)
	require.NoError(t, w.Report("paygrt", sandbox.Callback{URL: in.URL}))
	w.Recharge("o", "1", "AT")
	events := []string{"decline", "pay", "pending", "pay"}
	for _, event := range events {
		require.NoError(t, w.Drive("paygrt", "o", event, ""))
	}
	for _, want := range []string{"Fail", "Success", "Pending", "Success"} {
		r, _ := in.Next(t)
		require.Equal(t, want, r.URL.Query().Get("recharge_status"))
	}
}

func TestMoneyComesLateInEachProvidersOwnWords(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	code := w.PayGram("IssueInvoice", sandboxtest.PayGramInvoice).At(t, "invoiceCode").(string)
	require.NoError(t, w.Drive("paygram", code, "cancel", ""))
	require.NoError(t, w.Drive("paygram", code, "pay_late", ""))
	info := w.PayGram("InvoiceInfo", `{"invoiceCode":"`+code+`"}`)
	require.Equal(t, []any{"3", true, false},
		[]any{info.At(t, "status"), info.At(t, "isPaid"), info.At(t, "isRedeemed")})
	require.Equal(t, "8", w.PayGram("RedeemInvoice", `{"userCliId":"shop","invoiceCode":"`+code+`"}`).At(t, "type"),
		"it waits to be redeemed")

	order := w.PayPlayOrder("o", "10", "USDT")
	require.NoError(t, w.Drive("payplay", "o", "cancel", ""))
	require.NoError(t, w.Drive("payplay", "o", "pay_late", ""))
	shown := w.PayPlay("GET", "/private-api/orders/shop/"+order, "")
	require.Equal(t, []any{"CANCELED", "9.9"},
		[]any{shown.At(t, "order", "status"), shown.At(t, "order", "received_total")})

	id := w.Cryptogram("POST", "", sandboxtest.CryptogramCheckout).At(t, "id").(string)
	require.NoError(t, w.Drive("cryptogram", id, "cancel", ""))
	require.NoError(t, w.Drive("cryptogram", id, "pay_late", ""))
	require.Contains(t, w.Cryptogram("GET", "/"+id, "").Text,
		`"status":"canceled","value":0.01499948,"price":10,"received":0.01499948`)
	for _, booking := range w.Ledger("") {
		require.True(t, booking.MovedMoney, booking.Provider)
	}
}

// What a provider does where its document leaves a choice is changed while it runs.
func TestOptionsAreChangedOverHTTP(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	control := func(method, path, body string) sandboxtest.Reply {
		return w.Do(method, "/_sandbox/"+path, sandboxtest.JSONHeader(), body)
	}
	require.Equal(t, false, control("GET", "paygrt/options", "").At(t, "immediate"))
	require.Equal(t, "Pending", w.Recharge("a", "1", "AT").At(t, "data", "recharge_status"))
	require.Equal(t, 200, control("PATCH", "paygrt/options", `{"immediate":true}`).Status)
	require.Equal(t, "Success", w.Recharge("b", "1", "AT").At(t, "data", "recharge_status"))
	require.Equal(t, 200, control("PATCH", "paygrt/options", `{"merchant":"other"}`).Status)
	require.Equal(t, true, control("GET", "paygrt/options", "").At(t, "immediate"))
	require.Equal(t, "other", control("GET", "paygrt/options", "").At(t, "merchant"))
	for _, wrong := range []string{`{"imediate":true}`, `{"immediate":1}`, `[]`, ``} {
		require.Equal(t, 400, control("PATCH", "paygrt/options", wrong).Status, wrong)
	}
	require.Equal(t, 404, control("PATCH", "nobody/options", `{}`).Status)
}
