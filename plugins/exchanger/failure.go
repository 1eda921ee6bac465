package main

import (
	"strings"

	"payrouter/abi/guest"
	"payrouter/abi/jsontext"
	abi "payrouter/abi/v1"
)

// The site's error texts. They are its codes: the numbers beside them mean different things from method to method.
const (
	textAPIDisabled    = "Api disabled"
	textIPBlocked      = "IP blocked"
	textMaintenance    = "maintenance"
	textActionDisabled = "action disabled"
	textNoMethod       = "Method not supported"
	textNoDirection    = "direction not found"
	textNoBid          = "no bid exists"
	textNotUnique      = "api id not unique"
	textUnknownPair    = "Error! The direction do not exist"
	textPairDisabled   = "Error! Exchange direction is disabled"
	textPairForbidden  = "Error! Direction prohibited by settings API"
)

// longestCode bounds a text that serves as a code, in bytes.
const longestCode = 120

// Codes of ours, for refusals that the site says otherwise than in words.
const (
	codeFieldAmount  = "error_fields: amount"
	codeFieldAccount = "error_fields: account"
	codeFieldOther   = "error_fields"
	codeNoPair       = "get_directions: no direction"
	codeManyPairs    = "get_directions: several directions"
	codeBelow        = "get_calc: below the minimum"
	codeAbove        = "get_calc: above the maximum"
	codeChanged      = "get_calc: amount changed"
	codeCommission   = "get_calc: commission"
	codeOtherMoney   = "get_calc: another currency"
	codeNotListed    = "get_exchanges: not listed"
	codeNoCancel     = "api_actions: cancel is not api"
	codeNoPay        = "api_actions: pay is not api"
	codeNoMethod     = "get_partner_info: no such method"
	codeNotEnough    = "get_partner_info: more than the balance"
	codeNotAll       = "get_partner_info: less than the balance"
	codeTooLittle    = "get_partner_info: below min_payout"
	codeNoPayout     = "get_partner_payouts: not listed"
)

// Where the rules below are known from.
const (
	sourceDocument = "API document, "
	sourceVendor   = "vendor's contract, User API v1: "
	sourceInferred = "inferred: "
)

// failures are the refusals and what they amount to. Texts are those of API-LANG en_US; an account that sets another
// language adds its own in routing.yaml.
func failures() []*abi.FailureRule {
	const (
		soft      = abi.Meaning_MEANING_DECLINED_SOFT
		hard      = abi.Meaning_MEANING_DECLINED_HARD
		fault     = abi.Meaning_MEANING_FAULT
		duplicate = abi.Meaning_MEANING_DUPLICATE
		notFound  = abi.Meaning_MEANING_NOT_FOUND
	)
	said := func(code string, meaning abi.Meaning, canonical, source string) *abi.FailureRule {
		return &abi.FailureRule{HttpStatus: 200, ProviderCode: code, Meaning: meaning, Code: canonical, Source: source}
	}
	return []*abi.FailureRule{
		said(textAPIDisabled, soft, "authentication_failed", sourceVendor+"error 1; a wrong key, a banned one and an API that is off look the same"),
		said(textIPBlocked, soft, "authentication_failed", sourceVendor+"error 2"),
		said(textMaintenance, soft, "provider_unavailable", sourceVendor+"error 2, and 1 of the reading methods"),
		said(textActionDisabled, soft, "unsupported", sourceVendor+"error 2 of cancel_bid and pay_bid"),
		said(textNoMethod, soft, "unsupported", sourceVendor+"error 3; the key lacks the method"),
		said(textNoDirection, soft, "unsupported", sourceVendor+"error 1; the direction is unknown or switched off, and no order was made"),
		said(textUnknownPair, soft, "unsupported", sourceVendor+"error 3 of create_bid, before an order is made"),
		said(textPairDisabled, soft, "unsupported", sourceVendor+"error 3 of create_bid, before an order is made"),
		said(textPairForbidden, soft, "unsupported", sourceVendor+"error 3 of create_bid, before an order is made"),
		said(textNoBid, fault, "provider_error", sourceVendor+"error 1; also said of an order whose direction was switched off, or that is past being cancelled"),
		said(textNotUnique, duplicate, "duplicate", sourceVendor+"error 3 of create_bid; the first order is not returned"),
		said(codeFieldAmount, soft, "limit_exceeded", sourceVendor+"error 3 with error_fields sum1, sum2, sum1c or sum2c, before an order is made"),
		said(codeFieldAccount, soft, "invalid_destination", sourceVendor+"error 3 with error_fields account1 or account2, before an order is made; account of add_partner_payout is inferred"),
		said(codeFieldOther, soft, "invalid_request", sourceVendor+"error 3 with other error_fields, before anything is made"),
		said(codeNoPair, soft, "unsupported", sourceDocument+"get_directions: the pair is not among the directions available"),
		said(codeManyPairs, soft, "unsupported", sourceDocument+"get_directions: the pair does not say which direction is meant"),
		said(codeBelow, soft, "limit_exceeded", sourceDocument+"get_calc: min_give, min_get"),
		said(codeAbove, soft, "limit_exceeded", sourceDocument+"get_calc: max_give, max_get"),
		said(codeChanged, soft, "limit_exceeded", sourceDocument+"get_calc: changed, or a sum that is not the one asked for"),
		said(codeCommission, soft, "unsupported", sourceDocument+"get_calc: sum and sum_com differ where calc_action leaves the commission open"),
		said(codeOtherMoney, soft, "unsupported", sourceDocument+"get_calc: currency_code_give, currency_code_get"),
		said(codeNotListed, notFound, "not_found", sourceDocument+"get_exchanges lists the orders created with this key"),
		said(codeNoCancel, soft, "unsupported", sourceDocument+"cancel_bid works only where api_actions.cancel is api"),
		said(codeNoPay, soft, "unsupported", sourceDocument+"pay_bid works only where api_actions.pay is api"),
		said(codeNoMethod, soft, "unsupported", sourceDocument+"get_partner_info: items, the currencies for payout"),
		said(codeNotEnough, soft, "insufficient_funds", sourceDocument+"get_partner_info: balance"),
		said(codeNotAll, soft, "limit_exceeded", sourceDocument+"add_partner_payout takes no amount: it pays the whole balance out"),
		said(codeTooLittle, soft, "limit_exceeded", sourceDocument+"get_partner_info: min_payout"),
		said(codeNoPayout, notFound, "not_found", sourceDocument+"get_partner_payouts lists the requests for a payout"),
		said(statusAMLError, hard, "fraud_suspected", sourceVendor+"order status; believed after error_final_after_hours"),
		said(statusMerchError, hard, "provider_error", sourceVendor+"order status; believed after error_final_after_hours"),
		said(statusError, hard, "provider_error", sourceVendor+"order status; believed after error_final_after_hours"),
		{
			HttpStatus: 401, Meaning: soft, Code: "authentication_failed",
			Source: sourceInferred + "the API always answers 200; a server in front of it refused (RFC 9110)",
		},
		{
			HttpStatus: 403, Meaning: soft, Code: "authentication_failed",
			Source: sourceInferred + "the API always answers 200; a server in front of it refused (RFC 9110)",
		},
		{
			HttpStatus: 429, Meaning: abi.Meaning_MEANING_REFUSED, Code: "rate_limited",
			Source: sourceInferred + "the API always answers 200; a server in front of it limits (RFC 6585)",
		},
	}
}

