package main

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/abi/native"
	abi "payrouter/abi/v1"
)

// Where money moves an unanswered call is never harmless; where a page is made that no one has seen, it may be left
// behind.
func TestClasses(t *testing.T) {
	t.Parallel()
	classes := map[string]abi.Idempotency{
		createOrder: abandoned, createTopup: abandoned, completeOrder: risky, withdraw: risky, refundOrder: risky,
		postBalance: risky, convertWithdrawal: risky, instantConversion: risky, refreshConvert: risky,
		confirmConvert: risky,
	}
	for _, operation := range manifest().GetOperations() {
		name := operation.GetName()
		class, moves := classes[name]
		if !moves {
			class = safe
		}
		require.Equal(t, class, operation.GetIdempotency(), name)
		require.True(t, operation.GetDeclineIsFinal(), "%s: PayPlay looks at a request before it does anything", name)
		require.Equal(t, name == showOrders || name == showTransactions, operation.GetPaged(), name)
		require.Equal(t,
			slices.Contains([]string{createOrder, createTopup, withdraw, convertWithdrawal, instantConversion}, name),
			operation.GetReference() != nil, name)
	}
	require.Len(t, operations, len(manifest().GetOperations()), "each has a row in both tables")
}

// Every amount that the tables know is spelt out, and nothing else is.
func TestAmountsOfTheTablesAreSpelt(t *testing.T) {
	t.Parallel()
	var walk func(fields native.Fields)
	walk = func(fields native.Fields) {
		for _, f := range fields {
			require.Equal(t, f.Form == &native.Amount, isAmount(f.Name), f.Name)
			walk(f.Members)
		}
	}
	for _, topic := range methods {
		for _, n := range topic {
			walk(n.Output)
			walk(n.Input)
		}
	}
}

func TestInputIsRefusedByName(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ operation, input, field string }{
		{createOrder, `{"amount":"4"}`, "/currency"},
		{createOrder, `{"amount":4,"currency":"EUR"}`, "/amount"},
		{createOrder, `{"amount":"-4","currency":"EUR"}`, "/amount"},
		{createOrder, `{"amount":"4,5","currency":"EUR"}`, "/amount"},
		{createOrder, `{"amount":"-4","amount":"4","currency":"EUR"}`, "/amount"},
		{createOrder, `{"amount":"4","currency":"EUR","external_order_id":"a b"}`, "/external_order_id"},
		{createOrder, `{"amount":"4","currency":"EUR","failure_link":"javascript:1"}`, "/failure_link"},
		{createTopup, `{"currency":"EUR"}`, "/amount"},
		{withdraw, `{"amount":"4","currency":"USDT","wallet":"","network":"TRC20"}`, "/wallet"},
		{completeOrder, `{}`, "/id"},
		{refundOrder, `{"id":"1","amount":4}`, "/amount"},
		{showOrder, `{"id":7}`, "/id"},
		{showOrders, `{"page":0}`, "/page"},
		{showOrders, `{"page":"1"}`, "/page"},
		{showOrders, `{"per_page":1.5}`, "/per_page"},
		{showOrders, `{"a/b~c":1}`, "/a~1b~0c"},
		{showOrders, `{"":1}`, ""},
		{showTransactions, `{"date_to":1}`, "/date_to"},
		{accountBalance, `{"currency":"USDT"}`, "/currency"},
		{getExchangeRate, `{"ticker":"ngn"}`, "/ticker"},
	} {
		step, err := connector{}.Prepare(&abi.Call{
			Operation: row.operation,
			Settings:  []byte(`{"slug":"shop","company_slug":"acme"}`), Input: []byte(row.input),
		})
		require.NoError(t, err)
		require.Equal(t, "invalid_request", step.GetReject().GetCode(), "%s %s", row.operation, row.input)
		require.Equal(t, row.field, step.GetReject().GetField(), "%s %s", row.operation, row.input)
	}
}

