package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
)

func TestNativeInputIsRefusedByName(t *testing.T) {
	t.Parallel()
	const rest = `,"currency":"USD","redirect":"https://shop.example"}`
	for name, row := range map[string]struct{ operation, input, code, field string }{
		"no JSON":                {createPayment, `{`, "invalid_request", ""},
		"no object":              {createPayment, `[]`, "invalid_request", ""},
		"nothing to pay":         {createPayment, `{"amount":"0.00"` + rest, "invalid_request", "/amount"},
		"less than nothing":      {createPayment, `{"amount":"-10"` + rest, "invalid_request", "/amount"},
		"an amount that is none": {createPayment, `{"amount":"ten"` + rest, "invalid_request", "/amount"},
		"the first of two amounts": {
			createPayment, `{"amount":"-10","amount":"10"` + rest, "invalid_request",
			"/amount",
		},
		"no currency": {
			createPayment, `{"amount":"10","redirect":"https://shop.example"}`,
			"invalid_request", "/currency",
		},
		"no page to go back to": {
			createPayment, `{"amount":"10","currency":"USD"}`, "invalid_request",
			"/redirect",
		},
		"a page that is a script": {
			createPayment, `{"amount":"10","currency":"USD","redirect":"javascript:1"}`,
			"invalid_request", "/redirect",
		},
		"a wallet that there is not": {
			createPayment, `{"amount":"10","wallets":["doge"]` + rest, "invalid_request",
			"/wallets",
		},
		"an end that is no date": {
			createPayment, `{"amount":"10","expires_at":"soon"` + rest, "invalid_request",
			"/expires_at",
		},
		"an end that has come": {
			createPayment, `{"amount":"10","expires_at":"2025-02-21T13:01:12"` + rest,
			"expired", "/expires_at",
		},
		"an update to a script": {
			updatePayment, `{"id":"1","redirect":"javascript:1"}`, "invalid_request",
			"/redirect",
		},
		"an update of nothing":       {updatePayment, `{"id":"1"}`, "unsupported", ""},
		"an id that climbs":          {getPayment, `{"id":"../1"}`, "invalid_request", "/id"},
		"a read of nothing":          {getPayment, `{}`, "unsupported", ""},
		"an update of no payment":    {updatePayment, `{"title":"New"}`, "unsupported", ""},
		"an update that is not JSON": {updatePayment, `{`, "unsupported", ""},
		"a currency's absence, by row": {
			createPayment,
			`{"amount":"10","currency":"","redirect":"https://shop.example"}`, "invalid_request", "/currency",
		},
	} {
		step, err := connector{}.Prepare(&abi.Call{
			Operation: row.operation, Input: []byte(row.input),
			NowMs: 1740142872000,
		})
		require.NoError(t, err, name)
		require.Equal(t, row.code, step.GetReject().GetCode(), "%s: %v", name, step)
		require.Equal(t, row.field, step.GetReject().GetField(), name)
	}
}

// answered is the document's answer with room for an amount, and a transaction.
func answered(amount, transaction string) string {
	return `{"id":"2a36905c","amount":` + amount +
		`,"currency":"USD","url":"https://cryptogram.vip/payments/2a36905c",` +
		`"expires_at":"2025-05-19T09:13:28.000000Z","transaction":` + transaction + `}`
}

func TestNativeAmountsAreTexts(t *testing.T) {
	t.Parallel()
	const transaction = `{"status":"pending","value":1.5e-7,"received":0.10,"price":null,"received_price":"0"}`
	for name, row := range map[string]struct{ sent, output string }{
		"a number":         {answered("10", "null"), answered(`"10"`, "null")},
		"zeros at the end": {answered("10.50", "null"), answered(`"10.50"`, "null")},
		"an exponent":      {answered("1e3", "null"), answered(`"1000"`, "null")},
		"a text stays one": {answered(`"10.50"`, "null"), answered(`"10.50"`, "null")},
		"more digits than a float has": {
			answered("12345678901234567890.123456789", transaction),
			answered(`"12345678901234567890.123456789"`,
				`{"status":"pending","value":"0.00000015","received":"0.10","price":null,"received_price":"0"}`),
		},
	} {
		step, err := connector{}.Interpret(&abi.Call{Operation: getPayment, Input: []byte(`{"id":"2a36905c"}`)}, nil,
			&abi.HttpResponse{Status: 200, Body: []byte(row.sent)})
		require.NoError(t, err)
		require.Equal(t, row.output, string(step.GetDone().GetOutput()), name)
	}
}

