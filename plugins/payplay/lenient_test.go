package main

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
)

// The answers of the document and of public material.
const (
	completeOrderBody = `{"order":{"id":"effc4486-b288-4e57-bb12-d2ae196f5daf","currency":"EUR",
		"order_number":"538188474","value":"12.12","expected_amount":"13.5","received_total":"13.37",
		"exchange_rate":"0.89777","clean_exchange_rate":"1","is_internal":true,"deposited_currency":"USDT",
		"received_currency":"USDT","status":"COMPLETE","external_order_id":"ours","created_at":"2024-09-19 09:45:14",
		"completed_at":"2024-09-19 09:46:19","acquiring_url":"https://merchant.pay.payplay.io/crypto-orders/effc4486",
		"successful_link":null,"failure_link":null,"transactions":[{"id":"8da6dc9b-276a-4eb9-9260-edb754a02018",
		"type":"CRYPTO_INVOICE","currency":"USDT","value":"13.5","status":"COMPLETE",
		"hash":"f81557d3-fcc2-4dcf-8c63-0faeb69cd5ff","is_internal":true,"created_at":"2024-09-19 09:46:19",
		"completed_at":"2024-09-19 09:46:19"}]}}`
	transactionBody = `{"transaction":{"id":"23d2ca58-20bf-416f-960b-8eae02224653","type":"WITHDRAWAL_EXTERNAL",
		"currency":"USDT","value":"10","status":"COMPLETE","hash":"b3f79c32-525f-46ea-848e-ae172c13697d",
		"is_internal":true,"created_at":"2022-03-23 14:40:53","completed_at":"2022-03-23 14:45:53","fee":"1",
		"network":"TRC20","explorer_link":null}}`
	withdrawnBody = `{"request_id":"123","transactions":[{"id":"123","currency":{"id":"123","ticker":"USDT",
		"is_fiat":false,"is_used_for_order_exchange":true,"icon":"https://icon.svg","precision":2,"title":"Tether US"},
		"value":"10","status":"PENDING_WITHDRAWAL","type":"CRYPTO_WALLET","network":null,"fee":"1",
		"created_at":"2022-11-18 14:27:36","completed_at":null}]}`
)

// odd are values that a member which nobody needs may have.
var odd = []any{nil, "", "text", 7, 7.5, true, []any{}, map[string]any{"a": 1}}

// A member that decides nothing may be missing, null or of another type: the call ends as it does otherwise.
func TestAMemberThatDecidesNothingMayBeAnything(t *testing.T) {
	t.Parallel()
	order := &abi.Payment{Amount: "12.12", Currency: "EUR"}
	payout := &abi.Payment{
		Amount: "10", Currency: "USDT", Destination: &abi.Destination{Address: "T", Network: "TRC20"},
	}
	const orderID, transactionID = "effc4486-b288-4e57-bb12-d2ae196f5daf", "23d2ca58-20bf-416f-960b-8eae02224653"
	for _, row := range []struct {
		name    string
		call    *abi.Call
		body    string
		path    []any
		decides []string
	}{
		{
			"look-up of an order",
			&abi.Call{Operation: showOrder, Payment: order, ProviderReference: orderID, CreateReference: "ours"},
			completeOrderBody,
			[]any{"order"},
			[]string{"id", "status", "value", "currency", "external_order_id", "received_total", "received_currency"},
		},
		{
			"an order by itself", &abi.Call{Operation: showOrder, Input: []byte(`{"id":"` + orderID + `"}`)},
			completeOrderBody,
			[]any{"order"},
			[]string{"id", "status", "value", "currency", "external_order_id", "received_total", "received_currency"},
		},
		{
			"the payment of an order", &abi.Call{Operation: showOrder, Input: []byte(`{"id":"` + orderID + `"}`)},
			completeOrderBody,
			[]any{"order", "transactions", 0},
			nil,
		},
		{
			"look-up of a withdrawal", &abi.Call{
				Operation: showTransaction, Payment: payout,
				ProviderReference: transactionID, CreateReference: "ours",
			},
			transactionBody,
			[]any{"transaction"},
			[]string{"id", "status", "value", "currency", "fee", "external_id", "network"},
		},
		{
			"a transaction by itself",
			&abi.Call{Operation: showTransaction, Input: []byte(`{"id":"` + transactionID + `"}`)},
			transactionBody,
			[]any{"transaction"},
			[]string{"id", "status", "value", "currency", "fee"},
		},
		{
			"a withdrawal", &abi.Call{Operation: withdraw, Payment: payout, Reference: "ours"},
			withdrawnBody,
			[]any{"transactions", 0},
			[]string{"id", "status", "value", "currency", "fee", "network"},
		},
		{
			"the currency of a withdrawal", &abi.Call{Operation: withdraw, Payment: payout, Reference: "ours"},
			withdrawnBody,
			[]any{"transactions", 0, "currency"},
			[]string{"ticker"},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			row.call.Settings = []byte(`{"slug":"shop","company_slug":"acme"}`)
			usual := interpreted(t, row.call, row.body)
			require.Equal(t, abi.Verdict_VERDICT_ACCEPTED, usual.GetVerdict(), usual.GetFailure().GetMessage())
			for name := range at(t, row.body, row.path) {
				if slices.Contains(row.decides, name) {
					continue
				}
				for _, value := range odd {
					requireAlike(t, usual, interpreted(t, row.call, altered(t, row.body, row.path, name, value)), name)
				}
				requireAlike(t, usual, interpreted(t, row.call, altered(t, row.body, row.path, name)), name)
			}
		})
	}
}

