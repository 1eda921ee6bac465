package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
)

const (
	action     = abi.Status_STATUS_REQUIRES_ACTION
	processing = abi.Status_STATUS_PROCESSING
	succeeded  = abi.Status_STATUS_SUCCEEDED
	failed     = abi.Status_STATUS_FAILED
	canceled   = abi.Status_STATUS_CANCELED
	unknown    = abi.Status_STATUS_UNKNOWN
)

func TestStatusOfEveryOrder(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name   string
		money  bool
		status abi.Status
		alert  bool
	}{
		{"INIT", false, action, false},
		{"INIT", true, processing, false},
		{"OPEN", false, action, false},
		{"OPEN", true, processing, false},
		{"PARTIALLY_FULFILLED", false, processing, true},
		{"PARTIALLY_FULFILLED", true, processing, true},
		{"COMPLETE", false, succeeded, false},
		{"COMPLETE", true, succeeded, false},
		{"DECLINED", false, failed, false},
		{"DECLINED", true, failed, false},
		{"CANCELED", false, canceled, false},
		{"CANCELED", true, canceled, false},
		{"CANCELLED", false, canceled, false},
		{"CANCELLED", true, canceled, false},
		{"complete", true, unknown, true},
		{"FROZEN", true, unknown, true},
	} {
		read := readOrderStatus(row.name, row.money)
		require.Equal(t, row.status, read.status, row)
		require.Equal(t, row.alert, read.alert != "", row)
	}
	require.Len(t, orderReadings, 14, "every row is tested")
}

func TestStatusOfEveryTransaction(t *testing.T) {
	t.Parallel()
	for name, status := range map[string]abi.Status{
		"COMPLETE":           succeeded,
		"PENDING_WITHDRAWAL": processing,
		"CANCELLED":          canceled,
		"CANCELED":           canceled,
		"DECLINED":           failed,
		"INIT":               unknown,
		"complete":           unknown,
	} {
		require.Equal(t, status, readTransactionStatus(name).status, name)
	}
	require.Len(t, transactionReadings, 5, "every row is tested")
}

func TestEveryEventOfAWebhook(t *testing.T) {
	t.Parallel()
	for event, status := range map[string]string{
		"order::complete":            "COMPLETE",
		"order::completed":           "COMPLETE",
		"order::partially_fulfilled": "PARTIALLY_FULFILLED",
		"order::declined":            "DECLINED",
		"order::canceled":            "CANCELED",
		"order::cancelled":           "CANCELED",
		"ORDER::Complete":            "complete",
	} {
		require.Equal(t, abi.Receipt_TRUST_SIGNED, signedWebhook(t, event, status).GetTrust(), event)
		require.Equal(t, abi.Receipt_TRUST_LOOK_UP, signedWebhook(t, event, "OPEN").GetTrust(), event)
		require.Equal(t, abi.Receipt_TRUST_LOOK_UP, signedWebhook(t, "withdrawal"+event, status).GetTrust(), event)
	}
	require.Len(t, events, 6, "every row is tested")
}

func signedWebhook(t *testing.T, event, status string) *abi.Receipt {
	t.Helper()
	receipt, err := connector{}.Receive(&abi.Callback{
		Method: "POST",
		Headers: []*abi.Header{{
			Name:  "signature",
			Value: "00000000000000000000000000000000000000000000000000000000000000ff",
		}},
		Body: []byte(`{"order":{"id":"1","status":"` + status + `","currency":"EUR","value":"1"},"event_type":"` +
			event + `"}`),
		Settings: []byte(`{"slug":"shop"}`),
	})
	require.NoError(t, err)
	return receipt
}

func TestTwoSignaturesAreNone(t *testing.T) {
	t.Parallel()
	header := &abi.Header{Name: "Signature", Value: "00000000000000000000000000000000000000000000000000000000000000ff"}
	require.NotEmpty(t, signatureOf(&abi.Callback{Headers: []*abi.Header{header}}))
	require.Empty(t, signatureOf(&abi.Callback{Headers: []*abi.Header{header, header}}))
}
