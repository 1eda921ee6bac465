package cryptogram_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/host/sandbox"
	"payrouter/host/sandbox/sandboxtest"
)

// The plugin keeps the list of every endpoint that Cryptogram's document names: the sandbox serves all of them.
func TestServesEveryEndpointOfTheDocument(t *testing.T) {
	t.Parallel()
	list, err := os.ReadFile("../../../plugins/cryptogram/testdata/endpoints.txt")
	require.NoError(t, err)
	w := sandboxtest.Serve(t, sandbox.Options{})
	id := w.Cryptogram("POST", "", sandboxtest.CryptogramCheckout).At(t, "id").(string)
	bodies := map[string]string{"POST": sandboxtest.CryptogramCheckout, "PATCH": `{"title":"New"}`}
	count := 0
	for line := range strings.Lines(string(list)) {
		endpoint, _, _ := strings.Cut(line, "\t")
		method, path, _ := strings.Cut(endpoint, " ")
		path = strings.ReplaceAll(path, "{payment_id}", id)
		got := w.Do(method, "/cryptogram"+path,
			sandboxtest.JSONHeader("Authorization", "Bearer "+sandbox.DefaultCredentials().Cryptogram), bodies[method])
		require.Contains(t, []int{200, 201}, got.Status, endpoint)
		require.Equal(t, "10", got.At(t, "amount"), endpoint)
		count++
	}
	require.Equal(t, 3, count)
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
