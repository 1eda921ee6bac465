package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/abi/conformance/check"
	"payrouter/abi/conformance/evidence"
	"payrouter/abi/conformance/exact"
	abi "payrouter/abi/v1"
)

// FuzzInterpret holds whatever Newpay may answer to the contract, for every operation, called for a payment and by
// itself: nothing traps, and an amount is the very one that was sent.
func FuzzInterpret(f *testing.F) {
	for _, response := range evidence.Responses(f, ".") {
		f.Add(response.GetStatus(), response.GetBody())
	}
	f.Add(uint32(201),
		[]byte(`{"id":"p-1","status":"paid","amount":49.899999999999999,"currency":"EUR","amount":1e400}`))
	f.Add(uint32(200), []byte(`{"id":"p-1","status":"failed","amount":4.99e1,"currency":"EUR","reason":"no"}`))
	described := manifest()
	f.Fuzz(func(t *testing.T, status uint32, body []byte) {
		for _, operation := range described.GetOperations() {
			for _, call := range []*abi.Call{
				{Operation: operation.GetName()},
				{Operation: operation.GetName(), Payment: &abi.Payment{Amount: "49.90", Currency: "EUR"}},
			} {
				step, err := connector{}.Interpret(call, nil, &abi.HttpResponse{Status: status, Body: body})
				require.NoError(t, err)
				require.Empty(t, check.Answer(described, &abi.Answer{Result: &abi.Answer_Step{Step: step}}))
				outcome := step.GetDone()
				exact.Found(t, body, []string{call.GetPayment().GetAmount()}, outcome.GetAmount())
				if output := outcome.GetOutput(); output != nil {
					exact.Spelt(t, body, output, isAmount)
				}
			}
		}
	})
}

// FuzzReceive holds whatever anyone may send as a callback to the contract: without a signature it is a hint at most.
func FuzzReceive(f *testing.F) {
	f.Add("", []byte(`{"id":"p-1","reference":"0a","status":"paid","amount":49.90,"currency":"EUR"}`))
	f.Add("00", []byte(`{"id":"p-1","reference":"0a","status":"paid","amount":49.90,"currency":"EUR"}`))
	described := manifest()
	f.Fuzz(func(t *testing.T, signature string, body []byte) {
		callback := &abi.Callback{Method: "POST", Path: "/", Body: body}
		if signature != "" {
			callback.Headers = []*abi.Header{{Name: signatureHeader, Value: signature}}
		}
		receipt, err := connector{}.Receive(callback)
		require.NoError(t, err)
		require.Empty(t, check.Answer(described, &abi.Answer{Result: &abi.Answer_Receipt{Receipt: receipt}}))
		if signature == "" {
			require.Nil(t, receipt.GetOutcome())
		}
	})
}
