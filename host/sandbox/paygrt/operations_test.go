package paygrt_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/host/sandbox"
	"payrouter/host/sandbox/paygrt"
	"payrouter/host/sandbox/sandboxtest"
)

// The document's requests.
func TestServesEveryEndpointOfTheDocument(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	require.Equal(t, "0", w.Recharge("1120", "10", "AT").At(t, "status"))
	for _, endpoint := range []struct{ method, path string }{
		{"GET", "/v1/merchants/AB1234/balance"},
		{"GET", "/v1/operators/AB1234"},
		{"POST", "/v1/recharges/AB1234"},
		{"POST", "/v1/recharges/status/AB1234"},
	} {
		got := w.Paygrt(endpoint.method, endpoint.path, "api_ref_id", "1120", "txn_date", "2026-03-02",
			"recharge_number", "9988998899", "recharge_amount", "10", "operator_code", "AT")
		require.Equal(t, "0", got.At(t, "status"), "%s: %s", endpoint, got.Text)
	}
	for _, n := range w.Requests("paygrt") {
		require.NotEqual(t, "unknown", n.Operation, n.Path)
	}
}

// What an answer says remains is what the balance says, whether the recharge was taken or not.
func TestAnswersTellTheBalance(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{Paygrt: paygrt.Options{Balance: "100"}})
	for _, step := range []struct{ sum, operator, code, left string }{
		{"10.50", "AT", "2", "89.50"},
		{"10.50", "VF", "1", "89.50"},
		{"89.51", "AT", "1", "89.50"},
		{"89.50", "AT", "2", "0.00"},
		{"0.01", "AT", "1", "0.00"},
	} {
		got := w.Recharge(step.sum, step.sum, step.operator)
		require.Equal(t, step.code, got.At(t, "data", "status_code"), step)
		require.Equal(t, step.left, got.At(t, "data", "remaining_balance"), step)
		require.Equal(t, step.left+"00", w.Paygrt("GET", "/v1/merchants/AB1234/balance").At(t, "data", "balance"), step)
	}
}