// texts are the site's error texts, as the rules spell them.
var texts = []string{ //nolint:gochecknoglobals // a table
	textAPIDisabled, textIPBlocked, textMaintenance, textActionDisabled, textNoMethod, textNoDirection, textNoBid,
	textUnknownPair, textPairDisabled, textPairForbidden,
}

// spelled gives a text as the rules spell it; sites differ in capitals. It is empty for any other text.
func spelled(text string) string {
	for _, known := range texts {
		if strings.EqualFold(text, known) {
			return known
		}
	}
	return ""
}

// fieldCodes are the codes of the members of error_fields that are the same on every site.
var fieldCodes = map[string]string{ //nolint:gochecknoglobals // a table
	"sum1": codeFieldAmount, "sum2": codeFieldAmount, "sum1c": codeFieldAmount, "sum2c": codeFieldAmount,
	"account1": codeFieldAccount, "account2": codeFieldAccount, "account": codeFieldAccount,
}

// refusal is the step for an answer that is an error.
func refusal(answer envelope) *abi.Step {
	code, details := fieldRefusal(answer.fields)
	message := strings.TrimSpace(answer.text + " " + details)
	known := spelled(message)
	switch {
	// Whatever else is wrong with the request, the duplicate comes first: it must never pass for a decline.
	case strings.Contains(strings.ToLower(message), textNotUnique):
		return guest.Rejected(textNotUnique, message)
	case code != "":
		return guest.Rejected(code, message)
	case known != "":
		return guest.Rejected(known, message)
	case message == "":
		return guest.Rejected("error "+answer.code, "")
	}
	// Not in the table, so the host believes nothing of it; but an account may name it in routing.yaml.
	return guest.Rejected(clip(message, longestCode), message)
}

// fieldRefusal gives the code of the first field at fault that is known, and what is said of all of them. The site sends
// an empty list where there is none.
func fieldRefusal(fields jsontext.Value) (code, details string) {
	var said []string
	fields.Each(func(name string, reason jsontext.Value) {
		said = append(said, name+": "+plain(reason.Text()))
		if known := fieldCodes[name]; known != "" && (code == "" || code == codeFieldOther) {
			code = known
		}
		if code == "" {
			code = codeFieldOther
		}
	})
	return code, strings.Join(said, "; ")
}
