package quote

import (
	"math/big"
	"strings"
	"sync"

	"payrouter/abi/decimal"
	"payrouter/host/account"
	"payrouter/host/payment"
)

// places is how finely a price that had to be divided is given, in digits after the point.
const places = 18

// Offer is a quote with its price.
type Offer struct {
	Quote account.Quote
	// Price is what is lost on the way: what leaves whoever pays, less what reaches whoever is paid, in the order's
	// currency. Plain decimal text; exact where both are in that currency, and otherwise rounded at 18 digits after the
	// point. It is comparable among the offers of one call.
	Price string
}

// price is what each quote costs in a currency. The amounts in another are valued at the best rate that any of these
// quotes has between the two: at its own rate, a bad rate would look like none.
func price(currency string, quotes map[string]account.Quote) map[string]Offer {
	best := map[pair]*big.Rat{}
	for _, q := range quotes {
		if q.Pays.Currency == q.Gets.Currency {
			continue
		}
		between := pair{q.Pays.Currency, q.Gets.Currency}
		if rate := rateOf(q); rate != nil && (best[between] == nil || rate.Cmp(best[between]) > 0) {
			best[between] = rate
		}
	}
	offers := make(map[string]Offer, len(quotes))
	for provider, q := range quotes {
		if cost, ok := cost(currency, q, best[pair{q.Pays.Currency, q.Gets.Currency}]); ok {
			offers[provider] = Offer{Quote: q, Price: cost}
		}
	}
	return offers
}

type pair struct{ from, to string }

// rateOf is how much is got for one that is paid, before fees; nil where that is not known.
func rateOf(q account.Quote) *big.Rat {
	from, to := rational(q.Rate.From.Amount), rational(q.Rate.To.Amount)
	if from == nil || to == nil || from.Sign() <= 0 || to.Sign() <= 0 {
		return nil
	}
	return to.Quo(to, from)
}

// cost is a quote's price in a currency, with rate between its two where they are two.
func cost(currency string, q account.Quote, rate *big.Rat) (string, bool) {
	pays, gets := rational(q.Pays.Amount), rational(q.Gets.Amount)
	if pays == nil || gets == nil {
		return "", false
	}
	switch {
	case q.Pays.Currency == currency && q.Gets.Currency == currency:
	case q.Pays.Currency == currency && rate != nil:
		gets.Quo(gets, rate)
	case q.Gets.Currency == currency && rate != nil:
		pays.Mul(pays, rate)
	default:
		return "", false
	}
	text := trim(pays.Sub(pays, gets).FloatString(places))
	_, err := decimal.Parse(text)
	return text, err == nil
}

// trim takes the zeros off that end a fraction.
func trim(text string) string {
	if !strings.Contains(text, ".") {
		return text
	}
	text = strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
	if text == "-0" {
		return "0"
	}
	return text
}

// rational is an amount as an exact fraction; nil for what is none.
func rational(amount string) *big.Rat {
	if _, err := decimal.Parse(amount); err != nil {
		return nil
	}
	exact, ok := new(big.Rat).SetString(amount)
	if !ok {
		return nil
	}
	return exact
}

// Prices are what an order comes to at these providers, as payment.Prices has it. It asks for all of them when the
// first is wanted, so that a decision waits once at most, and goes by one state of things.
func (b *Cache) Prices(o payment.Order, providers []string) func(provider string) (price string, ok bool) {
	offers := sync.OnceValue(func() map[string]Offer { return b.Offers(b.base, o, providers) })
	return func(provider string) (price string, ok bool) {
		offer, ok := offers()[provider]
		return offer.Price, ok
	}
}
