package main

import (
	"payrouter/abi/native"
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
var balances = native.Fields{{Name: "balance", Form: &native.Amount}, {Name: "currency", Form: &enum}}

// userMembers is a PayGram user. signSeed belongs to the hashes of callbacks: keep it like a secret.
//
//nolint:gochecknoglobals // a table
var userMembers = native.Fields{
	{Name: "balances", Form: &native.List, Required: true, Members: balances},
	{Name: "joinedOn", Form: &shownText},
	{Name: "userIdInClient", Form: &shownText},
	{Name: "uid", Form: &shownText},
	{Name: "callbackUrl", Form: &shownText},
	{Name: "signSeed", Form: &shownText, Sensitive: true},
}

// accountMethods are about the client and its users.
//
//nolint:gochecknoglobals // a table
var accountMethods = []method{
	{
		// What standing by does is not public.
		Name: "SetStandBy", Summary: "Put the client on stand-by, as PayGram understands it.",
		Class: risky, Documented: partial,
		Open: true, Extra: wire{carriage: asQuery},
	},
	{
		Name: "GetStandBy", Summary: "Tell whether the client is on stand-by.",
		Class: safe, Documented: partial,
		Open: true, Extra: wire{carriage: asQuery},
	},
	{
		Name: "ClientInfo", Summary: "Read the client's settings.",
		Class: safe, Documented: full,
		Extra:  wire{carriage: asNothing},
		Output: native.Fields{{Name: "callbackApi", Form: &shownText}},
	},
	{
		// The same URL set twice is set once.
		Name: "SetCallbackApi", Summary: "Set the URL that PayGram calls back for all of the client's users.",
		Class: safe, Documented: partial,
		Open:   true,
		Input:  native.Fields{{Name: "url", Required: true, MaxLength: longestURL}},
		Output: native.Fields{{Name: "callbackApi", Form: &shownText}},
	},
	{
		Name: userInfo, Summary: "Read a user: the balances, and where callbacks go.",
		Class: safe, Documented: full,
		Extra:  wire{mayBeMissing: true},
		Output: userMembers,
	},
	{
		// A user that is made twice is there once.
		Name: "SetUserInfo", Summary: "Set the URL that PayGram calls back for a user; makes the user if it is new.",
		Class: safe, Documented: full,
		Input:  native.Fields{{Name: "callbackUrl", Required: true, MaxLength: longestURL}},
		Output: userMembers,
	},
	{
		// Two requests may make two clients.
		Name:    "CreateClient",
		Summary: "Make a client of PayGram. What it takes is not public: members are sent as given.",
		Class:   risky, Documented: partial,
		Open: true, Extra: wire{carriage: asGiven},
	},
}
