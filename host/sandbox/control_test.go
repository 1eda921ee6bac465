package sandbox_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/host/sandbox"
)

func TestControlsOverHTTP(t *testing.T) {
	t.Parallel()
	w := serve(t, sandbox.Options{})
	control := func(method, path, body string) reply { return w.do(method, "/_sandbox/"+path, jsonHeader(), body) }

	index := control("GET", "", "")
	require.Contains(t, index.at(t, "providers", "cryptogram", "events"), "underpay")
	require.Contains(t, index.at(t, "providers", "paygram", "operations"), "IssueInvoice")

	require.Equal(t, 200,
		control("POST", "paygrt/faults",
			`{"operation":"recharge","kind":"status","status":429,"retry_after":7,"count":1,"delay":"1ms"}`).status)
	listed := control("GET", "paygrt/faults", "")
	require.Equal(t,
		`{"faults":[{"operation":"recharge","kind":"status","count":1,"delay":"1ms","status":429,"retry_after":"7",`+
			`"after":false}]}`, listed.text)
	require.Equal(t, "7", w.recharge("r", "1", "AT").header.Get("Retry-After"))

	require.Equal(t, 200, control("POST", "paygrt/faults", `{"kind":"empty"}`).status)
	require.Empty(t, w.recharge("x", "1", "AT").text)
	require.Equal(t, 200, control("DELETE", "paygrt/faults", "").status)
	require.Equal(t, 200, control("POST", "paygrt/down", "").status)
	isReset(t, w.recharge("y", "1", "AT"))
	require.Equal(t, 200, control("POST", "paygrt/up", "").status)

	w.recharge("z", "1.5", "AT")
	require.Equal(t, 200, control("POST", "paygrt/payments/z/pay", "").status)
	ledger := control("GET", "ledger?provider=paygrt", "")
	require.Equal(t, "z", ledger.at(t, "bookings", 1, "reference"))
	require.Equal(t, "Success", ledger.at(t, "bookings", 1, "status"))
	require.Equal(t, true, ledger.at(t, "bookings", 1, "moved_money"))
	require.Equal(t, "1.50", ledger.at(t, "bookings", 1, "amount"))
	require.Empty(t, control("GET", "ledger?provider=payplay", "").at(t, "bookings"))

	requests := control("GET", "requests", "")
	require.Equal(t,
		`{"requests":[{"provider":"paygrt","operation":"recharge","method":"POST","path":"/v1/recharges/AB1234",`+
			`"received":4,"processed":2}]}`, requests.text)

	require.Equal(t, 200, control("POST", "paygrt/balance", `{"amount":"5"}`).status)
	require.Equal(t, "5.0000", w.paygrt("GET", "/v1/merchants/AB1234/balance").at(t, "data", "balance"))
	in := receive(t)
	require.Equal(t, 200, control("POST", "paygrt/callback", `{"url":"`+in.url+`"}`).status)
	control("POST", "paygrt/payments/z/decline", "{}")
	in.next(t)
}

func TestControlsThatMakeNoSenseSayWhy(t *testing.T) {
	t.Parallel()
	w := serve(t, sandbox.Options{})
	w.recharge("r", "1", "AT")
	w.cryptogram("POST", "", checkout)
	require.NoError(t, w.Drive("paygrt", "r", "pay", ""))
	tests := []struct {
		method, path, body string
		status             int
		detail             string
	}{
		{"POST", "nobody/down", "", 404, `unknown provider "nobody"`},
		{"GET", "ledger?provider=nobody", "", 404, `unknown provider "nobody"`},
		{"POST", "paygrt/payments/none/pay", "", 404, "unknown payment"},
		{"POST", "paygrt/payments/r/explode", "", 404, `unknown event "explode": paygrt has pay, success, decline`},
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
		got := w.do(tt.method, "/_sandbox/"+tt.path, jsonHeader(), tt.body)
		require.Equal(t, tt.status, got.status, tt.path+tt.body)
		require.Contains(t, got.at(t, "detail"), tt.detail, tt.path+tt.body)
	}
}

