package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	abi "payrouter/abi/v1"
)

func TestDaysOf(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		sent string
		want []string
	}{
		"noon in India":                             {"2019-07-20T06:30:00Z", []string{"2019-07-20"}},
		"the day in India, not in UTC":              {"2019-07-19T18:30:00Z", []string{"2019-07-20", "2019-07-19"}},
		"a server in UTC would still say yesterday": {"2019-07-19T23:59:59Z", []string{"2019-07-20", "2019-07-19"}},
		"six hours after midnight":                  {"2019-07-20T00:30:00Z", []string{"2019-07-20"}},
		"well before midnight":                      {"2019-07-20T18:14:59Z", []string{"2019-07-20"}},
		"a quarter of an hour before midnight":      {"2019-07-20T18:15:00Z", []string{"2019-07-20", "2019-07-21"}},
		"the last second":                           {"2019-07-20T18:29:59Z", []string{"2019-07-20", "2019-07-21"}},
		"the turn of the year":                      {"2019-12-31T18:29:59Z", []string{"2019-12-31", "2020-01-01"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sent, err := time.Parse(time.RFC3339, row.sent)
			require.NoError(t, err)
			require.Equal(t, row.want, daysOf(sent.UnixMilli()))
		})
	}
}

func TestDaysOfAlwaysHoldTheDayInIndiaAndInUTC(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		sent := time.UnixMilli(rapid.Int64Range(1, 4_000_000_000_000).Draw(t, "sent"))
		days := daysOf(sent.UnixMilli())
		require.Contains(t, days, sent.In(india).Format(time.DateOnly))
		require.Contains(t, days, sent.UTC().Format(time.DateOnly))
		require.LessOrEqual(t, len(days), 2, "the manifest allows two steps")
	})
}

// statusCall is a look-up of a recharge sent just before midnight in India.
func statusCall() *abi.Call {
	call := rechargeCall()
	call.Operation = opStatus
	call.Reference = ""
	call.CreateReference = "12345"
	call.SentMs = time.Date(2019, 7, 20, 18, 29, 0, 0, time.UTC).UnixMilli()
	return call
}

func TestStatusAsksTheOtherDayNearMidnight(t *testing.T) {
	t.Parallel()
	step, err := connector{}.Prepare(statusCall())
	require.NoError(t, err)
	require.Equal(t, "api_ref_id=12345&txn_date=2019-07-20", string(step.GetSend().GetRequest().GetBody()))

	const missed = `{"message":"Fail","data":null,"status":"1"}`
	step = interpretBody(t, statusCall(), string(step.GetSend().GetState()), 200, missed)
	require.Equal(t, "api_ref_id=12345&txn_date=2019-07-21", string(step.GetSend().GetRequest().GetBody()))

	outcome := interpretBody(t, statusCall(), string(step.GetSend().GetState()), 200, missed).GetDone()
	require.Equal(t, abi.Verdict_VERDICT_REJECTED, outcome.GetVerdict(),
		"a failed check says nothing of the recharge, and nothing against the provider's health")
	require.Equal(t, codeNoWord, outcome.GetFailure().GetProviderCode())
}

func TestStatusNeedsAReferenceAndATime(t *testing.T) {
	t.Parallel()
	for _, change := range []func(call *abi.Call){
		func(c *abi.Call) { c.CreateReference = "" },
		func(c *abi.Call) { c.SentMs = 0 },
		func(c *abi.Call) { c.Payment, c.Input = nil, []byte(`{"api_ref_id":"1"}`) },
		func(c *abi.Call) { c.Payment, c.Input = nil, []byte(`{`) },
	} {
		call := statusCall()
		change(call)
		step, err := connector{}.Prepare(call)
		require.NoError(t, err)
		require.Equal(t, "invalid_request", step.GetReject().GetCode())
	}
}

func TestInterpretStatus(t *testing.T) {
	t.Parallel()
	reply := func(reference, transaction, word string) string {
		return `{"message":"Success","data":{"api_ref_id":` + reference + `,"txn_id":` + transaction +
			`,"operator_id":null,"recharge_status":` + word + `},"status":"0"}`
	}
	const (
		accepted   = abi.Verdict_VERDICT_ACCEPTED
		unreadable = abi.Verdict_VERDICT_UNREADABLE
		rejected   = abi.Verdict_VERDICT_REJECTED
	)
	for name, row := range map[string]struct {
		body    string
		verdict abi.Verdict
		status  abi.Status
	}{
		"success": {
			reply(`"12345"`, `"5001234"`, `"Success"`), accepted,
			abi.Status_STATUS_SUCCEEDED,
		},
		"pending": {
			reply(`"12345"`, `"5001234"`, `"Pending"`), accepted,
			abi.Status_STATUS_PROCESSING,
		},
		"failed":                        {reply(`"12345"`, `"5001234"`, `"Fail"`), accepted, abi.Status_STATUS_FAILED},
		"failed, its transaction gone":  {reply(`"12345"`, `null`, `"Fail"`), accepted, abi.Status_STATUS_FAILED},
		"another reference, as sampled": {reply(`"1120"`, `"5001234"`, `"Success"`), unreadable, 0},
		"no reference":                  {reply(`null`, `"5001234"`, `"Success"`), unreadable, 0},
		"another transaction":           {reply(`"12345"`, `"5009999"`, `"Success"`), unreadable, 0},
		"success without a transaction": {reply(`"12345"`, `null`, `"Success"`), unreadable, 0},
		"an unknown word":               {reply(`"12345"`, `"5001234"`, `"Reversed"`), unreadable, 0},
		"no word":                       {reply(`"12345"`, `"5001234"`, `null`), unreadable, 0},
		"no data":                       {`{"message":"Success","data":null,"status":"0"}`, unreadable, 0},
		"a failed check that says failed": {
			`{"message":"Fail","data":{"api_ref_id":"12345","txn_id":"5001234","recharge_status":"Fail"},"status":"1"}`,
			rejected, 0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			call := statusCall()
			call.ProviderReference = "5001234"
			outcome := interpretBody(t, call, "2019-07-21", 200, row.body).GetDone()
			require.Equal(t, row.verdict, outcome.GetVerdict(), "%v", outcome)
			require.Equal(t, row.status, outcome.GetStatus())
			if row.verdict != accepted {
				return
			}
			require.Equal(t, "5001234", outcome.GetProviderReference())
			require.Equal(t, "12345", outcome.GetEchoedReference())
			require.Equal(t, row.status == abi.Status_STATUS_FAILED, outcome.GetFailure().GetProviderCode() == codeFail)
		})
	}
}
