package payment

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"time"
	"unicode"

	abi "payrouter/abi/v1"
	"payrouter/host/invalid"
	"payrouter/host/money"
	"payrouter/host/routing"
)

// Bounds of an order's members, in bytes unless said otherwise.
const (
	maxReference   = 255
	maxDescription = 1024
	maxURL         = 2048
	maxText        = 255
	maxMetadata    = 50
	maxOptions     = 16 << 10
)

// furthestExpiry is how far ahead a payment's expiry may lie: beyond it, a time is taken for a mistaken unit.
const furthestExpiry = 366 * 24 * time.Hour

// Validate reports every problem of an order, joined; each is an *invalid.Error. tickers are the currencies that
// providers know beside ISO 4217's.
func (o Order) Validate(tickers map[string]bool, now time.Time) error {
	var problems []error
	refuse := func(field, format string, args ...any) {
		problems = append(problems, &invalid.Error{Field: field, Reason: fmt.Sprintf(format, args...)})
	}
	if o.Kind.ABI() == 0 {
		refuse("/kind", "must be one of collect, payout, recharge, transfer; got %q", invalid.Clip(string(o.Kind)))
	}
	if reason := money.CheckCurrency(o.Currency, tickers); reason != "" {
		refuse("/currency", "%s", reason)
	} else if reason := money.CheckAmount(o.Amount, o.Currency); reason != "" {
		refuse("/amount", "%s", reason)
	}
	if mend := routing.CheckCountry(o.Country); o.Country != "" && mend != "" {
		refuse("/country", "%q is not a country of ISO 3166-1: %s", invalid.Clip(o.Country), mend)
	}
	if o.ReturnURL != "" {
		if reason := checkURL(o.ReturnURL); reason != "" {
			refuse("/return_url", "%s", reason)
		}
	}
	if !o.ExpiresAt.IsZero() && (!o.ExpiresAt.After(now) || o.ExpiresAt.After(now.Add(furthestExpiry))) {
		refuse("/expires_at", "must lie in the future, and within %d days; got %s", furthestExpiry/(24*time.Hour),
			o.ExpiresAt.UTC().Format(time.RFC3339))
	}
	if o.Payer.IP != "" {
		if _, err := netip.ParseAddr(o.Payer.IP); err != nil {
			refuse("/payer/ip", "must be an IPv4 or IPv6 address")
		}
	}
	if o.Payer.Email != "" && !isEmail(o.Payer.Email) {
		refuse("/payer/email", "must be an e-mail address such as payer@shop.example")
	}
	checkDestination(o, refuse)
	for _, text := range o.texts() {
		if reason := invalid.Text(text.value, text.limit); reason != "" {
			refuse(text.field, "%s", reason)
		}
	}
	if len(o.Metadata) > maxMetadata {
		refuse("/metadata", "has %d members; at most %d are kept", len(o.Metadata), maxMetadata)
	}
	for name, options := range o.Options {
		if !isObject(options) {
			refuse("/provider_options/"+pointer(name), "must be a JSON object")
		} else if len(options) > maxOptions {
			refuse("/provider_options/"+pointer(name), "is %d bytes; at most %d are taken", len(options), maxOptions)
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
		{"/reference", o.Reference, maxReference},
		{"/description", o.Description, maxDescription},
		{"/method", o.Method, maxText},
		{"/provider", o.Pinned, maxText},
		{"/payer/name", o.Payer.Name, maxText},
		{"/payer/email", o.Payer.Email, maxText},
		{"/payer/phone", o.Payer.Phone, maxText},
		{"/destination/operator", o.Destination.Operator, maxText},
		{"/destination/number", o.Destination.Number, maxText},
		{"/destination/account", o.Destination.Account, maxText},
		{"/destination/address", o.Destination.Address, maxText},
		{"/destination/network", o.Destination.Network, maxText},
		{"/destination/memo", o.Destination.Memo, maxText},
	}
	for name, value := range o.Metadata {
		texts = append(texts, boundedText{"/metadata/" + pointer(name), name, maxText},
			boundedText{"/metadata/" + pointer(name), value, maxDescription})
	}
	return texts
}

func checkURL(text string) string {
	if reason := invalid.Address(text); reason != "" {
		return reason
	}
	at, err := url.Parse(text)
	if err != nil || (at.Scheme != "https" && at.Scheme != "http") || at.Host == "" {
		return "must be an absolute http or https URL"
	}
	if at.User != nil {
		return "must not carry a user name or password"
	}
	if len(text) > maxURL {
		return fmt.Sprintf("is %d bytes; at most %d are taken", len(text), maxURL)
	}
	return ""
}

// isEmail reports the form of an address: a name, one @ and a host, without blanks. Whether it is somebody's shows when
// it is written to.
func isEmail(text string) bool {
	name, at, found := strings.Cut(text, "@")
	return found && name != "" && at != "" && !strings.Contains(at, "@") && !strings.ContainsFunc(text, unicode.IsSpace)
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

// Contract is the order in the contract's words, of a payment with an id, for a plugin.
func (o Order) Contract(id, plugin string) *abi.Payment {
	c := &abi.Payment{
		Id: id, Kind: o.Kind.ABI(), Amount: o.Amount, Currency: o.Currency, Country: o.Country, Method: o.Method,
		Reference:   o.Reference,
		Description: o.Description, ReturnUrl: o.ReturnURL, Options: o.Options[plugin],
		Payer: &abi.Payer{Name: o.Payer.Name, Email: o.Payer.Email, Phone: o.Payer.Phone, Ip: o.Payer.IP},
		Destination: &abi.Destination{
			Operator: o.Destination.Operator, Number: o.Destination.Number, Account: o.Destination.Account,
			Address: o.Destination.Address, Network: o.Destination.Network, Memo: o.Destination.Memo,
		},
	}
	if !o.ExpiresAt.IsZero() {
		c.ExpiresMs = o.ExpiresAt.UnixMilli()
	}
	return c
}

// Contradiction returns what in an answer cannot be about this order; empty where nothing speaks against it.
func (o Order) Contradiction(outcome *abi.Outcome) string {
	return contradiction(Payment{Order: o}, "", outcome)
}
