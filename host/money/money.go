// Package money holds amounts with their currency, exchange rates and bounds. An amount is decimal text, is compared
// exactly, and never without its currency.
package money

import (
	"cmp"
	"fmt"

	"payrouter/abi/decimal"
	abi "payrouter/abi/v1"
	"payrouter/host/invalid"
)

// Name is the two currencies: "BTC to EUR".
func (r Rate) Name() string {
	return r.From.Currency + " to " + r.To.Currency
}

// Sound reports bounds that are plain amounts, in their order.
func (b Bound) Sound() bool {
	for _, end := range []string{b.Min, b.Max} {
		if end != "" && !IsPlain(end) {
			return false
		}
	}
	order, ok := Compare(cmp.Or(b.Min, "0"), cmp.Or(b.Max, b.Min, "0"))
	return IsTicker(b.Currency) && ok && order <= 0
}

// Exact is an amount as it was said, which has to be plain decimal text in a currency; the zero Money where there is
// none.
func Exact(said *abi.Money) (Money, error) {
	if said == nil {
		return Money{}, nil
	}
	if !IsPlain(said.GetAmount()) || !IsTicker(said.GetCurrency()) {
		return Money{},
			fmt.Errorf("%q %q is no amount of money", invalid.Clip(said.GetAmount()), invalid.Clip(said.GetCurrency()))
	}
	return Money{Amount: said.GetAmount(), Currency: said.GetCurrency()}, nil
}

// IsPlain reports an amount that every reader takes for the same: no exponent, no sign but a minus, no leading zeros.
func IsPlain(amount string) bool {
	value, err := decimal.Parse(amount)
	return err == nil && value.String() == amount
}

// IsTicker reports the form of a currency's code.
func IsTicker(code string) bool {
	const shortest, longest = 2, 16
	for i := range len(code) {
		if c := code[i]; (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}
	return len(code) >= shortest && len(code) <= longest
}

// Money is an amount with its currency; the zero Money is none.
type Money struct {
	Amount   string `json:"amount"`
	Currency string `json:"currency"`
}

// Rate is an exchange: so much of one currency for so much of another. It is no quotient, so that nothing is rounded.
type Rate struct {
	From Money `json:"from"`
	To   Money `json:"to"`
}

// Bound is what amounts a provider takes in a currency, both ends included; an empty end is open.
type Bound struct {
	Currency string `json:"currency"`
	Min      string `json:"min,omitempty"`
	Max      string `json:"max,omitempty"`
}

// Positive reports an amount above zero, in a currency.
func (m Money) Positive() bool {
	amount, err := decimal.Parse(m.Amount)
	return err == nil && amount.Sign() > 0 && m.Currency != ""
}

// Compare orders two amounts of one currency; ok is false where one of them is no amount.
func Compare(a, b string) (order int, ok bool) {
	x, err := decimal.Parse(a)
	if err != nil {
		return 0, false
	}
	y, err := decimal.Parse(b)
	if err != nil {
		return 0, false
	}
	return x.Cmp(y), true
}

// Of is an amount of the contract; the zero Money where it is none.
func Of(m *abi.Money) Money {
	if _, err := decimal.Parse(m.GetAmount()); err != nil {
		return Money{}
	}
	return Money{Amount: m.GetAmount(), Currency: m.GetCurrency()}
}

// Moved reports whether an outcome shows that money has moved.
func Moved(outcome *abi.Outcome) bool {
	return outcome.GetStatus() == abi.Status_STATUS_SUCCEEDED || Of(outcome.GetReceived()).Positive()
}
