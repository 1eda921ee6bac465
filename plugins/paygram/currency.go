package main

import (
	"slices"
	"strconv"

	"payrouter/abi/jsontext"
)

// currencies has PayGram's number of each currency by its place; an empty place is a number that PayGram does not use.
//
//nolint:gochecknoglobals // a table
var currencies = [...]string{
	1: "BTC", 2: "ETH", 3: "EUR", 4: "USD", 5: "USDT", 7: "AED", 8: "LTC", 9: "XMR", 10: "XRP", 11: "PHPT", 12: "CNY", 13: "PHP",
	14: "VND", 15: "GBP", 16: "BNB", 17: "TRX", 18: "USDC", 19: "FTN",
}

// currencyNumber is 0 for a currency that PayGram does not have.
func currencyNumber(code string) uint64 {
	if code == "" {
		return 0
	}
	return uint64(max(slices.Index(currencies[:], code), 0))
}

func currencyCodes() []string {
	return slices.DeleteFunc(slices.Clone(currencies[:]), func(code string) bool { return code == "" })
}

// currencyOf is the currency that a currencyCode stands for; empty where it is missing or not known.
func currencyOf(code jsontext.Value) string {
	return currencyNumbered(code.Text())
}

// currencyNumbered is the currency of a number as a text; empty where it is not known.
func currencyNumbered(number string) string {
	place, err := strconv.Atoi(number)
	if err != nil || place < 0 || place >= len(currencies) {
		return ""
	}
	return currencies[place]
}
