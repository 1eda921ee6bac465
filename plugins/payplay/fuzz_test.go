package main

import (
	"bytes"
	"encoding/json"
	"io"
	"math/big"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"payrouter/abi/conformance/check"
	"payrouter/abi/conformance/exact"
	"payrouter/abi/jsontext"
	abi "payrouter/abi/v1"
)

// bodies are what every fuzzing of answers starts from.
var bodies = []string{
	`{"order":{"id":"1","status":"COMPLETE","currency":"EUR","value":"1","received_total":"1"}}`,
	`{"order":{"id":"1","status":"INIT","currency":"EUR","value":1.10,"acquiring_url":"https://pay.example/1",` +
		`"external_order_id":"ours","transactions":[]}}`,
	`{"orders":[{"id":"1","external_order_id":"ours","status":"INIT","currency":"EUR","value":1}],` +
		`"meta":{"current_page":1,"last_page":2,"total":3}}`,
	`{"transactions":[{"id":"1","status":"DECLINED","currency":{"ticker":"USDT"},"value":"1","fee":0.10}]}`,
	`{"transactions":[{"id":"1","type":"WITHDRAWAL_EXTERNAL","status":"COMPLETE","currency":"USDT","value":1e-7,` +
		`"created_at":"2022-03-23 14:40:53"},` +
		`{"id":"2","type":"CRYPTO_INVOICE","status":"COMPLETE","currency":"USDT","value":"13.50",` +
		`"created_at":"2022-03-23 14:40:53"}],` +
		`"meta":{"current_page":1,"last_page":2,"total":3}}`,
	`{"transaction":{"id":"1","type":"REFUND","status":"COMPLETE","currency":"USDT","value":14.850}}`,
	`{"balances":[{"id":"1","currency":{"ticker":"USDT"},"value":"87.06441001"},{"id":"2","currency":"BTC",` +
		`"value":-0.00000001}]}`,
	`{"currencies":[{"ticker":"USDT","fees":null,"network_fees":{"TRC20":{"min_amount":"10","max_amount":"0"},` +
		`"TON":{"min_amount":5.0,"max_amount":"7"}}}]}`,
	`{"transaction":{"id":"1","status":"INIT","currency":{"ticker":"EUR"},"value":1,"target_currency":"USDT",` +
		`"target_value":50.665446,"fee":null,"network":"TON","external_id":"ours"}}`,
	`{"order":{"id":1,"status":"Init","currency":null,"value":null,"received_total":"some"}}`,
	`{"balance":{"id":"1","currency":{"ticker":"USDT","precision":4},"value":87.06441001}}`,
	`{"currencies":["EUR",{"ticker":"USDT"}]}`,
	`{"order_statuses":[{"id":"5af96312","label":"CANCELED"}]}`,
	`{"USDT_USD":"1,00","USDC_USD":0.9998}`,
	`{"ticker":"NGN","exchange_rate":"1660.2759444311"}`,
	`{"message":"m","errors":{"amount":["e"]}}`,
	`{"message":"Page not found"}`,
}

// FuzzInterpret holds whatever PayPlay may answer to the contract, for every operation in each of the ways that it is
// called: nothing traps, and a reported amount is the very one that was sent.
func FuzzInterpret(f *testing.F) {
	for _, body := range bodies {
		f.Add(uint32(200), []byte(body))
	}
	f.Add(uint32(422), []byte(bodies[15]))
	f.Add(uint32(404), []byte(bodies[16]))
	f.Add(uint32(502), []byte(`<html>`))
	described := manifest()
	promised := make(map[string]*jsonschema.Schema)
	for _, operation := range described.GetOperations() {
		schema, err := check.Schema(operation.GetOutputSchema())
		require.NoError(f, err)
		promised[operation.GetName()] = schema
	}
	f.Fuzz(func(t *testing.T, status uint32, body []byte) {
		for name := range operations {
			for _, call := range callsOf(name) {
				for _, state := range []string{
					"", "1",
					`{"rates":{"USDT_USD":"1,00"},"known":{"EUR":"0.9"},"left":["NGN","EUR"]}`,
				} {
					step, err := connector{}.Interpret(call, []byte(state),
						&abi.HttpResponse{Status: status, Body: body})
					require.NoError(t, err)
					require.Empty(t, check.Answer(described, &abi.Answer{Result: &abi.Answer_Step{Step: step}}), name)
					requireMoney(t, name, body, step.GetDone())
					if outcome := step.GetDone(); state == "" && outcome.GetOutput() != nil {
						require.NoError(t, check.Satisfies(promised[name], outcome.GetOutput()), "%s %s", name,
							outcome.GetOutput())
						requireSpelt(t, name, body, outcome.GetOutput())
						requireEntries(t, exact.Decoded(t, body), outcome)
					}
				}
			}
		}
	})
}

