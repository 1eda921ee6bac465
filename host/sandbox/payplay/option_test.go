package payplay_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/host/sandbox"
	"payrouter/host/sandbox/payplay"
	"payrouter/host/sandbox/sandboxtest"
)

func serve(t *testing.T, o payplay.Options) *sandboxtest.World {
	t.Helper()
	return sandboxtest.Serve(t, sandbox.Options{PayPlay: o})
}

const (
	anOrder     = `{"amount":"10.12345","currency":"USDT","external_order_id":"o"}`
	aWithdrawal = `{"amount":"10.12345","currency":"USDT","wallet":"T","network":"TRC20","external_id":"w"}`
	aConversion = `{"currency":"USDC","amount":"50","target_currency":"USDT","address":"EQ","network":"TON",` +
		`"external_id":"c"}`
	createPath   = "/private-api/crypto-orders/shop"
	withdrawPath = "/private-api/acme/withdrawal"
	convertPath  = "/private-api/convert-withdrawal"
)

// "Answers' numbers may come as JSON numbers", and "/rates has a decimal comma" otherwise.
func TestNumbers(t *testing.T) {
	t.Parallel()
	w := serve(t, payplay.Options{Numbers: true})
	made := w.PayPlay("POST", createPath, anOrder)
	require.Contains(t, made.Text, `"value":10.12345`)
	require.Contains(t, made.Text, `"received_total":0`)
	require.Contains(t, w.PayPlay("POST", withdrawPath, aWithdrawal).Text, `"fee":1`)
	require.Equal(t, `{"USDT_USD":1.00}`, w.PayPlay("GET", "/rates", "").Text)
}

func TestMembersThatDecideNothing(t *testing.T) {
	t.Parallel()
	for shown, row := range map[string]struct {
		number string
		has    bool
	}{payplay.ShownNull: {`null`, true}, payplay.ShownMissing: {`null`, false}, payplay.ShownOther: {`7`, true}} {
		w := serve(t, payplay.Options{Shown: shown})
		var made struct {
			Order map[string]json.RawMessage `json:"order"`
		}
		require.NoError(t, json.Unmarshal([]byte(w.PayPlay("POST", createPath, anOrder).Text), &made))
		number, has := made.Order["order_number"]
		require.Equal(t, row.has, has)
		if has {
			require.JSONEq(t, row.number, string(number))
		}
		for _, deciding := range []string{"id", "status", "value", "currency", "external_order_id", "acquiring_url"} {
			require.Regexp(t, `^".+"$`, string(made.Order[deciding]), deciding)
		}
	}
}

// "currency is a string in orders, an object in withdrawals."
func TestCurrencies(t *testing.T) {
	t.Parallel()
	for kind, row := range map[string][2]string{
		"":                     {`"currency":"USDT"`, `"currency":{`},
		payplay.CurrencyText:   {`"currency":"USDT"`, `"currency":"USDT"`},
		payplay.CurrencyObject: {`"currency":{`, `"currency":{`},
	} {
		w := serve(t, payplay.Options{Currencies: kind})
		require.Contains(t, w.PayPlay("POST", createPath, anOrder).Text, row[0])
		require.Contains(t, w.PayPlay("POST", withdrawPath, aWithdrawal).Text, row[1])
	}
}

// "Each currency has a precision": examples show values of more digits beside it, so that all are kept; or not.
func TestAmountsFinerThanThePrecision(t *testing.T) {
	t.Parallel()
	for finer, value := range map[string]string{"": "10.12345", payplay.FinerRounded: "10.1234"} {
		w := serve(t, payplay.Options{Finer: finer})
		require.Equal(t, value, w.PayPlay("POST", createPath, anOrder).At(t, "order", "value"))
		made := w.PayPlay("POST", withdrawPath, aWithdrawal)
		require.Equal(t, value, made.At(t, "transactions", 0, "value"))
		require.Equal(t, "4", made.At(t, "transactions", 0, "currency", "precision"))
	}
	w := serve(t, payplay.Options{Finer: payplay.FinerRefused})
	refused := w.PayPlay("POST", createPath, anOrder)
	require.Equal(t, 422, refused.Status)
	require.Equal(t, "The amount must have at most 4 decimal places.", refused.At(t, "errors", "amount", 0))
	require.Equal(t, 422, w.PayPlay("POST", withdrawPath, aWithdrawal).Status)
}

