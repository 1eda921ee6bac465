package sandbox

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cockroachdb/apd/v3"
)

var errAmount = errors.New("not an amount")

// exact is wide enough for the product and the quotient of any two amounts that parseMoney takes.
var exact = apd.BaseContext.WithPrecision(120) //nolint:gochecknoglobals // an immutable setting, as apd wants it

// money is an exact amount. The zero value is 0; it is immutable.
type money struct{ d apd.Decimal }

// parseMoney reads a JSON number or its like: no blanks, no separators, at most 40 digits.
func parseMoney(text string) (money, error) {
	var m money
	if text == "" || len(text) > 48 || strings.Trim(text, "0123456789.eE+-") != "" {
		return money{}, fmt.Errorf("%w: %.60q", errAmount, text)
	}
	if _, _, err := m.d.SetString(text); err != nil {
		return money{}, fmt.Errorf("%w: %q", errAmount, text)
	}
	if m.d.Exponent > 20 || m.d.Exponent < -30 {
		return money{}, fmt.Errorf("%w: %q is out of range", errAmount, text)
	}
	return m, nil
}

// controlAmount reads a control's amount: otherwise, where it gives none.
func controlAmount(text string, otherwise money) (money, error) {
	if text == "" {
		return otherwise, nil
	}
	m, err := parseMoney(text)
	if err != nil {
		return money{}, fmt.Errorf("%w amount: %w", ErrInvalid, err)
	}
	if m.sign() <= 0 {
		return money{}, fmt.Errorf("%w amount: %s is not above 0", ErrInvalid, text)
	}
	return m, nil
}

// amount is parseMoney for what stands in this package's own tables.
func amount(text string) money {
	m, err := parseMoney(text)
	if err != nil {
		panic(err)
	}
	return m
}

func (m money) add(o money) money {
	var r money
	_, _ = exact.Add(&r.d, &m.d, &o.d)
	return r
}

func (m money) sub(o money) money {
	var r money
	_, _ = exact.Sub(&r.d, &m.d, &o.d)
	return r
}

func (m money) mul(o money) money {
	var r money
	_, _ = exact.Mul(&r.d, &m.d, &o.d)
	return r
}

// div is the quotient with 120 digits: round it. The divisor is not zero.
func (m money) div(o money) money {
	var r money
	_, _ = exact.Quo(&r.d, &m.d, &o.d)
	return r
}

// round gives the amount exactly places digits after the point, half up, as PHP and .NET format money.
func (m money) round(places int32) money {
	return m.quantize(places, apd.RoundHalfUp)
}

// roundUp and roundDown round away from and towards zero.
func (m money) roundUp(places int32) money   { return m.quantize(places, apd.RoundUp) }
func (m money) roundDown(places int32) money { return m.quantize(places, apd.RoundDown) }

func (m money) quantize(places int32, how apd.Rounder) money {
	var r money
	c := *exact
	c.Rounding = how
	_, _ = c.Quantize(&r.d, &m.d, -places)
	return r
}

// trim drops the zeros at the end: 10.50 is 10.5, 10.00 is 10.
func (m money) trim() money {
	var r money
	_, _ = r.d.Reduce(&m.d)
	return r
}

func (m money) cmp(o money) int { return m.d.Cmp(&o.d) }
func (m money) sign() int       { return m.d.Sign() }

// scale is how many digits stand after the point.
func (m money) scale() int32 { return max(-m.d.Exponent, 0) }

// String is plain decimal text, without an exponent.
func (m money) String() string { return m.d.Text('f') }

// fixed is plain text with exactly places digits after the point.
func (m money) fixed(places int32) string { return m.round(places).String() }

// MarshalJSON writes a JSON number.
func (m money) MarshalJSON() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalJSON takes a JSON number, and no string: the documents that send numbers send no strings.
func (m *money) UnmarshalJSON(text []byte) error {
	read, err := parseMoney(string(text))
	if err != nil {
		return err
	}
	*m = read
	return nil
}

// phpNumber is a JSON number as PHP writes a float: no zeros at the end, and an exponent below 0.0001 ("1.5e-5").
type phpNumber struct{ money }

// MarshalJSON writes what PHP's json_encode would.
func (n phpNumber) MarshalJSON() ([]byte, error) {
	t := n.trim()
	digits := t.d.NumDigits()
	power := int64(t.d.Exponent) + digits - 1
	if t.sign() == 0 || power >= -4 {
		return []byte(t.String()), nil
	}
	text := t.d.Coeff.String()
	fraction := "0"
	if len(text) > 1 {
		fraction = text[1:]
	}
	sign := ""
	if t.d.Negative {
		sign = "-"
	}
	return fmt.Appendf(nil, "%s%s.%se%d", sign, text[:1], fraction, power), nil
}