// What decides is read strictly, and a message names what is wrong.
func TestWhatDecidesIsReadStrictly(t *testing.T) {
	t.Parallel()
	order := &abi.Call{
		Operation: showOrder, Payment: &abi.Payment{Amount: "12.12", Currency: "EUR"},
		ProviderReference: "effc4486-b288-4e57-bb12-d2ae196f5daf", CreateReference: "ours",
		Settings: []byte(`{"slug":"shop"}`),
	}
	for _, row := range []struct {
		member, why string
		value       any
	}{
		{"id", "the order's id: none of PayPlay's form", nil},
		{"id", "the answer is about another order", 7},
		{"status", "the order's status: no text", []any{}},
		{"status", "the order's status: no text", nil},
		{"value", "the order's value: ", "a lot"},
		{"value", "the order's value: ", nil},
		{"value", "the order is for 12.13, not 12.12", 12.13},
		{"currency", "the order's currency: no ticker", nil},
		{"currency", "the order is for USD, not EUR", "USD"},
		{"currency", "the order is for USD, not EUR", map[string]any{"ticker": "usd"}},
		{"external_order_id", "the order carries another reference than ours", 8},
	} {
		outcome := interpreted(t, order, altered(t, completeOrderBody, []any{"order"}, row.member, row.value))
		require.Equal(t, abi.Verdict_VERDICT_UNREADABLE, outcome.GetVerdict(), row)
		require.Contains(t, outcome.GetFailure().GetMessage(), row.why)
	}
	usual := interpreted(t, order, completeOrderBody)
	for member, values := range map[string][]any{
		"value": {12.12, "12.120"}, "status": {"complete", "Complete"},
		"currency":          {"eur", map[string]any{"ticker": "EUR", "precision": 2}},
		"external_order_id": {nil},
	} {
		for _, value := range values {
			outcome := interpreted(t, order, altered(t, completeOrderBody, []any{"order"}, member, value))
			require.Equal(t, usual.GetStatus(), outcome.GetStatus(), "%s %v", member, value)
			require.Equal(t, usual.GetReceived().GetAmount(), outcome.GetReceived().GetAmount())
		}
	}
}

// What was received decides whether an order that ended may be paid elsewhere: where it is no amount, it may not.
func TestWhatWasReceivedAndCannotBeReadKeepsAnOrderOpen(t *testing.T) {
	t.Parallel()
	call := &abi.Call{
		Operation: showOrder, Payment: &abi.Payment{Amount: "12.12", Currency: "EUR"},
		ProviderReference: "effc4486-b288-4e57-bb12-d2ae196f5daf", Settings: []byte(`{"slug":"shop"}`),
	}
	for _, row := range []struct {
		status   string
		received any
		want     abi.Status
	}{
		{"DECLINED", "some", processing},
		{"CANCELED", map[string]any{"USDT": "1"}, processing},
		{"INIT", []any{"1"}, processing},
		{"OPEN", true, processing},
		{"COMPLETE", "all", succeeded},
		{"DECLINED", "0", failed},
		{"DECLINED", 0, failed},
		{"DECLINED", nil, failed},
		{"DECLINED", "", failed},
		{"INIT", nil, action},
	} {
		body := altered(t, completeOrderBody, []any{"order"}, "received_total", row.received)
		outcome := interpreted(t, call, altered(t, body, []any{"order"}, "status", row.status))
		require.Equal(t, row.want, outcome.GetStatus(), row)
		require.Nil(t, outcome.GetReceived(), row)
	}
	create := &abi.Call{
		Operation: createOrder, Payment: &abi.Payment{Amount: "12.12", Currency: "EUR"}, Reference: "ours",
		Settings: []byte(`{"slug":"shop"}`),
	}
	body := altered(t, completeOrderBody, []any{"order"}, "received_total", "nothing")
	made := interpreted(t, create, altered(t, body, []any{"order"}, "status", "INIT"))
	require.Equal(t, action, made.GetStatus(), "nothing can have been received for an order that was made just now")
}

