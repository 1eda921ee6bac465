package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/abi/guest"
	abi "payrouter/abi/v1"
)

const testSettings = `{"merchant_id":"AP0001"}`

// rechargeCall is the call behind the document's examples.
func rechargeCall() *abi.Call {
	return &abi.Call{
		Operation: opRecharge,
		Payment: &abi.Payment{
			Id: "pay_1", Kind: abi.Kind_KIND_RECHARGE, Amount: "10", Currency: "INR", Country: "IN",
			Destination: &abi.Destination{Operator: "AT", Number: "9988998899"},
		},
		Settings:  []byte(testSettings),
		Reference: "12345",
	}
}

func interpretBody(t *testing.T, call *abi.Call, state string, status uint32, body string) *abi.Step {
	t.Helper()
	step, err := connector{}.Interpret(call, []byte(state), &abi.HttpResponse{Status: status, Body: []byte(body)})
	require.NoError(t, err)
	return step
}

func TestPrepareRechargeSendsTheDocumentedForm(t *testing.T) {
	t.Parallel()
	step, err := connector{}.Prepare(rechargeCall())
	require.NoError(t, err)
	request := step.GetSend().GetRequest()
	require.Equal(t, "POST", request.GetMethod())
	require.Equal(t, "/v1/recharges/", request.GetPath()[0].GetLiteral())
	require.Equal(t, "AP0001", request.GetPath()[1].GetText())
	require.Equal(t, "api_ref_id=12345&recharge_number=9988998899&recharge_amount=10&operator_code=AT",
		string(request.GetBody()))
	require.Equal(t, "api-key", request.GetHeaders()[0].GetName())
	require.Equal(t, secretAPIKey, request.GetHeaders()[0].GetValue()[0].GetSecret())
	require.Empty(t, step.GetSend().GetOperation())
}

func TestPrepareRechargeRejects(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		change      func(call *abi.Call)
		code, field string
	}{
		"another kind":     {func(c *abi.Call) { c.Payment.Kind = abi.Kind_KIND_COLLECT }, "unsupported", "/kind"},
		"another currency": {func(c *abi.Call) { c.Payment.Currency = "USD" }, "unsupported", "/currency"},
		"no operator": {
			func(c *abi.Call) { c.Payment.Destination.Operator = "" }, "invalid_destination",
			"/destination/operator",
		},
		"no number": {
			func(c *abi.Call) { c.Payment.Destination.Number = "" }, "invalid_destination",
			"/destination/number",
		},
		"no destination at all": {
			func(c *abi.Call) { c.Payment.Destination = nil }, "invalid_destination",
			"/destination/number",
		},
		"nothing to pay":    {func(c *abi.Call) { c.Payment.Amount = "0.00" }, "invalid_request", "/amount"},
		"a negative amount": {func(c *abi.Call) { c.Payment.Amount = "-1" }, "invalid_request", "/amount"},
		"not an amount":     {func(c *abi.Call) { c.Payment.Amount = "ten" }, "invalid_request", "/amount"},
		"a part of a paisa": {func(c *abi.Call) { c.Payment.Amount = "10.001" }, "invalid_request", "/amount"},
		"no reference":      {func(c *abi.Call) { c.Reference = "" }, "invalid_request", ""},
		"native, not JSON":  {func(c *abi.Call) { c.Payment, c.Input = nil, []byte("{") }, "invalid_request", ""},
		"native, no operator": {
			func(c *abi.Call) {
				c.Payment, c.Input = nil, []byte(`{"recharge_number":"1","recharge_amount":"10"}`)
			}, "invalid_destination", "/operator_code",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			call := rechargeCall()
			row.change(call)
			step, err := connector{}.Prepare(call)
			require.NoError(t, err)
			require.NotNil(t, step.GetReject(), "a step was made: %v", step)
			require.Equal(t, row.code, step.GetReject().GetCode())
			require.Equal(t, row.field, step.GetReject().GetField())
		})
	}
}

