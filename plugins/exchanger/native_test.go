package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
)

func TestEveryOperationIsNativeToo(t *testing.T) {
	t.Parallel()
	require.Len(t, manifest().GetOperations(), len(natives))
	for _, operation := range manifest().GetOperations() {
		step, err := connector{}.Prepare(&abi.Call{Operation: operation.GetName(), Settings: []byte(`{}`), Input: []byte(`{}`), Reference: "7"})
		require.NoError(t, err)
		require.Equal(t, "/api/userapi/v1/"+operation.GetName(), step.GetSend().GetRequest().GetPath()[0].GetLiteral())
	}
}

func TestNativeInputIsRefusedByName(t *testing.T) {
	t.Parallel()
	for input, field := range map[string]string{
		`{"hash":["a"]}`: "/hash", `{"id":{}}`: "/id", `{"cf6":"only orders take it"}`: "/cf6", `[]`: "", `{`: "",
	} {
		step, err := connector{}.Prepare(&abi.Call{Operation: opBidInfo, Settings: []byte(`{}`), Input: []byte(input)})
		require.NoError(t, err)
		require.Equal(t, "invalid_request", step.GetReject().GetCode(), input)
		require.Equal(t, field, step.GetReject().GetField())
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
		"more than the sites give":           {`{"limit":900}`, "", 500, "500"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			call := &abi.Call{Operation: opGetExchanges, Settings: []byte(`{}`), Input: []byte(row.input), Cursor: row.cursor}
			step, err := connector{}.Interpret(call, []byte{stageNative}, &abi.HttpResponse{Status: 200, Body: page(row.orders)})
			require.NoError(t, err)
			require.Equal(t, row.want, step.GetDone().GetCursor())
		})
	}
	call := &abi.Call{Operation: opGetExchanges, Settings: []byte(`{}`), Input: []byte(`{"limit":2,"offset":10}`), Cursor: "12"}
	step, err := connector{}.Prepare(call)
	require.NoError(t, err)
	require.Equal(t, "limit=2&offset=12", string(step.GetSend().GetRequest().GetBody()))
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
