package quote

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"payrouter/abi/decimal"
	"payrouter/host/account"
	"payrouter/host/money"
)

// said reads "101.5 USDT > 91.08 EUR at 100 > 92".
func said(t *testing.T, text string) account.Quote {
	t.Helper()
	amounts, rate, _ := strings.Cut(text, " at ")
	pays, gets, found := strings.Cut(amounts, " > ")
	require.True(t, found, text)
	euros := func(text string) money.Money {
		amount, currency, _ := strings.Cut(text, " ")
		return money.Money{Amount: amount, Currency: currency}
	}
	q := account.Quote{Pays: euros(pays), Gets: euros(gets)}
	if from, to, found := strings.Cut(rate, " > "); found {
		q.Rate = money.Rate{
			From: money.Money{Amount: from, Currency: q.Pays.Currency},
			To:   money.Money{Amount: to, Currency: q.Gets.Currency},
		}
	}
	return q
}

func TestPrice(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		currency string
		quotes   map[string]string
		want     map[string]string
	}{
		"one currency: the difference, whatever the rate": {
			"EUR",
			map[string]string{"a": "101 EUR > 98.01 EUR at 100 > 98.5", "b": "49.90 EUR > 49.40 EUR"},
			map[string]string{"a": "2.99", "b": "0.5"},
		},
		"nothing lost": {
			"EUR",
			map[string]string{"a": "10.00 EUR > 10 EUR"},
			map[string]string{"a": "0"},
		},
		"a discount is a price below zero": {
			"EUR",
			map[string]string{"a": "10 EUR > 10.5 EUR"},
			map[string]string{"a": "-0.5"},
		},
		"the payer's currency: what is got, at the rate": {
			"USDT", map[string]string{"a": "101.5 USDT > 91.08 EUR at 100 > 92"}, map[string]string{"a": "2.5"},
		},
		"the merchant's currency: what is paid, at the rate": {
			"EUR", map[string]string{"a": "102 USDT > 92 EUR at 100 > 92"}, map[string]string{"a": "1.84"},
		},
		"a worse rate costs what it loses against the best": {
			"USDT",
			map[string]string{
				"a": "100 USDT > 92 EUR at 100 > 92", "b": "100 USDT > 91 EUR at 50 > 46",
				"c": "100 USDT > 87.4 EUR at 100 > 87.4",
			},
			map[string]string{"a": "0", "b": "1.086956521739130435", "c": "5"},
		},
		"a fee that looks like none: commission-free at a bad rate against a fair rate with one": {
			"USDT",
			map[string]string{"fair": "101 USDT > 99 EUR at 100 > 99", "free": "100 USDT > 90 EUR at 100 > 90"},
			map[string]string{"fair": "1", "free": "9.090909090909090909"},
		},
		"rates of other pairs say nothing": {
			"USDT",
			map[string]string{"a": "100 USDT > 92 EUR at 100 > 92", "b": "100 USDT > 0.001 BTC at 100 > 0.001"},
			map[string]string{"a": "0", "b": "0"},
		},
		"without a rate there is none": {"USDT", map[string]string{"a": "100 USDT > 92 EUR"}, map[string]string{}},
		"neither side in the currency": {
			"GBP",
			map[string]string{"a": "100 USDT > 92 EUR at 100 > 92"},
			map[string]string{},
		},
		"a rate of nothing": {
			"USDT",
			map[string]string{"a": "100 USDT > 92 EUR at 0 > 92"},
			map[string]string{},
		},
		"no number": {
			"EUR",
			map[string]string{"a": "ten EUR > 9 EUR", "b": "10 EUR > 1/2 EUR", "c": "10 EUR > 0x9 EUR"},
			map[string]string{},
		},
		"the smallest of units is kept": {
			"ETH",
			map[string]string{"a": "1.000000000000000001 ETH > 1 ETH"},
			map[string]string{"a": "0.000000000000000001"},
		},
		"what cannot be told as a decimal": {
			"EUR",
			map[string]string{"a": strings.Repeat("9", 39) + " EUR > 0." + strings.Repeat("1", 38) + " EUR"},
			map[string]string{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			quotes := map[string]account.Quote{}
			for provider, text := range row.quotes {
				quotes[provider] = said(t, text)
			}
			got := map[string]string{}
			for provider, offer := range price(row.currency, quotes) {
				got[provider] = offer.Price
				require.Equal(t, quotes[provider], offer.Quote)
			}
			require.Equal(t, row.want, got)
		})
	}
}