// requireSpelt demands that the numbers which are spelt out are the very ones that were sent. An answer with a number
// that is no amount hands that on as it came.
func requireSpelt(t *testing.T, operation string, body, output []byte) {
	t.Helper()
	isSpelt := func(member string) bool { return operation == getRates || isAmount(member) || isWord(member) }
	answer, err := jsontext.Parse(body)
	require.NoError(t, err)
	if _, wrong := answer.Spell(isSpelt); wrong == "" {
		exact.Spelt(t, body, output, isSpelt)
	}
}

// requireMoney demands that a payment's amounts are the answer's own. The amount of a withdrawal is not: it may be the
// transaction's value with its fee.
func requireMoney(t *testing.T, operation string, body []byte, outcome *abi.Outcome) {
	t.Helper()
	asked := []string{"1"}
	exact.Found(t, body, asked, outcome.GetReceived(), outcome.GetFee())
	if operation != withdraw && operation != showTransaction {
		exact.Found(t, body, asked, outcome.GetAmount())
	}
}

func callsOf(name string) []*abi.Call {
	settings := []byte(`{"slug":"shop","transaction_types":{"REFUND":"out"}}`)
	return []*abi.Call{
		{
			Operation: name, Settings: settings, CreateReference: "ours",
			Payment: &abi.Payment{Amount: "1", Currency: "EUR"},
		},
		{Operation: name, Settings: settings, Input: []byte(`{"ticker":"NGN"}`)},
		{Operation: name, Settings: settings, Input: []byte(`{"id":"1"}`)},
		{Operation: name, Settings: settings, Query: &abi.Query{Limit: 10}},
	}
}

// repeats reports a text in which an object names a member twice: the standard library counts the last, and a request
// the first.
func repeats(text []byte) bool {
	decoder := json.NewDecoder(bytes.NewReader(text))
	return repeatsIn(decoder)
}

func repeatsIn(decoder *json.Decoder) bool {
	token, err := decoder.Token()
	if err != nil {
		return err != io.EOF
	}
	delim, isDelim := token.(json.Delim)
	if !isDelim {
		return false
	}
	found, seen := false, make(map[string]bool)
	for decoder.More() {
		if delim == '{' {
			name, err := decoder.Token()
			if err != nil {
				return true
			}
			found = found || seen[name.(string)]
			seen[name.(string)] = true
		}
		if repeatsIn(decoder) {
			return true
		}
	}
	_, err = decoder.Token()
	return found || err != nil
}

// rational reads an amount by another way than the plugin does.
func rational(t *testing.T, amount any) *big.Rat {
	t.Helper()
	text, isText := amount.(string)
	if number, isNumber := amount.(json.Number); isNumber {
		text, isText = number.String(), true
	}
	require.True(t, isText, "%v", amount)
	value, ok := new(big.Rat).SetString(strings.Replace(text, ",", ".", 1))
	require.True(t, ok, text)
	return value
}

// requireEntries demands that the entries about the account have the amounts of the answer, with the sign of their
// direction.
func requireEntries(t *testing.T, sent any, outcome *abi.Outcome) {
	t.Helper()
	for i, balance := range outcome.GetBalances() {
		value := member(t, sent, "balances", i, "value")
		require.Zero(t, rational(t, value).Cmp(rational(t, balance.GetAvailable().GetAmount())))
	}
	for i, entry := range outcome.GetTransactions() {
		value := rational(t, member(t, sent, "transactions", i, "value"))
		if leaves := map[string]bool{
			"WITHDRAWAL_EXTERNAL": true, "CRYPTO_WALLET": true, "CONVERT_WITHDRAWAL": true,
			"REFUND": true,
		}; leaves[entry.GetKind()] {
			value.Neg(value)
		}
		require.Zero(t, value.Cmp(rational(t, entry.GetAmount().GetAmount())))
		if fee := entry.GetFee(); fee != nil {
			require.Zero(t, rational(t, member(t, sent, "transactions", i, "fee")).Cmp(rational(t, fee.GetAmount())))
		}
	}
	for _, rate := range outcome.GetRates() {
		pair := rate.GetFrom().GetCurrency() + "_" + rate.GetTo().GetCurrency()
		require.Zero(t, rational(t, sent.(map[string]any)[pair]).Cmp(rational(t, rate.GetTo().GetAmount())), pair)
		require.Equal(t, "1", rate.GetFrom().GetAmount())
	}
}

