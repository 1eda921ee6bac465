package main

import (
	"encoding/json"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"payrouter/abi/conformance/check"
	"payrouter/abi/conformance/exact"
	"payrouter/abi/decimal"
	"payrouter/abi/native"
	abi "payrouter/abi/v1"
)

// FuzzInterpret holds whatever PayGram may answer to the contract, for every operation: nothing traps, and an amount of
// a native answer is the very one that was sent, in a shape that the operation promises.
func FuzzInterpret(f *testing.F) {
	for _, body := range []string{
		`{"invoiceCode":"7d1f","status":4,"amount":100,"expectedFee":0,"callbackData":"ours","currencyCode":11,` +
			`"isPaid":false,"isRedeemed":false,"type":6,"success":true}`,
		`{"balances":[{"balance":-1E-8,"currency":11}],"userIdInClient":"a","uid":"b","callbackUrl":null,"type":11,` +
			`"success":true}`,
		`{"coins":[{"balance":55534228.52065455,"currency":11}],"type":16,"success":true}`,
		`{"statementEntries":[{"id":1,"amount":-0.10,"fees":1e2}],"results":1,"nextPageAvailable":true,"type":21,` +
			`"success":true}`,
		`{"statementEntries":[{"id":1,"executedUtc":"2023-10-03T09:00:00.1234567","amount":-1E-8,"currency":5,` +
			`"fees":"0.10","invoice":{"guid":"7d1f"}}],"nextPageAvailable":false,"success":true}`,
		`{"rates":{"1":{"4":{"quoteCurrency":4,"price":27512.33000000}}},"type":17,"success":true}`,
		`{"updates":[{"id":41,"invoiceInfo":{"amount":100.10}}],"type":17,"success":true}`,
		`{"fromCredit":{"userCliId":"a","newBalance":95.99999999},"voucherCode":"7d1f","amount":4.00000001,"fees":-0,` +
			`"type":9,"success":true}`,
		`{"newBalance":9900,"expectedFee":1.0,"withdrawnAmount":100,"amountWillReceive":99,"invoiceCode":"7d1f",` +
			`"type":12,"success":true}`,
		`{"receivedAmount":104.22625,"amount":1e400,"success":true}`,
		`{"received":100,"credited":99.5,"fees":0.5,"currencyCode":11,"newBalance":199.5,"type":8,"success":true}`,
		`{"message":"Invalid Token","type":0,"success":false}`,
		`{"message":"Not enough","type":0,"success":false,"responseCode":554}`,
	} {
		f.Add(uint32(200), []byte(body))
	}
	f.Add(uint32(200),
		[]byte(`{"callbackApi":7,"balances":[{"balance":"x"}],"coins":[1],"userIdInClient":"a","type":{},`+
			`"success":true}`))
	f.Add(uint32(200),
		[]byte(`{"invoiceCode":7,"status":"4","amount":"1e2","currencyCode":"11","isPaid":true,"isRedeemed":true,`+
			`"fromUser":{},"success":true}`))
	f.Add(uint32(502), []byte(`<html>`))
	described := manifest()
	settings := []byte(`{"user_cli_id":"shop-1"}`)
	promised := make(map[string]*jsonschema.Schema)
	for _, operation := range described.GetOperations() {
		schema, err := check.Schema(operation.GetOutputSchema())
		require.NoError(f, err)
		promised[operation.GetName()] = schema
	}
	f.Fuzz(func(t *testing.T, status uint32, body []byte) {
		for _, operation := range described.GetOperations() {
			call := &abi.Call{Operation: operation.GetName(), Settings: settings, Input: []byte(`{"startIdx":2}`)}
			step, err := connector{}.Interpret(call, nil, &abi.HttpResponse{Status: status, Body: body})
			require.NoError(t, err)
			require.Empty(t, check.Answer(described, &abi.Answer{Result: &abi.Answer_Step{Step: step}}),
				operation.GetName())
			if output := step.GetDone().GetOutput(); output != nil {
				require.NoError(t, check.Satisfies(promised[operation.GetName()], output), operation.GetName())
				exact.Spelt(t, body, output, isAmount)
			}
		}
		for _, action := range described.GetActions() {
			call := &abi.Call{Operation: action.GetOperation(), Settings: settings, Query: &abi.Query{}, NowMs: 1}
			step, err := connector{}.Interpret(call, nil, &abi.HttpResponse{Status: status, Body: body})
			require.NoError(t, err)
			require.Empty(t, check.Answer(described, &abi.Answer{Result: &abi.Answer_Step{Step: step}}),
				action.GetOperation())
			requireSent(t, body, step.GetDone())
		}
		for _, operation := range []string{withdraw, transferCredit, invoiceInfo} {
			call := &abi.Call{
				Operation: operation, Settings: settings, CreateReference: "ours", SentMs: 1,
				Payment: &abi.Payment{
					Kind: abi.Kind_KIND_PAYOUT, Amount: "100", Currency: "PHPT",
					Destination: &abi.Destination{Account: "b"},
				},
			}
			step, err := connector{}.Interpret(call, []byte("0"), &abi.HttpResponse{Status: status, Body: body})
			require.NoError(t, err)
			require.Empty(t, check.Answer(described, &abi.Answer{Result: &abi.Answer_Step{Step: step}}), operation)
			requirePaid(t, body, step.GetDone())
		}
		payment := &abi.Call{
			Operation: invoiceInfo, Settings: settings, ProviderReference: "7d1f",
			Payment: &abi.Payment{Amount: "100", Currency: "PHPT"},
		}
		step, err := connector{}.Interpret(payment, nil, &abi.HttpResponse{Status: status, Body: body})
		require.NoError(t, err)
		require.Empty(t, check.Answer(described, &abi.Answer{Result: &abi.Answer_Step{Step: step}}))
		requirePaid(t, body, step.GetDone())
	})
}

