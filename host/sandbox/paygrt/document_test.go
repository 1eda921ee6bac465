package paygrt_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/host/sandbox"
	"payrouter/host/sandbox/paygrt"
	"payrouter/host/sandbox/sandboxtest"
)

// "status=0 should be treated as successful else fail": what a failure has for data is not documented but for one.
func TestFailsWithDataOrWithout(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	refused := w.Recharge("r1", "10", "VF")
	require.Equal(t, "1", refused.At(t, "data", "status_code"))
	require.Equal(t, "100000.00", refused.At(t, "data", "remaining_balance"), "with null fields and still a balance")
	require.NoError(t, w.Configure("paygrt", []byte(`{"no_data":true}`)))
	require.Equal(t, `{"message":"Recharge Failed","data":null,"status":"1"}`, w.Recharge("r2", "10", "VF").Text)
	require.Equal(t, `{"message":"Transaction Not Found","data":null,"status":"1"}`, ask(w, "r2", "2026-03-02").Text)
	wrong := w.Do("POST", "/paygrt/v1/recharges/AB1234", sandboxtest.FormHeader("api-key", "wrong"), "api_ref_id=r3")
	require.Equal(t, `{"message":"Invalid API Key","data":null,"status":"1"}`, wrong.Text)
	require.Equal(t, 200, wrong.Status, "HTTP 200 for both")
}

func ask(w *sandboxtest.World, ref, date string) sandboxtest.Reply {
	return w.Paygrt("POST", "/v1/recharges/status/AB1234", "api_ref_id", ref, "txn_date", date)
}

// "UAT succeeds only for AT."
func TestSucceedsOnlyForAirtelInTheTestEnvironment(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	for options, status := range map[string]string{`{"any_operator":false}`: "1", `{"any_operator":true}`: "0"} {
		require.NoError(t, w.Configure("paygrt", []byte(options)))
		require.Equal(t, "0", w.Recharge("at", "10", "AT").At(t, "status"))
		for _, operator := range []string{"VF", "RJ", "HC", "VD"} {
			require.Equal(t, status, w.Recharge(operator, "10", operator).At(t, "status"), operator)
		}
	}
}

// "The status sample asks 1120 and returns 12345."
func TestAnswersAboutAnotherRecharge(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{Paygrt: paygrt.Options{Echo: "12345"}})
	w.Recharge("1120", "10", "AT")
	require.Equal(t, "12345", ask(w, "1120", "2026-03-02").At(t, "data", "api_ref_id"))
}

// "txn_date yyyy-mm-dd": the document names no zone.
func TestCountsTheDateInIndiaOrInUTC(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	w.Clock.Set("2026-03-02T19:00:00Z") // half past midnight in India
	w.Recharge("late", "5", "AT")
	for options, day := range map[string]string{`{"utc":false}`: "2026-03-03", `{"utc":true}`: "2026-03-02"} {
		require.NoError(t, w.Configure("paygrt", []byte(options)))
		for _, date := range []string{"2026-03-01", "2026-03-02", "2026-03-03", "2026-03-04"} {
			require.Equal(t, date == day, ask(w, "late", date).At(t, "status") == "0", options+date)
		}
	}
}

// "api_ref_id is unique, rejection of duplicates not stated."
func TestRefusesARepeatedReferenceIfToldTo(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{Paygrt: paygrt.Options{Unique: true}})
	require.Equal(t, "0", w.Recharge("same", "5", "AT").At(t, "status"))
	require.Equal(t, "Duplicate api_ref_id", w.Recharge("same", "5", "AT").At(t, "data", "message"))
	require.Len(t, w.Ledger("paygrt"), 1)
}

// "Callback: query string …; accept GET and POST."
func TestReportsByGetAndByPost(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	in := sandboxtest.Receive(t)
	require.NoError(t, w.Report("paygrt", sandbox.Callback{URL: in.URL}))
	const members = "api_ref_id=cb&operator_id=&recharge_status=Fail&txn_id="
	for _, row := range []struct{ callback, method, query, body string }{
		{"", "GET", members, ""},
		{"post", "POST", members, ""},
		{"form", "POST", "", members},
	} {
		require.NoError(t, w.Configure("paygrt", []byte(`{"callback":"`+row.callback+`"}`)))
		txn := w.Recharge("cb", "5", "AT").At(t, "data", "txn_id").(string)
		require.NoError(t, w.Drive("paygrt", txn, "decline", ""))
		r, body := in.Next(t)
		require.Equal(t, row.method, r.Method)
		require.Equal(t, row.query, strings.TrimSuffix(r.URL.RawQuery, txn))
		require.Equal(t, row.body, strings.TrimSuffix(body, txn))
	}
	require.ErrorIs(t, w.Configure("paygrt", []byte(`{"callback":"view"}`)), sandbox.ErrInvalid)
}

// The payer's acts, with amounts in INR.
func TestPayersActs(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{Paygrt: paygrt.Options{Balance: "1000"}})
	events, err := w.Events("paygrt")
	require.NoError(t, err)
	require.Subset(t, events, []string{"pay", "underpay", "overpay", "pay_late", "expire", "decline"})
	for _, row := range []struct {
		event, amount, status string
	}{
		{"pay", "", "Success"},
		{"pay", "10.0", "Success"},
		{"pay", "9.99", "Fail"},
		{"underpay", "", "Fail"},
		{"overpay", "", "Success"},
		{"overpay", "11", "Success"},
		{"expire", "", "Fail"},
		{"decline", "", "Fail"},
		{"pay_late", "", "Success"},
	} {
		require.NoError(t, w.Fund("paygrt", "", "INR", "1000"))
		txn := w.Recharge("act", "10", "AT").At(t, "data", "txn_id").(string)
		require.NoError(t, w.Drive("paygrt", txn, row.event, row.amount), row)
		require.Equal(t, row.status, ask(w, "act", "2026-03-02").At(t, "data", "recharge_status"), row)
		left := map[string]string{"Success": "990.0000", "Fail": "1000.0000"}[row.status]
		require.Equal(t, left, w.Paygrt("GET", "/v1/merchants/AB1234/balance").At(t, "data", "balance"), row)
	}
	require.ErrorIs(t, w.Drive("paygrt", "act", "pay_late", ""), sandbox.ErrRefused)
	require.ErrorIs(t, w.Drive("paygrt", "act", "pay", "-1"), sandbox.ErrInvalid)
}

func TestMoneyThatComesLateIsASuccessAfterAFailure(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	in := sandboxtest.Receive(t)
	require.NoError(t, w.Report("paygrt", sandbox.Callback{URL: in.URL}))
	for _, before := range []string{"", "decline"} {
		txn := w.Recharge("late", "5", "AT").At(t, "data", "txn_id").(string)
		if before != "" {
			require.NoError(t, w.Drive("paygrt", txn, before, ""))
		}
		require.NoError(t, w.Drive("paygrt", txn, "pay_late", ""))
		for _, status := range []string{"Fail", "Success"} {
			r, _ := in.Next(t)
			require.Equal(t, status, r.URL.Query().Get("recharge_status"))
		}
	}
}