// "Errors: 401/404/422/500 message, errors; a wrong slug or key may say Page not found."
func TestRefusalsOfBothForms(t *testing.T) {
	t.Parallel()
	w := serve(t, payplay.Options{Fieldless: true, WrongKeyNotFound: true})
	require.JSONEq(t, `{"message":"The amount must be greater than 0."}`,
		w.PayPlay("POST", createPath, `{"amount":"0","currency":"EUR"}`).Text)
	refused := w.Do("GET", "/payplay/private-api/order-statuses", nil, "")
	require.Equal(t, 404, refused.Status)
	require.JSONEq(t, `{"message":"Page not found"}`, refused.Text)
}

// "external_order_id: uniqueness not documented: look up by the filter before any re-create."
func TestReferences(t *testing.T) {
	t.Parallel()
	w := serve(t, payplay.Options{UniqueReferences: true, IgnoresReferenceFilter: true, ListsTopups: true})
	require.Equal(t, 200, w.PayPlay("POST", createPath, anOrder).Status)
	again := w.PayPlay("POST", createPath, anOrder)
	require.Equal(t, "The external order id has already been taken.", again.At(t, "errors", "external_order_id", 0))
	require.Equal(t, 200, w.PayPlay("POST", withdrawPath, aWithdrawal).Status)
	require.Equal(t, 422, w.PayPlay("POST", withdrawPath, aWithdrawal).Status)
	require.Equal(t, 200, w.PayPlay("POST", "/private-api/crypto-topups/shop", `{}`).Status)
	listed := w.PayPlay("GET", "/private-api/orders/shop?external_order_id=other", "")
	require.Len(t, listed.At(t, "orders"), 2, "a top-up among them, and whatever is filtered by")
	require.Nil(t, listed.At(t, "orders", 0, "value"), "of any amount")
}

func TestWhatElseIsAGuess(t *testing.T) {
	t.Parallel()
	w := serve(t, payplay.Options{
		LateCurrencies: true, ExpiresCanceled: true, FeeInside: true, Networks: true,
	})
	id := w.PayPlay("POST", createPath, anOrder).At(t, "order", "id").(string)
	shown := func() sandboxtest.Reply { return w.PayPlay("GET", "/private-api/orders/shop/"+id, "") }
	require.Nil(t, shown().At(t, "order", "received_currency"))
	require.NoError(t, w.Drive("payplay", id, "open", ""))
	require.Equal(t, "USDT", shown().At(t, "order", "received_currency"))
	require.NoError(t, w.Drive("payplay", id, "expire", ""))
	require.Equal(t, "CANCELED", shown().At(t, "order", "status"))

	made := w.PayPlay("POST", withdrawPath, aWithdrawal)
	require.Equal(t, "9.12345", made.At(t, "transactions", 0, "value"))
	require.Equal(t, "1", made.At(t, "transactions", 0, "fee"))
	require.Equal(t, "TRC20", made.At(t, "transactions", 0, "network"))
	require.Equal(t, "99989.87655", w.PayPlayBalance("USDT"))
	entry := made.At(t, "transactions", 0, "id").(string)
	require.Equal(t, "TRC20", w.PayPlay("GET", "/private-api/transactions/"+entry, "").At(t, "transaction", "network"))
	require.Equal(t, "TRC20", w.PayPlay("GET", "/private-api/transactions", "").At(t, "transactions", 0, "network"))
}

