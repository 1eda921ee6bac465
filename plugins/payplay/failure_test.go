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
		hard       = abi.Meaning_MEANING_DECLINED_HARD
		turnedAway = abi.Meaning_MEANING_REFUSED
		duplicate  = abi.Meaning_MEANING_DUPLICATE
		notFound   = abi.Meaning_MEANING_NOT_FOUND
		fault      = abi.Meaning_MEANING_FAULT
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
		{"wrong key", createOrder, 401, `{"message":"Unauthenticated."}`, soft, "authentication_failed"},
		{"wrong key on a read", showOrders, 401, `{"message":"Unauthenticated."}`, soft, "authentication_failed"},
		{"not allowed", withdraw, 403, `{"message":"Forbidden"}`, soft, "authentication_failed"},
		{"not allowed by a proxy", withdraw, 403, `<html>`, unreadable, ""},
		{"too fast", withdraw, 429, `{"message":"Too Many Attempts."}`, turnedAway, "rate_limited"},
		{"too fast, said by a proxy", createOrder, 429, ``, turnedAway, "rate_limited"},
		{"wrong slug for an order", createOrder, 404, `{"message":"Page not found"}`, soft, "authentication_failed"},
		{"wrong slug for a withdrawal", withdraw, 404, `{"message":"page not found."}`, soft, "authentication_failed"},
		{"wrong slug on a look-up", showOrder, 404, `{"message":"Page not found"}`, fault, "authentication_failed"},
		{
			"wrong key on a transaction", showTransaction, 404, `{"message":"Page not found"}`, fault,
			"authentication_failed",
		},
		{"no such order", showOrder, 404, `{"message":"Order not found"}`, notFound, "not_found"},
		{"no such transaction", showTransaction, 404, `{"message":"Not found"}`, notFound, "not_found"},
		{"a 404 of a create", createOrder, 404, `{"message":"Not found"}`, unreadable, ""},
		{
			"wrong key on a completion", completeOrder, 404, `{"message":"Page not found"}`, fault,
			"authentication_failed",
		},
		{"no such order to complete", completeOrder, 404, `{"message":"Order not found"}`, soft, "not_found"},
		{
			"a completion too early", completeOrder, 422, `{"message":"m","errors":{"order":["e"]}}`, soft,
			"invalid_request",
		},
		{
			"reference of an order", createOrder, 422, `{"message":"m","errors":{"external_order_id":["e"]}}`,
			duplicate,
			"duplicate",
		},
		{"amount of an order", createOrder, 422, `{"message":"m","errors":{"amount":["e"]}}`, soft, "limit_exceeded"},
		{"currency of an order", createOrder, 422, `{"message":"m","errors":{"currency":["e"]}}`, soft, "unsupported"},
		{
			"successful_link", createOrder, 422, `{"message":"m","errors":{"successful_link":["e"]}}`, soft,
			"invalid_request",
		},
		{"failure_link", createOrder, 422, `{"message":"m","errors":{"failure_link":["e"]}}`, soft, "invalid_request"},
		{
			"reference of a withdrawal", withdraw, 422, `{"message":"m","errors":{"amount":["e"],"external_id":["e"]}}`,
			duplicate, "duplicate",
		},
		{"amount of a withdrawal", withdraw, 422, `{"message":"m","errors":{"amount":["e"]}}`, soft, "limit_exceeded"},
		{"currency of a withdrawal", withdraw, 422, `{"message":"m","errors":{"currency":["e"]}}`, soft, "unsupported"},
		{"network", withdraw, 422, `{"message":"m","errors":{"network":["e"]}}`, soft, "unsupported"},
		{"wallet", withdraw, 422, `{"message":"m","errors":{"wallet":["e"]}}`, hard, "invalid_destination"},
		{"memo", withdraw, 422, `{"message":"m","errors":{"memo":["e"]}}`, hard, "invalid_destination"},
		{"comment", withdraw, 422, `{"message":"m","errors":{"comment":["e"]}}`, soft, "invalid_request"},
		{"wrong slug for a top-up", createTopup, 404, `{"message":"Page not found"}`, soft, "authentication_failed"},
		{
			"reference of a top-up", createTopup, 422, `{"message":"m","errors":{"external_order_id":["e"]}}`,
			duplicate,
			"duplicate",
		},
		{"amount of a top-up", createTopup, 422, `{"message":"m","errors":{"amount":["e"]}}`, soft, "limit_exceeded"},
		{"currency of a top-up", createTopup, 422, `{"message":"m","errors":{"currency":["e"]}}`, soft, "unsupported"},
		{
			"link of a top-up", createTopup, 422, `{"message":"m","errors":{"failure_link":["e"]}}`, soft,
			"invalid_request",
		},
		{"amount of a refund", refundOrder, 422, `{"message":"m","errors":{"amount":["e"]}}`, soft, "limit_exceeded"},
		{"no such order to refund", refundOrder, 404, `{"message":"Order not found"}`, soft, "not_found"},
		{"wrong key on a refund", refundOrder, 404, `{"message":"Page not found"}`, fault, "authentication_failed"},
		{"no such crypto order", showCryptoOrder, 404, `{"message":"Order not found"}`, notFound, "not_found"},
		{"no such currency", getExchangeRate, 404, `{"message":"Currency not found"}`, notFound, "not_found"},
		{"a 404 of a list", showTransactions, 404, `{"message":"Not found"}`, unreadable, ""},
		{
			"filter of orders", showOrders, 422, `{"message":"m","errors":{"completed_at_to":["e"]}}`, soft,
			"invalid_request",
		},
		{
			"filter of transactions", showTransactions, 422, `{"message":"m","errors":{"per_page":["e"]}}`, soft,
			"invalid_request",
		},
		{"a field that was not sent", withdraw, 422, `{"message":"m","errors":{"otp":["e"]}}`, unreadable, ""},
		{"no field", createOrder, 422, `{"message":"m"}`, soft, "invalid_request"},
		{
			"a reference, in the message alone", createOrder, 422,
			`{"message":"The external order id has already been taken."}`, duplicate, "duplicate",
		},
		{
			"an amount, in the message alone", createTopup, 422, `{"message":"The amount must be a number."}`, soft,
			"limit_exceeded",
		},
		{
			"a reference of a withdrawal, in the message alone", withdraw, 422,
			`{"message":"The external id has already been taken."}`, unreadable, "",
		},
		{"no fields of a list", createTopup, 422, `{"message":"m","errors":[]}`, soft, "invalid_request"},
		{"a field that was not sent", showOrders, 422, `{"message":"m","errors":{"otp":["e"]}}`, soft, "invalid_request"},
		{"a field, in a text", createOrder, 422, `{"message":"m","errors":{"amount":"e"}}`, soft, "limit_exceeded"},
		{"no field of a withdrawal", withdraw, 422, `{"message":"m"}`, unreadable, ""},
		{"no field of a refund", refundOrder, 422, `{"message":"m","errors":null}`, unreadable, ""},
		{"no field of a completion", completeOrder, 422, `{"message":"m"}`, unreadable, ""},
		{"wrong slug of a list", showOrders, 404, `{"message":"Page not found"}`, fault, "authentication_failed"},
		{"wrong key on the balances", accountBalance, 404, `{"message":"Page not found"}`, fault, "authentication_failed"},
		{"a fault with fields", withdraw, 500, `{"message":"m","errors":{"amount":["e"]}}`, unreadable, ""},
		{"fault", withdraw, 500, `{"message":"Server Error"}`, unreadable, ""},
		{"elsewhere", withdraw, 302, `{"message":"moved"}`, unreadable, ""},
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
	require.Equal(t, hard, abi.FirstMatch(manifest().GetFailures(), showOrder, 200, "DECLINED").GetMeaning())
	require.Equal(t, hard, abi.FirstMatch(manifest().GetFailures(), showTransaction, 200, "DECLINED").GetMeaning())
	require.Equal(t, notFound, abi.FirstMatch(manifest().GetFailures(), showOrder, 200, noSuchReference).GetMeaning())
	require.Nil(t, abi.FirstMatch(manifest().GetFailures(), showOrder, 200, "FROZEN"))
}