// Readers differ in which of two members of one name counts: an output must not contradict its outcome.
func TestWhatStandsTwiceIsUnreadable(t *testing.T) {
	t.Parallel()
	const meta = `"meta":{"current_page":1,"last_page":1,"total":1}`
	for _, row := range []struct{ operation, body string }{
		{showOrder, `{"order":{"id":"1","currency":"EUR","value":"1","value":"2","status":"INIT"}}`},
		{showOrder, `{"order":{"id":"1","currency":"EUR","value":"1","status":"INIT"},"order":{}}`},
		{showOrders, `{"orders":[{"id":"1","currency":"EUR","value":"1","status":"INIT","status":"COMPLETE"}],` + meta +
			`}`},
		{
			showTransactions,
			`{"transactions":[{"id":"1","type":"FIAT_INVOICE","type":"X","currency":"EUR","value":"1",` +
				`"status":"COMPLETE",` +
				`"created_at":"2022-03-23 14:40:53"}],` + meta + `}`,
		},
		{accountBalance, `{"balances":[{"id":"1","currency":"EUR","value":"1","value":"2"}]}`},
		{getRates, `{"USDT_USD":"1,00","USDT_USD":"1,00"}`},
		{showFees, `{"currencies":[{"ticker":"EUR","ticker":"USD"}]}`},
	} {
		call := &abi.Call{Operation: row.operation, Settings: []byte(`{"slug":"shop"}`), Input: []byte(`{"id":"1"}`)}
		step, err := connector{}.Interpret(call, nil, &abi.HttpResponse{Status: 200, Body: []byte(row.body)})
		require.NoError(t, err)
		require.Equal(t, abi.Verdict_VERDICT_UNREADABLE, step.GetDone().GetVerdict(), row.body)
		require.Contains(t, step.GetDone().GetFailure().GetMessage(), "stands twice", row.body)
	}
}

// The requests that a question about rates may take are as many as a call may send.
func TestAQuestionAboutRatesEnds(t *testing.T) {
	t.Parallel()
	call := &abi.Call{
		Operation: getRates, Query: &abi.Query{Currency: "INR"},
		Settings: []byte(`{"slug":"shop","external_currencies":["NGN","EUR","GBP","PLN","UAH","TRY"]}`),
	}
	body, state := `{"USDT_USD":"1,00"}`, []byte(nil)
	for sent := 1; ; sent++ {
		require.LessOrEqual(t, sent, int(manifest().GetMaxSteps()))
		step, err := connector{}.Interpret(call, state, &abi.HttpResponse{Status: 200, Body: []byte(body)})
		require.NoError(t, err)
		if step.GetSend() == nil {
			require.Len(t, step.GetDone().GetRates(), 8)
			break
		}
		state = step.GetSend().GetState()
		path := step.GetSend().GetRequest().GetPath()
		body = `{"ticker":"` + path[len(path)-1].GetText() + `","exchange_rate":"2.50"}`
	}
}

func TestLimitsThatHoldWhateverTheNetwork(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ body, low, high string }{
		"of one": {`{"A":{"min_amount":"10","max_amount":"20.50"}}`, "10", "20.50"},
		"the widest": {
			`{"A":{"min_amount":"10","max_amount":"20"},"B":{"min_amount":9.0,"max_amount":30}}`,
			"9.0", "30",
		},
		"0 is none": {
			`{"A":{"min_amount":"10","max_amount":"0"},"B":{"min_amount":"0","max_amount":"30"}}`,
			"", "",
		},
		"one does not say":      {`{"A":{"min_amount":"10","max_amount":"20"},"B":{"max_amount":"30"}}`, "", "30"},
		"no amount":             {`{"A":{"min_amount":"ten","max_amount":"20"}}`, "", "20"},
		"the wrong way round":   {`{"A":{"min_amount":"10","max_amount":"2"}}`, "", ""},
		"none where none is":    {`{}`, "", ""},
		"none of what is none":  {`[]`, "", ""},
		"none of a single text": {`"TRC20"`, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := `{"currencies":[{"ticker":"USDT","network_fees":` + row.body + `}]}`
			call := &abi.Call{Operation: showFees, Query: &abi.Query{}, Settings: []byte(`{"slug":"shop"}`)}
			step, err := connector{}.Interpret(call, nil, &abi.HttpResponse{Status: 200, Body: []byte(body)})
			require.NoError(t, err)
			bounds := step.GetDone().GetItems()[0].GetBounds()
			if row.low == "" && row.high == "" {
				require.Empty(t, bounds)
				return
			}
			require.Len(t, bounds, 1)
			require.Equal(t, row.low, bounds[0].GetMin())
			require.Equal(t, row.high, bounds[0].GetMax())
		})
	}
}
