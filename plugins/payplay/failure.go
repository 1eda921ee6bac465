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

// PayPlay's document has no errors. They are those of WhitePay, whose software it runs on.
const (
	sourceWhitePay = "WhitePay's documentation of the same software: errors"
	sourceInferred = "inferred: Laravel's error responses, of which WhitePay's are"
	sourceStatuses = "document: Order Statuses List; transactions' from WhitePay's documentation"
	sourceConvert  = "inferred: as Withdrawal, of which WhitePay's documentation has the errors"
	sourceFilter   = "document: Show Orders List, filter external_order_id"
)

// pageNotFound is the text that a wrong slug or key is answered with, too: it does not state that an object is absent.
const pageNotFound = "Page not found"

// codePageNotFound stands for that text.
const codePageNotFound = "page_not_found"

// codeAbsent stands for any other text of a 404.
const codeAbsent = "404"

// codeInvalid stands for a 422 that names no field of the operation.
const codeInvalid = "422"

// envelope is that of a refusal that names fields: Laravel's message and errors. A message alone may be that of a
// gateway before PayPlay.
func envelope() []*abi.Proof {
	return []*abi.Proof{{Pointer: "/message"}, {Pointer: "/errors/*"}}
}

// fieldRule is a field that a request may fail by.
type fieldRule struct {
	field   string
	meaning abi.Meaning
	code    string
}

// checked are the fields of each operation, in the order in which one is named where several failed. Ours come first: a
// reference that is refused may be one that is taken, and then the original has to be looked up.
var checked = map[string][]fieldRule{ //nolint:gochecknoglobals // a table
	createOrder: {
		{"external_order_id", abi.Meaning_MEANING_DUPLICATE, "duplicate"},
		{"amount", abi.Meaning_MEANING_DECLINED_SOFT, "limit_exceeded"},
		{"currency", abi.Meaning_MEANING_DECLINED_SOFT, "unsupported"},
		{"successful_link", abi.Meaning_MEANING_DECLINED_SOFT, "invalid_request"},
		{"failure_link", abi.Meaning_MEANING_DECLINED_SOFT, "invalid_request"},
	},
	createTopup: {
		{"external_order_id", abi.Meaning_MEANING_DUPLICATE, "duplicate"},
		{"amount", abi.Meaning_MEANING_DECLINED_SOFT, "limit_exceeded"},
		{"currency", abi.Meaning_MEANING_DECLINED_SOFT, "unsupported"},
		{"successful_link", abi.Meaning_MEANING_DECLINED_SOFT, "invalid_request"},
		{"failure_link", abi.Meaning_MEANING_DECLINED_SOFT, "invalid_request"},
	},
	refundOrder: {
		{"amount", abi.Meaning_MEANING_DECLINED_SOFT, "limit_exceeded"},
	},
	showOrders:       listRules,
	showTransactions: listRules,
	withdraw: {
		{"external_id", abi.Meaning_MEANING_DUPLICATE, "duplicate"},
		{"amount", abi.Meaning_MEANING_DECLINED_SOFT, "limit_exceeded"},
		{"currency", abi.Meaning_MEANING_DECLINED_SOFT, "unsupported"},
		{"network", abi.Meaning_MEANING_DECLINED_SOFT, "unsupported"},
		{"wallet", abi.Meaning_MEANING_DECLINED_HARD, "invalid_destination"},
		{"memo", abi.Meaning_MEANING_DECLINED_HARD, "invalid_destination"},
		{"comment", abi.Meaning_MEANING_DECLINED_SOFT, "invalid_request"},
	},
	convertWithdrawal: conversionRules,
	instantConversion: conversionRules,
}

// conversionRules are the fields of a convert-withdrawal.
var conversionRules = []fieldRule{ //nolint:gochecknoglobals // a table
	{"external_id", abi.Meaning_MEANING_DUPLICATE, "duplicate"},
	{"amount", abi.Meaning_MEANING_DECLINED_SOFT, "limit_exceeded"},
	{"currency", abi.Meaning_MEANING_DECLINED_SOFT, "unsupported"},
	{"target_currency", abi.Meaning_MEANING_DECLINED_SOFT, "unsupported"},
	{"network", abi.Meaning_MEANING_DECLINED_SOFT, "unsupported"},
	{"address", abi.Meaning_MEANING_DECLINED_HARD, "invalid_destination"},
	{"memo", abi.Meaning_MEANING_DECLINED_HARD, "invalid_destination"},
}