func TestNativeRechargeTakesItsOwnReferenceOrOurs(t *testing.T) {
	t.Parallel()
	call := rechargeCall()
	call.Payment = nil
	call.Input = []byte(`{"recharge_number":"9988998899","recharge_amount":"10.50","operator_code":"AT"}`)
	step, err := connector{}.Prepare(call)
	require.NoError(t, err)
	require.Contains(t, string(step.GetSend().GetRequest().GetBody()), "api_ref_id=12345&")

	call.Input = []byte(
		`{"api_ref_id":"777","recharge_number":"9988998899","recharge_amount":"10.50","operator_code":"AT"}`)
	step, err = connector{}.Prepare(call)
	require.NoError(t, err)
	require.Contains(t, string(step.GetSend().GetRequest().GetBody()), "api_ref_id=777&")
}

// taken is the document's accepted recharge with room for changes.
func taken(reference, transaction, number, amount, word, code, envelope string) string {
	return `{"message":"Success","data":{"api_ref_id":` + reference + `,"txn_id":` + transaction +
		`,"operator_id":"","recharge_number":` + number +
		`,"recharge_amount":` + amount + `,"recharge_status":` + word +
		`,"message":"said","remaining_balance":"12150.50","status_code":` + code +
		`},"status":` + envelope + `}`
}

