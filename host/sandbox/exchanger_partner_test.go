package sandbox_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/apd/v3"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"payrouter/host/sandbox"
)

// The plugin keeps the list of every method that the API document names: the sandbox serves all of them.
func TestExchangerServesEveryEndpointOfTheDocument(t *testing.T) {
	t.Parallel()
	list, err := os.ReadFile("../../plugins/exchanger/testdata/endpoints.txt")
	require.NoError(t, err)
	w := serve(t, sandbox.Options{})
	count := 0
	for line := range strings.Lines(string(list)) {
		endpoint, _, _ := strings.Cut(line, "\t")
		method, path, _ := strings.Cut(endpoint, " ")
		got := w.do(method, "/exchanger"+path, formHeader(exchangerHeader()...), "")
		require.Equal(t, 200, got.status, endpoint)
		require.Contains(t, got.json(t), "error", endpoint)
		require.NotContains(t, got.text, "Method not supported", endpoint)
		count++
	}
	require.Equal(t, 15, count)
	for _, n := range w.Requests("exchanger") {
		require.NotEqual(t, "unknown", n.Operation, n.Path)
	}
}

func (w *world) partnerBalance() string {
	w.t.Helper()
	return w.exchanger("get_partner_info").at(w.t, "data", "balance").(string)
}

func TestExchangerPaysPartnersTheWholeBalance(t *testing.T) {
	t.Parallel()
	w := serve(t, sandbox.Options{})
	w.bid("partner_id", "7")
	w.bid()
	require.NoError(t, w.Drive("exchanger", "100001", "success", ""))
	require.NoError(t, w.Drive("exchanger", "100002", "success", ""))
	require.Equal(t, "25.5", w.partnerBalance(), "a share of the order that names the partner, and of no other")
	require.Equal(t,
		`{"error":"0","error_text":"","data":{"partner_id":"7","balance":"25.5","min_payout":"10","items":[`+
			`{"id":"11","title":"Tether TRC20 USDT","comission":"0%","amount":"25.5"},{"id":"22",`+
			`"title":"Visa/MasterCard USD","comission":"2%","amount":"24.99"}]}}`,
		w.exchanger("get_partner_info").text)
	require.NoError(t, w.Drive("exchanger", "100001", "cancel", ""))
	require.Equal(t, "25", w.partnerBalance(), "a reward is taken back")
	require.NoError(t, w.Drive("exchanger", "100001", "success", ""))
	shares := w.exchanger("get_partner_exchanges", "status_history", "1").at(t, "data", "items")
	require.Len(t, shares, 1)
	require.Equal(t, []any{"1", "0.5"},
		[]any{shares.([]any)[0].(map[string]any)["accrued"], shares.([]any)[0].(map[string]any)["partner_reward"]})

	require.Equal(t, `{"error":"0","error_text":"","data":{"payout_id":"1"}}`,
		w.exchanger("add_partner_payout", "method_id", "11", "account", "T").text)
	require.Equal(t, "0", w.partnerBalance())
	require.Equal(t,
		`{"error":"0","error_text":"","data":{"items":[{"id":"1","time":"1772452800","date":"02.03.2026 15:00",`+
			`"method_id":"11","account":"T",`+
			`"pay_amount":"25.5","pay_currency_code":"USDT","original_amount":"25.5","original_currency_code":"USD",`+
			`"status":"0"}]}}`,
		w.exchanger("get_partner_payouts").text)
	require.NoError(t, w.Drive("exchanger", "payout-1", "cancel", ""))
	require.Equal(t, "2", w.exchanger("get_partner_payouts", "id", "1").at(t, "data", "items", 0, "status"))
	require.Equal(t, "25.5", w.partnerBalance(), "what was not paid out is there again")
	require.ErrorIs(t, w.Drive("exchanger", "payout-1", "pay", ""), sandbox.ErrRefused)

	w.exchanger("add_partner_payout", "method_id", "22", "account", "4111 1111 1111 1111")
	require.NoError(t, w.Drive("exchanger", "payout-2", "pay", ""))
	paid := w.exchanger("get_partner_payouts", "id", "2")
	require.Equal(t, []any{"24.99", "USD", "25.5", "1"}, []any{
		paid.at(t, "data", "items", 0, "pay_amount"), paid.at(t, "data", "items", 0, "pay_currency_code"),
		paid.at(t, "data", "items", 0, "original_amount"), paid.at(t, "data", "items", 0, "status"),
	}, "with the method's commission taken off")
	require.Equal(t, "0", w.partnerBalance())
}

