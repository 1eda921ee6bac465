package payment

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/currency"
	"golang.org/x/text/language"

	"payrouter/abi/decimal"
)

// Bounds of an order's members, in bytes unless said otherwise.
const (
	MaxReference   = 255
	MaxDescription = 1024
	MaxURL         = 2048
	MaxText        = 255
	MaxMetadata    = 50
	MaxOptions     = 16 << 10
)

// InvalidError says what is wrong with one member of an order.
type InvalidError struct {
	// Field is a JSON pointer into the request: "/amount".
	Field string
	// Reason says what is wrong and how to mend it.
	Reason string
}

func (e *InvalidError) Error() string {
	return strings.TrimPrefix(e.Field, "/") + ": " + e.Reason
}

// Validate reports every problem of an order, joined; each is an *InvalidError. tickers are the currencies that
// providers know beside ISO 4217's.
func (o Order) Validate(tickers map[string]bool, now time.Time) error {
	var problems []error
	refuse := func(field, format string, args ...any) {
		problems = append(problems, &InvalidError{Field: field, Reason: fmt.Sprintf(format, args...)})
	}
	if o.Kind.ABI() == 0 {
		refuse("/kind", "must be one of collect, payout, recharge, transfer; got %q", clip(string(o.Kind)))
	}
	if reason := checkCurrency(o.Currency, tickers); reason != "" {
		refuse("/currency", "%s", reason)
	} else if reason := checkAmount(o.Amount, o.Currency); reason != "" {
		refuse("/amount", "%s", reason)
	}
	if o.Country != "" && !isCountry(o.Country) {
		refuse("/country", "must be an ISO 3166-1 alpha-2 code such as \"DE\"; got %q", clip(o.Country))
	}
	if o.ReturnURL != "" {
		if reason := checkURL(o.ReturnURL); reason != "" {
			refuse("/return_url", "%s", reason)
		}
	}
	if !o.ExpiresAt.IsZero() && !o.ExpiresAt.After(now) {
		refuse("/expires_at", "must lie in the future; got %s", o.ExpiresAt.UTC().Format(time.RFC3339))
	}
	if o.Payer.IP != "" {
		if _, err := netip.ParseAddr(o.Payer.IP); err != nil {
			refuse("/payer/ip", "must be an IPv4 or IPv6 address")
		}
	}
	for _, text := range o.texts() {
		if reason := checkText(text.value, text.limit); reason != "" {
			refuse(text.field, "%s", reason)
		}
	}
	if len(o.Metadata) > MaxMetadata {
		refuse("/metadata", "has %d members; at most %d are kept", len(o.Metadata), MaxMetadata)
	}
	for name, options := range o.Options {
		if !isObject(options) {
			refuse("/provider_options/"+pointer(name), "must be a JSON object")
		} else if len(options) > MaxOptions {
			refuse("/provider_options/"+pointer(name), "is %d bytes; at most %d are taken", len(options), MaxOptions)
		}
	}
	return errors.Join(problems...)
}

type boundedText struct {
	field, value string
	limit        int
}

func (o Order) texts() []boundedText {
	texts := []boundedText{
		{"/reference", o.Reference, MaxReference},
		{"/description", o.Description, MaxDescription},
		{"/method", o.Method, MaxText},
		{"/provider", o.Pinned, MaxText},
		{"/payer/name", o.Payer.Name, MaxText},
		{"/payer/email", o.Payer.Email, MaxText},
		{"/payer/phone", o.Payer.Phone, MaxText},
		{"/destination/operator", o.Destination.Operator, MaxText},
		{"/destination/number", o.Destination.Number, MaxText},
		{"/destination/account", o.Destination.Account, MaxText},
		{"/destination/address", o.Destination.Address, MaxText},
		{"/destination/network", o.Destination.Network, MaxText},
		{"/destination/memo", o.Destination.Memo, MaxText},
	}
	for name, value := range o.Metadata {
		texts = append(texts, boundedText{"/metadata/" + pointer(name), name, MaxText},
			boundedText{"/metadata/" + pointer(name), value, MaxDescription})
	}
	return texts
}

// checkAmount holds an amount to plain decimal text above zero, no finer than a fiat currency's smallest unit.
func checkAmount(amount, code string) string {
	if strings.ContainsAny(amount, "eE") {
		return fmt.Sprintf("must be plain decimal text such as \"49.90\", without an exponent; got %q", clip(amount))
	}
	value, err := decimal.Parse(amount)
	if err != nil {
		return fmt.Sprintf("must be decimal text of at most %d digits, such as \"49.90\"; got %q", decimal.MaxDigits,
			clip(amount))
	}
	if value.Sign() <= 0 {
		return fmt.Sprintf("must be above zero; got %q", clip(amount))
	}
	if _, err := currency.ParseISO(code); err != nil {
		return "" // a coin: how many decimals it has is for those to say who take it
	}
	if decimals, limited := minorUnits(code); limited && value.Scale() > decimals {
		return fmt.Sprintf("must have at most %d decimals in %s; got %q", decimals, code, clip(amount))
	}
	return ""
}

func checkCurrency(code string, tickers map[string]bool) string {
	if code != strings.ToUpper(code) || code == "" {
		return fmt.Sprintf("must be an upper-case code such as \"EUR\" or \"BTC\"; got %q", clip(code))
	}
	if tickers[code] {
		return ""
	}
	if _, err := currency.ParseISO(code); err != nil {
		return fmt.Sprintf("%q is neither an ISO 4217 code nor a ticker that a configured provider knows", clip(code))
	}
	return ""
}

func checkURL(text string) string {
	at, err := url.Parse(text)
	if err != nil || (at.Scheme != "https" && at.Scheme != "http") || at.Host == "" {
		return "must be an absolute http or https URL"
	}
	if at.User != nil {
		return "must not carry a user name or password"
	}
	if len(text) > MaxURL {
		return fmt.Sprintf("is %d bytes; at most %d are taken", len(text), MaxURL)
	}
	return ""
}

func checkText(text string, limit int) string {
	if !utf8.ValidString(text) {
		return "must be valid UTF-8"
	}
	if len(text) > limit {
		return fmt.Sprintf("is %d bytes; at most %d are taken", len(text), limit)
	}
	for _, r := range text {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f {
			return "must not hold control characters"
		}
	}
	return ""
}

func isCountry(code string) bool {
	if len(code) != 2 || strings.ToUpper(code) != code {
		return false
	}
	region, err := language.ParseRegion(code)
	return err == nil && region.IsCountry() && region.String() == code
}

func isObject(text json.RawMessage) bool {
	var members map[string]json.RawMessage
	return json.Unmarshal(text, &members) == nil && members != nil
}

// pointer escapes a member's name for a JSON pointer (RFC 6901).
func pointer(name string) string {
	if !strings.ContainsAny(name, "~/") {
		return name // making a replacer costs more than all other checks together
	}
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}

func clip(text string) string {
	const most = 48
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
