package main

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
)

// decisive are the members that decide what an answer is worth, by the operation that reads it.
var decisive = map[string][]string{
	issueInvoice:   deciding[:],
	invoiceInfo:    deciding[:],
	payInvoice:     deciding[:],
	redeemInvoice:  {"received", "currencyCode"},
	withdraw:       {"invoiceCode"},
	transferCredit: {"voucherCode", "amount"},
}

// An answer whose deciding members are as they were means what it meant, whatever its other members hold, and however
// an enum is spelt.
func TestWhatOnlyShowsSpoilsNoAnswer(t *testing.T) {
	t.Parallel()
	const reference, code = "k3v9x0q2m8t7c5w1z6r4b0n2p8", "7d1f0c9e-52ab-4b7e-9c1d-2f6a8e3b4c5d"
	invoice := `"invoiceCode":"` + code + `","friendlyVoucherCode":"AB-12","status":2,` +
		`"lastEventUtc":"2023-10-04T08:34:00","createdUtc":"2023-10-04T08:34:00","amount":100,"expectedFee":1,` +
		`"callbackData":"` + reference + `","currencyCode":5,` +
		`"fromUser":"a","toUser":"shop-1","originatingUser":"shop-1","isPaid":true,"isRedeemed":true,"invoiceType":3,` +
		`"invoiceBusinessType":3,`
	tail := `"message":"ResponseOK","type":6,"responseCode":200,"success":true}`
	for _, row := range []struct {
		operation string
		kind      abi.Kind
		body      string
		want      abi.Status
	}{
		{issueInvoice, abi.Kind_KIND_COLLECT, `{"payUrl":null,` + invoice + tail, abi.Status_STATUS_SUCCEEDED},
		{invoiceInfo, abi.Kind_KIND_COLLECT, `{` + invoice + tail, abi.Status_STATUS_SUCCEEDED},
		{payInvoice, abi.Kind_KIND_COLLECT, `{` + invoice + tail, abi.Status_STATUS_SUCCEEDED},
		{invoiceInfo, abi.Kind_KIND_TRANSFER, `{` + invoice + tail, abi.Status_STATUS_SUCCEEDED},
		{
			invoiceInfo, abi.Kind_KIND_PAYOUT, `{` + invoice + `"withdrawMethod":{"currencyCode":5},"refunded":false,` + tail,
			abi.Status_STATUS_SUCCEEDED,
		},
		{
			redeemInvoice, abi.Kind_KIND_COLLECT,
			`{"received":100,"credited":99,"fees":1,"currencyCode":5,"newBalance":199,` + tail, abi.Status_STATUS_SUCCEEDED,
		},
		{
			withdraw, abi.Kind_KIND_PAYOUT, `{"newBalance":1,"expectedFee":1,"withdrawnAmount":1,"amountWillReceive":1,` +
				`"invoiceCode":"` + code + `",` + tail,
			abi.Status_STATUS_PROCESSING,
		},
		{
			transferCredit, abi.Kind_KIND_TRANSFER, `{"fromCredit":1,"toCredit":0,"voucherCode":"` + code + `",` +
				`"friendlyVoucherCode":"AB-12","redeemUrl":null,"amount":100,"fees":0,` + tail,
			abi.Status_STATUS_SUCCEEDED,
		},
	} {
		call := &abi.Call{
			Operation: row.operation, Settings: []byte(`{"user_cli_id":"shop-1"}`), ProviderReference: code,
			Reference: reference, CreateReference: reference,
			Payment: &abi.Payment{Kind: row.kind, Amount: "100", Currency: "USDT"},
		}
		if row.operation == issueInvoice || row.operation == withdraw || row.operation == transferCredit {
			call.ProviderReference = ""
		}
		check := func(what string, body map[string]any) {
			text, err := json.Marshal(body)
			require.NoError(t, err)
			step, err := connector{}.Interpret(call, nil, &abi.HttpResponse{Status: 200, Body: text})
			require.NoError(t, err)
			got := step.GetDone()
			require.Equal(t, abi.Verdict_VERDICT_ACCEPTED, got.GetVerdict(), "%s: %s: %s", row.operation, what, got)
			require.Equal(t, row.want, got.GetStatus(), "%s: %s", row.operation, what)
			require.Equal(t, code, got.GetProviderReference(), "%s: %s", row.operation, what)
			require.Empty(t, got.GetAlert(), "%s: %s", row.operation, what)
		}
		var whole map[string]any
		require.NoError(t, json.Unmarshal([]byte(row.body), &whole))
		check("whole", whole)
		for name := range whole {
			envelope := []string{"type", "responseCode", "success"}
			if slices.Contains(decisive[row.operation], name) || slices.Contains(envelope, name) {
				continue
			}
			for _, odd := range []any{nil, 7, -1.5, "odd", true, []any{1}, map[string]any{"a": 1}} {
				body := maps.Clone(whole)
				body[name] = odd
				check(name, body)
			}
			body := maps.Clone(whole)
			delete(body, name)
			check("without "+name, body)
		}
		body := maps.Clone(whole)
		body["further"], body["Status"], body["more"] = 1, 3, []any{}
		check("further members", body)
		body = maps.Clone(whole)
		for name, spelt := range map[string]any{"status": "COMPLETED", "currencyCode": "usdt", "type": "ResponseOK"} {
			if body[name] != nil {
				body[name] = spelt
			}
		}
		body["responseCode"] = "ResponseOK"
		check("enums by name", body)
		for _, name := range []string{"status", "currencyCode", "type", "responseCode", "amount", "received"} {
			if body[name] != nil {
				body[name] = map[string]any{
					"status": "2", "currencyCode": "5", "type": "6", "responseCode": "200", "amount": "100", "received": "100",
				}[name]
			}
		}
		check("numbers as texts", body)
	}
}
