package main

import (
	"net/url"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"payrouter/abi/conformance/check"
	"payrouter/abi/conformance/evidence"
	"payrouter/abi/conformance/exact"
	"payrouter/abi/decimal"
	abi "payrouter/abi/v1"
)

// FuzzInterpret holds whatever Paygrt may answer to the contract, for every operation: nothing traps, and each amount
// of an outcome is one that was sent.
func FuzzInterpret(f *testing.F) {
	for _, response := range evidence.Responses(f, ".") {
		f.Add(response.GetStatus(), response.GetBody())
	}
	f.Add(uint32(200), []byte(`{"message":"Success","data":{"merchant_id":"ap0001","balance":-1.50e3},"status":"0"}`))
	f.Add(uint32(200),
		[]byte(`{"message":"Success","data":{"merchant_id":"AP0001","balance":"1","balance":1e400},"status":0}`))
	f.Add(uint32(200),
		[]byte(`{"message":7,"data":[7,{},{"operator_code":7,"operator_name":"\u0000","type":[]}],"status":"0"}`))
	f.Add(uint32(200),
		[]byte(`{"data":{"api_ref_id":"12345","txn_id":"5","recharge_amount":1e1,"remaining_balance":0.10,`+
			`"status_code":"0"},"status":"0"}`))
	described := manifest()
	promised := make(map[string]*jsonschema.Schema)
	for _, operation := range described.GetOperations() {
		schema, err := check.Schema(operation.GetOutputSchema())
		require.NoError(f, err)
		promised[operation.GetName()] = schema
	}
	f.Fuzz(func(t *testing.T, status uint32, body []byte) {
		for name := range handlers {
			for _, call := range callsOf(name) {
				step, err := connector{}.Interpret(call, []byte("2019-07-20"),
					&abi.HttpResponse{Status: status, Body: body})
				require.NoError(t, err)
				require.Empty(t, check.Answer(described, &abi.Answer{Result: &abi.Answer_Step{Step: step}}), name)
				done := step.GetDone()
				exact.Found(t, body, []string{"10", call.GetPayment().GetAmount()}, done.GetAmount(),
					done.GetReceived(), done.GetFee())
				for _, balance := range done.GetBalances() {
					exact.Found(t, body, []string{"10", call.GetPayment().GetAmount()}, balance.GetAvailable(),
						balance.GetHeld())
				}
				output := done.GetOutput()
				if output == nil {
					continue
				}
				exact.Spelt(t, body, output, isAmount)
				require.NoError(t, check.Satisfies(promised[name], output), name)
			}
		}
	})
}

// callsOf are the ways in which an operation is asked for.
func callsOf(name string) []*abi.Call {
	payment := statusCall()
	payment.Operation, payment.Reference = name, payment.GetCreateReference()
	return []*abi.Call{
		payment,
		{Operation: name, Settings: []byte(testSettings), Query: &abi.Query{}},
		{
			Operation: name, Settings: []byte(testSettings),
			Input: []byte(
				`{"api_ref_id":"12345","recharge_number":"9988998899","recharge_amount":"10","operator_code":"AT",` +
					`"txn_date":"2019-07-20"}`),
		},
	}
}

// FuzzPrepare holds the requests to what was asked: whatever the input, a recharge has one of its amounts, above zero
// and in whole paise, or there is none.
func FuzzPrepare(f *testing.F) {
	f.Add(opRecharge, []byte(`{"recharge_number":"9988998899","recharge_amount":"10.50","operator_code":"AT"}`))
	f.Add(opRecharge,
		[]byte(`{"recharge_number":"1&recharge_amount=9","recharge_amount":"1e1","operator_code":"\u0000"}`))
	f.Add(opRecharge,
		[]byte(`{"recharge_number":"1","recharge_amount":"-5","recharge_amount":"5","operator_code":"AT"}`))
	f.Add(opStatus, []byte(`{"api_ref_id":"1","txn_date":"&"}`))
	f.Add(opBalance, []byte(`{`))
	described := manifest()
	f.Fuzz(func(t *testing.T, operation string, input []byte) {
		step, err := connector{}.Prepare(&abi.Call{
			Operation: operation, Settings: []byte(testSettings), Input: input,
			Reference: "12345",
		})
		if err != nil {
			return // there is no such operation
		}
		require.Empty(t, check.Answer(described, &abi.Answer{Result: &abi.Answer_Step{Step: step}}))
		if operation != opRecharge || step.GetSend() == nil {
			return
		}
		form, err := url.ParseQuery(string(step.GetSend().GetRequest().GetBody()))
		require.NoError(t, err)
		require.Len(t, form["recharge_amount"], 1)
		amount, err := decimal.Parse(form.Get("recharge_amount"))
		require.NoError(t, err)
		require.Equal(t, amount.String(), form.Get("recharge_amount"))
		require.Positive(t, amount.Sign())
		require.LessOrEqual(t, amount.Scale(), 2)
		require.True(t, exact.AmountsIn(input).Have(amount), "%s was not asked for", amount)
	})
}