// listRules are the filters of the lists that PayPlay may find fault with.
var listRules = []fieldRule{ //nolint:gochecknoglobals // a table
	{"page", abi.Meaning_MEANING_DECLINED_SOFT, "invalid_request"},
	{"per_page", abi.Meaning_MEANING_DECLINED_SOFT, "invalid_request"},
	{"date_from", abi.Meaning_MEANING_DECLINED_SOFT, "invalid_request"},
	{"date_to", abi.Meaning_MEANING_DECLINED_SOFT, "invalid_request"},
	{"completed_at_from", abi.Meaning_MEANING_DECLINED_SOFT, "invalid_request"},
	{"completed_at_to", abi.Meaning_MEANING_DECLINED_SOFT, "invalid_request"},
	{"order_status_id", abi.Meaning_MEANING_DECLINED_SOFT, "invalid_request"},
	{"external_order_id", abi.Meaning_MEANING_DECLINED_SOFT, "invalid_request"},
}

// creators are the operations that make something under a page's or a company's name.
var creators = []string{createOrder, createTopup, withdraw} //nolint:gochecknoglobals // a table

// fieldless are the operations of which a refusal may have a message alone: nothing was done that matters.
var fieldless = []string{ //nolint:gochecknoglobals // a table
	createOrder, createTopup, showOrders, showTransactions,
}

// acts are the operations that do something to one object, of which the fields are not known.
var acts = []string{completeOrder, refreshConvert, confirmConvert} //nolint:gochecknoglobals // a table

// finder is an operation about one object, for which a 404 states that it is not there.
type finder struct {
	operation string
	notFound  abi.Meaning
}

// finders: where something was to be read it is not found, and where something was to be done it is declined.
var finders = []finder{ //nolint:gochecknoglobals // a table
	{showOrder, abi.Meaning_MEANING_NOT_FOUND},
	{showCryptoOrder, abi.Meaning_MEANING_NOT_FOUND},
	{showTransaction, abi.Meaning_MEANING_NOT_FOUND},
	{getExchangeRate, abi.Meaning_MEANING_NOT_FOUND},
	{refundOrder, abi.Meaning_MEANING_DECLINED_SOFT},
	{completeOrder, abi.Meaning_MEANING_DECLINED_SOFT},
	{showBalance, abi.Meaning_MEANING_NOT_FOUND},
	{postBalance, abi.Meaning_MEANING_DECLINED_SOFT},
	{refreshConvert, abi.Meaning_MEANING_DECLINED_SOFT},
	{confirmConvert, abi.Meaning_MEANING_DECLINED_SOFT},
}

