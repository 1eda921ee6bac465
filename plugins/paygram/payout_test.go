package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
)

func TestPayoutStatus(t *testing.T) {
	t.Parallel()
	paid, given, kept := invoice{paid: true}, invoice{statesRefund: true, refunded: true}, invoice{statesRefund: true}
	for _, row := range []struct {
		state string
		i     invoice
		want  abi.Status
		alert string
	}{
		{"1", invoice{}, abi.Status_STATUS_PROCESSING, ""},
		{"1", kept, abi.Status_STATUS_PROCESSING, ""},
		{"1", given, abi.Status_STATUS_UNKNOWN, "refunded"},
		{"4", invoice{}, abi.Status_STATUS_PROCESSING, ""},
		{"4", paid, abi.Status_STATUS_PROCESSING, ""},
		{"8", kept, abi.Status_STATUS_PROCESSING, ""},
		{"100", kept, abi.Status_STATUS_PROCESSING, ""},
		{"2", paid, abi.Status_STATUS_SUCCEEDED, ""},
		{"2", kept, abi.Status_STATUS_SUCCEEDED, ""},
		{"2", given, abi.Status_STATUS_UNKNOWN, "refunded"},
		{"2", invoice{}, abi.Status_STATUS_UNKNOWN, "not paid"},
		{"3", given, abi.Status_STATUS_CANCELED, ""},
		{"3", kept, abi.Status_STATUS_UNKNOWN, "the money was taken"},
		{"3", invoice{}, abi.Status_STATUS_UNKNOWN, "the money was taken"},
		{"3", paid, abi.Status_STATUS_UNKNOWN, "paid"},
		{"3", invoice{paid: true, statesRefund: true, refunded: true}, abi.Status_STATUS_UNKNOWN, "refunded"},
		{"7", given, abi.Status_STATUS_FAILED, ""},
		{"7", kept, abi.Status_STATUS_UNKNOWN, "the money was taken"},
		{"7", paid, abi.Status_STATUS_UNKNOWN, "paid"},
		{"5", given, abi.Status_STATUS_FAILED, ""},
		{"5", kept, abi.Status_STATUS_UNKNOWN, "not said"},
		{"5", paid, abi.Status_STATUS_UNKNOWN, "paid"},
		{"9", invoice{}, abi.Status_STATUS_UNKNOWN, "not known"},
	} {
		row.i.state = row.state
		got, alert := payoutStatus(row.i)
		require.Equal(t, row.want, got, "%+v", row.i)
		require.Equal(t, row.alert == "", alert == "", "%+v: %s", row.i, alert)
		require.Contains(t, alert, row.alert)
	}
}

func TestTransferStatus(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		i     invoice
		want  abi.Status
		alert string
	}{
		{invoice{state: "2", paid: true, redeemed: true}, abi.Status_STATUS_SUCCEEDED, ""},
		{invoice{state: "2", paid: true}, abi.Status_STATUS_UNKNOWN, "not paid and redeemed"},
		{invoice{state: "4", paid: true}, abi.Status_STATUS_PROCESSING, ""},
		{invoice{state: "8", paid: true}, abi.Status_STATUS_PROCESSING, ""},
		{invoice{state: "3", paid: true}, abi.Status_STATUS_UNKNOWN, "not said"},
		{invoice{state: "7"}, abi.Status_STATUS_UNKNOWN, "not said"},
		{invoice{state: "9"}, abi.Status_STATUS_UNKNOWN, "not known"},
	} {
		got, alert := transferStatus(row.i)
		require.Equal(t, row.want, got, "%+v", row.i)
		require.Equal(t, row.alert == "", alert == "", "%+v: %s", row.i, alert)
		require.Contains(t, alert, row.alert)
	}
}

