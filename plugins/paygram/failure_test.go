package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
)

func TestFailures(t *testing.T) {
	t.Parallel()
	const (
		soft      = abi.Meaning_MEANING_DECLINED_SOFT
		hard      = abi.Meaning_MEANING_DECLINED_HARD
		refused   = abi.Meaning_MEANING_REFUSED
		fault     = abi.Meaning_MEANING_FAULT
		duplicate = abi.Meaning_MEANING_DUPLICATE
		notFound  = abi.Meaning_MEANING_NOT_FOUND
	)
	for name, row := range map[string]struct {
		operation string
		status    uint32
		code      string
		meaning   abi.Meaning
		canonical string
	}{
		"invalid token":                    {issueInvoice, 200, "Invalid Token", soft, "authentication_failed"},
		"authentication":                   {invoiceInfo, 200, "552", soft, "authentication_failed"},
		"generic":                          {issueInvoice, 200, "500", fault, "provider_error"},
		"duplicate":                        {payInvoice, 200, "551", duplicate, "duplicate"},
		"no funds":                         {payInvoice, 200, "554", soft, "insufficient_funds"},
		"updating, nothing taken":          {issueInvoice, 200, "550", refused, "provider_unavailable"},
		"updating, while money moves":      {payInvoice, 200, "550", fault, "provider_unavailable"},
		"updating, while money comes in":   {redeemInvoice, 200, "550", fault, "provider_unavailable"},
		"no such invoice to read":          {invoiceInfo, 200, "553", notFound, "not_found"},
		"no such invoices to list":         {getInvoices, 200, "553", notFound, "not_found"},
		"no such invoice to redeem":        {redeemInvoice, 200, "553", notFound, "not_found"},
		"no such invoice to pay":           {payInvoice, 200, "553", notFound, "not_found"},
		"an empty list":                    {getInvoices, 200, "no invoice", notFound, "not_found"},
		"an invoice in error":              {invoiceInfo, 200, "invoice status 5", hard, "provider_error"},
		"an invoice denied":                {invoiceInfo, 200, "invoice status 7", hard, "declined"},
		"401":                              {issueInvoice, 401, "401", soft, "authentication_failed"},
		"403":                              {issueInvoice, 403, "403", soft, "authentication_failed"},
		"429":                              {issueInvoice, 429, "429", refused, "rate_limited"},
		"not found where nothing is found": {issueInvoice, 200, "553", abi.Meaning_MEANING_UNSPECIFIED, ""},
		"nobody to send credit to":         {"TransferCredit", 200, "553", soft, "invalid_destination"},
		"no such envelope":                 {"RedeemRedEnvelope", 200, "553", notFound, "not_found"},
		"no such user":                     {"UserInfo", 200, "553", notFound, "not_found"},
		"no such user's statement":         {"GetStatement", 200, "553", notFound, "not_found"},
		"no such withdrawal":               {"UpdateWithdraw", 200, "553", notFound, "not_found"},
		"nothing to approve":               {"Approve/Update", 200, "553", notFound, "not_found"},
		"updating, while it pays out":      {"Withdraw", 200, "550", fault, "provider_unavailable"},
		"updating, while it hands out":     {"GetUpdates", 200, "550", fault, "provider_unavailable"},
		"updating, while it reads":         {"UserInfo", 200, "550", refused, "provider_unavailable"},
		"no funds to pay out":              {"Withdraw", 200, "554", soft, "insufficient_funds"},
		"a swap that was there before":     {"Swap", 200, "551", duplicate, "duplicate"},
		"anything else":                    {issueInvoice, 200, "Something else", abi.Meaning_MEANING_UNSPECIFIED, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rule := abi.FirstMatch(manifest().GetFailures(), row.operation, row.status, row.code)
			require.Equal(t, row.meaning, rule.GetMeaning())
			require.Equal(t, row.canonical, rule.GetCode())
		})
	}
}

// Codes came after texts, and for a short time stood in type.
func TestFailureCode(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"success":false,"message":"Invalid Token","type":0}`:                    "Invalid Token",
		`{"success":false,"message":"Invalid Token","type":0,"responseCode":500}`: "Invalid Token",
		`{"success":false,"message":"Not enough","type":0,"responseCode":554}`:    "554",
		`{"success":false,"message":"Not enough","type":0,"responseCode":"554"}`:  "554",
		`{"success":false,"message":"Updating","type":550}`:                       "550",
		`{"success":false,"message":"Dup","type":551,"responseCode":0}`:           "551",
		`{"success":false,"message":"Later","type":0,"responseCode":599}`:         "599",
		`{"success":false,"message":"A text","type":14}`:                          "A text",
		`{"success":false,"message":"A text","type":14,"responseCode":null}`:      "A text",
		`{"success":false,"message":"All well, they say","responseCode":200}`:     "All well, they say",
		`{"success":false}`:                               "",
		`{"success":"false","message":"A text"}`:          "",
		`{"message":"A text"}`:                            "",
		`{"success":null,"message":"A text"}`:             "",
		`[]`:                                              "",
		`{"success":true,"responseCode":551,"type":14}`:   "",
		`{"success":true,"responseCode":"oops","type":6}`: "",
	} {
		t.Run(body, func(t *testing.T) {
			t.Parallel()
			_, end := readAnswer(&abi.HttpResponse{Status: 200, Body: []byte(body)})
			require.NotNil(t, end)
			require.Equal(t, want, end.GetDone().GetFailure().GetProviderCode())
		})
	}
}

func TestCurrencies(t *testing.T) {
	t.Parallel()
	require.Len(t, currencyCodes(), 18)
	for number, code := range map[uint64]string{
		1: "BTC", 2: "ETH", 3: "EUR", 4: "USD", 5: "USDT", 7: "AED", 8: "LTC", 9: "XMR", 10: "XRP", 11: "PHPT",
		12: "CNY", 13: "PHP",
		14: "VND", 15: "GBP", 16: "BNB", 17: "TRX", 18: "USDC", 19: "FTN",
	} {
		require.Equal(t, number, currencyNumber(code), code)
	}
	require.Zero(t, currencyNumber(""))
	require.Zero(t, currencyNumber("INR"))
}
