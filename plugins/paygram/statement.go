package main

import "payrouter/abi/native"

// startIndex is the member by which a statement is paged.
const startIndex = "startIdx"

// statementMethods list what there is, and what came and went.
//
//nolint:gochecknoglobals // a table
var statementMethods = []method{
	{
		Name: "GetCirculatingCoins", Summary: "List what all users of the client have together, by currency.",
		Class: safe, Documented: full,
		Extra:  wire{carriage: asNothing},
		Output: native.Fields{{Name: "coins", Form: &native.List, Required: true, Members: balances}},
	},
	{
		Name: getStatement, Summary: "List what came into a user's wallet and went out of it, by time.",
		Class: safe, Documented: partial, Paged: true,
		Extra: wire{mayBeMissing: true},
		Input: native.Fields{
			{Name: "fromUtc", Required: true, Note: "The first moment, UTC: 2023-10-03T08:21:58.449Z."},
			{Name: "toExcludingUtc", Required: true, Note: "The moment behind the last, UTC."},
			{
				Name: startIndex, Form: &native.Integer, Default: "0",
				Note: "The id of the entry behind which the page starts; a cursor goes before it.",
			},
			{Name: "resultsPerPage", Form: &native.Integer, Default: "25"},
			{Name: "goForward", Form: &native.Boolean, Default: "true", Note: "The oldest first."},
		},
		Output: native.Fields{
			{Name: "statementEntries", Form: &native.List, Required: true, Members: native.Fields{
				{Name: "id", Form: &native.Integer},
				{Name: "transactionId", Form: &shownText},
				{Name: "executedUtc"},
				{Name: "amount", Form: &native.Amount},
				{Name: "currency", Form: &enum},
				{Name: "createdUtc"},
				{Name: "fees", Form: &native.Amount},
				{Name: "entryType", Form: &shownEnum},
				{Name: "recallable", Form: &native.Boolean},
				{
					Name: "invoice", Form: &native.Object,
					Members: native.Fields{{Name: "guid"}, {Name: "friendlyVoucherCode"}},
				},
			}},
			{Name: "results", Form: &native.Integer},
			{Name: "nextPageAvailable", Form: &native.Boolean},
		},
	},
	{
		Name:    exchangeRates,
		Summary: "List PayGram's exchange rates: the price of one unit of a base currency, by base and quote.",
		Class:   safe, Documented: partial,
		Open: true, Extra: wire{carriage: asNothing},
		Output: native.Fields{{Name: "rates", Form: &native.Object, Required: true}},
	},
}
