package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/abi/decimal"
	"payrouter/host/attempt"
	"payrouter/host/money"
	"payrouter/host/payment"
	"payrouter/host/quote"
	"payrouter/host/sandbox"
)

// What a provider quotes is what a payment then costs.
func TestAQuoteIsWhatThePaymentCosts(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		order payment.Order
		pays  money.Money
		gets  money.Money
		price string
	}{
		"a commission of one percent, at 0.93": {
			payment.Order{Amount: "100", Currency: "USDT"},
			money.Money{Amount: "100", Currency: "USDT"},
			money.Money{Amount: "92.07", Currency: "EUR"},
			"1",
		},
		"a commission of half a percent, at 95,800": {
			payment.Order{Amount: "0.5", Currency: "BTC"},
			money.Money{Amount: "0.5", Currency: "BTC"},
			money.Money{Amount: "47660.5", Currency: "USDT"},
			"0.0025",
		},
		"no commission": {
			payment.Order{Amount: "1.25", Currency: "ETH"},
			money.Money{Amount: "1.25", Currency: "ETH"},
			money.Money{Amount: "3388.12", Currency: "USDT"},
			"0",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, false)
			order := row.order
			order.Kind, order.Country, order.Payer.Email = payment.Collect, "DE", "jo@example.org"

			quoted, err := s.engine.Quote(t.Context(), "exchanger", order)
			require.NoError(t, err)
			require.Equal(t, row.pays, quoted.Pays)
			require.Equal(t, row.gets, quoted.Gets)
			require.Empty(t, s.providers.Ledger(sandbox.Exchanger), "a quote makes no order")

			book := quote.New(quote.Settings{Ask: s.engine.Quote})
			defer book.Close()
			price, known := book.Prices(order, []string{"exchanger", "paygram-eu"})("exchanger")
			require.True(t, known)
			require.Equal(t, row.price, price)

			made := s.create(t, "exchanger", order)
			require.Equal(t, quoted.Pays, made.NextAction.Amount)
			attempts, err := s.engine.Attempts(t.Context(), "shop", made.ID)
			require.NoError(t, err)
			require.Equal(t, row.gets.Amount, received(t, attempts[len(attempts)-1]))
		})
	}
}

// received is what the order that an attempt made brings the merchant.
func received(t *testing.T, a attempt.Attempt) string {
	t.Helper()
	require.Equal(t, "create_bid", a.Operation)
	var response struct {
		Body string `json:"body"`
	}
	require.NoError(t, json.Unmarshal(a.Response, &response))
	var bid struct {
		Data struct {
			Gets string `json:"amount_get"`
		} `json:"data"`
	}
	require.NoError(t, json.Unmarshal([]byte(response.Body), &bid))
	_, err := decimal.Parse(bid.Data.Gets)
	require.NoError(t, err)
	return bid.Data.Gets
}

// What no document lets one reckon has no price; and what the site would not take has none either.
func TestWhatHasNoQuote(t *testing.T) {
	t.Parallel()
	s := newShop(t, false)
	for account, order := range map[string]payment.Order{
		"paygram-eu": collect("EUR"), "cryptogram": collect("EUR"), "payplay": collect("EUR"),
		"paygrt": {Kind: payment.Recharge, Amount: "199", Currency: "INR", Country: "IN"},
	} {
		_, err := s.engine.Quote(t.Context(), account, order)
		require.ErrorIs(t, err, attempt.ErrUnsupported, account)
	}
	for _, site := range []string{sandbox.PayGram, sandbox.Cryptogram, sandbox.PayPlay, sandbox.Paygrt} {
		require.Zero(t, s.requests(site))
	}
	var declined *attempt.DeclinedError
	_, err := s.engine.Quote(t.Context(), "exchanger",
		payment.Order{Kind: payment.Collect, Amount: "5", Currency: "USDT", Country: "DE"})
	require.ErrorAs(t, err, &declined)
	require.Equal(t, "limit_exceeded", declined.Failure.Code)
}

// exchangers are two more accounts at the simulated exchange site, for the shipped routing file.
const exchangers = `  to-btc:
    plugin: exchanger
    base_url: "{site}/exchanger"
    allow_private: true
    secrets: {api_login: env:EXCHANGER_API_LOGIN, api_key: env:EXCHANGER_API_KEY}
    settings: {directions: {EUR: {direction_id: "3", account1: "4000000000000002", account2: bc1qshop,
      fields: {cfgive8: J D}}}}
  to-usdt:
    plugin: exchanger
    base_url: "{site}/exchanger"
    allow_private: true
    secrets: {api_login: env:EXCHANGER_API_LOGIN, api_key: env:EXCHANGER_API_KEY}
    settings: {directions: {EUR: {direction_id: "5", account1: "4000000000000002", account2: TShop,
      fields: {cfgive8: J D}}}}

  paygrt:
`

const thrifty = `rules:
  - name: thrifty
    when: {kind: collect, currency: EUR, metadata.tier: thrifty}
    to: [{cheapest: [payplay, to-btc, to-usdt]}]

`

// A payment goes to the provider that asks least; those without a price come after it, as the rule writes them.
func TestAPaymentGoesToTheCheapest(t *testing.T) {
	t.Parallel()
	site := &harness{t: t, data: t.TempDir()}
	site.openSandbox(sandbox.Options{})
	file, text := ownRouting(t)
	text = strings.Replace(text, "  paygrt:\n", strings.ReplaceAll(exchangers, "{site}", site.simulated), 1)
	require.NoError(t, os.WriteFile(file, []byte(strings.Replace(text, "rules:\n", thrifty, 1)), 0o600))
	w := build(t, plan{command: serveCommand{Routing: file}, beside: site})
	const of = `{"amount":"100","currency":"EUR","country":"DE","payer":{"email":"payer@shop.example"},` +
		`"metadata":{"tier":"thrifty"}}`

	made := w.create(of)

	require.Equal(t, "to-usdt", made.Provider)
	require.Equal(t, []string{"to-usdt", "to-btc", "payplay"}, w.decision(made).Order())
	var figures []string
	for _, c := range w.decision(made).Candidates {
		figures = append(figures, c.Figure)
	}
	require.Equal(t, []string{"1.5 EUR", "2 EUR", ""}, figures)
	require.Len(t, w.attempts(made.ID), 2, "the order's own get_calc and create_bid: a quote is no attempt")
	require.Equal(t, "1.5", made.Fee.Amount, "the price is what the order's own terms then say")

	w.control("POST", "exchanger/down", "")
	made = w.create(strings.Replace(of, "100", "101", 1))
	require.Equal(t, []string{"payplay", "to-btc", "to-usdt"}, w.decision(made).Order(),
		"without prices, as it is written")
	require.Equal(t, "payplay", made.Provider)
}
