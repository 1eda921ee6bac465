package exchanger_test

import (
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/host/sandbox"
	"payrouter/host/sandbox/sandboxtest"
)

// The plugin keeps the list of every method that the API document names: the sandbox serves all of them.
func TestServesEveryEndpointOfTheDocument(t *testing.T) {
	t.Parallel()
	list, err := os.ReadFile("../../../plugins/exchanger/testdata/endpoints.txt")
	require.NoError(t, err)
	w := sandboxtest.Serve(t, sandbox.Options{})
	count := 0
	for line := range strings.Lines(string(list)) {
		endpoint, _, _ := strings.Cut(line, "\t")
		method, path, _ := strings.Cut(endpoint, " ")
		got := w.Do(method, "/exchanger"+path, sandboxtest.FormHeader(sandboxtest.ExchangerHeader()...), "")
		require.Equal(t, 200, got.Status, endpoint)
		require.Contains(t, got.JSON(t), "error", endpoint)
		require.NotContains(t, got.Text, "Method not supported", endpoint)
		count++
	}
	require.Equal(t, 15, count)
	for _, n := range w.Requests("exchanger") {
		require.NotEqual(t, "unknown", n.Operation, n.Path)
	}
}

func TestPaysPartnersTheWholeBalance(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	w.Bid("partner_id", "7")
	w.Bid()
	require.NoError(t, w.Drive("exchanger", "100001", "success", ""))
	require.NoError(t, w.Drive("exchanger", "100002", "success", ""))
	require.Equal(t, "25.5", w.PartnerBalance(), "a share of the order that names the partner, and of no other")
	require.Equal(t,
		`{"error":"0","error_text":"","data":{"partner_id":"7","balance":"25.5","min_payout":"10","items":[`+
			`{"id":"11","title":"Tether TRC20 USDT","comission":"0%","amount":"25.5"},{"id":"22",`+
			`"title":"Visa/MasterCard USD","comission":"2%","amount":"24.99"}]}}`,
		w.Exchanger("get_partner_info").Text)
	require.NoError(t, w.Drive("exchanger", "100001", "cancel", ""))
	require.Equal(t, "25", w.PartnerBalance(), "a reward is taken back")
	require.NoError(t, w.Drive("exchanger", "100001", "success", ""))
	shares := w.Exchanger("get_partner_exchanges", "status_history", "1").At(t, "data", "items")
	require.Len(t, shares, 1)
	require.Equal(t, []any{"1", "0.5"},
		[]any{shares.([]any)[0].(map[string]any)["accrued"], shares.([]any)[0].(map[string]any)["partner_reward"]})

	require.Equal(t, `{"error":"0","error_text":"","data":{"payout_id":"1"}}`,
		w.Exchanger("add_partner_payout", "method_id", "11", "account", "T").Text)
	require.Equal(t, "0", w.PartnerBalance())
	require.Equal(t,
		`{"error":"0","error_text":"","data":{"items":[{"id":"1","time":"1772452800","date":"02.03.2026 12:00",`+
			`"method_id":"11","account":"T",`+
			`"pay_amount":"25.5","pay_currency_code":"USDT","original_amount":"25.5","original_currency_code":"USD",`+
			`"status":"0"}]}}`,
		w.Exchanger("get_partner_payouts").Text)
	require.NoError(t, w.Drive("exchanger", "payout-1", "cancel", ""))
	require.Equal(t, "2", w.Exchanger("get_partner_payouts", "id", "1").At(t, "data", "items", 0, "status"))
	require.Equal(t, "25.5", w.PartnerBalance(), "what was not paid out is there again")
	require.ErrorIs(t, w.Drive("exchanger", "payout-1", "pay", ""), sandbox.ErrRefused)

	w.Exchanger("add_partner_payout", "method_id", "22", "account", "4111 1111 1111 1111")
	require.NoError(t, w.Drive("exchanger", "payout-2", "pay", ""))
	paid := w.Exchanger("get_partner_payouts", "id", "2")
	require.Equal(t, []any{"24.99", "USD", "25.5", "1"}, []any{
		paid.At(t, "data", "items", 0, "pay_amount"), paid.At(t, "data", "items", 0, "pay_currency_code"),
		paid.At(t, "data", "items", 0, "original_amount"), paid.At(t, "data", "items", 0, "status"),
	}, "with the method's commission taken off")
	require.Equal(t, "0", w.PartnerBalance())
}

