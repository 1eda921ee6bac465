package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	abi "payrouter/abi/v1"
)

// read is the outcome of a bid_info that answers with this order.
func read(t *testing.T, call *abi.Call, data string) *abi.Outcome {
	t.Helper()
	body := []byte(`{"error":"0","error_text":"","data":` + data + `}`)
	step, err := connector{}.Interpret(call, append([]byte{stageInfo}, "4711"...),
		&abi.HttpResponse{Status: 200, Body: body})
	require.NoError(t, err)
	return step.GetDone()
}

func order(status, give, get, rest string) string {
	return `{"id":"4711","status":"` + status +
		`","currency_code_give":"USDT","currency_code_get":"EUR","amount_give":` + give + `,"amount_get":` + get +
		rest + `}`
}

func infoCall(by string) *abi.Call {
	call := createCall()
	call.Operation, call.ProviderReference = opBidInfo, "4711"
	call.Settings = []byte(`{"directions":{"USDT":{"direction_id":"12","calc_action":` + by + `}}}`)
	return call
}

func TestPrice(t *testing.T) {
	t.Parallel()
	const (
		succeeded  = abi.Status_STATUS_SUCCEEDED
		processing = abi.Status_STATUS_PROCESSING
		canceled   = abi.Status_STATUS_CANCELED
	)
	for name, row := range map[string]struct {
		by, data         string
		status           abi.Status
		amount, received string
	}{
		"the very amount":            {"1", order("success", `"100.00"`, `"92"`, ""), succeeded, "100.00", ""},
		"less, and done: no success": {"1", order("success", `"99.99"`, `"92"`, ""), processing, "", "99.99"},
		"less, and not done":         {"1", order("realpay", `"99.99"`, `"92"`, ""), processing, "", ""},
		"less, and canceled":         {"1", order("cancel", `"99.99"`, `"92"`, ""), canceled, "", ""},
		"more, and canceled":         {"1", order("cancel", `"101.5"`, `"92"`, ""), canceled, "", ""},

		"less, commission included":         {"3", order("success", `"99"`, `"92"`, ""), processing, "", "99"},
		"more, commission included: stated": {"3", order("success", `"101"`, `"92"`, ""), succeeded, "", "101"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			outcome := read(t, infoCall(row.by), row.data)
			require.Equal(t, row.status, outcome.GetStatus())
			require.Equal(t, row.amount, outcome.GetAmount().GetAmount())
			require.Equal(t, row.received, outcome.GetReceived().GetAmount())
			require.Empty(t, outcome.GetFee().GetAmount())
			require.Equal(t, row.status == processing, outcome.GetAlert() != "")
		})
	}
}

// A surplus is a commission only where the site's calculator states so.
func TestASurplusIsHeldToTheCalculator(t *testing.T) {
	t.Parallel()
	const succeeded, processing = abi.Status_STATUS_SUCCEEDED, abi.Status_STATUS_PROCESSING
	calc := func(give, com string) string {
		return `{"error":"0","data":{"currency_code_give":"USDT","currency_code_get":"EUR","sum_give":` + give +
			`,"sum_give_com":` + com + `}}`
	}
	for name, row := range map[string]struct {
		give, answer string
		status       abi.Status
		amount, fee  string
	}{
		"the commission that it names": {`"101.5"`, calc(`"100"`, `"101.5"`), succeeded, "100", "1.5"},
		"a part of it":                 {`"101"`, calc(`"100"`, `"101.5"`), succeeded, "100", "1"},
		"more than it names":           {`"103"`, calc(`"100"`, `"101.5"`), processing, "", ""},
		"no commission":                {`"101.5"`, calc(`"100"`, `"100"`), processing, "", ""},
		"another amount":               {`"101.5"`, calc(`"50"`, `"101.5"`), processing, "", ""},
		"no sums":                      {`"101.5"`, `{"error":"0","data":[]}`, processing, "", ""},
		"another currency": {
			`"101.5"`, strings.Replace(calc(`"100"`, `"101.5"`), "USDT", "USDC", 1),
			processing, "", "",
		},
		"a direction that is switched off": {
			`"101.5"`, `{"error":"1","error_text":"direction not found","data":[]}`,
			processing, "", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			call := infoCall("1")
			answer := []byte(`{"error":"0","data":` + order("success", row.give, `"92"`, "") + `}`)
			step, err := connector{}.Interpret(call, append([]byte{stageInfo}, "4711"...),
				&abi.HttpResponse{Status: 200, Body: answer})
			require.NoError(t, err)
			require.Equal(t, opGetCalc, step.GetSend().GetOperation())
			require.Contains(t, string(step.GetSend().GetRequest().GetBody()), "calc_amount=100&calc_action=1")
			step, err = connector{}.Interpret(call, step.GetSend().GetState(),
				&abi.HttpResponse{Status: 200, Body: []byte(row.answer)})
			require.NoError(t, err)
			outcome := step.GetDone()
			require.Equal(t, "4711", outcome.GetProviderReference())
			require.Equal(t, row.status, outcome.GetStatus())
			require.Equal(t, row.amount, outcome.GetAmount().GetAmount())
			require.Equal(t, row.fee, outcome.GetFee().GetAmount())
			require.Equal(t, row.status == processing, outcome.GetAlert() != "")
		})
	}
}

