package paygrt_test

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"payrouter/host/sandbox"
	"payrouter/host/sandbox/paygrt"
	"payrouter/host/sandbox/sandboxtest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

func TestAnswersAreTheDocumentsByteForByte(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{Paygrt: paygrt.Options{Balance: "12160.5"}})

	submitted := w.Recharge("12345", "10", "AT")
	require.Equal(t, sandboxtest.Compact(t, `{
    "message": "Success",
    "data": {
        "api_ref_id": "12345",
        "txn_id": "5001234",
        "operator_id": "",
        "recharge_number": "9988998899",
        "recharge_amount": "10.00",
        "recharge_status": "Pending",
        "message": "Recharge Request Accepted",
        "remaining_balance": "12150.50",
        "status_code": "2"
    },
    "status": "0"
}`), submitted.Text)
	require.Equal(t, "application/json; charset=utf-8", submitted.Header.Get("Content-Type"))

	require.NoError(t, w.Fund("paygrt", "", "INR", "120"))
	require.Equal(t, sandboxtest.Compact(t, `{
    "message": "Fail",
    "data": {
        "api_ref_id": "12346",
        "txn_id": null,
        "operator_id": null,
        "recharge_number": null,
        "recharge_amount": null,
        "recharge_status": null,
        "message": "Insufficient Merchant Balance",
        "remaining_balance": "120.00",
        "status_code": "1"
    },
    "status": "1"
}`), w.Recharge("12346", "399", "VF").Text)

	require.NoError(t, w.Drive("paygrt", "12345", "pay", ""))
	state := w.Paygrt("POST", "/v1/recharges/status/AB1234", "api_ref_id", "12345", "txn_date", "2026-03-02")
	require.Regexp(t,
		`^{"message":"Success","data":{"api_ref_id":"12345","txn_id":"5001234","operator_id":"PG\d{5}XYZ",`+
			`"recharge_status":"Success"},"status":"0"}$`, state.Text)

	require.NoError(t, w.Fund("paygrt", "", "", "0"))
	balance := w.Paygrt("GET", "/v1/merchants/AB1234/balance")
	require.JSONEq(t,
		`{"message":"Success","data":{"merchant_id":"AB1234","merchant_name":"API Partner Demo","balance":"0.0000"},`+
			`"status":"0"}`, balance.Text)
	require.Len(t, balance.Text, 120, "the document's Content-Length")

	operators := w.Paygrt("GET", "/v1/operators/AB1234")
	require.Equal(t, "0", operators.At(t, "status"))
	require.Len(t, operators.At(t, "data"), 22)
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{Paygrt: paygrt.Options{Merchant: "AB1234"}})
	tests := map[string]struct {
		got  sandboxtest.Reply
		want string
	}{
		"an operator other than Airtel":   {w.Recharge("r1", "10", "VF"), "Recharge Failed"},
		"an operator that does not exist": {w.Recharge("r2", "10", "ZZ"), "Invalid Operator Code"},
		"an amount that is none":          {w.Recharge("r3", "ten", "AT"), "Invalid Recharge Amount"},
		"an amount below a paisa":         {w.Recharge("r4", "0.001", "AT"), "Invalid Recharge Amount"},
		"a missing field": {
			w.Paygrt("POST", "/v1/recharges/AB1234", "api_ref_id", "r5"),
			"Missing parameter recharge_number",
		},
		"a number with letters": {w.Paygrt("POST", "/v1/recharges/AB1234", "api_ref_id", "r6",
			"recharge_number", "12x", "recharge_amount", "1", "operator_code", "AT"), "Invalid Recharge Number"},
		"JSON where a form is asked for": {
			w.Do("POST", "/paygrt/v1/recharges/AB1234",
				sandboxtest.JSONHeader("api-key", sandbox.DefaultCredentials().Paygrt), `{"api_ref_id":"r7"}`),
			"Missing parameter api_ref_id",
		},
		"an amount above the balance by .01": {w.Recharge("r8", "100000.01", "AT"), "Insufficient Merchant Balance"},
	}
	for name, tt := range tests {
		require.Equal(t, 200, tt.got.Status, name)
		require.Equal(t, "1", tt.got.At(t, "status"), name)
		require.Equal(t, "1", tt.got.At(t, "data", "status_code"), name)
		require.Equal(t, tt.want, tt.got.At(t, "data", "message"), name)
		require.Nil(t, tt.got.At(t, "data", "txn_id"), name)
		require.Equal(t, "100000.00", tt.got.At(t, "data", "remaining_balance"), name)
	}
	for name, got := range map[string]sandboxtest.Reply{
		"a wrong key":      w.Do("GET", "/paygrt/v1/operators/AB1234", sandboxtest.FormHeader("api-key", "wrong"), ""),
		"no key":           w.Do("GET", "/paygrt/v1/operators/AB1234", nil, ""),
		"a wrong merchant": w.Paygrt("GET", "/v1/operators/XY9"),
	} {
		require.Equal(t, 200, got.Status, name)
		require.Equal(t, "Invalid API Key", got.At(t, "message"), name)
		require.Equal(t, "1", got.At(t, "status"), name)
	}
	require.Equal(t, 404, w.Paygrt("GET", "/v1/nothing").Status)
	require.Empty(t, w.Ledger("paygrt"), "nothing was booked")
}

