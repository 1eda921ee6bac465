package main

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/abi/native"
	abi "payrouter/abi/v1"
)

// Where money moves, or the payer may hear of it, or something may be lost, an unanswered call is never harmless.
func TestClasses(t *testing.T) {
	t.Parallel()
	harmless := []string{
		"InvoiceInfo", "GetInvoices", "GetStandBy", "ClientInfo", "SetCallbackApi", "UserInfo", "SetUserInfo",
		"GetCirculatingCoins", "GetStatement",
		"GetExchangeRates", "MarkUpdatesError", "GetP2PGroups", "GetBusinesses",
	}
	keyed := []string{"PayInvoice", "TransferCredit", "Withdraw", "Swap", "TopUp"}
	for _, operation := range manifest().GetOperations() {
		name := operation.GetName()
		switch {
		case slices.Contains(harmless, name):
			require.Equal(t, safe, operation.GetIdempotency(), name)
		case name == issueInvoice:
			require.Equal(t, abi.Idempotency_IDEMPOTENCY_ABANDONABLE, operation.GetIdempotency())
		default:
			require.Equal(t, risky, operation.GetIdempotency(), name)
			require.Equal(t, name == withdraw || name == transferCredit, operation.GetDeclineIsFinal(), name)
		}
		require.Equal(t, slices.Contains(keyed, name), operation.GetKeyedBySetting() == keyedBySetting, name)
		require.Equal(t, name == "GetStatement", operation.GetPaged(), name)
	}
}

// Every amount that the tables know is spelt out, and nothing else is.
func TestAmountsOfTheTablesAreSpelt(t *testing.T) {
	t.Parallel()
	var walk func(fields native.Fields)
	walk = func(fields native.Fields) {
		for _, f := range fields {
			require.Equal(t, f.Form == &native.Amount, isAmount(f.Name), f.Name)
			walk(f.Members)
		}
	}
	for _, topic := range methods {
		for _, n := range topic {
			walk(n.Output)
			walk(n.Input)
		}
	}
}

func TestInputIsRefusedByName(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ operation, input, field string }{
		{"UserInfo", `{"balance":1}`, "/balance"},
		{"UserInfo", `{"a/b~c":1}`, "/a~1b~0c"},
		{"UserInfo", `{"":1}`, ""},
		{"UserInfo", `{"userCliId":7}`, "/userCliId"},
		{"UserInfo", `{"requestId":"7"}`, "/requestId"},
		{"UserInfo", `{"requestId":7.5}`, "/requestId"},
		{"GetStandBy", `{"list":[]}`, "/list"},
		{"TransferCredit", `{"amount":"4"}`, "/currencyCode"},
		{"TransferCredit", `{"currencyCode":5,"amount":"-4"}`, "/amount"},
		{"TransferCredit", `{"currencyCode":5,"amount":"-4","amount":"4"}`, "/amount"},
		{"TransferCredit", `{"currencyCode":5,"amount":"4,5"}`, "/amount"},
		{"TransferCredit", `{"currencyCode":true,"amount":"4"}`, "/currencyCode"},
		{"Swap", `{"fromCurrency":3,"toCurrency":4,"amountToSwap":"1","isSimulation":"true"}`, "/isSimulation"},
		{"Withdraw", `{"amount":"4","withdrawMethod":{}}`, "/withdrawMethod"},
		{"Withdraw", `{"amount":"4","withdrawMethod":{"currencyCode":"5"}}`, "/withdrawMethod"},
		{"MarkUpdatesError", `{"updateIds":[1.5]}`, "/updateIds"},
		{"Cryptapi", `{}`, "/callbackData"},
		{"IssueInvoice", `{"currencyCode":5,"amount":"0"}`, "/amount"},
	} {
		step, err := connector{}.Prepare(&abi.Call{
			Operation: row.operation,
			Settings:  []byte(`{"user_cli_id":"shop-1"}`), Input: []byte(row.input),
		})
		require.NoError(t, err)
		require.Equal(t, "invalid_request", step.GetReject().GetCode(), "%s %s", row.operation, row.input)
		require.Equal(t, row.field, step.GetReject().GetField(), "%s %s", row.operation, row.input)
	}
}

func TestStatementPages(t *testing.T) {
	t.Parallel()
	const window = `"fromUtc":"2023-10-03T00:00:00Z","toExcludingUtc":"2023-10-04T00:00:00Z"`
	for name, row := range map[string]struct{ input, cursor, body, want string }{
		"the last page": {
			`{` + window + `}`, "",
			`{"statementEntries":[{"id":1}],"nextPageAvailable":false,"success":true}`, "",
		},
		"the first of several": {
			`{` + window + `}`, "",
			`{"statementEntries":[{"id":1},{"id":9007199254740993}],"nextPageAvailable":true,"success":true}`,
			"9007199254740993",
		},
		"one in between": {
			`{` + window + `}`, "2",
			`{"statementEntries":[{"id":3}],"nextPageAvailable":true,"success":true}`, "3",
		},
		"a start of the caller's": {
			`{` + window + `,"startIdx":10}`, "",
			`{"statementEntries":[{"id":11}],"nextPageAvailable":true,"success":true}`, "11",
		},
		"a cursor goes before it": {
			`{` + window + `,"startIdx":10}`, "11",
			`{"statementEntries":[{"id":"12"}],"nextPageAvailable":true,"success":true}`, "12",
		},
		"the cursor's own entry again": {
			`{` + window + `}`, "12",
			`{"statementEntries":[{"id":12},{"id":14}],"nextPageAvailable":true,"success":true}`, "14",
		},
		"nothing but the cursor's own entry": {
			`{` + window + `}`, "12",
			`{"statementEntries":[{"id":12}],"nextPageAvailable":true,"success":true}`, "",
		},
		"backward, from the newest": {
			`{` + window + `,"goForward":false}`, "",
			`{"statementEntries":[{"id":14},{"id":12}],"nextPageAvailable":true,"success":true}`, "12",
		},
		"backward, on": {
			`{` + window + `,"goForward":false}`, "12",
			`{"statementEntries":[{"id":12},{"id":3}],"nextPageAvailable":true,"success":true}`, "3",
		},
		"backward, although no next page is stated": {
			`{` + window + `,"goForward":false}`, "12",
			`{"statementEntries":[{"id":3}],"nextPageAvailable":false,"success":true}`, "3",
		},
		"backward, an empty page": {
			`{` + window + `,"goForward":false}`, "3",
			`{"statementEntries":[],"nextPageAvailable":true,"success":true}`, "",
		},
		"backward, no new id": {
			`{` + window + `,"goForward":false}`, "3",
			`{"statementEntries":[{"id":3},{"id":12}],"nextPageAvailable":true,"success":true}`, "",
		},
		"no word on whether it ended": {
			`{` + window + `}`, "", `{"statementEntries":[{"id":3}],"success":true}`, "3",
		},
		"an id that is none": {
			`{` + window + `}`, "", `{"statementEntries":[{"id":"row-3"}],"success":true}`, "unreadable",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			call := &abi.Call{
				Operation: "GetStatement", Settings: []byte(`{"user_cli_id":"shop-1"}`),
				Input: []byte(row.input), Cursor: row.cursor,
			}
			step, err := connector{}.Interpret(call, nil, &abi.HttpResponse{Status: 200, Body: []byte(row.body)})
			require.NoError(t, err)
			got := step.GetDone().GetCursor()
			if step.GetDone().GetVerdict() == abi.Verdict_VERDICT_UNREADABLE {
				got = "unreadable"
			}
			require.Equal(t, row.want, got)
		})
	}
}
