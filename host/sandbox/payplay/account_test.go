package payplay_test

import (
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/host/sandbox"
	"payrouter/host/sandbox/payplay"
	"payrouter/host/sandbox/sandboxtest"
)

func TestBalancesHaveTheVendorsFields(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	got := w.PayPlay("GET", "/private-api/balances/", "")
	require.Equal(t, got.Text, w.PayPlay("GET", "/private-api/balances", "").Text,
		"the same balances have the same ids")
	require.Len(t, got.At(t, "balances"), 4)
	for i, ticker := range []string{"BTC", "ETH", "USDC", "USDT"} {
		require.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$`,
			got.At(t, "balances", i, "id"))
		require.Equal(t, ticker, got.At(t, "balances", i, "currency", "ticker"))
		require.NotEmpty(t, got.At(t, "balances", i, "currency", "title"))
	}
	require.Equal(t, "100000", w.PayPlayBalance("USDT"))
}

// What the statement lists is what the balance has changed by, whatever happened.
func TestStatementAddsUp(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	withdraw := func(sum, id string) {
		t.Helper()
		require.Equal(t, 200, w.PayPlay("POST", "/private-api/acme/withdrawal", fmt.Sprintf(
			`{"amount":%q,"currency":"USDT","wallet":"T","network":"TRC20","external_id":%q}`, sum, id)).Status)
	}
	order := w.PayPlayOrder("o1", "10.33", "USDT")
	w.PayPlayOrder("o2", "7", "EUR")
	require.NoError(t, w.Drive("payplay", "o1", "pay", ""))
	require.NoError(t, w.Drive("payplay", "o2", "underpay", ""))
	topup := w.PayPlay("POST", "/private-api/crypto-topups/shop", `{"external_order_id":"t1"}`).At(t, "order",
		"id").(string)
	require.NoError(t, w.Drive("payplay", topup, "pay", "3.7"))
	withdraw("100", "w1")
	withdraw("50.5", "w2")
	withdraw("20", "w3")
	require.NoError(t, w.Drive("payplay", "w1", "pay", ""))
	require.NoError(t, w.Drive("payplay", "w2", "decline", ""))
	require.Equal(t, 200, w.PayPlay("POST", "/private-api/refunds/orders/"+order, `{"amount":"1.05"}`).Status)

	balance, _ := new(big.Rat).SetString("100000")
	listed := 0
	for page := 1; ; page++ {
		got := w.PayPlay("GET", fmt.Sprintf("/private-api/transactions?per_page=3&page=%d", page), "")
		for _, item := range got.At(t, "transactions").([]any) {
			change(t, balance, item.(map[string]any))
			listed++
		}
		if got.At(t, "meta", "current_page") == got.At(t, "meta", "last_page") {
			break
		}
	}
	require.Equal(t, 7, listed)
	held, _ := new(big.Rat).SetString(w.PayPlayBalance("USDT"))
	require.Zero(t, held.Cmp(balance), "%s is held, and the statement says %s", held.FloatString(8),
		balance.FloatString(8))
	require.Equal(t, "WITHDRAWAL_EXTERNAL",
		w.PayPlay("GET", "/private-api/transactions?type=withdrawal_external", "").At(t, "transactions", 0, "type"))
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

func TestStatementIsFilteredByDate(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	for i := range 3 {
		w.Clock.Set(fmt.Sprintf("2026-03-0%dT12:00:00Z", i+1))
		w.PayPlayOrder(fmt.Sprintf("o%d", i+1), "1", "USDT")
		require.NoError(t, w.Drive("payplay", fmt.Sprintf("o%d", i+1), "pay", ""))
	}
	list := func(query string) sandboxtest.Reply { return w.PayPlay("GET", "/private-api/transactions?"+query, "") }
	require.Len(t, list("").At(t, "transactions"), 3)
	require.Equal(t, "2026-03-03 12:00:00", list("").At(t, "transactions", 0, "created_at"), "newest first")
	between := list("date_from=2026-03-02+00:00:00&date_to=2026-03-02+12:00:00")
	require.Len(t, between.At(t, "transactions"), 1)
	require.Equal(t, "2026-03-02 12:00:00", between.At(t, "transactions", 0, "created_at"))
	require.Equal(t, 422, list("date_to=tomorrow").Status)
}

func TestTopups(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{PayPlay: payplay.Options{Slug: "shop"}})
	topup := func(body string) sandboxtest.Reply { return w.PayPlay("POST", "/private-api/crypto-topups/shop", body) }

	some := topup(`{"amount":"9876","currency":"USDT","external_order_id":"t1"}`)
	id := some.At(t, "order", "id").(string)
	require.Equal(t, "9876", some.At(t, "order", "value"))
	require.Contains(t, some.At(t, "order", "acquiring_url"), "/topup-orders/crypto/"+id)
	require.NoError(t, w.Drive("payplay", "t1", "underpay", ""))
	require.Equal(t, "PARTIALLY_FULFILLED",
		w.PayPlay("GET", "/private-api/orders/shop/"+id, "").At(t, "order", "status"))

	open := topup(`{}`)
	id = open.At(t, "order", "id").(string)
	require.Nil(t, open.At(t, "order", "value"))
	require.Nil(t, open.At(t, "order", "currency"))
	require.ErrorIs(t, w.Drive("payplay", id, "underpay", ""), sandbox.ErrRefused)
	require.NoError(t, w.Drive("payplay", id, "open", ""))
	require.Nil(t, w.PayPlay("GET", "/private-api/orders/shop/"+id, "").At(t, "order", "expected_amount"),
		"of nothing in particular")
	require.NoError(t, w.Drive("payplay", id, "pay", "2.5"))
	paid := w.PayPlay("GET", "/private-api/orders/shop/"+id, "")
	require.Equal(t, "2.5", paid.At(t, "order", "value"))
	page := w.Do("GET", "/payplay/topup-orders/crypto/"+id, nil, "")
	require.Equal(t, 200, page.Status)
	require.Contains(t, page.Text, "2.5 USDT")
	require.Equal(t, "2.475", paid.At(t, "order", "received_total"))
	require.Empty(t, w.PayPlay("GET", "/private-api/orders/shop", "").At(t, "orders"), "the list has orders alone")

	require.Equal(t, 404, w.PayPlay("POST", "/private-api/crypto-topups/other", `{}`).Status)
	for body, text := range map[string]string{
		`{"currency":"USDT"}`:              "The amount field is required when currency is present.",
		`{"amount":"1"}`:                   "The selected currency is invalid.",
		`{"amount":"0","currency":"USDT"}`: "The amount must be greater than 0.",
		`{"external_order_id":"a b"}`:      "The external order id format is invalid.",
		`amount=1`:                         "The given data was invalid.",
	} {
		got := topup(body)
		require.Equal(t, 422, got.Status, body)
		require.Equal(t, text, got.At(t, "message"), body)
	}
}
