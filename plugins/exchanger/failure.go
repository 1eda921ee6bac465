package main

import (
	"slices"
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
	textNoProgram      = "no active partner program"
	textNoPartner      = "no partner id"
)

// Texts of add_partner_payout, all of them before a payout is made.
const (
	textPayoutAccount  = "Error! Invalid wallet account"
	textPayoutBalance  = "Error! There is not enough money on your balance"
	textPayoutReserve  = "Error! You are unable to make a selected currency transaction"
	textPayoutCurrency = "Error! Selected currency can not be ordered payment"
)

// longestCode bounds a text that serves as a code, in bytes.
const longestCode = 120

// Codes of ours, for refusals that the site states otherwise than in words.
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

// errorProofs are the envelope of the API's errors: a number, a text, and data, which is empty.
func errorProofs() []*abi.Proof {
	return []*abi.Proof{
		{Pointer: "/error", Values: []string{"1", "2", "3"}},
		{Pointer: "/error_text"},
		{Pointer: "/data"},
	}
}

// fineProofs are the envelope of an answer that is no error: what a list lacks is read from one.
func fineProofs() []*abi.Proof {
	return []*abi.Proof{{Pointer: "/error", Values: []string{"0"}}, {Pointer: "/data"}}
}

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
	ruleOf := func(code string, meaning abi.Meaning, canonical, source string) *abi.FailureRule {
		return &abi.FailureRule{HttpStatus: 200, ProviderCode: code, Meaning: meaning, Code: canonical, Source: source}
	}
	final := func(rule *abi.FailureRule) *abi.FailureRule {
		rule.Final = true
		return rule
	}
	read := func(code string, meaning abi.Meaning, canonical, source string) *abi.FailureRule {
		rule := ruleOf(code, meaning, canonical, source)
		rule.Proofs = fineProofs()
		return rule
	}
	paidOut := func(code, canonical, source string) *abi.FailureRule {
		rule := final(ruleOf(code, soft, canonical,
			sourceVendor+"add_partner_payout, before a payout is made: "+source))
		rule.Operation = opAddPartnerPayout
		return rule
	}
	return slices.Concat([]*abi.FailureRule{
		paidOut(textPayoutAccount, "invalid_destination", "the account is not valid for the currency"),
		paidOut(textPayoutBalance, "insufficient_funds", "the balance is below the amount, or below min_payout"),
		paidOut(textPayoutReserve, "limit_exceeded", "the site's reserve is too small"),
		paidOut(textPayoutCurrency, "unsupported", "the currency is not paid out"),
		final(ruleOf(textAPIDisabled, soft, "authentication_failed",
			sourceVendor+"error 1; a wrong key, a banned one and an API that is off look the same")),
		final(ruleOf(textIPBlocked, soft, "authentication_failed", sourceVendor+"error 2")),
		ruleOf(textMaintenance, soft, "provider_unavailable", sourceVendor+"error 2, and 1 of the reading methods"),
		final(ruleOf(textNoProgram, soft, "unsupported", sourceVendor+"the partner's methods, where there is no program")),
		final(ruleOf(textNoPartner, soft, "unsupported", sourceVendor+"the partner's methods, of a key without a user")),
		ruleOf(textActionDisabled, soft, "unsupported", sourceVendor+"error 2 of cancel_bid and pay_bid"),
		final(ruleOf(textNoMethod, soft, "unsupported", sourceVendor+"error 3; the key lacks the method")),
		ruleOf(textNoDirection, soft, "unsupported",
			sourceVendor+"error 1; the direction is unknown or switched off, and no order was made"),
		final(ruleOf(textUnknownPair, soft, "unsupported",
			sourceVendor+"error 3 of create_bid, before an order is made")),
		final(ruleOf(textPairDisabled, soft, "unsupported",
			sourceVendor+"error 3 of create_bid, before an order is made")),
		final(ruleOf(textPairForbidden, soft, "unsupported",
			sourceVendor+"error 3 of create_bid, before an order is made")),
		ruleOf(textNoBid, fault, "provider_error",
			sourceVendor+"error 1; also said of an order whose direction was switched off, or that is past being "+
				"cancelled"),
		ruleOf(textNotUnique, duplicate, "duplicate",
			sourceVendor+"error 3 of create_bid; the first order is not returned"),
		final(ruleOf(codeFieldAmount, soft, "limit_exceeded",
			sourceVendor+"error 3 with error_fields sum1, sum2, sum1c or sum2c, before an order is made")),
		final(ruleOf(codeFieldAccount, soft, "invalid_destination",
			sourceVendor+"error 3 with error_fields account1 or account2, before an order is made; account of "+
				"add_partner_payout is inferred")),
		final(ruleOf(codeFieldOther, soft, "invalid_request",
			sourceVendor+"error 3 with other error_fields, before anything is made")),
		read(codeNoPair, soft, "unsupported",
			sourceDocument+"get_directions: the pair is not among the directions available"),
		read(codeManyPairs, soft, "unsupported",
			sourceDocument+"get_directions: the pair does not say which direction is meant"),
		read(codeBelow, soft, "limit_exceeded", sourceDocument+"get_calc: min_give, min_get"),
		read(codeAbove, soft, "limit_exceeded", sourceDocument+"get_calc: max_give, max_get"),
		read(codeChanged, soft, "limit_exceeded",
			sourceDocument+"get_calc: changed, or a sum that is not the one asked for"),
		read(codeCommission, soft, "unsupported",
			sourceDocument+"get_calc: sum and sum_com differ where calc_action leaves the commission open"),
		read(codeOtherMoney, soft, "unsupported", sourceDocument+"get_calc: currency_code_give, currency_code_get"),
		read(codeNotListed, notFound, "not_found",
			sourceDocument+"get_exchanges lists the orders created with this key"),
		read(codeNoCancel, soft, "unsupported", sourceDocument+"cancel_bid works only where api_actions.cancel is api"),
		read(codeNoPay, soft, "unsupported", sourceDocument+"pay_bid works only where api_actions.pay is api"),
		read(codeNoMethod, soft, "unsupported", sourceDocument+"get_partner_info: items, the currencies for payout"),
		read(codeNotEnough, soft, "insufficient_funds", sourceDocument+"get_partner_info: balance"),
		read(codeNotAll, soft, "limit_exceeded",
			sourceDocument+"add_partner_payout takes no amount: it pays the whole balance out"),
		read(codeTooLittle, soft, "limit_exceeded", sourceDocument+"get_partner_info: min_payout"),
		read(codeNoPayout, notFound, "not_found", sourceDocument+"get_partner_payouts lists the requests for a payout"),
		ruleOf(statusAMLError, hard, "fraud_suspected",
			sourceVendor+"order status; believed after error_final_after_hours"),
		ruleOf(statusMerchError, hard, "provider_error",
			sourceVendor+"order status; believed after error_final_after_hours"),
		ruleOf(statusError, hard, "provider_error",
			sourceVendor+"order status; believed after error_final_after_hours"),
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
	}, ownTexts())
}

