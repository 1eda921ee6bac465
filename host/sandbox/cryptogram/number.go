package cryptogram

import (
	"fmt"
	"strconv"

	"payrouter/host/sandbox/simulator"
)

// phpNumber is a JSON number as PHP writes a float: no zeros at the end, and an exponent below 0.0001 ("1.5e-5").
type phpNumber struct {
	simulator.Money
	// tail is PHP with serialize_precision = 17: the 17 digits of the number's double, so that 29.95 is
	// 29.949999999999999.
	tail bool
}

// MarshalJSON writes what PHP's json_encode would.
func (n phpNumber) MarshalJSON() ([]byte, error) {
	t := n.Money
	if n.tail {
		t = tailOf(t)
	}
	t = t.Trim()
	d := t.Decimal()
	digits := d.NumDigits()
	power := int64(d.Exponent) + digits - 1
	if t.Sign() == 0 || power >= -4 {
		return []byte(t.String()), nil
	}
	text := d.Coeff.String()
	fraction := "0"
	if len(text) > 1 {
		fraction = text[1:]
	}
	sign := ""
	if d.Negative {
		sign = "-"
	}
	return fmt.Appendf(nil, "%s%s.%se%d", sign, text[:1], fraction, power), nil
}

// tailOf is the double of an amount to 17 digits.
func tailOf(m simulator.Money) simulator.Money {
	double, err := strconv.ParseFloat(m.String(), 64)
	if err != nil {
		return m
	}
	tail, err := simulator.ParseMoney(strconv.FormatFloat(double, 'e', 16, 64))
	if err != nil {
		return m
	}
	return tail
}
