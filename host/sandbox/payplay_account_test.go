package sandbox_test

import (
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/host/sandbox"
	"payrouter/host/sandbox/payplay"
)

// held is the company's balance of a currency.
func (w *world) held(ticker string) string {
	w.t.Helper()
	for _, balance := range w.payplay("GET", "/private-api/balances/", "").at(w.t, "balances").([]any) {
		if of := balance.(map[string]any); of["currency"].(map[string]any)["ticker"] == ticker {
			return of["value"].(string)
		}
	}
	return ""
}

func TestPayPlayBalancesHaveTheVendorsFields(t *testing.T) {
	t.Parallel()
	w := serve(t, sandbox.Options{})
	got := w.payplay("GET", "/private-api/balances/", "")
	require.Equal(t, got.text, w.payplay("GET", "/private-api/balances", "").text,
		"the same balances have the same ids")
	require.Len(t, got.at(t, "balances"), 4)
	for i, ticker := range []string{"BTC", "ETH", "USDC", "USDT"} {
		require.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$`,
			got.at(t, "balances", i, "id"))
		require.Equal(t, ticker, got.at(t, "balances", i, "currency", "ticker"))
		require.NotEmpty(t, got.at(t, "balances", i, "currency", "title"))
	}
	require.Equal(t, "100000", w.held("USDT"))
}

// What the statement lists is what the balance has changed by, whatever happened.
func TestPayPlayStatementAddsUp(t *testing.T) {
	t.Parallel()
	w := serve(t, sandbox.Options{})
	withdraw := func(sum, id string) {
		t.Helper()
		require.Equal(t, 200, w.payplay("POST", "/private-api/acme/withdrawal", fmt.Sprintf(
			`{"amount":%q,"currency":"USDT","wallet":"T","network":"TRC20","external_id":%q}`, sum, id)).status)
	}
	order := w.order("o1", "10.33", "USDT")
	w.order("o2", "7", "EUR")
	require.NoError(t, w.Drive("payplay", "o1", "pay", ""))
	require.NoError(t, w.Drive("payplay", "o2", "underpay", ""))
	topup := w.payplay("POST", "/private-api/crypto-topups/shop", `{"external_order_id":"t1"}`).at(t, "order",
		"id").(string)
	require.NoError(t, w.Drive("payplay", topup, "pay", "3.7"))
	withdraw("100", "w1")
	withdraw("50.5", "w2")
	withdraw("20", "w3")
	require.NoError(t, w.Drive("payplay", "w1", "pay", ""))
	require.NoError(t, w.Drive("payplay", "w2", "decline", ""))
	require.Equal(t, 200, w.payplay("POST", "/private-api/refunds/orders/"+order, `{"amount":"1.05"}`).status)

	balance, _ := new(big.Rat).SetString("100000")
	listed := 0
	for page := 1; ; page++ {
		got := w.payplay("GET", fmt.Sprintf("/private-api/transactions?per_page=3&page=%d", page), "")
		for _, item := range got.at(t, "transactions").([]any) {
			change(t, balance, item.(map[string]any))
			listed++
		}
		if got.at(t, "meta", "current_page") == got.at(t, "meta", "last_page") {
			break
		}
	}
	require.Equal(t, 7, listed)
	held, _ := new(big.Rat).SetString(w.held("USDT"))
	require.Zero(t, held.Cmp(balance), "%s is held, and the statement says %s", held.FloatString(8),
		balance.FloatString(8))
	require.Equal(t, "WITHDRAWAL_EXTERNAL",
		w.payplay("GET", "/private-api/transactions?type=withdrawal_external", "").at(t, "transactions", 0, "type"))
}

// change adds a transaction to a balance: what came in less the fee, or what went out and the fee.
func change(t *testing.T, balance *big.Rat, of map[string]any) {
	t.Helper()
	if of["status"] == "DECLINED" {
		return
	}
	value, ok := new(big.Rat).SetString(of["value"].(string))
	require.True(t, ok)
	fee, ok := new(big.Rat).SetString(of["fee"].(string))
	require.True(t, ok)
	if strings.HasPrefix(of["type"].(string), "WITHDRAWAL") {
		value.Neg(value)
	}
	balance.Add(balance, value).Sub(balance, fee)
}

func TestPayPlayStatementIsFilteredByDate(t *testing.T) {
	t.Parallel()
	w := serve(t, sandbox.Options{})
	for i := range 3 {
		w.clock.Set(fmt.Sprintf("2026-03-0%dT12:00:00Z", i+1))
		w.order(fmt.Sprintf("o%d", i+1), "1", "USDT")
		require.NoError(t, w.Drive("payplay", fmt.Sprintf("o%d", i+1), "pay", ""))
	}
	list := func(query string) reply { return w.payplay("GET", "/private-api/transactions?"+query, "") }
	require.Len(t, list("").at(t, "transactions"), 3)
	require.Equal(t, "2026-03-03 12:00:00", list("").at(t, "transactions", 0, "created_at"), "newest first")
	between := list("date_from=2026-03-02+00:00:00&date_to=2026-03-02+12:00:00")
	require.Len(t, between.at(t, "transactions"), 1)
	require.Equal(t, "2026-03-02 12:00:00", between.at(t, "transactions", 0, "created_at"))
	require.Equal(t, 422, list("date_to=tomorrow").status)
}

func TestPayPlayTopups(t *testing.T) {
	t.Parallel()
	w := serve(t, sandbox.Options{PayPlay: payplay.Options{Slug: "shop"}})
	topup := func(body string) reply { return w.payplay("POST", "/private-api/crypto-topups/shop", body) }

	some := topup(`{"amount":"9876","currency":"USDT","external_order_id":"t1"}`)
	id := some.at(t, "order", "id").(string)
	require.Equal(t, "9876", some.at(t, "order", "value"))
	require.Contains(t, some.at(t, "order", "acquiring_url"), "/topup-orders/crypto/"+id)
	require.NoError(t, w.Drive("payplay", "t1", "underpay", ""))
	require.Equal(t, "PARTIALLY_FULFILLED",
		w.payplay("GET", "/private-api/orders/shop/"+id, "").at(t, "order", "status"))

	open := topup(`{}`)
	id = open.at(t, "order", "id").(string)
	require.Nil(t, open.at(t, "order", "value"))
	require.Nil(t, open.at(t, "order", "currency"))
	require.ErrorIs(t, w.Drive("payplay", id, "underpay", ""), sandbox.ErrRefused)
	require.NoError(t, w.Drive("payplay", id, "open", ""))
	require.Nil(t, w.payplay("GET", "/private-api/orders/shop/"+id, "").at(t, "order", "expected_amount"),
		"of nothing in particular")
	require.NoError(t, w.Drive("payplay", id, "pay", "2.5"))
	paid := w.payplay("GET", "/private-api/orders/shop/"+id, "")
	require.Equal(t, "2.5", paid.at(t, "order", "value"))
	page := w.do("GET", "/payplay/topup-orders/crypto/"+id, nil, "")
	require.Equal(t, 200, page.status)
	require.Contains(t, page.text, "2.5 USDT")
	require.Equal(t, "2.475", paid.at(t, "order", "received_total"))
	require.Empty(t, w.payplay("GET", "/private-api/orders/shop", "").at(t, "orders"), "the list has orders alone")

	require.Equal(t, 404, w.payplay("POST", "/private-api/crypto-topups/other", `{}`).status)
	for body, text := range map[string]string{
		`{"currency":"USDT"}`:              "The amount field is required when currency is present.",
		`{"amount":"1"}`:                   "The selected currency is invalid.",
		`{"amount":"0","currency":"USDT"}`: "The amount must be greater than 0.",
		`{"external_order_id":"a b"}`:      "The external order id format is invalid.",
		`amount=1`:                         "The given data was invalid.",
	} {
		got := topup(body)
		require.Equal(t, 422, got.status, body)
		require.Equal(t, text, got.at(t, "message"), body)
	}
}
