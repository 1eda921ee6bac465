package main

import (
	"payrouter/abi/guest"
	"payrouter/abi/native"
	abi "payrouter/abi/v1"
)

// updateMembers are those of an update. Which of the four objects there is goes by callbackType.
//
//nolint:gochecknoglobals // a table
var updateMembers = native.Fields{
	{Name: "id", Form: &shownEnum},
	{Name: "dateUtc", Form: &shownText},
	{Name: "callbackData", Form: &shownText},
	{Name: "userCliId", Form: &shownText},
	{Name: "balanceInfo", Form: &shownObject},
	{Name: "withdrawInfo", Form: &shownObject},
	{Name: "invoiceInfo", Form: &shownObject, Note: "Without a status and an amount: ask InvoiceInfo."},
	{Name: "moneySentInfo", Form: &shownObject},
	{Name: "callbackType", Form: &shownEnum},
}

// updateMethods are about what PayGram reports of its own accord.
//
//nolint:gochecknoglobals // a table
var updateMethods = []method{
	{
		// What it answers counts as delivered: if the answer is lost, so are those updates, and asking again hides it.
		Name:    "GetUpdates",
		Summary: "Fetch at most 20 updates that wait. Fetched ones count as delivered, answer lost or not.",
		Class:   risky, Documented: partial,
		Output: native.Fields{{
			Name: "updates", Form: &native.List, Required: true, Members: updateMembers,
			Note: "What callbacks carry, too. Members that have a default value are left out.",
		}},
	},
	{
		// An update is in the queue or it is not.
		Name: "MarkUpdatesError", Summary: "Put updates back among those that wait.",
		Class: safe, Documented: partial,
		Open:  true,
		Input: native.Fields{{Name: "updateIds", Form: &native.Integers, Required: true}},
	},
	{
		Name: "UserCallback", Summary: "What it does is not public: members are sent as given.",
		Class: risky, Documented: partial,
		Open: true,
	},
	{
		// Whoever calls it reports to PayGram that coins have arrived.
		Name:    "Cryptapi",
		Summary: "Report a deposit to PayGram as CryptAPI does. Members beside callbackData go into the query.",
		Class:   risky, Documented: partial,
		Open: true, Extra: wire{carriage: asQuery, path: cryptapiPath},
		Input: native.Fields{{Name: callbackDataName, Required: true, Note: "A segment of the path."}},
	},
}

// cryptapiPath is the one path without a token.
func cryptapiPath(callbackData string) []*abi.Part {
	return []*abi.Part{guest.Literal("/Cryptapi/"), guest.Text(callbackData)}
}