func TestBalanceAddsUp(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{Paygrt: paygrt.Options{Balance: "100"}})
	balance := func() any { return w.Paygrt("GET", "/v1/merchants/AB1234/balance").At(t, "data", "balance") }
	w.Recharge("a", "10.50", "AT")
	require.Equal(t, "89.5000", balance())
	require.NoError(t, w.Drive("paygrt", "a", "decline", ""))
	require.Equal(t, "100.0000", balance(), "a failed recharge is paid back")
	require.False(t, w.Ledger("paygrt")[0].MovedMoney)
	require.NoError(t, w.Drive("paygrt", "a", "pay", ""), "late news may contradict")
	require.Equal(t, "89.5000", balance())
	require.True(t, w.Ledger("paygrt")[0].MovedMoney)
	require.ErrorIs(t, w.Drive("paygrt", "a", "pay", ""), sandbox.ErrRefused)
}

func TestBooksARepeatedReferenceTwice(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	for i := range 2 {
		require.Equal(t, strconv.Itoa(5001234+i), w.Recharge("same", "5", "AT").At(t, "data", "txn_id"))
	}
	list := w.Ledger("paygrt")
	require.Len(t, list, 2)
	require.Equal(t, 2, list[0].Times)
	require.Equal(t, "99990.0000", w.Paygrt("GET", "/v1/merchants/AB1234/balance").At(t, "data", "balance"))
}

func TestStatusIsAskedByIndianDate(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	w.Clock.Set("2026-03-02T19:00:00Z") // half past midnight in India
	w.Recharge("late", "5", "AT")
	ask := func(date string) sandboxtest.Reply {
		return w.Paygrt("POST", "/v1/recharges/status/AB1234", "api_ref_id", "late", "txn_date", date)
	}
	require.Equal(t, "Pending", ask("2026-03-03").At(t, "data", "recharge_status"))
	missing := ask("2026-03-02")
	require.Equal(t, "1", missing.At(t, "status"))
	require.Nil(t, missing.At(t, "data", "recharge_status"))
	require.Equal(t, "Invalid txn_date", ask("03/03/2026").At(t, "message"))
}

func TestCanSucceedAtOnce(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{Paygrt: paygrt.Options{Immediate: true}})
	got := w.Recharge("now", "5", "AT")
	require.Equal(t, "Success", got.At(t, "data", "recharge_status"))
	require.Equal(t, "0", got.At(t, "data", "status_code"))
	require.NotEmpty(t, got.At(t, "data", "operator_id"))
}

func TestCallsBackByQuery(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	in := sandboxtest.Receive(t)
	require.NoError(t, w.Report("paygrt", sandbox.Callback{URL: in.URL + "?k=v"}))
	w.Recharge("cb", "5", "AT")
	require.NoError(t, w.Drive("paygrt", "5001234", "decline", ""))
	r, _ := in.Next(t)
	require.Equal(t, "GET", r.Method)
	require.Equal(t, "k=v&api_ref_id=cb&operator_id=&recharge_status=Fail&txn_id=5001234", r.URL.RawQuery)
}
