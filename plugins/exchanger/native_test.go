package main

import (
	"cmp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/abi/native"
	abi "payrouter/abi/v1"
)

func TestEveryOperationIsNativeToo(t *testing.T) {
	t.Parallel()
	inputs := map[string]string{
		opGetDirection: `{"direction_id":12}`, opGetCalc: `{"direction_id":"12","calc_amount":"5","calc_action":1}`,
		opCreateBid: `{"direction_id":"12","calc_amount":"5","calc_action":1}`, opBidInfo: `{"id":1}`,
		opCancelBid: `{"id":1}`, opPayBid: `{"hash":"a"}`, opSuccessBid: `{"hash":"a"}`,
		opAddPartnerPayout: `{"method_id":"11","account":"T1"}`,
	}
	for _, operation := range manifest().GetOperations() {
		input := cmp.Or(inputs[operation.GetName()], `{}`)
		step, err := connector{}.Prepare(&abi.Call{
			Operation: operation.GetName(), Settings: []byte(`{}`),
			Input: []byte(input), Reference: "7",
		})
		require.NoError(t, err)
		require.Equal(t, "/api/userapi/v1/"+operation.GetName(), step.GetSend().GetRequest().GetPath()[0].GetLiteral())
		require.Empty(t, step.GetSend().GetOperation())
	}
}

// Where money moves, or the payer may hear of it, an unanswered call is never harmless.
func TestClasses(t *testing.T) {
	t.Parallel()
	require.Len(t, manifest().GetOperations(), 16)
	for _, operation := range manifest().GetOperations() {
		name := operation.GetName()
		want := safe
		if name == opCreateBid || name == opAddPartnerPayout || name == opSuccessBid {
			want = risky
		}
		require.Equal(t, want, operation.GetIdempotency(), name)
		require.Equal(t, strings.HasPrefix(name, "get_partner_") && name != opGetPartnerInfo || name == opGetExchanges,
			operation.GetPaged(), name)
	}
}

// Every amount that the tables know is spelt out, and nothing else is.
func TestAmountsOfTheTablesAreSpelt(t *testing.T) {
	t.Parallel()
	var walk func(fields native.Fields)
	walk = func(fields native.Fields) {
		for _, f := range fields {
			require.Equal(t, f.Form == &sum || f.Form == &amount, isAmount(f.Name), f.Name)
			walk(f.Members)
		}
	}
	for _, topic := range methods {
		for _, n := range topic {
			walk(n.Output)
			walk(n.Input)
		}
	}
	require.True(t, isAmount("amount"), "of the currencies for payout")
}

func TestInputIsRefusedByName(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ operation, input, field string }{
		{opBidInfo, `{"hash":["a"]}`, "/hash"},
		{opBidInfo, `{"id":{}}`, "/id"},
		{opBidInfo, `{"id":-1}`, "/id"},
		{opBidInfo, `{"id":1,"cf6":"only orders take it"}`, "/cf6"},
		{opBidInfo, `{"id":1,"":2}`, ""},
		{opBidInfo, `{"id":1,"a/b~c":2}`, "/a~1b~0c"},
		{opBidInfo, `{}`, ""},
		{opBidInfo, `[]`, ""},
		{opBidInfo, `{`, ""},
		{opGetDirection, `{}`, ""},
		{opGetDirection, `{"currency_id_give":1}`, ""},
		{opGetExchanges, `{"id":"1,,2"}`, "/id"},
		{opGetDirection, `{"direction_id":1,"more":[]}`, "/more"},
		{opGetCalc, `{"direction_id":1,"calc_amount":"1","calc_action":5}`, "/calc_action"},
		{opGetCalc, `{"direction_id":1,"calc_amount":1,"calc_action":1}`, "/calc_amount"},
		{opGetCalc, `{"direction_id":1,"calc_amount":"0","calc_action":1}`, "/calc_amount"},
		{opGetCalc, `{"direction_id":1,"calc_amount":"-4","calc_amount":"4","calc_action":1}`, "/calc_amount"},
		{opGetCalc, `{"direction_id":1,"calc_amount":"1e2","calc_action":1}`, "/calc_amount"},
		{opCreateBid, `{"direction_id":1,"calc_amount":"4","calc_action":1,"acount2":"T"}`, "/acount2"},
		{opCreateBid, `{"direction_id":1,"calc_amount":"4","calc_action":1,"cf6":{}}`, "/cf6"},
		{opCreateBid, `{"direction_id":1,"calc_amount":"4","calc_action":1,"api_id":"012"}`, "/api_id"},
		{opCreateBid, `{"direction_id":1,"calc_amount":"4","calc_action":1,"api_id":12}`, "/api_id"},
		{opGetExchanges, `{"limit":501}`, "/limit"},
		{opGetExchanges, `{"limit":"5"}`, "/limit"},
		{opGetExchanges, `{"status_history":2}`, "/status_history"},
		{opAddPartnerPayout, `{"method_id":"11","account":"T1","amount":"5"}`, "/amount"},
		{opAddPartnerPayout, `{"method_id":"11"}`, "/account"},
	} {
		step, err := connector{}.Prepare(&abi.Call{
			Operation: row.operation, Settings: []byte(`{}`),
			Input: []byte(row.input),
		})
		require.NoError(t, err)
		require.Equal(t, "invalid_request", step.GetReject().GetCode(), "%s %s", row.operation, row.input)
		require.Equal(t, row.field, step.GetReject().GetField(), "%s %s", row.operation, row.input)
	}
}