// A list is of use where one of its items is odd.
func TestAnOddItemSpoilsNoList(t *testing.T) {
	t.Parallel()
	const meta = `"meta":{"current_page":"1","last_page":"1"}`
	for name, row := range map[string]struct {
		call *abi.Call
		body string
	}{
		"orders, one of them a top-up of any amount": {
			&abi.Call{Operation: showOrders},
			`{"orders":[{"id":1,"status":"INIT","currency":null,"value":null},` +
				`{"id":"2","status":"INIT","currency":"EUR","value":1.5,"order_number":7}],` + meta + `}`,
		},
		"a top-up of any amount": {
			&abi.Call{Operation: showOrder, Input: []byte(`{"id":"1"}`)},
			`{"order":{"id":1,"status":"INIT","currency":null,"value":null,"received_total":0}}`,
		},
		"rates": {
			&abi.Call{Operation: getRates}, `{"USDT_USD":1.00,"updated_at":"2024-09-16","USDC_USD":null,"more":{"a":1}}`,
		},
		"rates of the account": {
			&abi.Call{Operation: getRates, Query: &abi.Query{}}, `{"USDT_USD":"1,00","updated_at":"2024","USDC_USD":null}`,
		},
		"what can be withdrawn": {
			&abi.Call{Operation: showFees, Query: &abi.Query{}},
			`{"currencies":[{"fees":null},{"ticker":"usdt","network_fees":[]}]}`,
		},
		"balances": {
			&abi.Call{Operation: accountBalance, Query: &abi.Query{}},
			`{"balances":[{"id":7,"currency":{"ticker":"USDT","precision":"4"},"value":87.06441001}]}`,
		},
		"the statement": {
			&abi.Call{Operation: showTransactions, Query: &abi.Query{}},
			`{"transactions":[{"id":7,"type":"CRYPTO_INVOICE","status":"complete","currency":"usdt","value":1,"fee":{},` +
				`"created_at":"2024-09-16T12:48:28.000000Z"}],` + meta + `}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			row.call.Settings = []byte(`{"slug":"shop"}`)
			outcome := interpreted(t, row.call, row.body)
			require.Equal(t, abi.Verdict_VERDICT_ACCEPTED, outcome.GetVerdict(), outcome.GetFailure().GetMessage())
		})
	}
}

func interpreted(t *testing.T, call *abi.Call, body string) *abi.Outcome {
	t.Helper()
	step, err := connector{}.Interpret(call, nil, &abi.HttpResponse{Status: 200, Body: []byte(body)})
	require.NoError(t, err)
	require.NotNil(t, step.GetDone(), body)
	return step.GetDone()
}

func requireAlike(t *testing.T, want, got *abi.Outcome, member string) {
	t.Helper()
	require.Equal(t, want.GetVerdict(), got.GetVerdict(), "%s: %s", member, got.GetFailure().GetMessage())
	require.Equal(t, want.GetStatus(), got.GetStatus(), member)
	require.Equal(t, want.GetAlert(), got.GetAlert(), member)
	require.Equal(t, want.GetAmount().GetAmount(), got.GetAmount().GetAmount(), member)
	require.Equal(t, want.GetReceived().GetAmount(), got.GetReceived().GetAmount(), member)
	require.Equal(t, want.GetProviderReference(), got.GetProviderReference(), member)
}

// at is the object at a path of names and indexes.
func at(t *testing.T, body string, path []any) map[string]any {
	t.Helper()
	var value any
	require.NoError(t, json.Unmarshal([]byte(body), &value))
	return objectAt(value, path)
}

// altered is a body with another value of a member of the object at a path, or without the member where no value is
// given.
func altered(t *testing.T, body string, path []any, member string, value ...any) string {
	t.Helper()
	var whole any
	require.NoError(t, json.Unmarshal([]byte(body), &whole))
	object := objectAt(whole, path)
	delete(object, member)
	if len(value) > 0 {
		object[member] = value[0]
	}
	text, err := json.Marshal(whole)
	require.NoError(t, err)
	return string(text)
}

func objectAt(value any, path []any) map[string]any {
	for _, key := range path {
		switch key := key.(type) {
		case string:
			value = value.(map[string]any)[key]
		case int:
			value = value.([]any)[key]
		}
	}
	return value.(map[string]any)
}
