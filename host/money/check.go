package money

import (
	"fmt"
	"strings"

	"golang.org/x/text/currency"

	"payrouter/abi/decimal"
	"payrouter/host/invalid"
)

// CheckAmount holds an amount to plain decimal text above zero, no finer than a fiat currency's smallest unit.
func CheckAmount(amount, code string) string {
	if strings.ContainsAny(amount, "eE") {
		return fmt.Sprintf("must be plain decimal text such as \"49.90\", without an exponent; got %q",
			invalid.Clip(amount))
	}
	value, err := decimal.Parse(amount)
	if err != nil {
		return fmt.Sprintf("must be decimal text of at most %d digits, such as \"49.90\"; got %q", decimal.MaxDigits,
			invalid.Clip(amount))
	}
	if value.Sign() <= 0 {
		return fmt.Sprintf("must be above zero; got %q", invalid.Clip(amount))
	}
	if _, err := currency.ParseISO(code); err != nil {
		return "" // a coin: how many decimals it has is for those to say who take it
	}
	if decimals, limited := MinorUnits(code); limited && value.Scale() > decimals {
		return fmt.Sprintf("must have at most %d decimals in %s; got %q", decimals, code, invalid.Clip(amount))
	}
	return ""
}

// CheckCurrency is what is wrong with a currency's code; empty where nothing is. tickers are known beside ISO 4217's.
func CheckCurrency(code string, tickers map[string]bool) string {
	if code != strings.ToUpper(code) || code == "" {
		return fmt.Sprintf("must be an upper-case code such as \"EUR\" or \"BTC\"; got %q", invalid.Clip(code))
	}
	if tickers[code] {
		return ""
	}
	if _, err := currency.ParseISO(code); err != nil {
		return fmt.Sprintf("%q is neither an ISO 4217 code nor a ticker that a configured provider knows",
			invalid.Clip(code))
	}
	return ""
}
