package sandbox_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/host/sandbox"
)

// The plugin keeps the list of every endpoint that Cryptogram's document names: the sandbox serves all of them.
func TestCryptogramServesEveryEndpointOfTheDocument(t *testing.T) {
	t.Parallel()
	list, err := os.ReadFile("../../plugins/cryptogram/testdata/endpoints.txt")
	require.NoError(t, err)
	w := serve(t, sandbox.Options{})
	id := w.cryptogram("POST", "", checkout).at(t, "id").(string)
	bodies := map[string]string{"POST": checkout, "PATCH": `{"title":"New"}`}
	count := 0
	for line := range strings.Lines(string(list)) {
		endpoint, _, _ := strings.Cut(line, "\t")
		method, path, _ := strings.Cut(endpoint, " ")
		path = strings.ReplaceAll(path, "{payment_id}", id)
		got := w.do(method, "/cryptogram"+path,
			jsonHeader("Authorization", "Bearer "+sandbox.DefaultCredentials().Cryptogram), bodies[method])
		require.Contains(t, []int{200, 201}, got.status, endpoint)
		require.Equal(t, "10", got.at(t, "amount"), endpoint)
		count++
	}
	require.Equal(t, 3, count)
	for _, n := range w.Requests("cryptogram") {
		require.NotEqual(t, "unknown", n.Operation, n.Path)
	}
}

// Coins that come in parts are what has come last: Cryptogram tells the whole of it, and never more than once.
func TestCryptogramTellsWhatCame(t *testing.T) {
	t.Parallel()
	w := serve(t, sandbox.Options{})
	id := w.cryptogram("POST", "", checkout).at(t, "id").(string)
	for _, step := range []struct{ event, amount, status, received, price string }{
		{"pick", "", "pending", "0", "0"},
		{"underpay", "0.00749974", "pending", "0.00749974", "5"},
		{"cancel", "", "canceled", "0.00749974", "5"},
		{"pay", "", "completed", "0.01499948", "10"},
	} {
		require.NoError(t, w.Drive("cryptogram", id, step.event, step.amount))
		got := w.cryptogram("GET", "/"+id, "")
		require.Equal(t, step.status, got.at(t, "transaction", "status"), step.event)
		require.Equal(t, step.received, got.at(t, "transaction", "received"), step.event)
		require.Equal(t, step.price, got.at(t, "transaction", "received_price"), step.event)
	}
	require.Len(t, w.Ledger("cryptogram"), 1)
}
