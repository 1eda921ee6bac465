package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	"payrouter/abi/decimal"
	abi "payrouter/abi/v1"
)

// requireSpelt demands that an output is what was sent, but for the amounts, which are decimals of the same value in a string. It goes
// through both texts as they stand.
func requireSpelt(t *testing.T, sent, output []byte) {
	t.Helper()
	texts := [2]*json.Decoder{json.NewDecoder(bytes.NewReader(sent)), json.NewDecoder(bytes.NewReader(output))}
	next := func() (was, is json.Token) {
		var tokens [2]json.Token
		for i, text := range texts {
			text.UseNumber()
			token, err := text.Token()
			require.NoError(t, err)
			tokens[i] = token
		}
		return tokens[0], tokens[1]
	}
	var walk func(name string)
	walk = func(name string) {
		was, is := next()
		number, isNumber := was.(json.Number)
		if isNumber && isAmount(name) {
			text, isText := is.(string)
			require.True(t, isText, "%s is no text", name)
			require.Equal(t, valueOf(t, number.String()), valueOf(t, text), name)
			return
		}
		require.Equal(t, was, is)
		for was == json.Delim('{') || was == json.Delim('[') {
			if !texts[0].More() {
				before, after := next()
				require.Equal(t, before, after)
				return
			}
			member := ""
			if was == json.Delim('{') {
				before, after := next()
				require.Equal(t, before, after)
				member, _ = before.(string)
			}
			walk(member)
		}
	}
	walk("")
}

// valueOf is an amount in one spelling: 1.50, 1.5 and 15e-1 are the same.
func valueOf(t *testing.T, text string) string {
	t.Helper()
	d, err := decimal.Parse(text)
	require.NoError(t, err)
	return trimmed(d)
}

func trimmed(d decimal.Decimal) string {
	if d.Scale() == 0 {
		whole, _, _ := strings.Cut(d.String(), ".")
		return whole
	}
	return strings.TrimRight(d.String(), "0")
}

// requireFound demands that each amount of an outcome is one that the body holds, digit by digit.
func requireFound(t *testing.T, body []byte, outcome *abi.Outcome) {
	t.Helper()
	told := []*abi.Money{outcome.GetAmount(), outcome.GetReceived(), outcome.GetFee()}
	for _, balance := range outcome.GetBalances() {
		told = append(told, balance.GetAvailable(), balance.GetHeld())
	}
	var held map[string]bool
	for _, money := range told {
		if money == nil {
			continue
		}
		if held == nil {
			held = amountsIn(body)
		}
		require.True(t, held[valueOf(t, money.GetAmount())], "%s stands nowhere in %s", money.GetAmount(), body)
	}
}

// amountsIn are the values of all numbers in a JSON text, those in strings included.
func amountsIn(body []byte) map[string]bool {
	held := make(map[string]bool)
	text := json.NewDecoder(bytes.NewReader(body))
	text.UseNumber()
	for {
		token, err := text.Token()
		if err != nil {
			return held
		}
		number, isNumber := token.(json.Number)
		written, _ := token.(string)
		if isNumber {
			written = number.String()
		}
		if d, err := decimal.Parse(written); err == nil {
			held[trimmed(d)] = true
		}
	}
}

// shown are the responses that the vectors show.
func shown(tb testing.TB) []*abi.HttpResponse {
	tb.Helper()
	files, err := filepath.Glob("testdata/*.txtar")
	require.NoError(tb, err)
	var responses []*abi.HttpResponse
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		require.NoError(tb, err)
		for _, section := range archive.Files {
			if !strings.HasPrefix(section.Name, "response-") {
				continue
			}
			head, body, _ := strings.Cut(string(section.Data), "\n\n")
			status, err := strconv.ParseUint(strings.Fields(head)[0], 10, 32)
			require.NoError(tb, err)
			responses = append(responses, &abi.HttpResponse{Status: uint32(status), Body: []byte(body)})
		}
	}
	return responses
}
