package jsontext

import (
	"strconv"
	"strings"

	"payrouter/abi/decimal"
)

// Amount reads an amount: a JSON number, or a string that holds one. sent are the amounts that the answer may repeat.
//
// A JSON number is read by most programs as an IEEE 754 double, and some write a double with its binary tail: PHP's
// json_encode answers 29.949999999999999 where 29.95 was sent. A JSON number that is the same double as an amount that
// was sent is that amount. A string is compared to the digit: "29.949999999999999" is another amount than "29.95".
func (v Value) Amount(sent ...string) (decimal.Decimal, error) {
	text := v.Text()
	if !v.IsNumber() {
		return decimal.Parse(text)
	}
	read, err := parseNumber(text)
	for _, other := range sent {
		amount, unread := decimal.Parse(other)
		if unread != nil {
			continue
		}
		if err == nil && read.Cmp(amount) == 0 {
			return read, nil
		}
		if sameDouble(text, amount.String()) {
			return amount, nil
		}
	}
	return read, err
}

// IsNumber reports whether the value is a JSON number.
func (v Value) IsNumber() bool { return v.node().kind == number }

// IsShortest reports whether the value's text is its amount to the digit: it is a string, or a JSON number that is the
// shortest decimal of its double. Any other number may be a double's tail, and can be compared only by Amount.
func (v Value) IsShortest() bool {
	if !v.IsNumber() {
		return true
	}
	read, err := decimal.Parse(v.Text())
	double, unread := strconv.ParseFloat(v.Text(), 64)
	if err != nil || unread != nil {
		return false
	}
	shortest, err := decimal.Parse(strconv.FormatFloat(double, 'f', -1, 64))
	return err == nil && shortest.Cmp(read) == 0
}

// parseNumber reads the text of a JSON number. A text that is longer than an amount can be is accepted where it has the
// digits of a double ("67.2000000000000028421709430404007434844970703125"); it is read as the shortest decimal of that
// double, 67.2.
func parseNumber(text string) (decimal.Decimal, error) {
	read, err := decimal.Parse(text)
	if err == nil {
		return read, nil
	}
	double, unread := strconv.ParseFloat(text, 64)
	_, fraction, _ := strings.Cut(text, ".")
	if unread != nil || strings.ContainsAny(fraction, "eE") ||
		strconv.FormatFloat(double, 'f', len(fraction), 64) != text {
		return decimal.Decimal{}, err
	}
	return decimal.Parse(strconv.FormatFloat(double, 'f', -1, 64))
}

// sameDouble reports whether two numbers are the same IEEE 754 double. What a double cannot hold equals nothing.
func sameDouble(a, b string) bool {
	x, xErr := strconv.ParseFloat(a, 64)
	y, yErr := strconv.ParseFloat(b, 64)
	return xErr == nil && yErr == nil && x == y && x != 0
}
