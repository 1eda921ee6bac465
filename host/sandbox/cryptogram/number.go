package cryptogram

import (
	"fmt"

	"payrouter/host/sandbox/simulator"
)

// phpNumber is a JSON number as PHP writes a float: no zeros at the end, and an exponent below 0.0001 ("1.5e-5").
type phpNumber struct{ simulator.Money }

// MarshalJSON writes what PHP's json_encode would.
func (n phpNumber) MarshalJSON() ([]byte, error) {
	t := n.Trim()
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