// "Dates have no zone (UTC [G])."
func TestDatesOfAnotherZone(t *testing.T) {
	t.Parallel()
	w := serve(t, payplay.Options{MinutesAhead: 120})
	w.PayPlayOrder("o", "1", "USDT")
	require.NoError(t, w.Drive("payplay", "o", "pay", ""))
	list := func(query string) sandboxtest.Reply { return w.PayPlay("GET", "/private-api/transactions?"+query, "") }
	require.Equal(t, "2026-03-02 14:00:00", list("").At(t, "transactions", 0, "created_at"))
	require.Len(t, list("date_from=2026-03-02+13:59:00&date_to=2026-03-02+14:00:00").At(t, "transactions"), 1)
	require.Empty(t, list("date_to=2026-03-02+13:00:00").At(t, "transactions"))
}

// "Spelling varies (::complete/::completed)"; "two tokens (general; per payment page)."
func TestWebhooksOfBothForms(t *testing.T) {
	t.Parallel()
	w := serve(t, payplay.Options{ShortEvents: true, GeneralToken: true})
	in := sandboxtest.Receive(t)
	require.NoError(t, w.Report("payplay", sandbox.Callback{URL: in.URL, Secret: "general", PageSecret: "page"}))
	w.PayPlayOrder("o", "1", "USDT")
	require.NoError(t, w.Drive("payplay", "o", "pay", ""))
	r, body := in.Next(t)
	require.Equal(t, "order::complete", sandboxtest.Reply{Text: body}.At(t, "event_type"))
	require.Equal(t, sign("general", body), r.Header.Get("Signature"))
	w.PayPlay("POST", withdrawPath, aWithdrawal)
	require.NoError(t, w.Drive("payplay", "w", "cancel", ""))
	_, body = in.Next(t)
	require.Equal(t, "withdrawal::canceled", sandboxtest.Reply{Text: body}.At(t, "event_type"))
	require.Equal(t, "CANCELLED", sandboxtest.Reply{Text: body}.At(t, "transaction", "status"))
}

// The payer's acts: amounts are in the order's own currency.
func TestActsOfThePayer(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ event, sum, status, received string }{
		"pay":                {"pay", "", "COMPLETE", "10.380631"},
		"pay, stated":        {"pay", "10", "COMPLETE", "10.380631"},
		"underpay":           {"underpay", "", "PARTIALLY_FULFILLED", "5.190315"},
		"underpay, stated":   {"underpay", "2", "PARTIALLY_FULFILLED", "2.076127"},
		"overpay":            {"overpay", "", "COMPLETE", "11.418694"},
		"overpay, stated":    {"overpay", "20", "COMPLETE", "20.761262"},
		"pay late":           {"pay_late", "", "INIT", "10.380631"},
		"pay late, a part":   {"pay_late", "2", "INIT", "2.076127"},
		"decline":            {"decline", "", "DECLINED", "0"},
		"expire":             {"expire", "", "DECLINED", "0"},
		"cancel":             {"cancel", "", "CANCELED", "0"},
		"open: picks a coin": {"open", "", "OPEN", "0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := serve(t, payplay.Options{})
			id := w.PayPlayOrder("o", "10", "EUR")
			require.NoError(t, w.Drive("payplay", "o", row.event, row.sum))
			got := w.PayPlay("GET", "/private-api/orders/shop/"+id, "")
			require.Equal(t, row.status, got.At(t, "order", "status"))
			require.Equal(t, row.received, got.At(t, "order", "received_total"))
		})
	}
	w := serve(t, payplay.Options{})
	w.PayPlayOrder("o", "10", "EUR")
	require.ErrorIs(t, w.Drive("payplay", "o", "underpay", "-1"), sandbox.ErrInvalid)
	events, err := w.Events("payplay")
	require.NoError(t, err)
	require.Subset(t, events, []string{"pay", "underpay", "overpay", "pay_late", "expire", "decline"})
}

// "GET/POST /private-api/balances/{id}."
func TestOneBalance(t *testing.T) {
	t.Parallel()
	for single, path := range map[bool][]any{false: {"balances", 0}, true: {"balance"}} {
		w := serve(t, payplay.Options{SingleBalance: single})
		id := w.PayPlay("GET", "/private-api/balances/", "").At(t, "balances", 3, "id").(string)
		for _, method := range []string{"GET", "POST"} {
			one := w.PayPlay(method, "/private-api/balances/"+id, "")
			require.Equal(t, "100000", one.At(t, append(path, "value")...))
			require.Equal(t, "USDT", one.At(t, append(path, "currency", "ticker")...))
		}
		require.Equal(t, 404, w.PayPlay("GET", "/private-api/balances/x", "").Status)
	}
}

