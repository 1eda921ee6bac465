package main

import (
	abi "payrouter/abi/v1"
)

// PayGram's failures: one text from before there were codes, and the codes.
const (
	invalidToken  = "Invalid Token"
	codeGeneric   = "500"
	codeUpdating  = "550"
	codeDuplicate = "551"
	codeAuth      = "552"
	codeNotFound  = "553"
	codeNoFunds   = "554"
)

// noInvoice stands for an empty list of invoices.
const noInvoice = "no invoice"

// Codes of ours for ASP.NET's answer to a request that it did not hand to any method.
const (
	codeInvalid   = "validation"
	codeMediaType = "media type"
)

// The envelope of PayGram's own failures: flat, with a type and success false.
func envelope() []*abi.Proof {
	return []*abi.Proof{{Pointer: "/success", Values: []string{"false"}}, {Pointer: "/type"}}
}

// Where the failures are known from.
const (
	aspNet     = "ASP.NET Core's ProblemDetails, which PayGram's server answers before any method runs"
	document   = "API document, RedeemInvoice, server response"
	codesOfAPI = "vendor's published response codes"
)

func failures() []*abi.FailureRule {
	soft, hard := abi.Meaning_MEANING_DECLINED_SOFT, abi.Meaning_MEANING_DECLINED_HARD
	refused, fault := abi.Meaning_MEANING_REFUSED, abi.Meaning_MEANING_FAULT
	duplicate, notFound := abi.Meaning_MEANING_DUPLICATE, abi.Meaning_MEANING_NOT_FOUND
	return append(nativeFailures(), []*abi.FailureRule{
		// A wrong token is refused before any method runs.
		final(rule("", invalidToken, soft, "authentication_failed", document)),
		final(rule("", codeAuth, soft, "authentication_failed", codesOfAPI)),
		rule("", codeGeneric, fault, "provider_error", codesOfAPI),
		rule("", codeDuplicate, duplicate, "duplicate", codesOfAPI),
		rule("", codeNoFunds, soft, "insufficient_funds", codesOfAPI),
		// While the server is updating nothing is taken; but where money moves, that is not stated clearly enough.
		rule(redeemInvoice, codeUpdating, fault, "provider_unavailable",
			codesOfAPI+"; what was done by then is inferred"),
		rule(payInvoice, codeUpdating, fault, "provider_unavailable", codesOfAPI+"; what was done by then is inferred"),
		rule("", codeUpdating, refused, "provider_unavailable", codesOfAPI),
		rule(invoiceInfo, codeNotFound, notFound, "not_found", codesOfAPI),
		rule(getInvoices, codeNotFound, notFound, "not_found", codesOfAPI),
		rule(redeemInvoice, codeNotFound, notFound, "not_found", codesOfAPI),
		rule(payInvoice, codeNotFound, notFound, "not_found", codesOfAPI),
		proven(rule("", noInvoice, notFound, "not_found", "GetInvoices: an empty list"), emptyList()...),
		// The payer may have had the invoice in hand: what became of it is no reason to ask another provider.
		rule("", failedCode("5"), hard, "provider_error", "vendor's published invoice statuses: error"),
		rule("", failedCode("7"), hard, "declined", "vendor's published invoice statuses: denied"),
		proven(final(&abi.FailureRule{
			HttpStatus: 400, ProviderCode: codeInvalid, Meaning: soft, Code: "invalid_request", Source: aspNet,
		}), &abi.Proof{Pointer: "/traceId"}, &abi.Proof{Pointer: "/errors/*"}),
		proven(final(&abi.FailureRule{
			HttpStatus: 415, ProviderCode: codeMediaType, Meaning: soft, Code: "invalid_request", Source: aspNet,
		}), &abi.Proof{Pointer: "/traceId"}, &abi.Proof{Pointer: "/status", Values: []string{"415"}}),
		{
			HttpStatus: 401, Meaning: soft, Code: "authentication_failed",
			Source: "RFC 9110: not applied for want of credentials",
		},
		{
			HttpStatus: 403, Meaning: soft, Code: "authentication_failed",
			Source: "RFC 9110: refused for its credentials",
		},
		{HttpStatus: 429, Meaning: refused, Code: "rate_limited", Source: "RFC 6585"},
	}...)
}

// nativeFailures are those of the methods in the table that mean something else there than elsewhere.
func nativeFailures() []*abi.FailureRule {
	rules := []*abi.FailureRule{
		rule(transferCredit, codeNotFound, abi.Meaning_MEANING_DECLINED_SOFT, "invalid_destination",
			codesOfAPI+"; that it is the receiver is inferred"),
	}
	for _, topic := range methods {
		for i := range topic {
			if topic[i].Class == risky {
				rules = append(rules,
					rule(topic[i].Name, codeUpdating, abi.Meaning_MEANING_FAULT, "provider_unavailable",
						codesOfAPI+"; what was done by then is inferred"))
			}
			if topic[i].Extra.mayBeMissing {
				rules = append(rules,
					rule(topic[i].Name, codeNotFound, abi.Meaning_MEANING_NOT_FOUND, "not_found", codesOfAPI))
			}
		}
	}
	return rules
}

// rule is for an answer with HTTP 200: PayGram's failures have no other.
func rule(operation, code string, meaning abi.Meaning, canonical, source string) *abi.FailureRule {
	return &abi.FailureRule{
		Operation: operation, HttpStatus: 200, ProviderCode: code, Meaning: meaning,
		Code: canonical, Source: source,
	}
}

// emptyList proves that PayGram listed the invoices, and that there is none.
func emptyList() []*abi.Proof {
	return []*abi.Proof{{Pointer: "/success", Values: []string{"true"}}, {Pointer: "/invoices"}}
}

// final marks a failure that PayGram gives before it does anything.
func final(rule *abi.FailureRule) *abi.FailureRule {
	rule.Final = true
	return rule
}

// proven gives a rule proofs of its own, in the place of the envelope.
func proven(rule *abi.FailureRule, proofs ...*abi.Proof) *abi.FailureRule {
	rule.Proofs = proofs
	return rule
}