// Whoever quotes between the same two currencies for the same money is ordered by what the merchant gets, or by what
// the payer pays.
func TestPriceOrdersByWhatIsLost(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		cents := rapid.Int64Range(1_000, 10_000_000)
		text := func(n int64) string { return fmt.Sprintf("%d.%02d", n/100, n%100) }
		payerSide := rapid.Bool().Draw(t, "payer's side")
		quotes := map[string]account.Quote{}
		for i := range rapid.IntRange(2, 6).Draw(t, "providers") {
			varying := cents.Draw(t, "amount")
			fee := rapid.Int64Range(0, varying/10).Draw(t, "fee")
			q := account.Quote{
				Pays: money.Money{Amount: "500", Currency: "USDT"},
				Gets: money.Money{Amount: text(varying - fee), Currency: "EUR"},
			}
			q.Rate = money.Rate{
				From: money.Money{Amount: "500", Currency: "USDT"},
				To:   money.Money{Amount: text(varying), Currency: "EUR"},
			}
			if !payerSide {
				q.Pays.Amount, q.Gets.Amount = text(varying+fee), "500"
				q.Rate.From.Amount, q.Rate.To.Amount = text(varying), "500"
			}
			quotes[fmt.Sprint(i)] = q
		}
		currency := map[bool]string{true: "USDT", false: "EUR"}[payerSide]
		offers := price(currency, quotes)
		require.Len(t, offers, len(quotes))
		all := make([]Offer, 0, len(offers))
		for _, offer := range offers {
			all = append(all, offer)
		}
		slices.SortFunc(all, func(a, b Offer) int { return number(t, a.Price).Cmp(number(t, b.Price)) })
		for i := range all[1:] {
			better, worse := all[i].Quote, all[i+1].Quote
			if payerSide {
				require.GreaterOrEqual(t, number(t, better.Gets.Amount).Cmp(number(t, worse.Gets.Amount)), 0)
			} else {
				require.LessOrEqual(t, number(t, better.Pays.Amount).Cmp(number(t, worse.Pays.Amount)), 0)
			}
		}
		require.GreaterOrEqual(t, number(t, all[0].Price).Sign(), 0, "no fee is below zero, so no price is")
		for _, offer := range all {
			exact := loss(t, offer.Quote, currency, quotes)
			off := new(big.Rat).Abs(exact.Sub(exact, number(t, offer.Price)))
			require.LessOrEqual(t, off.Cmp(big.NewRat(1, 1_000_000_000_000_000_000)), 0)
		}
	})
}

// loss reckons a price another way: everything in the merchant's currency first.
func loss(t require.TestingT, q account.Quote, currency string, quotes map[string]account.Quote) *big.Rat {
	rates := make([]*big.Rat, 0, len(quotes))
	for _, other := range quotes {
		rates = append(rates, new(big.Rat).Quo(number(t, other.Rate.To.Amount), number(t, other.Rate.From.Amount)))
	}
	best := slices.MaxFunc(rates, func(a, b *big.Rat) int { return cmp.Compare(a.Cmp(b), 0) })
	lost := new(big.Rat).Mul(number(t, q.Pays.Amount), best)
	lost.Sub(lost, number(t, q.Gets.Amount))
	if currency == q.Pays.Currency {
		lost.Quo(lost, best)
	}
	return lost
}

func number(t require.TestingT, text string) *big.Rat {
	_, err := decimal.Parse(text)
	require.NoError(t, err)
	exact, _ := new(big.Rat).SetString(text)
	return exact
}