func TestTheTokenInPayGramsPathIsNotCountedInTheOpen(t *testing.T) {
	t.Parallel()
	w := serve(t, sandbox.Options{})
	w.paygram("InvoiceInfo", "{}")
	w.paygram("InvoiceInfo", "{}")
	require.Equal(t, []sandbox.RequestCount{{
		Provider: "paygram", Operation: "InvoiceInfo", Method: "POST", Path: "/{token}/InvoiceInfo", Received: 2,
		Processed: 2,
	}}, w.Requests("paygram"))
}

func TestEachAccountsCallbacksGoToItsOwnAddress(t *testing.T) {
	t.Parallel()
	w := serve(t, sandbox.Options{})
	accounts, err := w.Accounts("paygram")
	require.NoError(t, err)
	require.Equal(t, []string{"paygram-asia", "paygram-eu"}, accounts)
	others, asias := receive(t), receive(t)
	require.NoError(t, w.Report("paygram", sandbox.Callback{URL: others.url}))
	require.NoError(t, w.Report("paygram", sandbox.Callback{URL: asias.url, Account: "paygram-asia"}))
	require.ErrorIs(t, w.Report("paygram", sandbox.Callback{URL: asias.url, Account: "paygram-us"}), sandbox.ErrUnknown)
	require.ErrorIs(t, w.Report("paygrt", sandbox.Callback{URL: asias.url, Account: "paygrt"}), sandbox.ErrUnknown)

	for token, in := range map[string]*inbox{
		sandbox.DefaultCredentials().PayGramEU:   others,
		sandbox.DefaultCredentials().PayGramAsia: asias,
	} {
		issued := w.do("POST", "/paygram/"+token+"/IssueInvoice", jsonHeader(),
			`{"userCliId":"shop","currencyCode":5,"amount":1,"callbackData":"`+token+`"}`)
		require.NoError(t, w.Drive("paygram", issued.at(t, "invoiceCode").(string), "pay", ""))
		_, body := in.next(t)
		require.Contains(t, body, token)
	}
}

func TestCallbacksKeepTheirOrder(t *testing.T) {
	t.Parallel()
	w := serve(t, sandbox.Options{})
	in := receive(t)
	require.NoError(t, w.Report("paygrt", sandbox.Callback{URL: in.url}))
	w.recharge("o", "1", "AT")
	events := []string{"decline", "pay", "pending", "pay"}
	for _, event := range events {
		require.NoError(t, w.Drive("paygrt", "o", event, ""))
	}
	for _, want := range []string{"Fail", "Success", "Pending", "Success"} {
		r, _ := in.next(t)
		require.Equal(t, want, r.URL.Query().Get("recharge_status"))
	}
}

func TestMoneyComesLateInEachProvidersOwnWords(t *testing.T) {
	t.Parallel()
	w := serve(t, sandbox.Options{})
	code := w.paygram("IssueInvoice", invoiceRequest).at(t, "invoiceCode").(string)
	require.NoError(t, w.Drive("paygram", code, "cancel", ""))
	require.NoError(t, w.Drive("paygram", code, "pay_late", ""))
	info := w.paygram("InvoiceInfo", `{"invoiceCode":"`+code+`"}`)
	require.Equal(t, []any{"3", true, false},
		[]any{info.at(t, "status"), info.at(t, "isPaid"), info.at(t, "isRedeemed")})
	require.Equal(t, "8", w.paygram("RedeemInvoice", `{"userCliId":"shop","invoiceCode":"`+code+`"}`).at(t, "type"),
		"it waits to be redeemed")

	order := w.order("o", "10", "USDT")
	require.NoError(t, w.Drive("payplay", "o", "cancel", ""))
	require.NoError(t, w.Drive("payplay", "o", "pay_late", ""))
	shown := w.payplay("GET", "/private-api/orders/shop/"+order, "")
	require.Equal(t, []any{"CANCELED", "9.9"},
		[]any{shown.at(t, "order", "status"), shown.at(t, "order", "received_total")})

	id := w.cryptogram("POST", "", checkout).at(t, "id").(string)
	require.NoError(t, w.Drive("cryptogram", id, "cancel", ""))
	require.NoError(t, w.Drive("cryptogram", id, "pay_late", ""))
	require.Contains(t, w.cryptogram("GET", "/"+id, "").text,
		`"status":"canceled","value":0.01499948,"price":10,"received":0.01499948`)
	for _, booking := range w.Ledger("") {
		require.True(t, booking.MovedMoney, booking.Provider)
	}
}
