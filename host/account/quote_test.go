package account

import (
	"testing"

	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
)

func TestQuotesAreReadAsStrictlyAsBalances(t *testing.T) {
	t.Parallel()
	eur := func(amount string) *abi.Money { return &abi.Money{Amount: amount, Currency: "EUR"} }
	quote := func() *abi.Quote {
		return &abi.Quote{
			Pays: eur("10.00"), Gets: eur("9.70"), Rate: &abi.Rate{From: eur("1"), To: eur("1.0")},
			Fees:   []*abi.Money{eur("0.30"), eur("0")},
			Bounds: []*abi.Bound{{Currency: "EUR", Min: "1", Max: "100"}, {Currency: "EUR"}},
		}
	}
	_, err := quoteOf(quote())
	require.NoError(t, err)
	for what, spoil := range map[string]func(q *abi.Quote){
		"paid in another notation": func(q *abi.Quote) { q.Pays.Amount = "1e3" },
		"got in another notation":  func(q *abi.Quote) { q.Gets.Amount = "+9" },
		"nothing paid":             func(q *abi.Quote) { q.Pays = nil },
		"a fee below zero":         func(q *abi.Quote) { q.Fees[0].Amount = "-0.30" },
		"a fee that is no amount":  func(q *abi.Quote) { q.Fees[0].Amount = "much" },
		"a fee without a currency": func(q *abi.Quote) { q.Fees[0].Currency = "" },
		"a fee of nothing":         func(q *abi.Quote) { q.Fees[0] = nil },
		"a rate below zero":        func(q *abi.Quote) { q.Rate.To.Amount = "-1" },
		"bounds without an inside": func(q *abi.Quote) { q.Bounds[0].Max = "0.5" },
		"bounds of no currency":    func(q *abi.Quote) { q.Bounds[0].Currency = "" },
	} {
		q := quote()
		spoil(q)
		_, err := quoteOf(q)
		require.Error(t, err, what)
	}
}