func member(t *testing.T, sent any, list string, index int, name string) any {
	t.Helper()
	return sent.(map[string]any)[list].([]any)[index].(map[string]any)[name]
}

// FuzzPrepare holds the requests to what was asked: whatever the input, an amount in a request is a text above zero,
// the input's own.
func FuzzPrepare(f *testing.F) {
	f.Add(createOrder, []byte(`{"amount":"12.12","currency":"EUR","external_order_id":"INV-1","note":1.50}`), "")
	f.Add(createTopup, []byte(`{"amount":"1e2","currency":"USDT","amount":"5"}`), "")
	f.Add(withdraw, []byte(`{"amount":"-5","amount":"5","currency":"USDT","wallet":"T","network":"TRC20"}`), "")
	f.Add(refundOrder, []byte(`{"id":"../x","amount":"4"}`), "")
	f.Add(completeOrder, []byte(`{"id":"1","":{}}`), "")
	f.Add(showTransactions, []byte(`{"page":0,"date_from":"2022-06-01+00:00:00","a b":"&"}`), "2")
	f.Add(getExchangeRate, []byte(`{"ticker":"NGN"}`), "")
	f.Add(convertWithdrawal, []byte(
		`{"currency":"EUR","amount":"50","target_currency":"USDT","address":"EQ","network":"TON","otp":1}`), "")
	f.Add(confirmConvert, []byte(`{"id":"1","code":"2"}`), "")
	f.Add(postBalance, []byte(`{"id":"1","amount":"2"}`), "")
	f.Add(convertCurrencies, []byte(`{"currency":"EUR","a b":"&"}`), "")
	described := manifest()
	f.Fuzz(func(t *testing.T, operation string, input []byte, cursor string) {
		call := &abi.Call{
			Operation: operation, Settings: []byte(`{"slug":"shop","company_slug":"acme"}`), Input: input,
			Reference: "ours", Cursor: cursor,
			Seed: make([]byte, 32),
		}
		step, err := connector{}.Prepare(call)
		if err != nil {
			return // no such operation
		}
		require.Empty(t, check.Answer(described, &abi.Answer{Result: &abi.Answer_Step{Step: step}}))
		body := step.GetSend().GetRequest().GetBody()
		if len(body) == 0 || repeats(input) {
			return
		}
		sent, isObject := exact.Decoded(t, body).(map[string]any)
		require.True(t, isObject)
		if amount := sent["amount"]; amount != nil {
			require.Equal(t, exact.Decoded(t, input).(map[string]any)["amount"], amount)
			require.Positive(t, rational(t, amount).Sign())
		}
	})
}

// FuzzReceive holds whatever anyone may send as a webhook to the contract.
func FuzzReceive(f *testing.F) {
	f.Add([]byte(
		`{"order":{"id":"1","status":"COMPLETE","currency":"EUR","value":"1"},"event_type":"order::completed"}`))
	f.Add([]byte(
		`{"transaction":{"id":"1","status":"COMPLETE","currency":"EUR","value":"1"},` +
			`"event_type":"withdrawal::completed"}`))
	described := manifest()
	f.Fuzz(func(t *testing.T, body []byte) {
		receipt, err := connector{}.Receive(&abi.Callback{
			Method: "POST",
			Headers: []*abi.Header{{
				Name:  "Signature",
				Value: "00000000000000000000000000000000000000000000000000000000000000ff",
			}},
			Body:     body,
			Settings: []byte(`{"slug":"shop"}`),
		})
		require.NoError(t, err)
		require.Empty(t, check.Answer(described, &abi.Answer{Result: &abi.Answer_Receipt{Receipt: receipt}}))
	})
}
