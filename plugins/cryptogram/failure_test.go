package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
)

func TestMeaningOfEveryRefusal(t *testing.T) {
	t.Parallel()
	const (
		soft       = abi.Meaning_MEANING_DECLINED_SOFT
		turnedAway = abi.Meaning_MEANING_REFUSED
		notFound   = abi.Meaning_MEANING_NOT_FOUND
		// unreadable stands for what no rule makes a refusal of.
		unreadable = abi.Meaning_MEANING_UNSPECIFIED
	)
	for _, row := range []struct {
		name      string
		operation string
		status    uint32
		body      string
		meaning   abi.Meaning
		code      string
	}{
		{"wrong token", createPayment, 401, `{"message":"Unauthenticated."}`, soft, "authentication_failed"},
		{"wrong token on a read", getPayment, 401, `{"message":"Unauthenticated."}`, soft, "authentication_failed"},
		{
			"not allowed", createPayment, 403, `{"message":"This action is unauthorized."}`, soft,
			"authentication_failed",
		},
		{"not allowed by a proxy", createPayment, 403, `<html>`, unreadable, ""},
		{"too fast", createPayment, 429, `{"message":"Too Many Attempts."}`, turnedAway, "rate_limited"},
		{"too fast, said by a proxy", updatePayment, 429, `<html>`, turnedAway, "rate_limited"},
		{"not there", getPayment, 404, `{"message":"Not found."}`, notFound, "not_found"},
		{"nothing to change", updatePayment, 404, `{"message":"Not found."}`, notFound, "not_found"},
		{"no such endpoint", createPayment, 404, `{"message":"Not found."}`, unreadable, ""},
		{"amount", createPayment, 422, `{"message":"m","errors":{"amount":["e"]}}`, soft, "limit_exceeded"},
		{"currency", createPayment, 422, `{"message":"m","errors":{"currency":["e"]}}`, soft, "unsupported"},
		{"wallets", createPayment, 422, `{"message":"m","errors":{"wallets":["e"]}}`, soft, "unsupported"},
		{"redirect", createPayment, 422, `{"message":"m","errors":{"redirect":["e"]}}`, soft, "invalid_request"},
		{"expires_at", createPayment, 422, `{"message":"m","errors":{"expires_at":["e"]}}`, soft, "invalid_request"},
		{"title", updatePayment, 422, `{"message":"m","errors":{"title":["e"]}}`, soft, "invalid_request"},
		{"description", updatePayment, 422, `{"message":"m","errors":{"description":["e"]}}`, soft, "invalid_request"},
		{"message", updatePayment, 422, `{"message":"m","errors":{"message":["e"]}}`, soft, "invalid_request"},
		{"a field that was not sent", createPayment, 422, `{"message":"m","errors":{"team":["e"]}}`, unreadable, ""},
		{
			"a field that an update does not send", updatePayment, 422, `{"message":"m","errors":{"amount":["e"]}}`,
			unreadable, "",
		},
		{"an item of a list", createPayment, 422, `{"message":"m","errors":{"wallets.0":["e"]}}`, soft, "unsupported"},
		{"no field", createPayment, 422, `{"message":"m"}`, unreadable, ""},
		{"no message", createPayment, 401, `{}`, unreadable, ""},
		{"fault", createPayment, 500, `{"message":"Server Error"}`, unreadable, ""},
		{"maintenance", createPayment, 503, `{"message":"Service Unavailable"}`, unreadable, ""},
		{"elsewhere", createPayment, 302, `{"message":"moved"}`, unreadable, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			outcome := refused(row.operation, &abi.HttpResponse{Status: row.status, Body: []byte(row.body)}).GetDone()
			var rule *abi.FailureRule
			if outcome.GetVerdict() == abi.Verdict_VERDICT_REJECTED {
				rule = abi.FirstMatch(manifest().GetFailures(), row.operation, row.status,
					outcome.GetFailure().GetProviderCode())
			}
			require.Equal(t, row.meaning, rule.GetMeaning())
			require.Equal(t, row.code, rule.GetCode())
		})
	}
}
