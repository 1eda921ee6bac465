package main

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/abi/decimal"
	"payrouter/host/payment"
	"payrouter/host/quote"
	"payrouter/host/sandbox"
)

// What a provider quotes is what a payment then costs.
func TestAQuoteIsWhatThePaymentCosts(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		order payment.Order
		pays  payment.Money
		gets  payment.Money
		price string
	}{
		"a commission of one percent, at 0.93": {
			payment.Order{Amount: "100", Currency: "USDT"},
			payment.Money{Amount: "100", Currency: "USDT"},
			payment.Money{Amount: "92.07", Currency: "EUR"},
			"1",
		},
		"a commission of half a percent, at 95,800": {
			payment.Order{Amount: "0.5", Currency: "BTC"},
			payment.Money{Amount: "0.5", Currency: "BTC"},
			payment.Money{Amount: "47660.5", Currency: "USDT"},
			"0.0025",
		},
		"no commission": {
			payment.Order{Amount: "1.25", Currency: "ETH"},
			payment.Money{Amount: "1.25", Currency: "ETH"},
			payment.Money{Amount: "3388.12", Currency: "USDT"},
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
func received(t *testing.T, a payment.Attempt) string {
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
		require.ErrorIs(t, err, payment.ErrUnsupported, account)
	}
	for _, site := range []string{sandbox.PayGram, sandbox.Cryptogram, sandbox.PayPlay, sandbox.Paygrt} {
		require.Zero(t, s.requests(site))
	}
	var declined *payment.DeclinedError
	_, err := s.engine.Quote(t.Context(), "exchanger", payment.Order{Kind: payment.Collect, Amount: "5", Currency: "USDT", Country: "DE"})
	require.ErrorAs(t, err, &declined)
	require.Equal(t, "limit_exceeded", declined.Failure.Code)
}
