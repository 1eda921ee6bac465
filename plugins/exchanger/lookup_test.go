package main

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/abi/jsontext"
	abi "payrouter/abi/v1"
)

// page is an answer of get_exchanges with so many orders that are not ours.
func page(orders int) []byte {
	items := make([]string, orders)
	for i := range items {
		items[i] = `{"id":"` + strconv.Itoa(i+1) + `","api_id":"` + strconv.Itoa(i) +
			`","time":"1714547380","status":"new"}`
	}
	return []byte(`{"error":"0","error_text":"","data":{"items":[` + strings.Join(items, ",") + `]}}`)
}

// A site with more orders than a look-up reads is walked through from its newest edit, and around the create.
func TestAWalkEnds(t *testing.T) {
	t.Parallel()
	call := infoCall("1")
	call.ProviderReference, call.CreateReference, call.SentMs = "", "123456789123456789", 1_714_557_600_000
	call.NowMs = call.GetSentMs() + 600_000
	step, err := connector{}.Prepare(call)
	require.NoError(t, err)
	var asked []string
	for step.GetSend() != nil {
		require.Equal(t, opGetExchanges, step.GetSend().GetOperation(), "a page is a read, whatever the call")
		asked = append(asked, string(step.GetSend().GetRequest().GetBody()))
		step, err = connector{}.Interpret(call, step.GetSend().GetState(),
			&abi.HttpResponse{Status: 200, Body: page(pageSize)})
		require.NoError(t, err)
	}
	// The newest order's time is 3 hours and 20 seconds before now: the site's clock is three hours behind UTC.
	const seconds = "start_time=1714546798&end_time=1714546805&limit=40&offset="
	require.Equal(t, []string{
		"start_time=1714471200&limit=40&offset=0", seconds + "0", seconds + "40", seconds + "80",
	}, asked)
	require.Equal(t, abi.Verdict_VERDICT_UNREADABLE, step.GetDone().GetVerdict(),
		"what was not read to its end proves nothing")
	require.EqualValues(t, mostPages+4, manifest().GetMaxSteps(),
		"the order itself, the list by id, the directions and the calculator come after")
}

// Minutes that were read to their end are no proof of absence: an order may have changed since.
func TestAWalkGoesOnAfterTheMinutesAroundTheCreate(t *testing.T) {
	t.Parallel()
	call := infoCall("1")
	call.ProviderReference, call.CreateReference, call.SentMs = "", "123456789123456789", 1_714_557_600_000
	call.NowMs = call.GetSentMs() + 600_000
	interpret := func(state []byte, body []byte) *abi.Step {
		step, err := connector{}.Interpret(call, state, &abi.HttpResponse{Status: 200, Body: body})
		require.NoError(t, err)
		return step
	}
	seconds := interpret([]byte("p0 0 0 0 0"), page(pageSize))
	minutes := interpret(seconds.GetSend().GetState(), page(3))
	require.Equal(t, "start_time=1714546806&end_time=1714546925&limit=40&offset=0",
		string(minutes.GetSend().GetRequest().GetBody()))
	rest := interpret(minutes.GetSend().GetState(), page(3))
	require.Equal(t, "start_time=1714471200&limit=40&offset=40", string(rest.GetSend().GetRequest().GetBody()))
	end := interpret(rest.GetSend().GetState(), page(7))
	require.Equal(t, codeNotListed, end.GetDone().GetFailure().GetProviderCode(), "now the list is at its end")

	ours := strings.Replace(string(page(7)), `"api_id":"4"`, `"api_id":"123456789123456789"`, 1)
	found := interpret(seconds.GetSend().GetState(), []byte(ours))
	require.Contains(t, found.GetSend().GetRequest().GetPath()[0].GetLiteral(), opBidInfo)
}

func TestTheNewestOrderShowsTheSitesClock(t *testing.T) {
	t.Parallel()
	const now = 1_714_557_600
	for newest, want := range map[string]int64{
		"1714568400": 10800, "1714568100": 10800, "1714568405": 10800, "1714557600": 0, "1714557590": 0,
		"1714536000": -21600, "1714535900": -21600, "1714577400": 19800,
		"": 7200, "yesterday": 7200, "1714000000": 7200, // what no zone explains leaves the setting
	} {
		item, err := jsontext.Parse([]byte(`{"time":"` + newest + `"}`))
		require.NoError(t, err)
		require.Equal(t, want, settings{zone: zone{standard: 7200}}.clock([]jsontext.Value{item}, now), newest)
	}
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
	for _, state := range []string{"p0 0 0 0 0", "l4711"} {
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
	for _, state := range []string{"", "?", "px", "p0 0 0 0", "p0 0 0 0 0 0"} {
		_, err = connector{}.Interpret(infoCall("1"), []byte(state), &abi.HttpResponse{Status: 200, Body: page(0)})
		require.Equal(t, abi.Error_CODE_BAD_INPUT, faultOf(t, err), state)
	}
	_, err = connector{}.Prepare(&abi.Call{Operation: opTest, Settings: []byte(`[]`)})
	require.Equal(t, abi.Error_CODE_BAD_SETTINGS, faultOf(t, err))
}