// "GET /currencies/crypto-order-target-currencies, GET /private-api/currencies/crypto-topup-target-currencies."
func TestTargetCurrencies(t *testing.T) {
	t.Parallel()
	w := serve(t, payplay.Options{})
	orders := w.PayPlay("GET", "/currencies/crypto-order-target-currencies", "")
	require.Contains(t, orders.Text, `"ticker":"EUR"`)
	require.Equal(t, "2", orders.At(t, "currencies", 0, "precision"))
	topups := w.PayPlay("GET", "/private-api/currencies/crypto-topup-target-currencies", "")
	require.NotContains(t, topups.Text, `"ticker":"EUR"`)
	require.Contains(t, topups.Text, `"ticker":"USDT"`)
}

// "convert-withdrawal (currencies, create, instant, {id}/refresh, {id}/confirm)"; "convert-withdrawal's transactions
// [have] an external_id".
func TestConvertWithdrawals(t *testing.T) {
	t.Parallel()
	w := serve(t, payplay.Options{})
	require.Contains(t, w.PayPlay("GET", convertPath+"/currencies", "").Text, `"ticker":"USDC"`)
	made := w.PayPlay("POST", convertPath, aConversion)
	id := made.At(t, "transaction", "id").(string)
	for member, value := range map[string]any{
		"value": "50", "target_value": "50", "type": "CONVERT_WITHDRAWAL", "network": "TON", "address": "EQ",
		"external_id": "c", "fee": nil, "exchange_rate": "1", "status": "INIT", "memo": nil,
		"estimated_at": "2026-03-02 12:02:00",
	} {
		require.Equal(t, value, made.At(t, "transaction", member), member)
	}
	require.Equal(t, "USDC", made.At(t, "transaction", "currency", "ticker"))
	require.Equal(t, "50000", w.PayPlayBalance("USDC"), "an estimate moves nothing")
	require.Equal(t, 404, w.PayPlay("GET", "/private-api/transactions/"+id, "").Status)

	w.Clock.Set("2026-03-02T12:05:00Z")
	require.Equal(t, "2026-03-02 12:07:00",
		w.PayPlay("POST", convertPath+"/"+id+"/refresh", "").At(t, "transaction", "estimated_at"))
	confirmed := w.PayPlay("POST", convertPath+"/"+id+"/confirm", "")
	require.Equal(t, "PENDING_WITHDRAWAL", confirmed.At(t, "transaction", "status"))
	require.Equal(t, "49950", w.PayPlayBalance("USDC"))
	require.Equal(t, 422, w.PayPlay("POST", convertPath+"/"+id+"/confirm", "").Status, "once")
	require.Equal(t, 422, w.PayPlay("POST", convertPath+"/"+id+"/refresh", "").Status)
	require.Equal(t, 404, w.PayPlay("POST", convertPath+"/x/confirm", "").Status)
	require.NoError(t, w.Drive("payplay", id, "decline", ""))
	require.Equal(t, "50000", w.PayPlayBalance("USDC"))
	require.Equal(t, "DECLINED", w.PayPlay("GET", "/private-api/transactions/"+id, "").At(t, "transaction", "status"))

	w.PayPlay("POST", convertPath+"/instant", aConversion)
	require.Equal(t, "49950", w.PayPlayBalance("USDC"))
	require.Equal(t, 422, w.PayPlay("POST", convertPath, `{"currency":"USDC","amount":"50001"}`).Status)
	require.NoError(t, w.Configure("payplay", []byte(`{"converts_at_once":true}`)))
	w.PayPlay("POST", convertPath, aConversion)
	require.Equal(t, "49900", w.PayPlayBalance("USDC"))
}
