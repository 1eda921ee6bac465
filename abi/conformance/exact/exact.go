// Package exact compares the amounts that a plugin reports with the digits that its provider sent. It reads them
// otherwise than the plugin does: with the standard library, from the text as it stands.
package exact

import (
	"bytes"
	"encoding/json"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/abi/decimal"
	abi "payrouter/abi/v1"
)

// Decoded is a JSON text, whose numbers are json.Number.
func Decoded(tb testing.TB, text []byte) (value any) {
	tb.Helper()
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	require.NoError(tb, decoder.Decode(&value))
	return value
}

// Spelt demands that an output is the text that was sent, but for the numbers that are amounts by their members' names:
// these are decimals of the same value in a string. It goes through both as they stand, so that an order and a member
// that is there twice are kept too.
func Spelt(tb testing.TB, sent, output []byte, isAmount func(member string) bool) {
	tb.Helper()
	s := speller{
		tb: tb, sent: json.NewDecoder(bytes.NewReader(sent)), output: json.NewDecoder(bytes.NewReader(output)),
		isAmount: isAmount,
	}
	s.sent.UseNumber()
	s.output.UseNumber()
	s.value("")
}

type speller struct {
	tb           testing.TB
	sent, output *json.Decoder
	isAmount     func(string) bool
}

// value holds the next value of the output, which is the member's, to the one that was sent.
func (s speller) value(member string) {
	was, is := s.next()
	if number, isNumber := was.(json.Number); isNumber && s.isAmount(member) {
		text, isText := is.(string)
		require.True(s.tb, isText, "%s is no text", member)
		if _, isAmount := read(number.String()); !isAmount { // the tail of a double, which is longer than an amount
			require.Equal(s.tb, double(number.String()), double(text), member)
			return
		}
		require.Equal(s.tb, value(s.tb, number.String()), value(s.tb, text), member)
		return
	}
	require.Equal(s.tb, was, is)
	if was != json.Delim('{') && was != json.Delim('[') {
		return
	}
	for s.sent.More() {
		name := ""
		if was == json.Delim('{') {
			name = s.same().(string)
		}
		s.value(name)
	}
	s.same()
}

// same is the next token of both.
func (s speller) same() json.Token {
	was, is := s.next()
	require.Equal(s.tb, was, is)
	return was
}

func (s speller) next() (was, is json.Token) {
	was, err := s.sent.Token()
	require.NoError(s.tb, err)
	is, err = s.output.Token()
	require.NoError(s.tb, err)
	return was, is
}

// value is an amount in one spelling: 1.50, 1.5 and 15e-1 are the same.
func value(tb testing.TB, text string) string {
	tb.Helper()
	spelt, isAmount := read(text)
	require.True(tb, isAmount, "%s is no amount", text)
	return spelt
}

// read reads an amount by math/big. The plugins' own reader only bounds its length, beyond which it would be a number
// of gigabytes.
func read(text string) (spelt string, isAmount bool) {
	if _, err := decimal.Parse(text); err != nil {
		return "", false
	}
	exactly, isNumber := new(big.Rat).SetString(text)
	if !isNumber {
		return "", false
	}
	return exactly.RatString(), true
}

// Amounts are the values of all numbers in a JSON text, those in strings included.
type Amounts map[string]bool

// AmountsIn reads them, as far as it is JSON.
func AmountsIn(text []byte) Amounts {
	held := make(Amounts)
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	for {
		token, err := decoder.Token()
		if err != nil {
			return held
		}
		written, _ := token.(string)
		if number, isNumber := token.(json.Number); isNumber {
			written = number.String()
		}
		if spelt, isAmount := read(written); isAmount {
			held[spelt] = true
		}
	}
}

// Have reports whether an amount is among them.
func (a Amounts) Have(amount decimal.Decimal) bool {
	spelt, _ := read(amount.String())
	return a[spelt]
}

// Found demands that each reported amount is one that the body holds, digit by digit; or one of those that were sent,
// where a JSON number of the body is the same IEEE 754 double. A nil amount was not reported.
func Found(tb testing.TB, body []byte, sent []string, amounts ...*abi.Money) {
	tb.Helper()
	var held Amounts
	for _, money := range amounts {
		if money == nil {
			continue
		}
		if held == nil {
			held = AmountsIn(body)
		}
		if held[value(tb, money.GetAmount())] {
			continue
		}
		repeated, long := doubles(body)
		read := double(money.GetAmount())
		require.True(tb, slices.Contains(sent, money.GetAmount()) && repeated[read] || isShortest(money.GetAmount()) &&
			long[read],
			"%s stands nowhere in %s", money.GetAmount(), body)
	}
}

// doubles are the JSON numbers of a body, those in strings not included, as doubles; and of these the ones that are
// longer than an amount.
func doubles(body []byte) (all, long map[string]bool) {
	all, long = make(map[string]bool), make(map[string]bool)
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	for {
		token, err := decoder.Token()
		if err != nil {
			return all, long
		}
		number, isNumber := token.(json.Number)
		if !isNumber {
			continue
		}
		all[double(number.String())] = true
		if _, isAmount := read(number.String()); !isAmount {
			long[double(number.String())] = true
		}
	}
}

// double is a number as the nearest IEEE 754 double, in hexadecimal; empty where it is too long to be read.
func double(text string) string {
	const longest = 1000
	exactly, isNumber := new(big.Rat), len(text) <= longest && !strings.ContainsAny(text, "eE")
	if isNumber {
		exactly, isNumber = exactly.SetString(text)
	}
	if !isNumber {
		spelt, isAmount := read(text)
		if !isAmount {
			return ""
		}
		exactly.SetString(spelt)
	}
	nearest, _ := exactly.Float64()
	return strconv.FormatFloat(nearest, 'x', -1, 64)
}

// isShortest reports the shortest decimal of a double: what a number that is longer than an amount is read as.
func isShortest(text string) bool {
	nearest, err := strconv.ParseFloat(text, 64)
	return err == nil && strconv.FormatFloat(nearest, 'f', -1, 64) == text
}