func TestInterpretRecharge(t *testing.T) {
	t.Parallel()
	const (
		accepted   = abi.Verdict_VERDICT_ACCEPTED
		rejected   = abi.Verdict_VERDICT_REJECTED
		unreadable = abi.Verdict_VERDICT_UNREADABLE
	)
	for name, row := range map[string]struct {
		body    string
		verdict abi.Verdict
		status  abi.Status
		code    string
	}{
		"pending": {
			taken(`"12345"`, `"5"`, `"9988998899"`, `"10.00"`, `"Pending"`, `"2"`, `"0"`),
			accepted, abi.Status_STATUS_PROCESSING, "",
		},
		"success": {taken(`"12345"`, `"5"`, `"9988998899"`, `"10.0000"`, `"Success"`, `"0"`,
			`"0"`), accepted, abi.Status_STATUS_SUCCEEDED, ""},
		"numbers in place of texts": {
			taken(`12345`, `5`, `9988998899`, `10.00`, `"Success"`, `0`, `0`), accepted,
			abi.Status_STATUS_SUCCEEDED, "",
		},
		"failed as a transaction": {
			taken(`"12345"`, `"5"`, `"9988998899"`, `"10.00"`, `"Fail"`, `"1"`, `"0"`),
			accepted, abi.Status_STATUS_FAILED, "Fail",
		},
		"failed, the envelope too": {
			taken(`"12345"`, `"5"`, `"9988998899"`, `"10.00"`, `"Fail"`, `"1"`, `"1"`),
			accepted, abi.Status_STATUS_FAILED, "Fail",
		},
		"refused without a transaction": {
			taken(`"12345"`, `null`, `null`, `null`, `null`, `"1"`, `"1"`), rejected, 0,
			"1",
		},
		"refused without an echo": {
			taken(`null`, `null`, `null`, `null`, `null`, `"1"`, `"1"`), rejected, 0,
			"1",
		},

		"taken under a failed envelope": {taken(`"12345"`, `"5"`, `"9988998899"`, `"10.00"`, `"Success"`, `"0"`,
			`"1"`), unreadable, 0, ""},
		"pending under a failed envelope": {taken(`"12345"`, `"5"`, `"9988998899"`, `"10.00"`, `"Pending"`, `"2"`,
			`"1"`), unreadable, 0, ""},
		"code and word contradict": {taken(`"12345"`, `"5"`, `"9988998899"`, `"10.00"`, `"Success"`, `"1"`,
			`"0"`), unreadable, 0, ""},
		"neither code nor word": {taken(`"12345"`, `"5"`, `"9988998899"`, `"10.00"`, `null`, `null`,
			`"0"`), unreadable, 0, ""},
		"success without a transaction": {taken(`"12345"`, `null`, `"9988998899"`, `"10.00"`, `"Success"`, `"0"`,
			`"0"`), unreadable, 0, ""},
		"success of another reference": {taken(`"1120"`, `"5"`, `"9988998899"`, `"10.00"`, `"Success"`, `"0"`,
			`"0"`), unreadable, 0, ""},
		"success without an echoed reference": {taken(`null`, `"5"`, `"9988998899"`, `"10.00"`, `"Success"`, `"0"`,
			`"0"`), unreadable, 0, ""},
		"refusal of another reference": {
			taken(`"1120"`, `null`, `null`, `null`, `null`, `"1"`, `"1"`),
			unreadable, 0, "",
		},
		"success for another number": {taken(`"12345"`, `"5"`, `"9988998800"`, `"10.00"`, `"Success"`, `"0"`,
			`"0"`), unreadable, 0, ""},
		"success for less": {taken(`"12345"`, `"5"`, `"9988998899"`, `"9.99"`, `"Success"`, `"0"`,
			`"0"`), unreadable, 0, ""},
		"success for more": {taken(`"12345"`, `"5"`, `"9988998899"`, `"100.00"`, `"Success"`, `"0"`,
			`"0"`), unreadable, 0, ""},
		"success for an amount that is none": {taken(`"12345"`, `"5"`, `"9988998899"`, `"ten"`, `"Success"`, `"0"`,
			`"0"`), unreadable, 0, ""},
		"an envelope that says neither": {taken(`"12345"`, `"5"`, `"9988998899"`, `"10.00"`, `"Success"`, `"0"`,
			`"2"`), unreadable, 0, ""},
		"an envelope without a status": {taken(`"12345"`, `"5"`, `"9988998899"`, `"10.00"`, `"Success"`, `"0"`,
			`null`), unreadable, 0, ""},
		"failed by the recharge alone": {
			taken(`"12345"`, `null`, `null`, `null`, `"Fail"`, `"1"`, `"0"`), accepted, abi.Status_STATUS_FAILED,
			codeFail,
		},
		"failed by the recharge alone, without an echo": {
			taken(`null`, `null`, `null`, `null`, `"Fail"`, `"1"`, `"0"`), unreadable, 0, "",
		},
		"failed by the envelope alone": {
			taken(`"12345"`, `null`, `null`, `null`, `null`, `null`, `"1"`), rejected, 0, codeRefused,
		},
		"failed by the envelope alone, without an echo": {
			taken(`null`, `null`, `null`, `null`, `null`, `null`, `"1"`), unreadable, 0, "",
		},
		"failed by the envelope, with a transaction": {
			taken(`"12345"`, `"5"`, `null`, `null`, `null`, `null`, `"1"`), unreadable, 0, "",
		},
		"words in capitals, and for numbers": {
			taken(`"12345"`, `"5"`, `"9988998899"`, `"10.00"`, `"PENDING"`, `"Pending"`, `"success"`), accepted,
			abi.Status_STATUS_PROCESSING, "",
		},
		"numbers for words": {
			taken(`"12345"`, `"5"`, `"9988998899"`, `"10.00"`, `0`, `0`, `0`), accepted, abi.Status_STATUS_SUCCEEDED, "",
		},
		"the number in another spelling": {
			taken(`"12345"`, `"5"`, `"+99 8899-8899"`, `"10.00"`, `"Pending"`, `"2"`, `"0"`), accepted,
			abi.Status_STATUS_PROCESSING, "",
		},
		"a masked number": {
			taken(`"12345"`, `"5"`, `"99XXXXXX99"`, `"10.00"`, `"Pending"`, `"2"`, `"0"`), accepted,
			abi.Status_STATUS_PROCESSING, "",
		},
		"a failed envelope with an empty list": {
			`{"message":"Merchant is not active","data":[],"status":"1"}`, rejected, 0, codeRefused,
		},
		"a failed envelope with an empty object": {
			`{"message":"Merchant is not active","data":{},"status":1}`, rejected, 0, codeRefused,
		},
		"a failed envelope with an empty text": {
			`{"message":"Merchant is not active","data":"","status":"1"}`, rejected, 0, codeRefused,
		},
		"a failed envelope with a text": {
			`{"message":"Merchant is not active","data":"none","status":"1"}`, unreadable, 0, "",
		},
		"a failed envelope with data null": {
			`{"message":"Merchant is not active","data":null,"status":"1"}`,
			rejected, 0, codeRefused,
		},
		"a wrong key": {
			`{"message":"Invalid api-key","data":null,"status":"1"}`, rejected, 0,
			codeKey,
		},
		"a failed envelope without data":      {`{"message":"Invalid api-key","status":"1"}`, unreadable, 0, ""},
		"no data in an envelope that is fine": {`{"message":"Success","data":null,"status":"0"}`, unreadable, 0, ""},
		"a list where the data should be":     {`{"message":"Success","data":[],"status":"0"}`, unreadable, 0, ""},
		"two codes": {taken(`"12345"`, `"5"`, `"9988998899"`, `"10.00"`, `"Success"`,
			`"0","status_code":"1"`, `"0"`), unreadable, 0, ""},
		"two amounts": {taken(`"12345"`, `"5"`, `"9988998899"`,
			`"10.00","recharge_amount":"99"`, `"Success"`, `"0"`, `"0"`), unreadable, 0, ""},
		"two envelopes' statuses": {taken(`"12345"`, `"5"`, `"9988998899"`, `"10.00"`, `"Success"`, `"0"`,
			`"0","status":"1"`), unreadable, 0, ""},
		"XML":           {`<response><status>0</status></response>`, unreadable, 0, ""},
		"nothing":       {``, unreadable, 0, ""},
		"a bare string": {`"Success"`, unreadable, 0, ""},
		"bytes that are not UTF-8": {
			"{\"message\":\"\xff\",\"data\":null,\"status\":\"0\"}", unreadable, 0,
			"",
		},
		"a truncated body": {
			`{"message":"Success","data":{"api_ref_id":"12345","txn_id":"5","rech`,
			unreadable, 0, "",
		},
		"succeeded with no amount": {
			taken(`"12345"`, `"5"`, `"9988998899"`, `null`, `"Success"`, `"0"`, `"0"`),
			unreadable, 0, "",
		},
		"taken with neither number nor amount": {
			taken(`"12345"`, `"5"`, `null`, `null`, `"Pending"`, `"2"`, `"0"`),
			accepted, abi.Status_STATUS_PROCESSING, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			outcome := interpretBody(t, rechargeCall(), "", 200, row.body).GetDone()
			require.Equal(t, row.verdict, outcome.GetVerdict(), "%v", outcome)
			require.Equal(t, row.status, outcome.GetStatus())
			require.Equal(t, row.code, outcome.GetFailure().GetProviderCode())
		})
	}
}

