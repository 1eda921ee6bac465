package main

import (
	"payrouter/abi/native"
	abi "payrouter/abi/v1"
)

// The operations, as the provider names them.
const (
	createPayment = "CreatePayment"
	getPayment    = "GetPayment"
)

// methods are Newpay's: a call for a payment goes through them, and each may be called by itself. The schemas of the
// manifest are generated from this table by go generate.
//
//nolint:gochecknoglobals // a table
var methods = native.Table[struct{}]{{
	{
		Name: createPayment, Summary: "Ask a payer for money, on a page of Newpay's.",
		// A create whose answer was lost leaves nothing that can be paid: the page's address never left Newpay.
		Class: abi.Idempotency_IDEMPOTENCY_ABANDONABLE, Documented: abi.Documented_DOCUMENTED_FULL, Final: true,
		Reference: &abi.ReferenceForm{Alphabet: "0123456789abcdef", Length: 24},
		Input: native.Fields{
			{Name: "amount", Form: &native.Amount, Required: true},
			{Name: "currency", Required: true, Matches: isCurrency, Pattern: "^(EUR|USD)$"},
			{Name: "description"},
			{Name: "return_url", Note: "Where the payer goes after payment."},
		},
		Output: paymentFields,
	},
	{
		Name: getPayment, Summary: "Read a payment.",
		Class: abi.Idempotency_IDEMPOTENCY_SAFE, Documented: abi.Documented_DOCUMENTED_FULL,
		Input:  native.Fields{{Name: "id", Required: true}},
		Output: paymentFields,
	},
}}

// paymentFields are a payment, in the answers and in the callbacks.
//
//nolint:gochecknoglobals // a table
var paymentFields = native.Fields{
	{Name: "id", Required: true},
	{Name: "reference"},
	{Name: "status", Required: true},
	{Name: "amount", Form: &native.Amount, Required: true},
	{Name: "currency", Required: true},
	{Name: "url", Note: "The page to pay on."},
	{Name: "reason", Note: "Why a payment failed."},
}

// isAmount reports the members that hold an amount, wherever in an answer they stand.
func isAmount(name string) bool { return name == "amount" }
