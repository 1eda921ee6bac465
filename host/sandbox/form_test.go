package sandbox_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/host/sandbox"
	"payrouter/host/sandbox/sandboxtest"
)

func orderOnce(t *testing.T, w *sandboxtest.World, provider, kind string) {
	t.Helper()
	require.NoError(t, w.Order(provider, sandbox.Fault{Kind: kind, Count: 1}))
}

func TestAnAnswerComesAfterAByteOrderMark(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	orderOnce(t, w, "paygrt", sandbox.FaultMark)
	got := w.Recharge("r1", "10", "AT")
	require.True(t, strings.HasPrefix(got.Text, "\xef\xbb\xbf{"), got.Text)
	require.Len(t, w.Ledger("paygrt"), 1)
	require.Equal(t, 1, w.Strikes("paygrt")[0].Times)
}

func TestNullsAreOfMembersThatAreOnlyShown(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	orderOnce(t, w, "paygram", sandbox.FaultNulls)
	got := w.PayGram("IssueInvoice", `{"currencyCode":5,"amount":49.9,"callbackData":"a"}`)
	for _, member := range []string{"lastEventUtc", "createdUtc", "toUser", "invoiceType"} {
		require.Nil(t, got.At(t, member), member)
	}
	for _, member := range []string{
		"invoiceCode", "status", "amount", "callbackData", "currencyCode", "isPaid", "success",
	} {
		require.NotNil(t, got.At(t, member), member)
	}
	require.Contains(t, got.Text, `"amount":49.9,`, "numbers keep their spelling")
	orderOnce(t, w, "paygrt", sandbox.FaultNulls)
	w.Paygrt("GET", "/v1/operators/M1")
	require.Empty(t, w.Strikes("paygrt"), "it waits for an answer that shows something")
	require.Nil(t, w.Recharge("r1", "10", "AT").At(t, "data", "remaining_balance"))
}

func TestNumbersOfAListComeByTheirNames(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	orderOnce(t, w, "paygram", sandbox.FaultNames)
	got := w.PayGram("IssueInvoice", `{"currencyCode":5,"amount":4,"callbackData":"a"}`)
	require.Equal(t, "Ongoing", got.At(t, "status"))
	require.Equal(t, "USDT", got.At(t, "currencyCode"))
	require.Equal(t, json.Number("4"), json.Number(got.At(t, "amount").(string)), "an amount is no number of a list")
	orderOnce(t, w, "paygrt", sandbox.FaultNames)
	w.Recharge("r1", "10", "AT")
	require.Empty(t, w.Strikes("paygrt"), "only PayGram has such lists")
}

func TestListsComeWhereNothingOrAnObjectWas(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	orderOnce(t, w, "paygram", sandbox.FaultLists)
	got := w.PayGram("IssueInvoice", `{"currencyCode":5,"amount":4,"callbackData":"a"}`)
	require.Contains(t, got.Text, `"fromUser":[]`)
	require.Equal(t, "a", got.At(t, "callbackData"))
	require.Equal(t, []sandbox.Strike{
		{Provider: "paygram", Operation: "IssueInvoice", Kind: "lists", Processed: true, Times: 1},
	}, w.Strikes("paygram"))
}

// A table of members that names a call which is none would never strike.
func TestFormsAreOfCallsThatThereAre(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	for provider, calls := range sandbox.OptionalCalls() {
		for _, call := range calls {
			require.NoError(t, w.Order(provider, sandbox.Fault{Operation: call, Kind: sandbox.FaultNulls}))
		}
	}
}

// Every kind of form is ordered over HTTP, as every other fault.
func TestFormsAreOrderedOverHTTP(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	index := w.Do("GET", "/_sandbox/", nil, "").Text
	for _, kind := range []string{"mark", "nulls", "names", "lists"} {
		require.Contains(t, index, `"`+kind+`"`)
		require.Equal(t, 200, w.Do("POST", "/_sandbox/paygram/faults", sandboxtest.JSONHeader(),
			`{"kind":"`+kind+`","count":1}`).Status, kind)
		require.Contains(t, w.Do("GET", "/_sandbox/paygram/faults", nil, "").Text, `"kind":"`+kind+`"`)
	}
}