func TestTheCalculatorIsAskedByTheDirectionOfThePair(t *testing.T) {
	t.Parallel()
	call := infoCall("1")
	call.Settings = []byte(`{"directions":{"USDT":{"currency_id_give":"3","currency_id_get":"8"}}}`)
	answers := []string{
		`{"error":"0","data":` + order("success", `"101.5"`, `"92"`, "") + `}`,
		`{"error":"0","data":[{"direction_id":"12","currency_give_id":"3","currency_get_id":"8"}]}`,
		`{"error":"0","data":{"currency_code_give":"USDT","sum_give":"100","sum_give_com":"101.5"}}`,
	}
	asked, state := []string{}, append([]byte{stageInfo}, "4711"...)
	var step *abi.Step
	for _, answer := range answers {
		var err error
		step, err = connector{}.Interpret(call, state, &abi.HttpResponse{Status: 200, Body: []byte(answer)})
		require.NoError(t, err)
		asked, state = append(asked, step.GetSend().GetOperation()), step.GetSend().GetState()
	}
	require.Equal(t, []string{opGetDirections, opGetCalc, ""}, asked)
	require.Equal(t, "1.5", step.GetDone().GetFee().GetAmount())

	none, err := connector{}.Interpret(call, append([]byte{stageProofPair}, order("success", `"101.5"`, `"92"`, "")...),
		&abi.HttpResponse{Status: 200, Body: []byte(`{"error":"0","data":[]}`)})
	require.NoError(t, err)
	require.Equal(t, abi.Status_STATUS_PROCESSING, none.GetDone().GetStatus(), "without a direction there is no quote")
}

func TestAnOrderWithASurplusCanBeCanceled(t *testing.T) {
	t.Parallel()
	call := infoCall("1")
	call.Operation = opCancelBid
	body := []byte(`{"error":"0","data":` + order("new", `"101.5"`, `"92"`, `,"api_actions":{"cancel":"api"}`) + `}`)
	step, err := connector{}.Interpret(call, append([]byte{stageCheck}, "4711"...),
		&abi.HttpResponse{Status: 200, Body: body})
	require.NoError(t, err)
	require.NotNil(t, step.GetSend())
	require.Empty(t, step.GetSend().GetOperation(), "the call's own operation")
}

func TestAnOrderOfLessIsNeverASuccess(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		by := rapid.SampledFrom([]string{"1", "2", "3", "4"}).Draw(r, "calc_action")
		status := rapid.SampledFrom(slices.Sorted(maps.Keys(statuses))).Draw(r, "status")
		cents := rapid.IntRange(0, 20_000).Draw(r, "cents")
		amount := fmt.Sprintf("%d,%02d", cents/100, cents%100)
		data := `{"id":"4711","status":"` + status +
			`","currency_code_give":"USDT","currency_code_get":"USDT","amount_give":"` + amount +
			`","amount_get":"` + amount + `","url":"https://exchanger.example/","api_actions":{"pay":"api"}}`
		outcome := read(t, infoCall(by), data)
		if cents < 100_00 {
			require.NotEqual(r, abi.Status_STATUS_SUCCEEDED, outcome.GetStatus())
			require.Nil(r, outcome.GetNextAction())
		}
	})
}

