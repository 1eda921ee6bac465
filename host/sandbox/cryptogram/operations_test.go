package cryptogram_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/host/sandbox"
	"payrouter/host/sandbox/sandboxtest"
)

// The document's requests, each with the status of its sample: "Create Payment", "Get Payment" and "Update Payment",
// which has no sample.
func TestServesEveryEndpointOfTheDocument(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	id := w.Cryptogram("POST", "", sandboxtest.CryptogramCheckout).At(t, "id").(string)
	for _, endpoint := range []struct {
		method, path, body string
		status             int
	}{
		{"POST", "/api/v1/commerce-payments", sandboxtest.CryptogramCheckout, 201},
		{"GET", "/api/v1/commerce-payments/" + id, "", 200},
		{"PATCH", "/api/v1/commerce-payments/" + id, `{"title":"New"}`, 200},
	} {
		got := w.Do(endpoint.method, "/cryptogram"+endpoint.path,
			sandboxtest.JSONHeader("Authorization", "Bearer "+sandbox.DefaultCredentials().Cryptogram), endpoint.body)
		require.Equal(t, endpoint.status, got.Status, endpoint)
		require.Equal(t, "10", got.At(t, "amount"), endpoint)
	}
	for _, n := range w.Requests("cryptogram") {
		require.NotEqual(t, "unknown", n.Operation, n.Path)
	}
}

// Coins that come in parts are what has come last: Cryptogram tells the whole of it, and never more than once.
func TestTellsWhatCame(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	id := w.Cryptogram("POST", "", sandboxtest.CryptogramCheckout).At(t, "id").(string)
	for _, step := range []struct{ event, amount, status, received, price string }{
		{"pick", "", "pending", "0", "0"},
		{"underpay", "5", "pending", "0.00749974", "5"},
		{"cancel", "", "canceled", "0.00749974", "5"},
		{"pay", "", "completed", "0.01499948", "10"},
	} {
		require.NoError(t, w.Drive("cryptogram", id, step.event, step.amount))
		got := w.Cryptogram("GET", "/"+id, "")
		require.Equal(t, step.status, got.At(t, "transaction", "status"), step.event)
		require.Equal(t, step.received, got.At(t, "transaction", "received"), step.event)
		require.Equal(t, step.price, got.At(t, "transaction", "received_price"), step.event)
	}
	require.Len(t, w.Ledger("cryptogram"), 1)
}