func TestExchangerRefusesPayouts(t *testing.T) {
	t.Parallel()
	w := serve(t, sandbox.Options{})
	for name, tt := range map[string]struct {
		form []string
		want string
	}{
		"no such currency": {
			[]string{"method_id", "12", "account", "T"},
			`"error_fields":{"method_id":"<span>no such currency</span>"}`,
		},
		"no account": {
			[]string{"method_id", "11"},
			`"error_fields":{"account":"<span>field is not filled</span>"}`,
		},
		"no card": {
			[]string{"method_id", "22", "account", "T"},
			`"error_fields":{"account":"<span>invalid card number</span>"}`,
		},
	} {
		got := w.exchanger("add_partner_payout", tt.form...)
		require.Equal(t, "3", got.at(t, "error"), name)
		require.Contains(t, got.text, tt.want, name)
	}
	require.NoError(t, w.Fund("exchanger", "partner", "USD", "9.99"))
	require.Contains(t, w.exchanger("add_partner_payout", "method_id", "11", "account", "T").text,
		`"method_id":"<span>min.: 10 USD</span>"`)
	require.Equal(t, "9.99", w.partnerBalance(), "nothing was paid out")
	require.Empty(t, w.Ledger("exchanger"))
	require.ErrorIs(t, w.Fund("exchanger", "partner", "EUR", "10"), sandbox.ErrUnknown)
	require.NoError(t, w.Fund("exchanger", "partner", "USD", "10"))
	require.Equal(t, "0", w.exchanger("add_partner_payout", "method_id", "11", "account", "T").at(t, "error"))
}

func TestExchangerRemembersWhoCameByThePartnersLink(t *testing.T) {
	t.Parallel()
	w := serve(t, sandbox.Options{})
	visit := func(at, path string) {
		w.clock.Set(at)
		require.Equal(t, 200,
			w.do("GET", "/exchanger"+path,
				http.Header{"User-Agent": {"Browser/1"}, "Referer": {"https://blog.example/"}}, "").status)
	}
	visit("2026-03-02T12:00:00Z", "/?rid=7&utm=a")
	visit("2026-03-02T12:00:01Z", "/?rid=8")
	visit("2026-03-02T12:00:02Z", "/")
	visit("2026-03-02T12:00:03Z", "/?rid=7")
	list := w.exchanger("get_partner_links")
	require.Len(t, list.at(t, "data", "items"), 2, "of this partner alone")
	first := list.at(t, "data", "items", 1).(map[string]any)
	require.Equal(t, []any{"1772452800", "02.03.2026 15:00", "Browser/1", "https://blog.example/", "rid=7&utm=a"},
		[]any{first["time"], first["date"], first["browser"], first["referrer"], first["query_string"]})
	require.Len(t, w.exchanger("get_partner_links", "end_time", "1772452800").at(t, "data", "items"), 1)
	require.Len(t, w.exchanger("get_partner_links", "start_time", "1772452803").at(t, "data", "items"), 1)
	require.Len(t, w.exchanger("get_partner_links", "limit", "1", "offset", "1").at(t, "data", "items"), 1)
	require.Empty(t, w.exchanger("get_partner_links", "limit", "1", "offset", "2").at(t, "data", "items"))
	require.Empty(t, w.exchanger("get_partner_links", "ip", "192.0.2.99").at(t, "data", "items"))
}

func TestExchangerPagesThePartnersLists(t *testing.T) {
	t.Parallel()
	w := serve(t, sandbox.Options{})
	for i := range 3 {
		w.clock.Set(fmt.Sprintf("2026-03-02T12:00:0%dZ", i))
		w.bid()
		w.bid("partner_id", "7")
		require.NoError(t, w.Fund("exchanger", "partner", "USD", strconv.Itoa(10+i)))
		w.exchanger("add_partner_payout", "method_id", "11", "account", "T")
	}
	of := func(method, member string, form ...string) []any {
		found := []any{}
		for _, item := range w.exchanger(method, form...).at(t, "data", "items").([]any) {
			found = append(found, item.(map[string]any)[member])
		}
		return found
	}
	require.Equal(t, []any{"100006", "100004", "100002"}, of("get_partner_exchanges", "id"))
	require.Equal(t, []any{"100004"}, of("get_partner_exchanges", "id", "limit", "1", "offset", "1"),
		"of those with a share")
	require.Equal(t, []any{"12", "11", "10"}, of("get_partner_payouts", "original_amount"))
	require.Equal(t, []any{"10"}, of("get_partner_payouts", "original_amount", "limit", "2", "offset", "2"))
	require.Equal(t, []any{"11", "10"}, of("get_partner_payouts", "original_amount", "end_time", "1772452801"))
	require.Equal(t, []any{"12"}, of("get_partner_payouts", "original_amount", "start_time", "1772452802"))
}

// Whatever is exchanged, called off and paid out, what the lists say has happened is what the balance has changed by.
func TestExchangerBalanceAndListsAgree(t *testing.T) {
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
			got := call(s, "POST", "/exchanger/api/userapi/v1/"+method, header, form(pairs...))
			require.NoError(t, json.Unmarshal(got.Body.Bytes(), &answer))
			data, _ := answer.Data.(map[string]any) // a refusal has a list in its place
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
		left := decimal(t, "25")
		for _, share := range ask("get_partner_exchanges")["items"].([]any) {
			_, err := ctx.Add(left, left, decimal(t, share.(map[string]any)["partner_reward"].(string)))
			require.NoError(t, err)
		}
		for _, p := range ask("get_partner_payouts")["items"].([]any) {
			if p := p.(map[string]any); p["status"] != "2" {
				_, err := ctx.Sub(left, left, decimal(t, p["original_amount"].(string)))
				require.NoError(t, err)
			}
		}
		balance := ask("get_partner_info")["balance"].(string)
		require.Zero(t, left.Cmp(decimal(t, balance)), "%s is not %s", left, balance)
	})
}
