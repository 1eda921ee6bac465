package sandboxtest

import (
	"fmt"

	"github.com/stretchr/testify/require"

	"payrouter/host/sandbox"
)

// PayPlay calls PayPlay.
func (w *World) PayPlay(method, path, body string) Reply {
	w.t.Helper()
	return w.Do(method, "/payplay"+path, JSONHeader("Authorization", "Bearer "+sandbox.DefaultCredentials().PayPlay),
		body)
}

// PayPlayOrder makes an order, and gives its id.
func (w *World) PayPlayOrder(external, sum, currency string) string {
	w.t.Helper()
	made := w.PayPlay("POST", "/private-api/crypto-orders/shop", fmt.Sprintf(
		`{"amount":%q,"currency":%q,"external_order_id":%q,"successful_link":"https://shop.example/ok"}`, sum, currency,
		external))
	require.Equal(w.t, 200, made.Status, made.Text)
	return made.At(w.t, "order", "id").(string)
}

// PayPlayBalance is the company's balance of a currency.
func (w *World) PayPlayBalance(ticker string) string {
	w.t.Helper()
	for _, balance := range w.PayPlay("GET", "/private-api/balances/", "").At(w.t, "balances").([]any) {
		if of := balance.(map[string]any); of["currency"].(map[string]any)["ticker"] == ticker {
			return of["value"].(string)
		}
	}
	return ""
}