func TestNetworks(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		currency, network string
		want              uint64
		refused           string
	}{
		{"USDT", "TRC20", 2, ""},
		{"USDT", "trc20", 2, ""},
		{"USDT", "tron", 2, ""},
		{"USDT", "Ethereum", 1, ""},
		{"BNB", "BSC", 3, ""},
		{"USDC", "ERC20", 1, ""},
		{"BNB", "BEP20", 3, ""},
		{"FTN", "FNT20", 4, ""},
		{"BTC", "", 0, ""},
		{"BTC", "standard", 0, ""},
		{"USDT", "", 0, "invalid_request"},
		{"USDC", "", 0, "invalid_request"},
		{"BNB", "", 0, "invalid_request"},
		{"USDT", "SOL", 0, "unsupported"},
	} {
		got, wrong := networkNumber(&abi.Payment{
			Currency:    row.currency,
			Destination: &abi.Destination{Network: row.network},
		})
		require.Equal(t, row.want, got, "%s on %q", row.currency, row.network)
		require.Equal(t, row.refused, wrong.GetReject().GetCode(), "%s on %q", row.currency, row.network)
	}
}

func TestIBAN(t *testing.T) {
	t.Parallel()
	for account, want := range map[string]bool{
		"DE00000000000000000000": true, "DE00 0000 0000 0000 0000 00": true, "NO0000000000000": true,
		"MT00AAAA00000AAAAAAAAAAAAAAAAAA": true,
		"0012345678":                      false, "DE0000000000": false, "de00000000000000000000": false,
		"D000000000000000000000": false,
		"DEA0000000000000000000": false, "DE00-0000000000000000": false, "": false,
	} {
		require.Equal(t, want, isIBAN(account), account)
	}
}

// Of money that may have left nothing is reported that would let it be sent again, whatever PayGram states to a
// look-up.
func TestALookUpOfWhatLeftNeverSaysNotFound(t *testing.T) {
	t.Parallel()
	const absent = `{"message":"not found","type":0,"success":false,"responseCode":553}`
	for _, kind := range []abi.Kind{abi.Kind_KIND_PAYOUT, abi.Kind_KIND_TRANSFER} {
		for _, theirs := range []string{"", "7d1f"} {
			call := &abi.Call{
				Operation: invoiceInfo, Settings: []byte(`{"user_cli_id":"shop-1"}`), CreateReference: "ours",
				ProviderReference: theirs, SentMs: 1,
				Payment: &abi.Payment{Kind: kind, Amount: "100", Currency: "USDT"},
			}
			step, err := connector{}.Prepare(call)
			require.NoError(t, err)
			for _, body := range []string{
				absent, `{"invoices":[],"success":true}`,
			} {
				answered, err := connector{}.Interpret(call, step.GetSend().GetState(),
					&abi.HttpResponse{Status: 200, Body: []byte(body)})
				require.NoError(t, err)
				require.NotEqual(t, abi.Verdict_VERDICT_REJECTED, answered.GetDone().GetVerdict(), "%s %q %s", kind,
					theirs, body)
				require.NotContains(t, []abi.Status{abi.Status_STATUS_SUCCEEDED, abi.Status_STATUS_FAILED},
					answered.GetDone().GetStatus())
			}
		}
	}
}

// A search through the invoices under one reference ends.
func TestALookUpEnds(t *testing.T) {
	t.Parallel()
	call := &abi.Call{
		Operation: invoiceInfo, Settings: []byte(`{"user_cli_id":"shop-1"}`), CreateReference: "ours", SentMs: 1,
		Payment: &abi.Payment{Kind: abi.Kind_KIND_TRANSFER, Amount: "100", Currency: "USDT"},
	}
	list := `{"invoices":[`
	for i := range mostInvoices {
		list += fmt.Sprintf(`{"guid":"7d1f-%d"},`, i+1)
	}
	step, err := connector{}.Prepare(call)
	require.NoError(t, err)
	body := strings.TrimSuffix(list, ",") + `],"success":true}`
	trips := 0
	for ; step.GetSend() != nil; trips++ {
		step, err = connector{}.Interpret(call, step.GetSend().GetState(), &abi.HttpResponse{Status: 200, Body: []byte(body)})
		require.NoError(t, err)
		body = fmt.Sprintf(`{"invoiceCode":"7d1f-%d","status":4,"amount":100,"currencyCode":5,"isPaid":true,`+
			`"isRedeemed":false,"success":true}`, trips+1)
	}
	require.Equal(t, int(manifest().GetMaxSteps()), trips)
	require.Equal(t, abi.Status_STATUS_PROCESSING, step.GetDone().GetStatus())
}
