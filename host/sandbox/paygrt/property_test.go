package paygrt_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/cockroachdb/apd/v3"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"payrouter/host/sandbox"
	"payrouter/host/sandbox/paygrt"
	"payrouter/host/sandbox/sandboxtest"
)

// Whatever is recharged, declined and paid, the balance is what it was less what the ledger says has moved.
func TestBalanceAndLedgerAgree(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s, err := sandbox.New(sandbox.Options{Seed: 1, Paygrt: paygrt.Options{Balance: "500"}})
		require.NoError(t, err)
		defer s.Close()
		header := http.Header{
			"Api-Key":      {sandbox.DefaultCredentials().Paygrt},
			"Content-Type": {"application/x-www-form-urlencoded"},
		}
		for i := range rapid.IntRange(1, 20).Draw(t, "steps") {
			ref := fmt.Sprint(rapid.IntRange(0, 3).Draw(t, "ref"))
			if event := rapid.SampledFrom([]string{"recharge", "pay", "decline", "pending"}).Draw(t,
				"event"); event != "recharge" {
				_ = s.Drive("paygrt", ref, event, "") // refused where it makes no sense
				continue
			}
			sum := fmt.Sprintf("%d.%02d", rapid.IntRange(0, 300).Draw(t, "rupees"), i)
			sandboxtest.Call(s, "POST", "/paygrt/v1/recharges/M", header,
				sandboxtest.Form("api_ref_id", ref, "recharge_number", "9", "recharge_amount", sum, "operator_code", "AT"))
		}
		left := sandboxtest.Decimal(t, "500")
		ctx := apd.BaseContext.WithPrecision(50)
		for _, b := range s.Ledger("paygrt") {
			if b.MovedMoney {
				_, err := ctx.Sub(left, left, sandboxtest.Decimal(t, b.Amount))
				require.NoError(t, err)
			}
		}
		var answer struct{ Data struct{ Balance string } }
		require.NoError(t,
			json.Unmarshal(sandboxtest.Call(s, "GET", "/paygrt/v1/merchants/M/balance", header, "").Body.Bytes(), &answer))
		require.Zero(t, left.Cmp(sandboxtest.Decimal(t, answer.Data.Balance)), "%s is not %s", left, answer.Data.Balance)
	})
}
