package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/abi/jsontext"
	abi "payrouter/abi/v1"
)

// meaning is what the manifest makes of a code, as the host reads it.
func meaning(status uint32, code string) abi.Meaning {
	for _, rule := range failures() {
		if rule.GetOperation() != "" && rule.GetProviderCode() == "" {
			continue // of one operation's own texts
		}
		if (rule.GetHttpStatus() == 0 || rule.GetHttpStatus() == status) &&
			(rule.GetProviderCode() == "" || rule.GetProviderCode() == code) {
			return rule.GetMeaning()
		}
	}
	return abi.Meaning_MEANING_UNSPECIFIED
}

func TestRefusal(t *testing.T) {
	t.Parallel()
	const (
		soft      = abi.Meaning_MEANING_DECLINED_SOFT
		duplicate = abi.Meaning_MEANING_DUPLICATE
		fault     = abi.Meaning_MEANING_FAULT
		unlisted  = abi.Meaning_MEANING_UNSPECIFIED
	)
	for name, row := range map[string]struct {
		code, text, fields string
		want               string
		meaning            abi.Meaning
	}{
		"a key that is wrong, banned or off": {"1", "Api disabled", "", textAPIDisabled, soft},
		"an address that is not allowed":     {"2", "IP blocked", "", textIPBlocked, soft},
		"maintenance of the API":             {"2", "maintenance", "", textMaintenance, soft},
		"maintenance of the site":            {"1", "Maintenance", "", textMaintenance, soft},
		"an action that is off":              {"2", "action disabled", "", textActionDisabled, soft},
		"a method that the key lacks":        {"3", "Method not supported", "", textNoMethod, soft},
		"no direction":                       {"1", "direction not found", "", textNoDirection, soft},
		"no such pair":                       {"3", "Error! The direction do not exist", "[]", textUnknownPair, soft},
		"a pair that is off": {
			"3", "Error! Exchange direction is disabled", "[]", textPairDisabled,
			soft,
		},
		"a pair that the API may not use": {
			"3", "Error! Direction prohibited by settings API", "[]",
			textPairForbidden, soft,
		},
		"no order proves nothing": {"1", "no bid exists", "[]", textNoBid, fault},
		"a duplicate":             {"3", "api id not unique", "[]", textNotUnique, duplicate},
		"a duplicate among others": {
			"3", "Something\napi id not unique", `{"sum1":"min"}`, textNotUnique,
			duplicate,
		},
		"a duplicate said of a field": {
			"3", "Error!", `{"api_id":"<b>Api id not unique</b>"}`, textNotUnique,
			duplicate,
		},
		"an amount, giving":  {"3", "Error!", `{"sum1":"min.: 10"}`, codeFieldAmount, soft},
		"an amount, getting": {"3", "Error!", `{"sum2":"max.: 10"}`, codeFieldAmount, soft},
		"an amount with commission, giving": {
			"3", "Error!", `{"sum1c":"amount must be greater than 0"}`,
			codeFieldAmount, soft,
		},
		"an amount with commission, getting": {
			"3", "Error!", `{"sum2c":"amount must be greater than 0"}`,
			codeFieldAmount, soft,
		},
		"the payer's account": {
			"3", "Error!", `{"account1":"invalid account number"}`, codeFieldAccount,
			soft,
		},
		"the merchant's account": {
			"3", "Error!", `{"account2":"invalid account number"}`, codeFieldAccount,
			soft,
		},
		"the account of a payout": {
			"3", "Error!", `{"account":"invalid account number"}`, codeFieldAccount,
			soft,
		},
		"a field of the site": {
			"3", "Error!", `{"cf6":"field is filled with errors"}`, codeFieldOther,
			soft,
		},
		"a known field counts first": {
			"3", "Error!", `{"cf6":"field is filled with errors","sum1":"min"}`,
			codeFieldAmount, soft,
		},
		"validation that names no field": {"3", "Error!", `[]`, "Error!", unlisted},
		"a text of another language":     {"1", "направление не найдено", "", "направление не найдено", unlisted},
		"no partner program":             {"1", "no active partner program", "[]", textNoProgram, soft},
		"no partner":                     {"1", "no partner id", "[]", textNoPartner, soft},
		"a number alone":                 {"7", "", "", "error 7", unlisted},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fields, _ := jsontext.Parse([]byte(row.fields))
			failure := refusal(envelope{code: row.code, text: row.text, fields: fields}).GetDone().GetFailure()
			require.Equal(t, row.want, failure.GetProviderCode())
			require.Equal(t, row.meaning, meaning(200, failure.GetProviderCode()))
		})
	}
}

// Every refusal that the manifest lists is shown by a vector: the code, or the status alone.
func TestEveryFailureHasAVector(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txtar")
	require.NoError(t, err)
	var shown strings.Builder
	for _, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		_, outcome, _ := strings.Cut(string(content), "-- outcome.json --")
		shown.WriteString(outcome)
	}
	for _, rule := range failures() {
		code := rule.GetProviderCode()
		if code == "" {
			code = strconv.Itoa(int(rule.GetHttpStatus()))
		}
		//nolint:testifylint // all the vectors are too much to show
		if rule.GetProviderCode() != "" || rule.GetHttpStatus() != 200 {
			require.True(t, strings.Contains(shown.String(), `"provider_code": "`+code+`"`), code)
		}
	}
}

func TestHTTPStatuses(t *testing.T) {
	t.Parallel()
	require.Equal(t, abi.Meaning_MEANING_DECLINED_SOFT, meaning(401, "401"))
	require.Equal(t, abi.Meaning_MEANING_DECLINED_SOFT, meaning(403, "403"))
	require.Equal(t, abi.Meaning_MEANING_REFUSED, meaning(429, "429"))
	for _, status := range []uint32{0, 201, 204, 301, 302, 400, 404, 500, 502, 503, 504, 520} {
		_, end := readEnvelope(&abi.HttpResponse{Status: status, Body: []byte(`{"error":"0","data":{}}`)})
		require.Equal(t, abi.Verdict_VERDICT_UNREADABLE, end.GetDone().GetVerdict(), status)
	}
}

func TestReadEnvelope(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		body     string
		readable bool
		failed   bool
	}{
		"no error as a string":          {`{"error":"0","error_text":"","data":{}}`, true, false},
		"no error as a number":          {`{"error":0,"data":"success"}`, true, false},
		"an error as a string":          {`{"error":"1","error_text":"direction not found","data":[]}`, true, true},
		"an error as a number":          {`{"error":1}`, true, true},
		"no error member":               {`{"data":{}}`, false, false},
		"an error member that is null":  {`{"error":null,"data":{}}`, false, false},
		"an error member that is a map": {`{"error":{},"data":{}}`, false, false},
		"a list":                        {`[]`, false, false},
		"a page":                        {`<html></html>`, false, false},
		"nothing":                       {``, false, false},
		"data twice":                    {`{"error":"0","data":{},"data":{}}`, false, false},
		"half of it":                    {`{"error":"0","data":{"id":"47`, false, false},
		"bytes that are not UTF-8":      {"{\"error\":\"0\",\"data\":\"\xff\"}", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer, end := readEnvelope(&abi.HttpResponse{Status: 200, Body: []byte(row.body)})
			require.Equal(t, row.readable, end == nil)
			if row.readable {
				require.Equal(t, row.failed, answer.failed())
			}
		})
	}
}
