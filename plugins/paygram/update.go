package main

import (
	"payrouter/abi/guest"
	abi "payrouter/abi/v1"
)

// updateMethods are about what PayGram tells of its own accord.
//
//nolint:gochecknoglobals // a table
var updateMethods = []native{
	{
		// What it answers counts as delivered: if the answer is lost, so are those updates, and asking again hides it.
		name:    "GetUpdates",
		summary: "Fetch at most 20 updates that wait. Fetched ones count as delivered, answer lost or not.",
		class:   risky, documented: partial, closed: true,
		gives: []field{{name: "updates", form: list, must: true}},
	},
	{
		// An update is in the queue or it is not.
		name: "MarkUpdatesError", summary: "Put updates back among those that wait.",
		class: safe, documented: partial,
		takes: []field{{name: "updateIds", form: numbers, must: true}},
	},
	{
		name: "UserCallback", summary: "What it does is not public: members are sent as given.",
		class: risky, documented: partial,
	},
	{
		// Whoever calls it tells PayGram that coins have arrived.
		name:    "Cryptapi",
		summary: "Report a deposit to PayGram as CryptAPI does. Members beside callbackData go into the query.",
		class:   risky, documented: partial, carriage: asQuery, path: cryptapiPath,
		takes: []field{{name: callbackDataName, must: true, note: "A segment of the path."}},
	},
}

// cryptapiPath is the one path without a token.
func cryptapiPath(callbackData string) []*abi.Part {
	return []*abi.Part{guest.Literal("/Cryptapi/"), guest.Text(callbackData)}
}
