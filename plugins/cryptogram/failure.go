package main

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"payrouter/abi/guest"
	"payrouter/abi/jsontext"
	abi "payrouter/abi/v1"
)

// Cryptogram's document has no errors. Their forms are those of Laravel, which its headers give away.
const (
	sourceLaravel = "inferred: Laravel's error responses (the document's samples are from PHP with Laravel's " +
		"rate-limit headers)"
	sourceThrottle = "document: X-RateLimit headers of the samples; status inferred from Laravel's throttling"
)

// checked are the fields that a request may fail by, in the order in which one is named where several did.
var checked = []struct { //nolint:gochecknoglobals // a table
	field string
	code  string
}{
	{"amount", "limit_exceeded"},
	{"currency", "unsupported"},
	{"wallets", "unsupported"},
	{"redirect", "invalid_request"},
	{"expires_at", "invalid_request"},
	{"title", "invalid_request"},
	{"description", "invalid_request"},
	{"message", "invalid_request"},
}

// failureRules gives each refusal its meaning. A field that Cryptogram does not like another provider may: none of them
// is the payer's fault.
func failureRules() []*abi.FailureRule {
	rules := []*abi.FailureRule{
		{
			HttpStatus: 401, ProviderCode: "401", Meaning: abi.Meaning_MEANING_DECLINED_SOFT,
			Code: "authentication_failed", Source: sourceLaravel,
		},
		{
			HttpStatus: 403, ProviderCode: "403", Meaning: abi.Meaning_MEANING_DECLINED_SOFT,
			Code: "authentication_failed", Source: sourceLaravel,
		},
		{HttpStatus: 429, Meaning: abi.Meaning_MEANING_REFUSED, Code: "rate_limited", Source: sourceThrottle},
		{
			Operation: getPayment, HttpStatus: 404, ProviderCode: "404", Meaning: abi.Meaning_MEANING_NOT_FOUND,
			Code: "not_found", Source: sourceLaravel,
		},
		{
			Operation: updatePayment, HttpStatus: 404, ProviderCode: "404", Meaning: abi.Meaning_MEANING_NOT_FOUND,
			Code: "not_found", Source: sourceLaravel,
		},
	}
	for _, operation := range []string{createPayment, updatePayment} {
		for _, check := range checked {
			if operation == updatePayment && !slices.Contains(changeable, check.field) {
				continue // it is not sent
			}
			rules = append(rules, &abi.FailureRule{
				Operation:    operation,
				HttpStatus:   422,
				ProviderCode: check.field,
				Meaning:      abi.Meaning_MEANING_DECLINED_SOFT,
				Code:         check.code,
				Source:       sourceLaravel,
			})
		}
	}
	return rules
}

// refused reads an answer without a payment in it. Only a refusal in Cryptogram's own words counts: the same status
// from something in front of it proves nothing about what became of the request. 429 alone speaks for itself.
func refused(operation string, response *abi.HttpResponse) *abi.Step {
	status := strconv.FormatUint(uint64(response.GetStatus()), 10)
	body, err := jsontext.Parse(response.GetBody())
	message := body.Text("message")
	switch {
	case response.GetStatus() == 429:
		return guest.Rejected(status, cmp.Or(message, "too many requests"))
	case err != nil || message == "":
		return guest.Unreadable("HTTP " + status + " without an error of Cryptogram's")
	case response.GetStatus() == 401, response.GetStatus() == 403:
		return guest.Rejected(status, message)
	case response.GetStatus() == 404 && operation != createPayment:
		return guest.Rejected(status, message)
	case response.GetStatus() == 422:
		return invalid(body, message)
	default:
		return guest.Unreadable("HTTP " + status)
	}
}

// invalid is a refusal of the request's fields, coded by the first of them.
func invalid(body jsontext.Value, message string) *abi.Step {
	failed := make([]bool, len(checked))
	body.Get("errors").Each(func(name string, _ jsontext.Value) {
		name, _, _ = strings.Cut(name, ".") // an item of a list is "wallets.0"
		for i := range checked {
			failed[i] = failed[i] || checked[i].field == name
		}
	})
	if first := slices.Index(failed, true); first >= 0 {
		return guest.Rejected(checked[first].field, message)
	}
	return guest.Unreadable("HTTP 422 for a field that was not sent")
}