func TestRefusalCode(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]string{
		"Insufficient Merchant Balance":   codeNoBalance,
		" insufficient merchant balance ": codeNoBalance,
		"Duplicate api_ref_id":            codeDuplicate,
		"Reference already used":          codeDuplicate,
		"Invalid Operator Code":           codeRefused,
		"":                                codeRefused,
	} {
		require.Equal(t, want, refusalCode(said), said)
	}
}

func TestHTTPStatuses(t *testing.T) {
	t.Parallel()
	for status, want := range map[uint32]string{401: "401", 403: "403", 429: "429"} {
		outcome := interpretBody(t, rechargeCall(), "", status, "").GetDone()
		require.Equal(t, abi.Verdict_VERDICT_REJECTED, outcome.GetVerdict())
		require.Equal(t, want, outcome.GetFailure().GetProviderCode())
		require.Equal(t, want == "429", meaning(opRecharge, status, want) == abi.Meaning_MEANING_REFUSED)
	}
	for _, status := range []uint32{0, 201, 204, 301, 400, 404, 408, 500, 502, 503, 504} {
		outcome := interpretBody(t, rechargeCall(), "", status,
			taken(`"12345"`, `"5"`, `"9988998899"`, `"10.00"`, `"Success"`, `"0"`, `"0"`)).GetDone()
		require.Equal(t, abi.Verdict_VERDICT_UNREADABLE, outcome.GetVerdict(), status)
	}
}

