package main

import "payrouter/abi/native"

// marketMethods are PayGram's offers: credit between users, businesses, coins for a card. Their members come from the
// vendor's public material; the answers' are not public, and come as they are.
//
//nolint:gochecknoglobals // a table
var marketMethods = []method{
	{
		Name: "GetP2PGroups", Summary: "List the offers of users who trade with each other.",
		Class: safe, Documented: partial,
		Open: true,
		Input: native.Fields{
			{Name: "p2PGroupType", Form: &native.Integer},
			{Name: "traderCurrency", Form: &native.Integer},
			{Name: "neededCurrency", Form: &native.Integer},
			{Name: "ownOnly", Form: &native.Boolean},
		},
	},
	{
		Name: "SetP2PGroup", Summary: "Publish an offer to trade.",
		Class: risky, Documented: partial,
		Open:  true,
		Input: native.Fields{{Name: "groupInfo", Form: &native.Object, Required: true}},
	},
	{
		Name: "GetBusinesses", Summary: "List businesses.",
		Class: safe, Documented: partial,
		Open:  true,
		Input: native.Fields{{Name: "ownOnly", Form: &native.Boolean}},
	},
	{
		Name: "SetBusiness", Summary: "Publish a business.",
		Class: risky, Documented: partial,
		Open:  true,
		Input: native.Fields{{Name: "business", Form: &native.Object, Required: true}},
	},
	{
		// The quote carries the payer's address and telephone: who notifies whom of what is not public.
		Name: "SimplexGetQuote", Summary: "Ask for a page on which a payer buys coins by card.",
		Class: risky, Documented: partial,
		Open: true, Object: "purchase", Reference: &referenceForm, Extra: wire{reference: "paymentID"},
		Input: native.Fields{
			{Name: "provider", Form: &native.Integer, Default: "0"},
			{Name: "requestCurrency", Required: true, Note: "Of requestAmount."},
			{Name: "digitalCurrency", Required: true},
			{Name: "fiatCurrency", Required: true},
			{Name: "requestAmount", Form: &native.Amount, Required: true},
			callbackField,
			{Name: "clientIP"},
			{Name: "emailAddress"},
			{Name: "phoneNumber"},
		},
		Output: native.Fields{{Name: "paymentUrl"}, {Name: "paymentID"}},
	},
}
