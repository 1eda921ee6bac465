package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
)

func TestPayoutStatus(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		state string
		paid  bool
		want  abi.Status
		alert string
	}{
		{"1", false, abi.Status_STATUS_PROCESSING, ""},
		{"4", false, abi.Status_STATUS_PROCESSING, ""},
		{"4", true, abi.Status_STATUS_PROCESSING, ""},
		{"8", false, abi.Status_STATUS_PROCESSING, ""},
		{"100", false, abi.Status_STATUS_PROCESSING, ""},
		{"2", true, abi.Status_STATUS_SUCCEEDED, ""},
		{"2", false, abi.Status_STATUS_UNKNOWN, "not paid"},
		{"3", false, abi.Status_STATUS_CANCELED, ""},
		{"3", true, abi.Status_STATUS_UNKNOWN, "paid"},
		{"7", false, abi.Status_STATUS_FAILED, ""},
		{"7", true, abi.Status_STATUS_UNKNOWN, "paid"},
		{"5", false, abi.Status_STATUS_UNKNOWN, "not said"},
		{"5", true, abi.Status_STATUS_UNKNOWN, "not said"},
		{"9", false, abi.Status_STATUS_UNKNOWN, "not known"},
	} {
		got, alert := payoutStatus(row.state, row.paid)
		require.Equal(t, row.want, got, "%s paid %v", row.state, row.paid)
		require.Equal(t, row.alert == "", alert == "", "%s paid %v: %s", row.state, row.paid, alert)
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
	for kind, operation := range map[abi.Kind]string{
		abi.Kind_KIND_PAYOUT:   invoiceInfo,
		abi.Kind_KIND_TRANSFER: getStatement,
	} {
		for _, theirs := range []string{"", "7d1f"} {
			call := &abi.Call{
				Operation: operation, Settings: []byte(`{"user_cli_id":"shop-1"}`), CreateReference: "ours",
				ProviderReference: theirs, SentMs: 1,
				Payment: &abi.Payment{Kind: kind, Amount: "100", Currency: "USDT"},
			}
			step, err := connector{}.Prepare(call)
			require.NoError(t, err)
			for _, body := range []string{
				absent, `{"invoices":[],"success":true}`,
				`{"statementEntries":[],"nextPageAvailable":false,"success":true}`,
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

// A search through a long statement ends.
func TestATraceEnds(t *testing.T) {
	t.Parallel()
	call := &abi.Call{
		Operation: getStatement, Settings: []byte(`{"user_cli_id":"shop-1"}`), CreateReference: "ours",
		SentMs:  1_696_408_380_000,
		Payment: &abi.Payment{Kind: abi.Kind_KIND_TRANSFER, Amount: "100", Currency: "USDT"},
	}
	body := []byte(`{"statementEntries":[` + entries(tracePage) + `],"nextPageAvailable":true,"success":true}`)
	step, err := connector{}.Prepare(call)
	require.NoError(t, err)
	trips := 0
	for ; step.GetSend() != nil; trips++ {
		step, err = connector{}.Interpret(call, step.GetSend().GetState(), &abi.HttpResponse{Status: 200, Body: body})
		require.NoError(t, err)
	}
	require.Equal(t, int(manifest().GetMaxSteps()), trips)
	require.Equal(t, abi.Status_STATUS_UNKNOWN, step.GetDone().GetStatus())
}

func entries(count int) string {
	text := ""
	for i := range count {
		if i > 0 {
			text += ","
		}
		text += `{"id":` + string(rune('1'+i%9)) +
			`,"executedUtc":"2023-10-03T09:00:00Z","amount":-100,"currency":5,"invoice":{"guid":"7d1f"}}`
	}
	return text
}
