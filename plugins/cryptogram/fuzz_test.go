package main

import (
	"bytes"
	"encoding/json"
	"strconv"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"payrouter/abi/conformance/check"
	"payrouter/abi/conformance/evidence"
	"payrouter/abi/conformance/exact"
	"payrouter/abi/decimal"
	abi "payrouter/abi/v1"
)

// FuzzInterpret holds whatever Cryptogram may answer to the contract, for every operation: nothing traps, and each
// amount of an outcome is one that was sent.
func FuzzInterpret(f *testing.F) {
	for _, response := range evidence.Responses(f, ".") {
		f.Add(response.GetStatus(), response.GetBody())
	}
	f.Add(uint32(201),
		[]byte(`{"id":"1","amount":1e2,"currency":"EUR","url":"https://a","redirect":"https://b",`+
			`"expires_at":"2025-05-19T09:13:28","transaction":null}`))
	f.Add(uint32(200),
		[]byte(`{"id":"1","amount":1,"currency":"EUR","url":"https://a","expires_at":"2025-05-19T09:13:28Z",`+
			`"transaction":{"wallet":"btc","currency":"EUR","status":"pending","value":1.0e-5,"price":1,`+
			`"received":-0,"received_price":-0.0,"address":"1"}}`))
	f.Add(uint32(200),
		[]byte(`{"id":"1","amount":1,"amount":[],"price":1e400,"currency":"EUR","url":"https://a",`+
			`"expires_at":"2025-05-19T09:13:28Z"}`))
	described := manifest()
	promised := make(map[string]*jsonschema.Schema)
	for _, operation := range described.GetOperations() {
		schema, err := check.Schema(operation.GetOutputSchema())
		require.NoError(f, err)
		promised[operation.GetName()] = schema
	}
	f.Fuzz(func(t *testing.T, status uint32, body []byte) {
		for name := range handlers {
			for _, call := range []*abi.Call{
				{Operation: name, Payment: &abi.Payment{Amount: "1", Currency: "EUR"}},
				{Operation: name, Input: []byte(`{}`)},
				{Operation: name, Query: &abi.Query{Currency: "EUR"}},
			} {
				step, err := connector{}.Interpret(call, nil, &abi.HttpResponse{Status: status, Body: body})
				require.NoError(t, err)
				require.Empty(t, check.Answer(described, &abi.Answer{Result: &abi.Answer_Step{Step: step}}), name)
				done := step.GetDone()
				exact.Found(t, body, append(doubles(body), call.GetPayment().GetAmount()), done.GetAmount(),
					done.GetReceived(), done.GetFee(), done.GetNextAction().GetPayTo().GetAmount())
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

// doubles are the shortest decimals of the numbers in a text that are written with the 17 digits of their doubles, as
// PHP does.
func doubles(body []byte) (shortest []string) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	for token, err := decoder.Token(); err == nil; token, err = decoder.Token() {
		number, _ := token.(json.Number)
		amount, wrong := decimal.Parse(number.String())
		double, beyond := number.Float64()
		if wrong != nil || beyond != nil {
			continue
		}
		digits, err := decimal.Parse(strconv.FormatFloat(double, 'e', 16, 64))
		if err == nil && digits.Cmp(amount) == 0 {
			shortest = append(shortest, strconv.FormatFloat(double, 'f', -1, 64))
		}
	}
	return shortest
}

// FuzzPrepare holds the requests to what was asked: whatever the input, a create has one of its amounts, above zero, or
// there is none.
func FuzzPrepare(f *testing.F) {
	f.Add(createPayment, []byte(`{"amount":"10.50","currency":"USD","redirect":"https://shop.example"}`))
	f.Add(createPayment,
		[]byte(`{"amount":"-5","amount":"5","currency":"USD","redirect":"https://shop.example","expires_at":"x"}`))
	f.Add(getPayment, []byte(`{"id":"../x"}`))
	f.Add(updatePayment, []byte(`{"id":"1","title":"\u0000","redirect":"javascript:"}`))
	f.Add(availableWallets, []byte(`{}`))
	described := manifest()
	f.Fuzz(func(t *testing.T, operation string, input []byte) {
		step, err := connector{}.Prepare(&abi.Call{
			Operation: operation, Input: input, Seed: make([]byte, 32),
			Reference: "ours",
		})
		if err != nil {
			return // there is no such operation
		}
		require.Empty(t, check.Answer(described, &abi.Answer{Result: &abi.Answer_Step{Step: step}}))
		body := step.GetSend().GetRequest().GetBody()
		if len(body) == 0 {
			return
		}
		var sent struct {
			Amount json.Number `json:"amount"`
		}
		decoder := json.NewDecoder(bytes.NewReader(body))
		require.NoError(t, decoder.Decode(&sent))
		if operation != createPayment {
			require.Empty(t, sent.Amount)
			return
		}
		amount, err := decimal.Parse(sent.Amount.String())
		require.NoError(t, err)
		require.Positive(t, amount.Sign())
		require.True(t, exact.AmountsIn(input).Have(amount), "%s was not asked for", amount)
	})
}

// FuzzReceive holds whatever anyone may send as a notification to the contract.
func FuzzReceive(f *testing.F) {
	f.Add([]byte(`{"resource":"CommercePayment","id":"6d8eefdb-7e06-47e9-bcc9-7aa320c3aa82"}`))
	f.Add([]byte(`{"resource":"CommercePayment","id":7}`))
	described := manifest()
	f.Fuzz(func(t *testing.T, body []byte) {
		receipt, err := connector{}.Receive(&abi.Callback{Method: "POST", Body: body})
		require.NoError(t, err)
		require.Empty(t, check.Answer(described, &abi.Answer{Result: &abi.Answer_Receipt{Receipt: receipt}}))
		require.NotEqual(t, abi.Receipt_TRUST_SIGNED, receipt.GetTrust())
	})
}
