// Package decimal is the one reading of amounts on both sides of the contract: decimal text, of bounded size, compared
// and added exactly. No amount is ever a float.
//
// It does not use apd, as the host's rules do: setting apd's tables up costs a guest thirty times what all of its other
// start-up does (measured in fuel: 270 million against 9 million).
package decimal

import (
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// MaxDigits bounds the digits of an amount, on both sides of the point together: 1e21 of the smallest unit of a token
// with 18 decimals fits.
const MaxDigits = 39

// ErrSyntax reports text that is not a decimal of bounded size.
var ErrSyntax = errors.New("not a decimal number")

// Decimal is an amount. The zero value is 0. It is immutable, and safe for concurrent use.
type Decimal struct {
	// plain is -?digits(.digits)?, without leading zeros but with trailing ones; empty is 0.
	plain string
}

// Parse reads decimal text: an optional minus, digits, an optional fraction, an optional exponent as JSON has them. It
// takes no plus sign, blanks, separators, infinities or NaN, and keeps trailing zeros.
func Parse(text string) (Decimal, error) {
	if whole, rest := digits(text); rest == "" && len(whole) <= MaxDigits && whole != "" &&
		(whole[0] != '0' || whole == "0") {
		return Decimal{plain: text}, nil // most are plain, and this is faster to find out
	}
	const longest = 2 * MaxDigits
	if len(text) > longest {
		return Decimal{}, fmt.Errorf("%w: %d characters are too many", ErrSyntax, len(text))
	}
	unsigned, negative := strings.CutPrefix(text, "-")
	whole, rest := digits(unsigned)
	fraction := ""
	if after, found := strings.CutPrefix(rest, "."); found {
		if fraction, rest = digits(after); fraction == "" {
			return Decimal{}, syntax(text)
		}
	}
	exponent, ok := readExponent(rest)
	if whole == "" || !ok {
		return Decimal{}, syntax(text)
	}
	if exponent == 0 && (whole == "0" || whole[0] != '0') && len(whole)+len(fraction) <= MaxDigits &&
		(!negative || whole[0] != '0') {
		return Decimal{plain: text[:len(text)-len(rest)]}, nil
	}
	whole, fraction = shift(whole, fraction, exponent)
	whole = strings.TrimLeft(whole, "0")
	if len(whole)+len(fraction) > MaxDigits {
		return Decimal{}, fmt.Errorf("%w: %q has more than %d digits", ErrSyntax, text, MaxDigits)
	}
	return join(negative, whole, fraction), nil
}

// readExponent reads nothing at all, or e, a sign and digits. An exponent beyond what MaxDigits allows is not ok.
func readExponent(text string) (exponent int, ok bool) {
	if text == "" {
		return 0, true
	}
	if text[0] != 'e' && text[0] != 'E' {
		return 0, false
	}
	number := strings.TrimPrefix(text[1:], "+")
	unsigned := number
	if number == text[1:] {
		unsigned = strings.TrimPrefix(number, "-")
	}
	if figures, rest := digits(unsigned); figures == "" || rest != "" {
		return 0, false
	}
	exponent, err := strconv.Atoi(number)
	return exponent, err == nil && exponent <= MaxDigits && exponent >= -MaxDigits
}

// shift moves the point by exponent places to the right.
func shift(whole, fraction string, exponent int) (string, string) {
	if exponent > 0 {
		fraction += strings.Repeat("0", max(exponent-len(fraction), 0))
		return whole + fraction[:exponent], fraction[exponent:]
	}
	whole = strings.Repeat("0", max(-exponent-len(whole), 0)) + whole
	at := len(whole) + exponent
	return whole[:at], whole[at:] + fraction
}

func join(negative bool, whole, fraction string) Decimal {
	if whole == "" {
		whole = "0"
	}
	if fraction != "" {
		whole += "." + fraction
	}
	if negative && strings.Trim(whole, "0.") != "" {
		whole = "-" + whole
	}
	return Decimal{plain: whole}
}

// String is plain decimal text, without an exponent: "0.00000015" for "1.5e-7".
func (d Decimal) String() string {
	if d.plain == "" {
		return "0"
	}
	return d.plain
}

// Sign is -1, 0 or +1.
func (d Decimal) Sign() int {
	if strings.HasPrefix(d.plain, "-") {
		return -1
	}
	for i := range len(d.plain) {
		if d.plain[i] > '0' {
			return 1
		}
	}
	return 0
}

// Scale is the number of digits after the point, trailing zeros not counted.
func (d Decimal) Scale() int {
	_, fraction, _ := strings.Cut(d.plain, ".")
	return len(strings.TrimRight(fraction, "0"))
}

// Cmp compares by value: "1.0" equals "1".
func (d Decimal) Cmp(other Decimal) int {
	a, b, _ := align(d, other)
	return a.Cmp(b)
}

// Add is the exact sum.
func (d Decimal) Add(other Decimal) Decimal {
	a, b, places := align(d, other)
	return fromUnits(a.Add(a, b), places)
}

// Sub is the exact difference.
func (d Decimal) Sub(other Decimal) Decimal {
	a, b, places := align(d, other)
	return fromUnits(a.Sub(a, b), places)
}

// places is the number of digits after the point, all of them.
func (d Decimal) places() int {
	_, fraction, _ := strings.Cut(d.plain, ".")
	return len(fraction)
}

// units is the amount in units of 10^-places; places is at least the amount's own.
func (d Decimal) units(places int) *big.Int {
	whole, fraction, _ := strings.Cut(d.String(), ".")
	units, _ := new(big.Int).SetString(whole+fraction+strings.Repeat("0", places-len(fraction)), 10)
	return units
}

// align gives both amounts in the finer one's units.
func align(a, b Decimal) (x, y *big.Int, places int) {
	places = max(a.places(), b.places())
	return a.units(places), b.units(places), places
}

func fromUnits(units *big.Int, places int) Decimal {
	text := new(big.Int).Abs(units).String()
	text = strings.Repeat("0", max(places+1-len(text), 0)) + text
	at := len(text) - places
	return join(units.Sign() < 0, strings.TrimLeft(text[:at], "0"), text[at:])
}

// digits cuts leading digits off.
func digits(text string) (found, rest string) {
	n := 0
	for n < len(text) && text[n] >= '0' && text[n] <= '9' {
		n++
	}
	return text[:n], text[n:]
}

func syntax(text string) error {
	return fmt.Errorf("%w: %q", ErrSyntax, text)
}