func TestAnswersThatContradictThemselvesAreUnreadable(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"nothing to pay":             answered("0", "null"),
		"less than nothing":          answered("-10", "null"),
		"an amount beyond measure":   answered("1e400", "null"),
		"no value of what came":      answered("10", `{"status":"pending","received":1}`),
		"a value of nothing":         answered("10", `{"status":"completed","value":0,"received":1}`),
		"received that is no amount": answered("10", `{"status":"pending","value":1,"received":"some"}`),
		"received in a list":         answered("10", `{"status":"pending","value":1,"received":[]}`),
		"a transaction in a list":    answered("10", `[]`),
		"an amount that is none":     answered("null", `null`),
		"less received than nothing": answered("10", `{"status":"pending","value":1,"received":-1}`),
		"a price below nothing": answered("10",
			`{"status":"pending","value":1,"received":1,"price":-10,"received_price":10}`),
		"a received price below it": answered("10",
			`{"status":"completed","value":1,"received":1,"price":10,"received_price":-10}`),
		"a price beyond measure":    answered("10", `{"status":"pending","value":1,"received":1,"price":1e400}`),
		"a status that is a number": answered("10", `{"status":1,"value":1,"received":1}`),
		"two amounts":               answered(`10,"amount":99`, "null"),
		"two transactions":          answered("10", `null,"transaction":[]`),
		"two values":                answered("10", `{"status":"pending","value":1,"value":2,"received":0}`),
		"an id that is a number": `{"id":1,"amount":10,"currency":"USD","url":"https://a",` +
			`"expires_at":"2025-05-19T09:13:28Z"}`,
	} {
		step, err := connector{}.Interpret(&abi.Call{Operation: getPayment}, nil,
			&abi.HttpResponse{Status: 200, Body: []byte(body)})
		require.NoError(t, err)
		require.Equal(t, abi.Verdict_VERDICT_UNREADABLE, step.GetDone().GetVerdict(), name)
		require.NotEmpty(t, step.GetDone().GetFailure().GetMessage(), name)
	}
}

// The catalog is the document's table, and no one is asked for it.
func TestWalletsAreTheDocuments(t *testing.T) {
	t.Parallel()
	require.Len(t, manifest().GetActions(), 1)
	require.Equal(t, "wallets", manifest().GetActions()[0].GetTopic())
	for name, call := range map[string]*abi.Call{
		"by itself":  {Operation: availableWallets, Input: []byte(`{}`)},
		"for a role": {Operation: availableWallets, Query: &abi.Query{Currency: "BTC", Limit: 1}},
		"of an account with one": {
			Operation: availableWallets, Query: &abi.Query{},
			Settings: []byte(`{"wallets":["btc"]}`),
		},
	} {
		step, err := connector{}.Prepare(call)
		require.NoError(t, err)
		require.JSONEq(t, `{"wallets":{"btc":"Bitcoin","eth":"Ethereum","bnb":"Binance Coin"}}`,
			string(step.GetDone().GetOutput()), name)
		var items []string
		for _, item := range step.GetDone().GetItems() {
			items = append(items, item.GetCode()+" "+item.GetCurrency()+" "+item.GetName())
		}
		require.Equal(t, []string{"btc BTC Bitcoin", "eth ETH Ethereum", "bnb BNB Binance Coin"}, items, name)
	}
}
