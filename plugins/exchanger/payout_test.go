package main

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	abi "payrouter/abi/v1"
)

func payoutCall(amount string) *abi.Call {
	return &abi.Call{
		Operation: opAddPartnerPayout, Settings: []byte(`{"partner_currency":"USD","payout_method":"11"}`),
		Payment: &abi.Payment{
			Kind: abi.Kind_KIND_PAYOUT, Amount: amount, Currency: "USD",
			Destination: &abi.Destination{Account: "T1"},
		},
	}
}

// The site pays out all there is: nothing is asked for unless that is what the payment is for, and the site would pay
// it.
func TestAPayoutIsTheWholeBalanceOrNone(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		cents := func(name string) int { return rapid.IntRange(1, 400).Draw(t, name) }
		asked, balance, least := cents("amount"), cents("balance"), cents("min_payout")
		if rapid.Bool().Draw(t, "all of it") {
			balance = asked
		}
		method := rapid.SampledFrom([]string{"11", "12"}).Draw(t, "method")
		text := func(cents int) string { return fmt.Sprintf("%d.%02d", cents/100, cents%100) }
		call := payoutCall(text(asked))
		step, err := connector{}.Prepare(call)
		require.NoError(t, err)
		require.Equal(t, opGetPartnerInfo, step.GetSend().GetOperation(),
			"the balance is read first, and reading it changes nothing")
		body := fmt.Sprintf(`{"error":"0","data":{"balance":%q,"min_payout":%s,"items":[{"id":%q}]}}`, text(balance),
			text(least), method)
		step, err = connector{}.Interpret(call, step.GetSend().GetState(),
			&abi.HttpResponse{Status: 200, Body: []byte(body)})
		require.NoError(t, err)
		if asked == balance && balance >= least && method == "11" {
			require.Equal(t, "method_id=11&account=T1", string(step.GetSend().GetRequest().GetBody()))
			require.Empty(t, step.GetSend().GetOperation(), "it is the call's own, of class NONE")
			return
		}
		code := step.GetDone().GetFailure().GetProviderCode()
		require.Equal(t, abi.Meaning_MEANING_DECLINED_SOFT, meaning(200, code), code)
	})
}

// What left the balance may be another amount than was asked for, if the balance changed in between: less is no
// success.
func TestAPayoutOfLessIsNeverASuccess(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		cents := rapid.IntRange(0, 5000).Draw(t, "cents")
		currency := rapid.SampledFrom([]string{"USD", "usd", "EUR", ""}).Draw(t, "currency")
		status := rapid.SampledFrom([]string{"0", "1", "2", "3"}).Draw(t, "status")
		call := payoutCall("25.50")
		call.Operation, call.ProviderReference = opGetPartnerPayouts, "payout-1"
		body := fmt.Sprintf(
			`{"error":"0","data":{"items":[{"id":1,"original_amount":%d.%02d,"original_currency_code":%q,`+
				`"status":%q}]}}`,
			cents/100, cents%100, currency, status)
		step, err := connector{}.Interpret(call, []byte{stagePayout, '1'},
			&abi.HttpResponse{Status: 200, Body: []byte(body)})
		require.NoError(t, err)
		done := step.GetDone()
		fits := cents >= 2550 && (currency == "USD" || currency == "usd")
		require.Equal(t, fits && status == "1", done.GetStatus() == abi.Status_STATUS_SUCCEEDED)
		require.Equal(t, done.GetStatus() == abi.Status_STATUS_SUCCEEDED, done.GetReceived() != nil)
		exact := cents == 2550 && fits && status != "3"
		require.Equal(t, exact, done.GetAlert() == "", "what is otherwise than asked for is shown to a person")
	})
}