// meaning is what the manifest makes of a code, as the host reads it.
func meaning(operation string, status uint32, code string) abi.Meaning {
	for _, rule := range manifest().GetFailures() {
		if (rule.GetOperation() == "" || rule.GetOperation() == operation) &&
			(rule.GetHttpStatus() == 0 || rule.GetHttpStatus() == status) &&
			(rule.GetProviderCode() == "" || rule.GetProviderCode() == code) {
			return rule.GetMeaning()
		}
	}
	return abi.Meaning_MEANING_UNSPECIFIED
}

func TestFailureTable(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		operation string
		status    uint32
		code      string
		want      abi.Meaning
	}{
		"our balance at Paygrt: another provider": {
			opRecharge, 200, codeNoBalance,
			abi.Meaning_MEANING_DECLINED_SOFT,
		},
		"a duplicate is never a decline":             {opRecharge, 200, codeDuplicate, abi.Meaning_MEANING_DUPLICATE},
		"a refusal before the transaction":           {opRecharge, 200, codeRefused, abi.Meaning_MEANING_DECLINED_SOFT},
		"a transaction that failed goes nowhere":     {opRecharge, 200, codeFail, abi.Meaning_MEANING_DECLINED_HARD},
		"the same, learned later":                    {opStatus, 200, codeFail, abi.Meaning_MEANING_DECLINED_HARD},
		"a status check refuses nothing by code 1":   {opStatus, 200, codeRefused, abi.Meaning_MEANING_UNSPECIFIED},
		"unauthorized: another provider":             {opRecharge, 401, "401", abi.Meaning_MEANING_DECLINED_SOFT},
		"forbidden: another provider":                {opRecharge, 403, "403", abi.Meaning_MEANING_DECLINED_SOFT},
		"too many requests: once more":               {opRecharge, 429, "429", abi.Meaning_MEANING_REFUSED},
		"nothing else is believed":                   {opRecharge, 200, "2", abi.Meaning_MEANING_UNSPECIFIED},
		"a server's fault is not a refusal, even so": {opRecharge, 500, codeRefused, abi.Meaning_MEANING_UNSPECIFIED},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, row.want, meaning(row.operation, row.status, row.code))
		})
	}
}

func TestConnectorRefusesWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	_, err := connector{}.Prepare(&abi.Call{Operation: "Nothing", Settings: []byte(testSettings)})
	require.Equal(t, abi.Error_CODE_UNKNOWN_OPERATION, faultOf(t, err))
	_, err = connector{}.Interpret(&abi.Call{Operation: "Nothing"}, nil, &abi.HttpResponse{Status: 200})
	require.Equal(t, abi.Error_CODE_UNKNOWN_OPERATION, faultOf(t, err))
	for _, settings := range []string{"", "{", "{}", `{"merchant_id":""}`} {
		call := rechargeCall()
		call.Settings = []byte(settings)
		_, err = connector{}.Prepare(call)
		require.Equal(t, abi.Error_CODE_BAD_SETTINGS, faultOf(t, err), settings)
	}
}

func faultOf(t *testing.T, err error) abi.Error_Code {
	t.Helper()
	var fault *guest.Error
	require.ErrorAs(t, err, &fault)
	return fault.Code
}
