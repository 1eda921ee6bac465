package money

import (
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/text/currency"

	"payrouter/abi/decimal"
	"payrouter/host/invalid"
)

// CheckAmount holds an amount to plain decimal text above zero, no finer than a fiat currency's smallest unit. One
// amount has one spelling, but for zeros at its end: no sign, no blanks, no zeros before it, no bare point.
func CheckAmount(amount, code string) string {
	if reason := misspelled(amount); reason != "" {
		return fmt.Sprintf("must be plain decimal text such as \"49.90\", %s; got %q", reason, invalid.Clip(amount))
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

// misspelled is how an amount is written that has another spelling; empty where it has none, or is no amount at all.
func misspelled(amount string) string {
	whole, fraction, pointed := strings.Cut(strings.TrimPrefix(amount, "-"), ".")
	switch {
	case strings.ContainsFunc(amount, unicode.IsSpace):
		return "without blanks"
	case strings.HasPrefix(amount, "+"):
		return "without a plus sign"
	case strings.ContainsAny(amount, "eE"):
		return "without an exponent"
	case pointed && (whole == "" || fraction == ""):
		return "with digits on both sides of its point"
	case len(whole) > 1 && whole[0] == '0':
		return "without zeros before it"
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