// A method whose fields the document does not list takes further ones.
func TestOpenMethodsPassFurtherFieldsOn(t *testing.T) {
	t.Parallel()
	step, err := connector{}.Prepare(&abi.Call{
		Operation: opGetDirections, Settings: []byte(`{}`),
		Input: []byte(`{"currency_id_give":3,"city":"Riga"}`),
	})
	require.NoError(t, err)
	require.Equal(t, "currency_id_give=3&city=Riga", string(step.GetSend().GetRequest().GetBody()))
}

// Members that nobody needs may be anything: they are handed on as they came.
func TestMembersThatAreOnlyShownMayBeAnything(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ operation, data string }{
		{opTest, `{"ip":2130706433,"locale":null,"partner_id":{}}`},
		{opGetCalc, `{"sum_give":{},"com_give":false}`},
		{opGetExchanges, `{"items":[{"id":7,"amount_give":null,"psys_give":[],"user_ip":0,"statuses":{}}]}`},
		{opGetPartnerInfo, `{"min_payout":null,"items":{"11":{"id":11}}}`},
		{opGetPartnerInfo, `[]`},
		{opGetPartnerLinks, `{"items":[{"time":1.5,"browser":null}],"total":2}`},
		{opBidInfo, `{"id":4711,"status":"NEW","status_title":null,"amount_get":{},"api_actions":[]}`},
	} {
		call := &abi.Call{Operation: row.operation, Settings: []byte(`{}`)}
		step, err := connector{}.Interpret(call, []byte{stageNative},
			&abi.HttpResponse{Status: 200, Body: []byte(`{"error":0,"error_text":null,"data":` + row.data + `}`)})
		require.NoError(t, err)
		require.Equal(t, abi.Verdict_VERDICT_ACCEPTED, step.GetDone().GetVerdict(), "%s %s: %s", row.operation, row.data,
			step.GetDone().GetFailure().GetMessage())
		require.JSONEq(t, `{"error":0,"error_text":null,"data":`+row.data+`}`, string(step.GetDone().GetOutput()))
	}
}

func TestAnswersThatAreNotTheMethodsAreUnreadable(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ operation, data string }{
		{opTest, `"success"`},
		{opTest, `[1]`},
		{opGetCurrencies, `{"give":{}}`},
		{opGetDirections, `{}`},
		{opGetDirections, `[1]`},
		{opGetCalc, `{"sum_give":1e400}`},
		{opCreateBid, `[]`},
		{opCreateBid, `{"id":"1"}`},
		{opBidInfo, `{"status":"new"}`},
		{opPayBid, `null`},
		{opGetCalc, `{"sum_give":"1","sum_give":{}}`},
		{opGetPartnerInfo, `{"balance":"1","balance":null}`},
		{opGetExchanges, `{"items":{}}`},
		{opGetExchanges, `{"items":[],"items":{}}`},
		{opGetExchanges, `{"items":{},"items":[]}`},
		{opGetExchanges, `{"items":[[]]}`},
		{opAddPartnerPayout, `[]`},
		{opAddPartnerPayout, `"success"`},
	} {
		call := &abi.Call{Operation: row.operation, Settings: []byte(`{}`)}
		body := []byte(`{"error":"0","data":` + row.data + `}`)
		step, err := connector{}.Interpret(call, []byte{stageNative}, &abi.HttpResponse{Status: 200, Body: body})
		require.NoError(t, err)
		require.Equal(t, abi.Verdict_VERDICT_UNREADABLE, step.GetDone().GetVerdict(), "%s %s", row.operation, row.data)
	}
}

