// Package decimal is the one reading of amounts on both sides of the contract: decimal text, of bounded size, compared
// and added exactly. No amount is ever a float.
package decimal

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cockroachdb/apd/v3"
)

// MaxDigits bounds the digits of an amount, on both sides of the point together: 1e21 of the smallest unit of a token
// with 18 decimals fits.
const MaxDigits = 39

// ErrSyntax tells text that is not a decimal of bounded size.
var ErrSyntax = errors.New("not a decimal number")

// exact holds every amount of MaxDigits, and the product of two.
var exact = apd.BaseContext.WithPrecision(2*MaxDigits + 2) //nolint:gochecknoglobals // an immutable setting, as apd wants it

// Decimal is a parsed amount. The zero value is 0. It is immutable, and safe for concurrent use.
type Decimal struct {
	value apd.Decimal
}

// Parse reads decimal text: an optional minus, digits, an optional fraction, an optional exponent as JSON has them. It
// takes no plus sign, blanks, separators, infinities or NaN, and keeps trailing zeros.
func Parse(text string) (Decimal, error) {
	if err := check(text); err != nil {
		return Decimal{}, err
	}
	var d Decimal
	if _, _, err := d.value.SetString(text); err != nil {
		return Decimal{}, fmt.Errorf("%w: %q", ErrSyntax, text)
	}
	if d.value.Exponent > MaxDigits || d.value.Exponent < -MaxDigits || d.value.NumDigits()+max(int64(d.value.Exponent), 0) > MaxDigits {
		return Decimal{}, fmt.Errorf("%w: %q has more than %d digits", ErrSyntax, clip(text), MaxDigits)
	}
	return d, nil
}

// String is plain decimal text, without an exponent: "0.00000015" for "1.5e-7".
func (d Decimal) String() string {
	return d.value.Text('f')
}

// Cmp compares by value: "1.0" equals "1".
func (d Decimal) Cmp(other Decimal) int {
	return d.value.Cmp(&other.value)
}

// Sign is -1, 0 or +1.
func (d Decimal) Sign() int {
	return d.value.Sign()
}

// Scale is the number of digits after the point, trailing zeros not counted.
func (d Decimal) Scale() int {
	var reduced apd.Decimal
	reduced.Reduce(&d.value)
	return int(max(-reduced.Exponent, 0))
}

// Add is the exact sum.
func (d Decimal) Add(other Decimal) Decimal {
	var sum Decimal
	_, _ = exact.Add(&sum.value, &d.value, &other.value)
	return sum
}

// Sub is the exact difference.
func (d Decimal) Sub(other Decimal) Decimal {
	var difference Decimal
	_, _ = exact.Sub(&difference.value, &d.value, &other.value)
	return difference
}

// Mul is the exact product.
func (d Decimal) Mul(other Decimal) Decimal {
	var product Decimal
	_, _ = exact.Mul(&product.value, &d.value, &other.value)
	return product
}

// check holds text to JSON's grammar of numbers, leading zeros allowed (providers send "007.50").
func check(text string) error {
	if len(text) > 2*MaxDigits {
		return fmt.Errorf("%w: %d characters are too many", ErrSyntax, len(text))
	}
	rest := strings.TrimPrefix(text, "-")
	rest, whole := digits(rest)
	if !whole {
		return fmt.Errorf("%w: %q", ErrSyntax, text)
	}
	if after, found := strings.CutPrefix(rest, "."); found {
		if rest, whole = digits(after); !whole {
			return fmt.Errorf("%w: %q", ErrSyntax, text)
		}
	}
	if len(rest) > 0 && (rest[0] == 'e' || rest[0] == 'E') {
		rest = rest[1:]
		if len(rest) > 0 && (rest[0] == '+' || rest[0] == '-') {
			rest = rest[1:]
		}
		if rest, whole = digits(rest); !whole {
			return fmt.Errorf("%w: %q", ErrSyntax, text)
		}
	}
	if rest != "" {
		return fmt.Errorf("%w: %q", ErrSyntax, text)
	}
	return nil
}

// digits cuts leading digits off, and tells whether there was at least one.
func digits(text string) (rest string, found bool) {
	n := 0
	for n < len(text) && text[n] >= '0' && text[n] <= '9' {
		n++
	}
	return text[n:], n > 0
}

func clip(text string) string {
	if len(text) > 24 {
		return text[:24] + "…"
	}
	return text
}
