package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/abi/conformance/check"
	abi "payrouter/abi/v1"
)

// FuzzInterpret holds whatever PayPlay may answer to the contract, for every operation.
func FuzzInterpret(f *testing.F) {
	f.Add(uint32(200), []byte(`{"order":{"id":"1","status":"COMPLETE","currency":"EUR","value":"1","received_total":"1"}}`))
	f.Add(uint32(200), []byte(`{"orders":[{"id":"1","external_order_id":"ours","status":"INIT","currency":"EUR","value":1}],"meta":{"current_page":1,"last_page":2,"total":3}}`))
	f.Add(uint32(201), []byte(`{"transactions":[{"id":"1","status":"DECLINED","currency":{"ticker":"USDT"},"value":"1"}]}`))
	f.Add(uint32(200), []byte(`{"ticker":"NGN","exchange_rate":"1660.2759444311"}`))
	f.Add(uint32(422), []byte(`{"message":"m","errors":{"amount":["e"]}}`))
	described := manifest()
	f.Fuzz(func(t *testing.T, status uint32, body []byte) {
		for name := range operations {
			for _, call := range []*abi.Call{
				{Operation: name, Settings: []byte(`{"slug":"shop"}`), CreateReference: "ours", Payment: &abi.Payment{Amount: "1", Currency: "EUR"}},
				{Operation: name, Settings: []byte(`{"slug":"shop"}`), Input: []byte(`{"ticker":"NGN"}`)},
			} {
				step, err := connector{}.Interpret(call, []byte("1"), &abi.HttpResponse{Status: status, Body: body})
				require.NoError(t, err)
				require.Empty(t, check.Answer(described, &abi.Answer{Result: &abi.Answer_Step{Step: step}}), name)
			}
		}
	})
}

// FuzzReceive holds whatever anybody may send as a webhook to the contract.
func FuzzReceive(f *testing.F) {
	f.Add([]byte(`{"order":{"id":"1","status":"COMPLETE","currency":"EUR","value":"1"},"event_type":"order::completed"}`))
	f.Add([]byte(`{"transaction":{"id":"1","status":"COMPLETE","currency":"EUR","value":"1"},"event_type":"withdrawal::completed"}`))
	described := manifest()
	f.Fuzz(func(t *testing.T, body []byte) {
		receipt, err := connector{}.Receive(&abi.Callback{
			Method:   "POST",
			Headers:  []*abi.Header{{Name: "Signature", Value: "00000000000000000000000000000000000000000000000000000000000000ff"}},
			Body:     body,
			Settings: []byte(`{"slug":"shop"}`),
		})
		require.NoError(t, err)
		require.Empty(t, check.Answer(described, &abi.Answer{Result: &abi.Answer_Receipt{Receipt: receipt}}))
	})
}
