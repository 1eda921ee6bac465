package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/abi/conformance/check"
	abi "payrouter/abi/v1"
)

// FuzzInterpret holds whatever Cryptogram may answer to the contract, for every operation.
func FuzzInterpret(f *testing.F) {
	f.Add(uint32(201), []byte(`{"id":"1","amount":1,"currency":"EUR","url":"https://a","redirect":"https://b","expires_at":"2025-05-19T09:13:28","transaction":null}`))
	f.Add(uint32(200), []byte(`{"id":"1","amount":1,"currency":"EUR","url":"https://a","expires_at":"2025-05-19T09:13:28Z",`+
		`"transaction":{"wallet":"btc","currency":"EUR","status":"pending","value":1,"price":1,"received":0,"received_price":0,"address":"1"}}`))
	f.Add(uint32(422), []byte(`{"message":"m","errors":{"amount":["e"]}}`))
	described := manifest()
	f.Fuzz(func(t *testing.T, status uint32, body []byte) {
		for name := range operations {
			for _, call := range []*abi.Call{
				{Operation: name, Payment: &abi.Payment{Amount: "1", Currency: "EUR"}},
				{Operation: name, Input: []byte(`{}`)},
			} {
				step, err := connector{}.Interpret(call, nil, &abi.HttpResponse{Status: status, Body: body})
				require.NoError(t, err)
				require.Empty(t, check.Answer(described, &abi.Answer{Result: &abi.Answer_Step{Step: step}}), name)
			}
		}
	})
}

// FuzzReceive holds whatever anybody may send as a notification to the contract.
func FuzzReceive(f *testing.F) {
	f.Add([]byte(`{"resource":"CommercePayment","id":"6d8eefdb-7e06-47e9-bcc9-7aa320c3aa82"}`))
	described := manifest()
	f.Fuzz(func(t *testing.T, body []byte) {
		receipt, err := connector{}.Receive(&abi.Callback{Method: "POST", Body: body})
		require.NoError(t, err)
		require.Empty(t, check.Answer(described, &abi.Answer{Result: &abi.Answer_Receipt{Receipt: receipt}}))
		require.NotEqual(t, abi.Receipt_TRUST_SIGNED, receipt.GetTrust())
	})
}