// "add_partner_payout that was refused: {"error":1,"error_text":"Error! …","data":[]} … a plug-in of the site may put
// in any other. All are said before a payout row exists"
func TestRefusesPayouts(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	refused := func(text string, form ...string) {
		t.Helper()
		got := w.Exchanger("add_partner_payout", form...)
		require.Equal(t, `{"error":1,"error_text":"`+text+`","data":[]}`, got.Text)
	}
	refused("Error! Selected currency can not be ordered payment", "method_id", "12", "account", "T")
	refused("Error! Invalid wallet account", "method_id", "11")
	refused("Error! Invalid wallet account", "method_id", "22", "account", "T")
	require.NoError(t, w.Fund("exchanger", "", "USDT", "24.99"))
	refused("Error! You are unable to make a selected currency transaction", "method_id", "11", "account", "T")
	require.NoError(t, w.Fund("exchanger", "", "USDT", "25"))
	require.NoError(t, w.Fund("exchanger", "partner", "USD", "9.99"))
	refused("Error! There is not enough money on your balance", "method_id", "11", "account", "T")
	require.Equal(t, "9.99", w.PartnerBalance(), "nothing was paid out")
	require.ErrorIs(t, w.Fund("exchanger", "partner", "EUR", "10"), sandbox.ErrUnknown)
	require.NoError(t, w.Fund("exchanger", "partner", "USD", "10"))
	require.NoError(t, w.Configure("exchanger", []byte(`{"payout_refusal": "Выплаты по вторникам"}`)))
	refused("Выплаты по вторникам", "method_id", "11", "account", "T")
	require.Empty(t, w.Ledger("exchanger"))
	require.Equal(t, `{"error":"0","error_text":"","data":[]}`, w.Exchanger("get_partner_payouts").Text)
	require.NoError(t, w.Configure("exchanger", []byte(`{"payout_refusal": ""}`)))
	require.Equal(t, "0", w.Exchanger("add_partner_payout", "method_id", "11", "account", "T").At(t, "error"))
}

// "The five partner methods say no active partner program or no partner id (a key without a user) where there is none"
func TestWhoIsNoPartnerHasNone(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	for _, text := range []string{"no active partner program", "no partner id"} {
		require.NoError(t, w.Configure("exchanger", []byte(`{"no_partner": "`+text+`"}`)))
		for _, method := range []string{
			"get_partner_info", "get_partner_links", "get_partner_exchanges", "get_partner_payouts",
			"add_partner_payout",
		} {
			require.Equal(t, `{"error":"1","error_text":"`+text+`","data":[]}`,
				w.Exchanger(method, "method_id", "11", "account", "T").Text)
		}
	}
	require.Equal(t, "0", w.Exchanger("get_exchanges").At(t, "error"))
}

func TestRemembersWhoCameByThePartnersLink(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	visit := func(at, path string) {
		w.Clock.Set(at)
		require.Equal(t, 200,
			w.Do("GET", "/exchanger"+path,
				http.Header{"User-Agent": {"Browser/1"}, "Referer": {"https://blog.example/"}}, "").Status)
	}
	visit("2026-03-02T12:00:00Z", "/?rid=7&utm=a")
	visit("2026-03-02T12:00:01Z", "/?rid=8")
	visit("2026-03-02T12:00:02Z", "/")
	visit("2026-03-02T12:00:03Z", "/?rid=7")
	list := w.Exchanger("get_partner_links")
	require.Len(t, list.At(t, "data", "items"), 2, "of this partner alone")
	first := list.At(t, "data", "items", 1).(map[string]any)
	require.Equal(t, []any{"1772452800", "02.03.2026 12:00", "Browser/1", "https://blog.example/", "rid=7&utm=a"},
		[]any{first["time"], first["date"], first["browser"], first["referrer"], first["query_string"]})
	require.Len(t, w.Exchanger("get_partner_links", "end_time", "1772452800").At(t, "data", "items"), 1)
	require.Len(t, w.Exchanger("get_partner_links", "start_time", "1772452803").At(t, "data", "items"), 1)
	require.Len(t, w.Exchanger("get_partner_links", "limit", "1", "offset", "1").At(t, "data", "items"), 1)
	require.Empty(t, w.Exchanger("get_partner_links", "limit", "1", "offset", "2").At(t, "data"))
	require.Empty(t, w.Exchanger("get_partner_links", "ip", "192.0.2.99").At(t, "data"))
}

func TestPagesThePartnersLists(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	for i := range 3 {
		w.Clock.Set(fmt.Sprintf("2026-03-02T12:00:0%dZ", i))
		w.Bid()
		w.Bid("partner_id", "7")
		require.NoError(t, w.Fund("exchanger", "partner", "USD", strconv.Itoa(10+i)))
		w.Exchanger("add_partner_payout", "method_id", "11", "account", "T")
	}
	of := func(method, member string, form ...string) []any {
		found := []any{}
		for _, item := range w.Exchanger(method, form...).At(t, "data", "items").([]any) {
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
