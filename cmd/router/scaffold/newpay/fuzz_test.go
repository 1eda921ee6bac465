package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/abi/conformance/check"
	"payrouter/abi/decimal"
	"payrouter/abi/jsontext"
	abi "payrouter/abi/v1"
)

// FuzzInterpret holds whatever Newpay may answer to the contract, for every operation: nothing traps, and an amount is
// the very one that was sent.
func FuzzInterpret(f *testing.F) {
	f.Add(uint32(201),
		[]byte(`{"id":"p-1","reference":"0a","status":"open","amount":49.90,"currency":"EUR",`+
			`"url":"https://pay.example/p-1"}`))
	f.Add(uint32(200), []byte(`{"id":"p-1","status":"failed","amount":4.99e1,"currency":"EUR","reason":"no"}`))
	f.Add(uint32(422), []byte(`{"error":{"code":"amount_out_of_bounds","message":"m"}}`))
	described := manifest()
	f.Fuzz(func(t *testing.T, status uint32, body []byte) {
		for _, operation := range described.GetOperations() {
			call := &abi.Call{Operation: operation.GetName()}
			step, err := connector{}.Interpret(call, nil, &abi.HttpResponse{Status: status, Body: body})
			require.NoError(t, err)
			require.Empty(t, check.Answer(described, &abi.Answer{Result: &abi.Answer_Step{Step: step}}))
			amount := step.GetDone().GetAmount()
			if amount == nil {
				continue
			}
			sent, err := jsontext.Parse(body)
			require.NoError(t, err)
			want, err := decimal.Parse(sent.Text("amount"))
			require.NoError(t, err)
			got, err := decimal.Parse(amount.GetAmount())
			require.NoError(t, err)
			require.Zero(t, want.Cmp(got))
			require.Positive(t, got.Sign())
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
