package exchanger_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"testing"

	"github.com/cockroachdb/apd/v3"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"payrouter/host/sandbox"
	"payrouter/host/sandbox/sandboxtest"
)

// Whatever is exchanged, called off and paid out, what the lists say has happened is what the balance has changed by.
func TestBalanceAndListsAgree(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s, err := sandbox.New(sandbox.Options{Seed: 1})
		require.NoError(t, err)
		defer s.Close()
		c := sandbox.DefaultCredentials()
		header := http.Header{
			"Api-Login": {c.ExchangerLogin}, "Api-Key": {c.ExchangerKey},
			"Content-Type": {"application/x-www-form-urlencoded"},
		}
		ask := func(method string, pairs ...string) map[string]any {
			var answer struct {
				Data any `json:"data"`
			}
			got := sandboxtest.Call(s, "POST", "/exchanger/api/userapi/v1/"+method, header, sandboxtest.Form(pairs...))
			require.NoError(t, json.Unmarshal(got.Body.Bytes(), &answer))
			data, _ := answer.Data.(map[string]any) // a refusal, and what is empty, has a list in its place
			return data
		}
		for range rapid.IntRange(1, 25).Draw(t, "steps") {
			n := rapid.IntRange(1, 3).Draw(t, "which")
			switch step := rapid.SampledFrom([]string{
				"bid", "bid of another", "payout", "success", "cancel", "pay out",
				"call off",
			}).Draw(t, "step"); step {
			case "bid", "bid of another":
				partner := map[string]string{"bid": "7", "bid of another": "8"}[step]
				ask("create_bid", "direction_id", "4", "calc_amount", "100", "calc_action", "1", "account2", "bc1q",
					"cf6", "a@b.example", "partner_id", partner)
			case "payout":
				ask("add_partner_payout", "method_id", "11", "account", "T")
			case "success", "cancel":
				_ = s.Drive("exchanger", strconv.Itoa(100000+n), step, "") // refused where it makes no sense
			case "pay out", "call off":
				event := map[string]string{"pay out": "pay", "call off": "cancel"}[step]
				_ = s.Drive("exchanger", "payout-"+strconv.Itoa(n), event, "")
			}
		}
		ctx := apd.BaseContext.WithPrecision(50)
		left := sandboxtest.Decimal(t, "25")
		for _, share := range listed(ask("get_partner_exchanges")) {
			_, err := ctx.Add(left, left, sandboxtest.Decimal(t, share.(map[string]any)["partner_reward"].(string)))
			require.NoError(t, err)
		}
		for _, p := range listed(ask("get_partner_payouts")) {
			if p := p.(map[string]any); p["status"] != "2" {
				_, err := ctx.Sub(left, left, sandboxtest.Decimal(t, p["original_amount"].(string)))
				require.NoError(t, err)
			}
		}
		balance := ask("get_partner_info")["balance"].(string)
		require.Zero(t, left.Cmp(sandboxtest.Decimal(t, balance)), "%s is not %s", left, balance)
	})
}

// listed are the entries of a list's data.
func listed(data map[string]any) []any {
	items, _ := data["items"].([]any)
	return items
}

// A calculation never gives more than the course allows, and asking for a sum gets that sum.
func TestSumsAgree(t *testing.T) {
	t.Parallel()
	s, err := sandbox.New(sandbox.Options{Seed: 1})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	c := sandbox.DefaultCredentials()
	header := http.Header{
		"Api-Login": {c.ExchangerLogin}, "Api-Key": {c.ExchangerKey},
		"Content-Type": {"application/x-www-form-urlencoded"},
	}
	rapid.Check(t, func(t *rapid.T) {
		sum := fmt.Sprintf("%d.%02d", rapid.IntRange(60, 4000).Draw(t, "units"), rapid.IntRange(0, 99).Draw(t, "cents"))
		action := rapid.IntRange(1, 4).Draw(t, "action")
		got := sandboxtest.Call(s, "POST", "/exchanger/api/userapi/v1/get_calc", header,
			sandboxtest.Form("direction_id", "5", "calc_amount", sum, "calc_action", fmt.Sprint(action)))
		var answer struct {
			Data struct {
				Give    string `json:"sum_give"`
				GiveCom string `json:"sum_give_com"`
				Get     string `json:"sum_get"`
				GetCom  string `json:"sum_get_com"`
				Changed int    `json:"changed"`
			} `json:"data"`
		}
		require.NoError(t, json.Unmarshal(got.Body.Bytes(), &answer))
		d := answer.Data
		require.Zero(t, d.Changed)
		asked := []string{d.Give, d.Get, d.GiveCom, d.GetCom}[action-1]
		require.Zero(t, sandboxtest.Decimal(t, asked).Cmp(sandboxtest.Decimal(t, sum)), "%s is not %s", asked, sum)
		require.GreaterOrEqual(t, sandboxtest.Decimal(t, d.GiveCom).Cmp(sandboxtest.Decimal(t, d.Give)), 0)
		require.LessOrEqual(t, sandboxtest.Decimal(t, d.GetCom).Cmp(sandboxtest.Decimal(t, d.Get)), 0)
	})
}