func TestNativePages(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		input, cursor string
		orders        int
		want          string
	}{
		"a full page of the site's own size": {`{}`, "", 100, "100"},
		"a page that is not full":            {`{}`, "", 99, ""},
		"a second page":                      {`{}`, "100", 100, "200"},
		"an offset of the caller's":          {`{"limit":2,"offset":10}`, "", 2, "12"},
		"a cursor goes before the offset":    {`{"limit":2,"offset":10}`, "12", 2, "14"},
		"as many as the sites give":          {`{"limit":500}`, "", 500, "500"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			call := &abi.Call{
				Operation: opGetExchanges, Settings: []byte(`{}`), Input: []byte(row.input),
				Cursor: row.cursor,
			}
			step, err := connector{}.Interpret(call, []byte{stageNative},
				&abi.HttpResponse{Status: 200, Body: page(row.orders)})
			require.NoError(t, err)
			require.Equal(t, row.want, step.GetDone().GetCursor())
		})
	}
	call := &abi.Call{
		Operation: opGetExchanges, Settings: []byte(`{}`), Input: []byte(`{"limit":2,"offset":10}`),
		Cursor: "12",
	}
	step, err := connector{}.Prepare(call)
	require.NoError(t, err)
	require.Equal(t, "limit=2&offset=12", string(step.GetSend().GetRequest().GetBody()))
	call.Cursor = "e12"
	step, err = connector{}.Prepare(call)
	require.NoError(t, err)
	require.NotNil(t, step.GetReject(), "a statement's cursor is none of the list's")
	call.Operation, call.Input, call.Cursor = opGetDirections, nil, "100"
	step, err = connector{}.Prepare(call)
	require.NoError(t, err)
	require.NotNil(t, step.GetReject(), "what has no pages has no cursors")
}

func FuzzReceive(f *testing.F) {
	f.Add("POST", []byte("bid_id=4711&status=success"))
	f.Add("POST", []byte("bid_id=4711&status=%ff&%zz"))
	f.Fuzz(func(t *testing.T, method string, body []byte) {
		receipt, err := connector{}.Receive(&abi.Callback{Method: method, Body: body})
		require.NoError(t, err)
		_, err = receipt.MarshalVT()
		require.NoError(t, err)
		require.Equal(t, receipt.GetTrust() == abi.Receipt_TRUST_LOOK_UP, receipt.GetProviderReference() != "")
	})
}

func TestReceive(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		method, body string
		trust        abi.Receipt_Trust
		key          string
	}{
		"the documented form":        {"POST", "bid_id=4711&status=payed", abi.Receipt_TRUST_LOOK_UP, "4711/payed"},
		"the number alone":           {"POST", "bid_id=4711", abi.Receipt_TRUST_LOOK_UP, "4711/"},
		"a broken field":             {"POST", "x=%zz&bid_id=4711&status=new", abi.Receipt_TRUST_LOOK_UP, "4711/new"},
		"a GET":                      {"GET", "bid_id=4711&status=payed", abi.Receipt_TRUST_IGNORE, ""},
		"no number":                  {"POST", "status=payed", abi.Receipt_TRUST_IGNORE, ""},
		"what is no number":          {"POST", "bid_id=4711x&status=payed", abi.Receipt_TRUST_IGNORE, ""},
		"zero":                       {"POST", "bid_id=0&status=payed", abi.Receipt_TRUST_IGNORE, ""},
		"a number longer than there": {"POST", "bid_id=123456789012345678901", abi.Receipt_TRUST_IGNORE, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			receipt, err := connector{}.Receive(&abi.Callback{Method: row.method, Body: []byte(row.body)})
			require.NoError(t, err)
			require.Equal(t, row.trust, receipt.GetTrust())
			require.Equal(t, row.key, receipt.GetDedupeKey())
			require.EqualValues(t, 200, receipt.GetReply().GetStatus())
			require.Nil(t, receipt.GetOutcome(), "a callback is a hint, never an outcome")
		})
	}
}
