package main

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
)

// page is an answer of get_exchanges with so many orders that are not ours.
func page(orders int) []byte {
	items := make([]string, orders)
	for i := range items {
		items[i] = `{"id":"` + strconv.Itoa(i+1) + `","api_id":"` + strconv.Itoa(i) + `","status":"new"}`
	}
	return []byte(`{"error":"0","error_text":"","data":{"items":[` + strings.Join(items, ",") + `]}}`)
}

func TestAWalkEnds(t *testing.T) {
	t.Parallel()
	call := infoCall("1")
	call.ProviderReference, call.CreateReference, call.SentMs = "", "123456789123456789", 1_714_557_600_000
	step, err := connector{}.Prepare(call)
	require.NoError(t, err)
	pages := 0
	for step.GetSend() != nil {
		pages++
		require.Equal(t, opGetExchanges, step.GetSend().GetOperation(), "a page is a read, whatever the call")
		require.Contains(t, string(step.GetSend().GetRequest().GetBody()), "offset="+strconv.Itoa((pages-1)*pageSize))
		step, err = connector{}.Interpret(call, step.GetSend().GetState(),
			&abi.HttpResponse{Status: 200, Body: page(pageSize)})
		require.NoError(t, err)
	}
	require.Equal(t, mostPages, pages)
	require.Equal(t, abi.Verdict_VERDICT_UNREADABLE, step.GetDone().GetVerdict(),
		"what was not read to its end proves nothing")
	require.EqualValues(t, mostPages+4, manifest().GetMaxSteps(),
		"the order itself, the list by id, the directions and the calculator come after")
}

func TestALookUpNeedsAReference(t *testing.T) {
	t.Parallel()
	for _, operation := range []string{opBidInfo, opCancelBid, opPayBid} {
		call := infoCall("1")
		call.Operation, call.ProviderReference = operation, ""
		step, err := connector{}.Prepare(call)
		require.NoError(t, err)
		require.Equal(t, "invalid_request", step.GetReject().GetCode(), operation)
	}
}

func TestListsThatAreNone(t *testing.T) {
	t.Parallel()
	call := infoCall("1")
	call.CreateReference = "123456789123456789"
	for _, state := range []string{"p0", "l4711"} {
		for _, data := range []string{`{}`, `"success"`, `null`, `{"items":{}}`, `[1]`} {
			step, err := connector{}.Interpret(call, []byte(state),
				&abi.HttpResponse{Status: 200, Body: []byte(`{"error":"0","data":` + data + `}`)})
			require.NoError(t, err)
			require.Equal(t, abi.Verdict_VERDICT_UNREADABLE, step.GetDone().GetVerdict(), data)
		}
	}
}

func TestTheListSaysWhoseOrderItIs(t *testing.T) {
	t.Parallel()
	body := `{"error":"0","data":{"items":[` +
		strings.Replace(order("success", `"100"`, `"92"`, ""), `"id"`, `"api_id":"999","id"`, 1) + `]}}`
	step, err := connector{}.Interpret(infoCall("1"), []byte("l4711"),
		&abi.HttpResponse{Status: 200, Body: []byte(body)})
	require.NoError(t, err)
	require.Equal(t, "999", step.GetDone().GetEchoedReference(), "the host compares it with ours")
}

func TestConnectorRefusesWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	_, err := connector{}.Prepare(&abi.Call{Operation: "nothing", Settings: []byte(`{}`)})
	require.Equal(t, abi.Error_CODE_UNKNOWN_OPERATION, faultOf(t, err))
	_, err = connector{}.Interpret(&abi.Call{Operation: "nothing"}, nil, &abi.HttpResponse{Status: 200})
	require.Equal(t, abi.Error_CODE_UNKNOWN_OPERATION, faultOf(t, err))
	for _, state := range []string{"", "?", "px"} {
		_, err = connector{}.Interpret(infoCall("1"), []byte(state), &abi.HttpResponse{Status: 200, Body: page(0)})
		require.Equal(t, abi.Error_CODE_BAD_INPUT, faultOf(t, err), state)
	}
	_, err = connector{}.Prepare(&abi.Call{Operation: opTest, Settings: []byte(`[]`)})
	require.Equal(t, abi.Error_CODE_BAD_SETTINGS, faultOf(t, err))
}