// ownTexts are the rules for a text of the site's own, or in its language. The error's number decides there, and that
// the data are empty. They come last: a text that is known has a rule above.
func ownTexts() []*abi.FailureRule {
	ruleOf := func(operation, number, canonical, source string) *abi.FailureRule {
		return &abi.FailureRule{
			Operation: operation, HttpStatus: 200, Meaning: abi.Meaning_MEANING_DECLINED_SOFT, Code: canonical,
			Source: sourceVendor + source,
			Proofs: []*abi.Proof{{Pointer: "/error", Values: []string{number}}, {Pointer: "/error_text"}, {Pointer: "/data"}},
		}
	}
	payout := ruleOf(opAddPartnerPayout, "", "declined",
		"an error with empty data comes before a payout is made; a site's plug-ins have texts of their own")
	payout.Proofs = nil // any error's
	create := ruleOf(opCreateBid, "2", "provider_unavailable", "error 2 of create_bid: nothing was made")
	payout.Final, create.Final = true, true
	rules := []*abi.FailureRule{payout, create}
	for _, operation := range []string{opBidInfo, opCancelBid, opPayBid, opSuccessBid} {
		rules = append(rules, ruleOf(operation, "2", "provider_unavailable", "error 2: maintenance in the site's own words"))
	}
	for _, operation := range []string{
		opTest, opGetCurrencies, opGetDirections, opGetDirection, opGetCalc, opGetExchanges, opGetPartnerInfo,
		opGetPartnerLinks, opGetPartnerExchanges, opGetPartnerPayouts,
	} {
		rules = append(rules, ruleOf(operation, "1", "provider_unavailable",
			"error 1 of a reading method: maintenance in the site's own words"))
	}
	return rules
}

// texts are the site's error texts, as the rules spell them.
var texts = []string{ //nolint:gochecknoglobals // a table
	textAPIDisabled, textIPBlocked, textMaintenance, textActionDisabled, textNoMethod, textNoDirection, textNoBid,
	textUnknownPair, textPairDisabled, textPairForbidden, textNoProgram, textNoPartner,
	textPayoutAccount, textPayoutBalance, textPayoutReserve, textPayoutCurrency,
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

// refusalOf is the step for an error in answer to a method. A method that makes something has refused where no data
// come with the error: an answer with both is none.
func refusalOf(method string, answer envelope) *abi.Step {
	if makes := method == opAddPartnerPayout || method == opCreateBid; makes && !empty(answer.data) {
		return guest.Unreadable("the answer has an error, and data beside it")
	}
	return refusal(answer)
}

// empty reports data that holds nothing: the sites send an empty list.
func empty(data jsontext.Value) bool {
	members := 0
	data.Each(func(string, jsontext.Value) { members++ })
	return members == 0 && len(data.Items()) == 0 && data.Text() == ""
}

// fieldRefusal gives the code of the first field at fault that is known, and what is stated of all of them. The site
// sends an empty list where there is none.
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
