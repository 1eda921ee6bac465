package main

import (
	"slices"
	"strconv"
	"strings"

	"payrouter/abi/jsontext"
	abi "payrouter/abi/v1"
)

// currencies has PayGram's number of each currency by its place; an empty place is a number that PayGram does not use.
//
//nolint:gochecknoglobals // a table
var currencies = [...]string{
	1: "BTC", 2: "ETH", 3: "EUR", 4: "USD", 5: "USDT", 7: "AED", 8: "LTC", 9: "XMR", 10: "XRP", 11: "PHPT", 12: "CNY",
	13: "PHP",
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

// ledgerDecimals is how many decimals PayGram's own ledger is known to keep of a coin, whichever it is.
const ledgerDecimals = 8

// onChain are the coins that have fewer decimals on their chains than PayGram's ledger.
//
//nolint:gochecknoglobals // a table
var onChain = map[string]uint32{"USDT": 6, "USDC": 6, "XRP": 6, "TRX": 6}

// precisions are the decimals that PayGram takes of its coins; those of its fiat currencies are ISO 4217's. A payout
// leaves the ledger for a chain.
func precisions(payout bool) []*abi.Precision {
	var all []*abi.Precision
	for _, code := range currencyCodes() {
		decimals := uint32(ledgerDecimals)
		if fewer, known := onChain[code]; payout && known {
			decimals = fewer
		}
		if !slices.Contains(fiat[:], code) {
			all = append(all, &abi.Precision{Currency: code, Decimals: decimals})
		}
	}
	return all
}

// fiat are the currencies of ISO 4217 among PayGram's.
//
//nolint:gochecknoglobals // a table
var fiat = [...]string{"EUR", "USD", "AED", "CNY", "PHP", "VND", "GBP"}

// currencyOf is the currency that a currencyCode stands for; empty where it is missing or not known.
func currencyOf(code jsontext.Value) string {
	return currencyNamed(code.Text())
}

// currencyNamed is the currency of a number, or of a name in any case; empty where it is not known.
func currencyNamed(text string) string {
	place, err := strconv.Atoi(text)
	switch {
	case err != nil:
		return currencies[currencyNumber(strings.ToUpper(text))]
	case place < 0 || place >= len(currencies):
		return ""
	}
	return currencies[place]
}