func TestBidOfIsUnreadable(t *testing.T) {
	t.Parallel()
	for name, data := range map[string]string{
		"no order":          `[]`,
		"a bare word":       `"success"`,
		"another order":     `{"id":"4712","status":"success"}`,
		"no status":         `{"id":"4711"}`,
		"another currency":  `{"id":"4711","status":"success","currency_code_give":"USDC","amount_give":"100"}`,
		"no currency":       `{"id":"4711","status":"success","amount_give":"100"}`,
		"no amount":         `{"id":"4711","status":"success","currency_code_give":"USDT"}`,
		"an amount of text": `{"id":"4711","status":"success","currency_code_give":"USDT","amount_give":"many"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, abi.Verdict_VERDICT_UNREADABLE, read(t, infoCall("1"), data).GetVerdict())
		})
	}
}

func TestShow(t *testing.T) {
	t.Parallel()
	const page = `,"url":"https://exchanger.example/hst_1/","psys_give":"Tether TRC20"`
	actions := func(members string) string { return page + `,"api_actions":{` + members + `}` }
	for name, row := range map[string]struct {
		rest string
		want func(t *testing.T, outcome *abi.Outcome)
	}{
		"pay is a page": {
			actions(`"pay":"https://exchanger.example/pay","instruction":"x"`),
			func(t *testing.T, o *abi.Outcome) {
				t.Helper()
				require.Equal(t, "https://exchanger.example/pay", o.GetNextAction().GetRedirect().GetUrl())
			},
		},
		"pay is api": {
			actions(`"pay":"api","instruction":"<b>Do</b> it","pay_amount":"100,5"`),
			func(t *testing.T, o *abi.Outcome) {
				t.Helper()
				require.Equal(t, "Do it", o.GetNextAction().GetInstructions().GetText())
				require.Equal(t, "100.5", o.GetNextAction().GetInstructions().GetAmount().GetAmount())
				require.Equal(t, "https://exchanger.example/hst_1/", o.GetNextAction().GetInstructions().GetUrl())
			},
		},
		"pay is disabled": {actions(`"pay":"disabled","instruction":"Wait"`), func(t *testing.T, o *abi.Outcome) {
			t.Helper()
			require.Equal(t, "Wait", o.GetNextAction().GetInstructions().GetText())
			require.Equal(t, "100", o.GetNextAction().GetInstructions().GetAmount().GetAmount(),
				"the order's amount, where none is said")
		}},
		"an account with an instruction": {
			actions(`"type":"mypaid","pay":"api","address":"4111","instruction":"Send it"`),
			func(t *testing.T, o *abi.Outcome) {
				t.Helper()
				require.Equal(t, "Send it", o.GetNextAction().GetInstructions().GetText())
			},
		},
		"an address": {
			actions(`"type":"address","pay":"api","address":"T1","dest_tag":7,"pay_amount":"100",` +
				`"instruction":"Send it"`), func(t *testing.T, o *abi.Outcome) {
				t.Helper()
				require.Equal(t, "T1", o.GetNextAction().GetPayTo().GetAddress())
				require.Equal(t, "7", o.GetNextAction().GetPayTo().GetMemo())
				require.Equal(t, "Tether TRC20", o.GetNextAction().GetPayTo().GetNetwork())
			},
		},
		"nothing but the order's page": {actions(`"pay":"disabled"`), func(t *testing.T, o *abi.Outcome) {
			t.Helper()
			require.Equal(t, "https://exchanger.example/hst_1/", o.GetNextAction().GetRedirect().GetUrl())
		}},
		"a script for a page": {
			`,"url":"javascript:evil()","api_actions":{"pay":"javascript:evil()"}`,
			func(t *testing.T, o *abi.Outcome) {
				t.Helper()
				require.Nil(t, o.GetNextAction())
				require.NotEmpty(t, o.GetAlert())
			},
		},
		"no actions, as off the list": {``, func(t *testing.T, o *abi.Outcome) {
			t.Helper()
			require.Nil(t, o.GetNextAction())
			require.Empty(t, o.GetAlert())
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			outcome := read(t, infoCall("1"), order("new", `"100"`, `"92"`, row.rest))
			require.Equal(t, abi.Status_STATUS_REQUIRES_ACTION, outcome.GetStatus())
			row.want(t, outcome)
		})
	}
}

func TestNobodyIsAskedToPayAnOrderPastIt(t *testing.T) {
	t.Parallel()
	const rest = `,"url":"https://exchanger.example/hst_1/","api_actions":{"pay":"https://exchanger.example/pay"}`
	for status := range statuses {
		outcome := read(t, infoCall("1"), order(status, `"100"`, `"92"`, rest))
		require.Equal(t, outcome.GetStatus() == abi.Status_STATUS_REQUIRES_ACTION, outcome.GetNextAction() != nil,
			status)
	}
	require.Nil(t, read(t, infoCall("1"), order("new", `"90"`, `"92"`, rest)).GetNextAction(), "an order of less")
}