// requirePaid demands that a payment's amounts were sent, or are the payment's own.
func requirePaid(t *testing.T, body []byte, outcome *abi.Outcome) {
	t.Helper()
	exact.Found(t, body, []string{"100", "-100"}, outcome.GetAmount(), outcome.GetReceived(), outcome.GetFee())
}

// requireSent demands that the entries about the account have the amounts that were sent, to the digit: no amount has
// another value or sign.
func requireSent(t *testing.T, body []byte, outcome *abi.Outcome) {
	t.Helper()
	var shown []*abi.Money
	for _, balance := range outcome.GetBalances() {
		shown = append(shown, balance.GetAvailable())
	}
	for _, rate := range outcome.GetRates() {
		require.Equal(t, "1", rate.GetFrom().GetAmount())
		shown = append(shown, rate.GetTo())
	}
	for _, entry := range outcome.GetTransactions() {
		shown = append(shown, entry.GetAmount(), entry.GetFee())
	}
	exact.Found(t, body, nil, shown...)
}

// FuzzPrepare holds the requests to what was asked: whatever the input, a request has the amount's very value, or there
// is none.
func FuzzPrepare(f *testing.F) {
	f.Add("TransferCredit", []byte(`{"currencyCode":5,"amount":"4.00000001"}`))
	f.Add("Swap", []byte(`{"fromCurrency":3,"toCurrency":4,"amountToSwap":"1e2","isSimulation":true}`))
	f.Add("Withdraw", []byte(`{"amount":"-5","amount":"5","withdrawMethod":{"currencyCode":5}}`))
	f.Add("GetStatement", []byte(`{"fromUtc":"a","toExcludingUtc":"b","startIdx":-1}`))
	f.Add("Cryptapi", []byte(`{"callbackData":"../x","value":[1]}`))
	f.Add("IssueInvoice", []byte(`{"currencyCode":5,"amount":"0.10"}`))
	described := manifest()
	f.Fuzz(func(t *testing.T, operation string, input []byte) {
		call := &abi.Call{
			Operation: operation, Settings: []byte(`{"user_cli_id":"shop-1"}`), Input: input,
			Reference: "ours", Seed: make([]byte, 32),
		}
		step, err := connector{}.Prepare(call)
		if err != nil {
			return // no such operation, or an input that is no object
		}
		require.Empty(t, check.Answer(described, &abi.Answer{Result: &abi.Answer_Step{Step: step}}))
		body := step.GetSend().GetRequest().GetBody()
		if len(body) == 0 {
			return
		}
		sent, isObject := exact.Decoded(t, body).(map[string]any)
		require.True(t, isObject)
		n := methods.Find(operation)
		if n == nil {
			return
		}
		for i := range n.Input {
			if value := sent[n.Input[i].Name]; n.Input[i].Form == &native.Amount && value != nil {
				number, isNumber := value.(json.Number)
				require.True(t, isNumber, "%s: %v", n.Input[i].Name, value)
				amount, err := decimal.Parse(number.String())
				require.NoError(t, err)
				require.Positive(t, amount.Sign())
				require.True(t, exact.AmountsIn(input).Have(amount), "%s: %s", n.Input[i].Name, number)
			}
		}
	})
}

// FuzzReceive holds whatever anyone may send as a callback to the contract: it is a hint at most.
func FuzzReceive(f *testing.F) {
	f.Add([]byte(
		`{"Id":"1","CallbackData":"k3v9x0q2m8t7c5w1z6r4b0n2p8","InvoiceInfo":{"InvoiceCode":"7d1f",` +
			`"CallbackData":"x"},"CallbackType":2}`))
	f.Add([]byte(`{"id":1,"invoiceinfo":[]}`))
	f.Add([]byte(
		`{"Id":7,"WithdrawInfo":{"Info":{"WithdrawId":"7d1f"}},"MoneySentInfo":{"VoucherCode":"7D1F"},` +
			`"CallbackType":1}`))
	described := manifest()
	f.Fuzz(func(t *testing.T, body []byte) {
		receipt, err := connector{}.Receive(&abi.Callback{Method: "POST", Body: body})
		require.NoError(t, err)
		require.Empty(t, check.Answer(described, &abi.Answer{Result: &abi.Answer_Receipt{Receipt: receipt}}))
		require.Nil(t, receipt.GetOutcome())
	})
}
