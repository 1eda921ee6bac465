package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
)

func askBody(t *testing.T, operation, body string) *abi.Outcome {
	t.Helper()
	return interpretBody(t, &abi.Call{Operation: operation, Settings: []byte(testSettings), Query: &abi.Query{}}, "",
		200, body).GetDone()
}

func TestWhatTheAccountIsAsked(t *testing.T) {
	t.Parallel()
	asked := make(map[string]string)
	for _, action := range manifest().GetActions() {
		asked[action.GetRole().String()+" "+action.GetTopic()] = action.GetOperation()
	}
	require.Equal(t, map[string]string{"ROLE_BALANCES ": opBalance, "ROLE_CATALOG operators": opOperators}, asked)
}

func TestBalance(t *testing.T) {
	t.Parallel()
	balance := func(merchant, sum string) string {
		return `{"message":"Success","data":{"merchant_id":` + merchant +
			`,"merchant_name":"API Partner Demo","balance":` + sum + `},"status":"0"}`
	}
	for name, row := range map[string]struct{ body, want string }{
		"as documented": {balance(`"AP0001"`, `"0.0000"`), "0.0000"},
		"digit by digit": {
			balance(`"AP0001"`, `"12345678901234567890.1234"`),
			"12345678901234567890.1234",
		},
		"a number":                      {balance(`"AP0001"`, `12150.10`), "12150.10"},
		"owed":                          {balance(`"AP0001"`, `"-0.01"`), "-0.01"},
		"the merchant in small letters": {balance(`"ap0001"`, `"1"`), "1"},
		"another merchant's":            {balance(`"AP0002"`, `"1"`), ""},
		"nobody's, of ours by the path": {balance(`null`, `"1"`), "1"},
		"no balance":                    {balance(`"AP0001"`, `null`), ""},
		"a balance that is none":        {balance(`"AP0001"`, `"1,000.00"`), ""},
		"a balance beyond measure":      {balance(`"AP0001"`, `1e400`), ""},
		"two balances":                  {balance(`"AP0001"`, `"1","balance":"2"`), ""},
		"a list":                        {`{"message":"Success","data":[],"status":"0"}`, ""},
	} {
		outcome := askBody(t, opBalance, row.body)
		if row.want == "" {
			require.Equal(t, abi.Verdict_VERDICT_UNREADABLE, outcome.GetVerdict(), name)
			require.Empty(t, outcome.GetBalances(), name)
			continue
		}
		require.Equal(t, abi.Verdict_VERDICT_ACCEPTED, outcome.GetVerdict(), name)
		require.Len(t, outcome.GetBalances(), 1, name)
		require.Equal(t, row.want, outcome.GetBalances()[0].GetAvailable().GetAmount(), name)
		require.Equal(t, "INR", outcome.GetBalances()[0].GetAvailable().GetCurrency(), name)
		require.Contains(t, string(outcome.GetOutput()), `"balance":"`+row.want+`"`, name)
	}
}

func TestOperators(t *testing.T) {
	t.Parallel()
	outcome := askBody(t, opOperators,
		`{"message":"Success","data":[{"operator_name":"Airtel","operator_code":"AT","type":"Mobile"},`+
			`{"operator_name":"?"},7],"status":"0"}`)
	require.Len(t, outcome.GetItems(), 1, "what no recharge can name is left out")
	item := outcome.GetItems()[0]
	require.Equal(t, []string{"AT", "Airtel", "Mobile", "INR"},
		[]string{item.GetCode(), item.GetName(), item.GetCategory(), item.GetCurrency()})

	abroad := &abi.Call{Operation: opOperators, Settings: []byte(testSettings), Query: &abi.Query{Country: "DE"}}
	const one = `{"message":"Success","data":[{"operator_name":"Airtel","operator_code":"AT","type":"Mobile"}],` +
		`"status":"0"}`
	require.Empty(t, interpretBody(t, abroad, "", 200, one).GetDone().GetItems(),
		"a payer in another country can be recharged by none")
	abroad.Query.Country = "IN"
	require.Len(t, interpretBody(t, abroad, "", 200, one).GetDone().GetItems(), 1)

	empty := askBody(t, opOperators, `{"message":"Success","data":[],"status":"0"}`)
	require.Equal(t, abi.Verdict_VERDICT_ACCEPTED, empty.GetVerdict())
	for _, body := range []string{
		`{"message":"Success","data":{},"status":"0"}`,
		`{"message":"Success","data":null,"status":"0"}`,
	} {
		require.Equal(t, abi.Verdict_VERDICT_UNREADABLE, askBody(t, opOperators, body).GetVerdict(), body)
	}
}

// A read that Paygrt did not carry out is a healthy answer: it states nothing against the provider.
func TestFailedReadsAreRefusals(t *testing.T) {
	t.Parallel()
	for _, operation := range []string{opBalance, opOperators} {
		outcome := askBody(t, operation, `{"message":"Invalid Merchant","data":null,"status":"1"}`)
		require.Equal(t, abi.Verdict_VERDICT_REJECTED, outcome.GetVerdict())
		require.Equal(t, "Invalid Merchant", outcome.GetFailure().GetMessage())
		require.Equal(t, abi.Meaning_MEANING_DECLINED_SOFT,
			meaning(operation, 200, outcome.GetFailure().GetProviderCode()))
	}
}

// A payment's answer stands in the outcome; an answer to the operation by itself is its output too, with amounts as
// texts.
func TestOutputIsTheNativeCallers(t *testing.T) {
	t.Parallel()
	body := taken(`"12345"`, `"5"`, `"9988998899"`, `10.00`, `"Pending"`, `"2"`, `"0"`)
	require.Empty(t, interpretBody(t, rechargeCall(), "", 200, body).GetDone().GetOutput())
	native := rechargeCall()
	native.Payment = nil
	native.Input = []byte(`{"recharge_number":"9988998899","recharge_amount":"10","operator_code":"AT"}`)
	require.Contains(t, string(interpretBody(t, native, "", 200, body).GetDone().GetOutput()),
		`"recharge_amount":"10.00"`)
}
