package main

// marketMethods are PayGram's offers: credit between users, businesses, coins for a card. Their members come from the
// vendor's public material; the answers' are not public, and come as they are.
//
//nolint:gochecknoglobals // a table
var marketMethods = []native{
	{
		name: "GetP2PGroups", summary: "List the offers of users who trade with each other.",
		class: safe, documented: partial,
		takes: []field{
			{name: "p2PGroupType", form: whole},
			{name: "traderCurrency", form: whole},
			{name: "neededCurrency", form: whole},
			{name: "ownOnly", form: yesNo},
		},
	},
	{
		name: "SetP2PGroup", summary: "Publish an offer to trade.",
		class: risky, documented: partial,
		takes: []field{{name: "groupInfo", form: object, must: true}},
	},
	{
		name: "GetBusinesses", summary: "List businesses.",
		class: safe, documented: partial,
		takes: []field{{name: "ownOnly", form: yesNo}},
	},
	{
		name: "SetBusiness", summary: "Publish a business.",
		class: risky, documented: partial,
		takes: []field{{name: "business", form: object, must: true}},
	},
	{
		// The quote carries the payer's address and telephone: who tells what to whom is not public.
		name: "SimplexGetQuote", summary: "Ask for a page on which a payer buys coins by card.",
		class: risky, documented: partial, reference: "paymentID", makes: "purchase",
		takes: []field{
			{name: "provider", form: whole, otherwise: "0"},
			{name: "requestCurrency", must: true, note: "Of requestAmount."},
			{name: "digitalCurrency", must: true},
			{name: "fiatCurrency", must: true},
			{name: "requestAmount", form: sum, must: true},
			callbackField,
			{name: "clientIP"},
			{name: "emailAddress"},
			{name: "phoneNumber"},
		},
		gives: []field{{name: "paymentUrl"}, {name: "paymentID"}},
	},
}
