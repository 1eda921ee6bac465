package main

// startIndex is the member by which a statement is paged.
const startIndex = "startIdx"

// statementMethods tell what there is, and what came and went.
//
//nolint:gochecknoglobals // a table
var statementMethods = []native{
	{
		name: "GetCirculatingCoins", summary: "List what all users of the client have together, by currency.",
		class: safe, documented: full, carriage: asNothing, closed: true,
		gives: []field{{name: "coins", form: list, must: true, members: balances}},
	},
	{
		name: getStatement, summary: "List what came into a user's wallet and went out of it, by time.",
		class: safe, documented: partial, closed: true, paged: true, finds: true, traces: true,
		takes: []field{
			{name: "fromUtc", must: true, note: "The first moment, UTC: 2023-10-03T08:21:58.449Z."},
			{name: "toExcludingUtc", must: true, note: "The moment behind the last, UTC."},
			{name: startIndex, form: whole, otherwise: "0", note: "Where the page starts; a cursor goes before it."},
			{name: "resultsPerPage", form: whole, otherwise: "25"},
			{name: "goForward", form: yesNo, otherwise: "true", note: "The oldest first."},
		},
		gives: []field{
			{name: "statementEntries", form: list, must: true, members: []field{
				{name: "id", form: whole},
				{name: "transactionId"},
				{name: "executedUtc"},
				{name: "amount", form: sum},
				{name: "currency", form: whole},
				{name: "createdUtc"},
				{name: "fees", form: sum},
				{name: "entryType", form: whole},
				{name: "recallable", form: yesNo},
				{name: "invoice", form: object, members: []field{{name: "guid"}, {name: "friendlyVoucherCode"}}},
			}},
			{name: "results", form: whole},
			{name: "nextPageAvailable", form: yesNo, must: true},
		},
	},
	{
		name:    exchangeRates,
		summary: "List PayGram's exchange rates: the price of one unit of a base currency, by base and quote.",
		class:   safe, documented: partial, carriage: asNothing,
		gives: []field{{name: "rates", form: object, must: true}},
	},
}