// failureRules gives each refusal its meaning.
func failureRules() []*abi.FailureRule {
	rules := []*abi.FailureRule{
		{
			HttpStatus: 401, ProviderCode: "401", Meaning: abi.Meaning_MEANING_DECLINED_SOFT,
			Code: "authentication_failed", Source: sourceWhitePay,
		},
		{
			HttpStatus: 403, ProviderCode: "403", Meaning: abi.Meaning_MEANING_DECLINED_SOFT,
			Code: "authentication_failed", Source: sourceInferred,
		},
		{HttpStatus: 429, Meaning: abi.Meaning_MEANING_REFUSED, Code: "rate_limited", Source: sourceInferred},
		{
			HttpStatus: 200, ProviderCode: noSuchReference, Meaning: abi.Meaning_MEANING_NOT_FOUND, Code: "not_found",
			Source: sourceFilter,
		},
		{
			ProviderCode: "DECLINED", Meaning: abi.Meaning_MEANING_DECLINED_HARD, Code: "declined",
			Source: sourceStatuses,
		},
	}
	for _, operation := range creators {
		rules = append(rules, &abi.FailureRule{
			Operation: operation, HttpStatus: 404, ProviderCode: codePageNotFound,
			Meaning: abi.Meaning_MEANING_DECLINED_SOFT,
			Code:    "authentication_failed", Source: sourceWhitePay,
		})
	}
	for _, operation := range []string{
		createOrder, createTopup, withdraw, refundOrder, showOrders, showTransactions, convertWithdrawal,
		instantConversion,
	} {
		for _, one := range checked[operation] {
			rules = append(rules, &abi.FailureRule{
				Operation: operation, HttpStatus: 422, ProviderCode: one.field, Meaning: one.meaning, Code: one.code,
				Source: sourceOf(operation),
				Proofs: []*abi.Proof{{Pointer: "/message"}, {Pointer: "/errors/" + one.field}},
				Final:  one.meaning != abi.Meaning_MEANING_DUPLICATE,
			})
		}
	}
	for _, operation := range fieldless {
		rules = append(rules, &abi.FailureRule{
			Operation: operation, HttpStatus: 422, ProviderCode: codeInvalid,
			Meaning: abi.Meaning_MEANING_DECLINED_SOFT, Code: "invalid_request", Source: sourceWhitePay,
		})
	}
	for _, operation := range acts {
		rules = append(rules, &abi.FailureRule{
			Operation: operation, HttpStatus: 422, ProviderCode: codeInvalid,
			Meaning: abi.Meaning_MEANING_DECLINED_SOFT,
			Code:    "invalid_request", Source: sourceWhitePay + "; validation comes before anything is done", Final: true,
		})
	}
	for _, one := range finders {
		rules = append(rules,
			&abi.FailureRule{
				Operation: one.operation, HttpStatus: 404, ProviderCode: codeAbsent, Meaning: one.notFound,
				Code: "not_found", Source: sourceWhitePay, Final: one.notFound != abi.Meaning_MEANING_NOT_FOUND,
			})
	}
	return append(rules, &abi.FailureRule{
		HttpStatus: 404, ProviderCode: codePageNotFound, Meaning: abi.Meaning_MEANING_FAULT,
		Code: "authentication_failed", Source: sourceWhitePay,
	})
}

// sourceOf is where the fields of an operation are known from.
func sourceOf(operation string) string {
	if operation == convertWithdrawal || operation == instantConversion {
		return sourceConvert
	}
	return sourceWhitePay
}

// refused reads an answer that is not a success. Only a refusal in PayPlay's own words counts: the same status from
// something in front of it proves nothing about what became of the request. 429 alone speaks for itself.
func refused(operation string, response *abi.HttpResponse) *abi.Step {
	status := strconv.FormatUint(uint64(response.GetStatus()), 10)
	body, err := jsontext.Parse(response.GetBody())
	message := body.Text("message")
	switch {
	case response.GetStatus() == 429:
		return guest.Rejected(status, cmp.Or(message, "too many requests"))
	case err != nil || message == "":
		return guest.Unreadable("HTTP " + status + " without an error of PayPlay's")
	case response.GetStatus() == 401, response.GetStatus() == 403:
		return guest.Rejected(status, message)
	case response.GetStatus() == 404:
		return notFound(operation, message)
	case response.GetStatus() == 422:
		return invalid(operation, body, message)
	default:
		return guest.Unreadable("HTTP " + status + ": " + quoted(message))
	}
}

func notFound(operation, message string) *abi.Step {
	finds := slices.ContainsFunc(finders, func(f finder) bool { return f.operation == operation })
	switch {
	case strings.EqualFold(strings.TrimSuffix(message, "."), pageNotFound):
		return guest.Rejected(codePageNotFound, message)
	case finds:
		return guest.Rejected(codeAbsent, message)
	default:
		return guest.Unreadable("HTTP 404: " + quoted(message))
	}
}

// invalid is a refusal of the request's fields, coded by the first of them. Where a message is all that there is, it
// names one in Laravel's words: "The external order id has already been taken."
func invalid(operation string, body jsontext.Value, message string) *abi.Step {
	for _, one := range checked[operation] {
		if body.Get("errors", one.field).Exists() {
			return guest.Rejected(one.field, message)
		}
	}
	mayLack := slices.Contains(fieldless, operation)
	for _, one := range checked[operation] {
		if mayLack && strings.Contains(strings.ToLower(message), strings.ReplaceAll(one.field, "_", " ")) {
			return guest.Rejected(one.field, message)
		}
	}
	if mayLack || slices.Contains(acts, operation) && body.Get("errors").IsObject() {
		return guest.Rejected(codeInvalid, message)
	}
	return guest.Unreadable("HTTP 422 that names no field which was sent: " + quoted(message))
}
