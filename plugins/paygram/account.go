package main

import (
	abi "payrouter/abi/v1"
)

// The shorthand of the tables: the idempotency classes and how far the document goes.
const (
	safe    = abi.Idempotency_IDEMPOTENCY_SAFE
	risky   = abi.Idempotency_IDEMPOTENCY_NONE
	full    = abi.Documented_DOCUMENTED_FULL
	partial = abi.Documented_DOCUMENTED_PARTIAL
)

// longestURL bounds a callback's URL.
const longestURL = 512

// balances is a list of what there is of each currency.
//
//nolint:gochecknoglobals // a table
var balances = []field{{name: "balance", form: sum}, {name: "currency", form: whole}}

// userGives is a PayGram user. signSeed belongs to the hashes of callbacks: keep it like a secret.
//
//nolint:gochecknoglobals // a table
var userGives = []field{
	{name: "balances", form: list, must: true, members: balances},
	{name: "joinedOn"},
	{name: "userIdInClient", must: true},
	{name: "uid"},
	{name: "callbackUrl"},
	{name: "signSeed", secret: true},
}

// accountMethods are about the client and its users.
//
//nolint:gochecknoglobals // a table
var accountMethods = []native{
	{
		// What standing by does is not public.
		name: "SetStandBy", summary: "Put the client on stand-by, as PayGram understands it.",
		class: risky, documented: partial, carriage: asQuery,
	},
	{
		name: "GetStandBy", summary: "Tell whether the client is on stand-by.",
		class: safe, documented: partial, carriage: asQuery,
	},
	{
		name: "ClientInfo", summary: "Read the client's settings.",
		class: safe, documented: full, carriage: asNothing, closed: true,
		gives: []field{{name: "callbackApi"}},
	},
	{
		// The same URL set twice is set once.
		name: "SetCallbackApi", summary: "Set the URL that PayGram calls back for all of the client's users.",
		class: safe, documented: partial,
		takes: []field{{name: "url", must: true, most: longestURL}},
		gives: []field{{name: "callbackApi"}},
	},
	{
		name: userInfo, summary: "Read a user: the balances, and where callbacks go.",
		class: safe, documented: full, closed: true, finds: true,
		gives: userGives,
	},
	{
		// A user that is made twice is there once.
		name: "SetUserInfo", summary: "Set the URL that PayGram calls back for a user; makes the user if it is new.",
		class: safe, documented: full, closed: true,
		takes: []field{{name: "callbackUrl", must: true, most: longestURL}},
		gives: userGives,
	},
	{
		// Two requests may make two clients.
		name:    "CreateClient",
		summary: "Make a client of PayGram. What it takes is not public: members are sent as given.",
		class:   risky, documented: partial, carriage: asGiven,
	},
}
