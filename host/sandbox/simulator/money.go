package simulator

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cockroachdb/apd/v3"
)

var errAmount = errors.New("not an amount")

// exact is wide enough for the product and the quotient of any two amounts that ParseMoney takes.
var exact = apd.BaseContext.WithPrecision(120) //nolint:gochecknoglobals // an immutable setting, as apd wants it

// Money is an exact amount. The zero value is 0; it is immutable.
type Money struct{ d apd.Decimal }

// ParseMoney reads a JSON number or its like: no blanks, no separators, at most 40 digits.
func ParseMoney(text string) (Money, error) {
	var m Money
	if text == "" || len(text) > 48 || strings.Trim(text, "0123456789.eE+-") != "" {
		return Money{}, fmt.Errorf("%w: %.60q", errAmount, text)
	}
	if _, _, err := m.d.SetString(text); err != nil {
		return Money{}, fmt.Errorf("%w: %q", errAmount, text)
	}
	if m.d.Exponent > 20 || m.d.Exponent < -30 {
		return Money{}, fmt.Errorf("%w: %q is out of range", errAmount, text)
	}
	return m, nil
}

// EventAmount reads the amount of a driven event, which is above 0; "" means otherwise. The error is ErrInvalid.
func EventAmount(text string, otherwise Money) (Money, error) {
	if text == "" {
		return otherwise, nil
	}
	m, err := ParseMoney(text)
	if err != nil {
		return Money{}, fmt.Errorf("%w amount: %w", ErrInvalid, err)
	}
	if m.Sign() <= 0 {
		return Money{}, fmt.Errorf("%w amount: %s is not above 0", ErrInvalid, text)
	}
	return m, nil
}

// Amount is ParseMoney for the tables of a simulator. It panics if text is no amount.
func Amount(text string) Money {
	m, err := ParseMoney(text)
	if err != nil {
		panic(err)
	}
	return m
}

// Add is the sum.
func (m Money) Add(o Money) Money {
	var r Money
	_, _ = exact.Add(&r.d, &m.d, &o.d)
	return r
}

// Sub is the difference.
func (m Money) Sub(o Money) Money {
	var r Money
	_, _ = exact.Sub(&r.d, &m.d, &o.d)
	return r
}

// Mul is the product.
func (m Money) Mul(o Money) Money {
	var r Money
	_, _ = exact.Mul(&r.d, &m.d, &o.d)
	return r
}

// Div is the quotient with 120 digits: round it. The divisor is not zero.
func (m Money) Div(o Money) Money {
	var r Money
	_, _ = exact.Quo(&r.d, &m.d, &o.d)
	return r
}

// Round gives the amount exactly places digits after the point, half up, as PHP and .NET format money.
func (m Money) Round(places int32) Money {
	return m.quantize(places, apd.RoundHalfUp)
}

// RoundUp rounds away from zero.
func (m Money) RoundUp(places int32) Money { return m.quantize(places, apd.RoundUp) }

// RoundDown rounds towards zero.
func (m Money) RoundDown(places int32) Money { return m.quantize(places, apd.RoundDown) }

func (m Money) quantize(places int32, how apd.Rounder) Money {
	var r Money
	c := *exact
	c.Rounding = how
	_, _ = c.Quantize(&r.d, &m.d, -places)
	return r
}

// Trim drops the zeros at the end: 10.50 is 10.5, 10.00 is 10.
func (m Money) Trim() Money {
	var r Money
	_, _ = r.d.Reduce(&m.d)
	return r
}

// Decimal is the amount in digits and an exponent.
func (m Money) Decimal() *apd.Decimal { return new(apd.Decimal).Set(&m.d) }

// Cmp is -1, 0 or 1 as m is less than, equal to or greater than o.
func (m Money) Cmp(o Money) int { return m.d.Cmp(&o.d) }

// Sign is -1, 0 or 1 as m is below, at or above 0.
func (m Money) Sign() int { return m.d.Sign() }

// Scale is how many digits stand after the point.
func (m Money) Scale() int32 { return max(-m.d.Exponent, 0) }

// String is plain decimal text, without an exponent.
func (m Money) String() string { return m.d.Text('f') }

// Fixed is plain text with exactly places digits after the point.
func (m Money) Fixed(places int32) string { return m.Round(places).String() }

// MarshalJSON writes a JSON number.
func (m Money) MarshalJSON() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalJSON takes a JSON number, and no string: the documents that send numbers send no strings.
func (m *Money) UnmarshalJSON(text []byte) error {
	read, err := ParseMoney(string(text))
	if err != nil {
		return err
	}
	*m = read
	return nil
}
