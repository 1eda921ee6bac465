package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
)

// The members of the document's samples that decide nothing may be null, missing, or of any other type.
func TestAMemberThatDecidesNothingMayBeAnything(t *testing.T) {
	t.Parallel()
	const (
		submitted = `{"message":"Success","data":{"api_ref_id":"12345","txn_id":"5001234","operator_id":"",` +
			`"recharge_number":"9988998899","recharge_amount":"10.00","recharge_status":"Pending",` +
			`"message":"Recharge Request Accepted","remaining_balance":"12150.50","status_code":"2"},"status":"0"}`
		failed = `{"message":"Fail","data":{"api_ref_id":"12345","txn_id":null,"operator_id":null,"recharge_number":null,` +
			`"recharge_amount":null,"recharge_status":null,"message":"Insufficient Merchant Balance",` +
			`"remaining_balance":"120.00","status_code":"1"},"status":"1"}`
		found = `{"message":"Success","data":{"api_ref_id":"12345","txn_id":"5001234","operator_id":"PG12345XYZ",` +
			`"recharge_status":"Success"},"status":"0"}`
		balance = `{"message":"Success","data":{"merchant_id":"AP0001","merchant_name":"API Partner Demo",` +
			`"balance":"0.0000"},"status":"0"}`
	)
	recharge, check := rechargeCall(), statusCall()
	native := &abi.Call{
		Operation: opRecharge, Settings: []byte(testSettings),
		Input: []byte(
			`{"api_ref_id":"12345","recharge_number":"9988998899","recharge_amount":"10","operator_code":"AT"}`),
	}
	for name, row := range map[string]struct {
		call    *abi.Call
		body    string
		members []string // as they stand in the sample
	}{
		"recharge": {recharge, submitted, []string{
			`"message":"Success"`, `"operator_id":""`, `"message":"Recharge Request Accepted"`,
			`"remaining_balance":"12150.50"`,
		}},
		"native recharge": {native, submitted, []string{
			`"message":"Success"`, `"operator_id":""`, `"message":"Recharge Request Accepted"`,
			`"remaining_balance":"12150.50"`,
		}},
		"failed recharge": {recharge, failed, []string{
			`"operator_id":null`, `"remaining_balance":"120.00"`, `"message":"Fail"`,
		}},
		"status check": {check, found, []string{`"message":"Success"`, `"operator_id":"PG12345XYZ"`}},
		"balance": {&abi.Call{Operation: opBalance, Settings: []byte(testSettings), Query: &abi.Query{}}, balance, []string{
			`"message":"Success"`, `"merchant_name":"API Partner Demo"`,
		}},
	} {
		want := interpretBody(t, row.call, "", 200, row.body).GetDone()
		require.NotEqual(t, abi.Verdict_VERDICT_UNREADABLE, want.GetVerdict(), name)
		for _, member := range row.members {
			require.Equal(t, 1, strings.Count(row.body, member), member)
			called, _, _ := strings.Cut(member, ":")
			for _, other := range []string{"null", "7", `""`, `"seven"`, "true", "[]", "{}", `["a"]`, `{"a":1}`} {
				body := strings.Replace(row.body, member, called+":"+other, 1)
				got := interpretBody(t, row.call, "", 200, body).GetDone()
				require.Equal(t, want.GetVerdict(), got.GetVerdict(), "%s: %s", name, body)
				require.Equal(t, want.GetStatus(), got.GetStatus(), "%s: %s", name, body)
				require.Equal(t, want.GetFailure().GetProviderCode(), got.GetFailure().GetProviderCode(), body)
				require.Equal(t, want.GetOutput() == nil, got.GetOutput() == nil, body)
			}
			missing := strings.NewReplacer(member+",", "", ","+member, "").Replace(row.body)
			if member == `"message":"Fail"` {
				continue // without it nothing shows that Paygrt wrote the answer: see the manifest's envelope
			}
			got := interpretBody(t, row.call, "", 200, missing).GetDone()
			require.Equal(t, want.GetVerdict(), got.GetVerdict(), "%s: %s", name, missing)
			require.Equal(t, want.GetStatus(), got.GetStatus(), "%s: %s", name, missing)
		}
	}
}

// What cannot be read says which member it is.
func TestWhatIsUnreadableSaysWhy(t *testing.T) {
	t.Parallel()
	check := func(members string) string { return `{"message":"Success","data":{` + members + `},"status":"0"}` }
	for _, row := range []struct {
		call      *abi.Call
		body, why string
	}{
		{rechargeCall(), `{"message":"Success","data":null,"status":"done"}`, "the envelope's status: neither 0 nor 1"},
		{rechargeCall(), `{"message":"Success","data":null,"status":"0"}`, "the data: no object; the message: Success"},
		{
			rechargeCall(), taken(`"12345"`, `{}`, `null`, `null`, `"Success"`, `"0"`, `"0"`),
			"the txn_id: none, and yet the recharge says Success",
		},
		{
			rechargeCall(), taken(`"12345"`, `"5"`, `null`, `"ten"`, `"Success"`, `"0"`, `"0"`),
			"the recharge_amount: no decimal",
		},
		{
			rechargeCall(), taken(`"12345"`, `"5"`, `null`, `null`, `"Reversed"`, `"0"`, `"0"`),
			"the recharge_status: not one that is documented",
		},
		{
			rechargeCall(), taken(`"12345"`, `"5"`, `null`, `null`, `null`, `"9"`, `"0"`),
			"the status_code: not one that is documented",
		},
		{
			rechargeCall(), taken(`"12345"`, `"5"`, `null`, `null`, `"Success"`, `"1"`, `"0"`),
			"the status_code says Fail, and the recharge_status Success",
		},
		{statusCall(), check(`"api_ref_id":"12345","txn_id":"5","recharge_status":null`), "the recharge_status: none"},
		{
			statusCall(), check(`"api_ref_id":"1120","txn_id":"5","recharge_status":"Success"`),
			"the answer is about another api_ref_id",
		},
		{
			&abi.Call{Operation: opBalance, Settings: []byte(testSettings)}, check(`"merchant_id":"AP0001","balance":{}`),
			"the balance: no decimal",
		},
		{
			&abi.Call{Operation: opOperators, Settings: []byte(testSettings)}, check(`"AT":"Airtel"`),
			"the data: no list of operators",
		},
	} {
		outcome := interpretBody(t, row.call, "2019-07-21", 200, row.body).GetDone()
		require.Equal(t, abi.Verdict_VERDICT_UNREADABLE, outcome.GetVerdict(), row.body)
		require.Equal(t, row.why, outcome.GetFailure().GetMessage(), row.body)
	}
}

// Near midnight a day without data is a day without the recharge, whatever the envelope says.
func TestStatusAsksTheOtherDayWhereOneHasNoData(t *testing.T) {
	t.Parallel()
	for _, data := range []string{"null", "[]", "{}", `""`} {
		step := interpretBody(t, statusCall(), "2019-07-20", 200, `{"message":"Success","data":`+data+`,"status":"0"}`)
		require.Equal(t, "api_ref_id=12345&txn_date=2019-07-21", string(step.GetSend().GetRequest().GetBody()), data)
		last := interpretBody(t, statusCall(), "2019-07-21", 200, `{"message":"Success","data":`+data+`,"status":"0"}`)
		require.Equal(t, abi.Verdict_VERDICT_UNREADABLE, last.GetDone().GetVerdict(), data)
	}
}
