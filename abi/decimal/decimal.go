// Package decimal is the one reading of amounts on both sides of the contract: decimal text, of bounded size, compared
// and added exactly. No amount is ever a float.
//
// It does not use apd, as the host's rules do: setting apd's tables up costs a guest thirty times what all of its other
// start-up does (measured in fuel: 270 million against 9 million).
package decimal

import (
	"cmp"
	"errors"
	"fmt"
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
	sign := d.Sign()
	if second := other.Sign(); sign != second {
		return cmp.Compare(sign, second)
	}
	return sign * compare(d.figures(), other.figures())
}

// Add is the exact sum.
func (d Decimal) Add(other Decimal) Decimal {
	return add(d.figures(), other.figures())
}

// Sub is the exact difference.
func (d Decimal) Sub(other Decimal) Decimal {
	b := other.figures()
	b.negative = !b.negative
	return add(d.figures(), b)
}

// figures are a number taken apart. Numbers are added digit by digit: math/big does it too, and is 5 % of a plugin's
// code.
type figures struct {
	negative        bool
	whole, fraction string // whole has no zeros in front, but for a single one
}

func (d Decimal) figures() figures {
	unsigned, negative := strings.CutPrefix(d.String(), "-")
	whole, fraction, _ := strings.Cut(unsigned, ".")
	return figures{negative: negative, whole: whole, fraction: fraction}
}

// digit is the one that counts 10^place, 0 where there is none.
func (f figures) digit(place int) int {
	switch {
	case place >= 0 && place < len(f.whole):
		return int(f.whole[len(f.whole)-1-place] - '0')
	case place < 0 && -place <= len(f.fraction):
		return int(f.fraction[-place-1] - '0')
	}
	return 0
}

// compare compares without the signs.
func compare(a, b figures) int {
	for place := max(len(a.whole), len(b.whole)) - 1; place >= -max(len(a.fraction), len(b.fraction)); place-- {
		if x, y := a.digit(place), b.digit(place); x != y {
			return cmp.Compare(x, y)
		}
	}
	return 0
}

func add(a, b figures) Decimal {
	if compare(a, b) < 0 {
		a, b = b, a
	}
	sign := 1 // of what b's digits do to a's, the larger ones
	if a.negative != b.negative {
		sign = -1
	}
	places := max(len(a.fraction), len(b.fraction))
	sum := make([]byte, len(a.whole)+1+places)
	carry := 0
	for i := range sum {
		place := i - places
		// From -10 to 19: the digit that remains is from 0 to 9, and the carry from -1 to 1.
		total := a.digit(place) + sign*b.digit(place) + carry + 10
		sum[len(sum)-1-i] = byte('0' + total%10)
		carry = total/10 - 1
	}
	at := len(sum) - places
	return join(a.negative, strings.TrimLeft(string(sum[:at]), "0"), string(sum[at:]))
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
