package sandbox_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/cockroachdb/apd/v3"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"payrouter/host/sandbox"
	"payrouter/host/sandbox/paygrt"
)

// call asks a sandbox without a socket in between.
func call(s *sandbox.Server, method, path string, header http.Header, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header = header
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w
}

func decimal(t require.TestingT, text string) *apd.Decimal {
	d, _, err := apd.NewFromString(text)
	require.NoError(t, err, text)
	return d
}

// Whatever is recharged, declined and paid, the balance is what it was less what the ledger says has moved.
func TestPaygrtBalanceAndLedgerAgree(t *testing.T) {
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
			call(s, "POST", "/paygrt/v1/recharges/M", header,
				form("api_ref_id", ref, "recharge_number", "9", "recharge_amount", sum, "operator_code", "AT"))
		}
		left := decimal(t, "500")
		ctx := apd.BaseContext.WithPrecision(50)
		for _, b := range s.Ledger("paygrt") {
			if b.MovedMoney {
				_, err := ctx.Sub(left, left, decimal(t, b.Amount))
				require.NoError(t, err)
			}
		}
		var answer struct{ Data struct{ Balance string } }
		require.NoError(t,
			json.Unmarshal(call(s, "GET", "/paygrt/v1/merchants/M/balance", header, "").Body.Bytes(), &answer))
		require.Zero(t, left.Cmp(decimal(t, answer.Data.Balance)), "%s is not %s", left, answer.Data.Balance)
	})
}

// A calculation never gives more than the course allows, and asking for a sum gets that sum.
func TestExchangerSumsAgree(t *testing.T) {
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
		got := call(s, "POST", "/exchanger/api/userapi/v1/get_calc", header,
			form("direction_id", "5", "calc_amount", sum, "calc_action", fmt.Sprint(action)))
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
		require.Zero(t, decimal(t, asked).Cmp(decimal(t, sum)), "%s is not %s", asked, sum)
		require.GreaterOrEqual(t, decimal(t, d.GiveCom).Cmp(decimal(t, d.Give)), 0)
		require.LessOrEqual(t, decimal(t, d.GetCom).Cmp(decimal(t, d.Get)), 0)
	})
}

// FuzzProviders sends every provider anything, with good credentials: it must answer, in JSON where it says so, and
// book nothing without a reference of its own.
func FuzzProviders(f *testing.F) {
	c := sandbox.DefaultCredentials()
	header := func(path, kind string) http.Header {
		h := http.Header{
			"Content-Type": {kind}, "Authorization": {"Bearer " + c.Cryptogram},
			"Api-Login": {c.ExchangerLogin}, "Api-Key": {c.ExchangerKey},
		}
		switch {
		case strings.HasPrefix(path, "/payplay"):
			h.Set("Authorization", "Bearer "+c.PayPlay)
		case strings.HasPrefix(path, "/paygrt"):
			h.Set("api-key", c.Paygrt)
		}
		return h
	}
	f.Add("POST", "/paygram/"+c.PayGramEU+"/IssueInvoice", "application/json", invoiceRequest)
	f.Add("POST", "/paygram/Approve/Update/"+c.PayGramEU, "application/json", `{"id":"1","isApproved":true}`)
	f.Add("POST", "/paygram/"+c.PayGramEU+"/TopUp", "application/json",
		`{"currencyCode":5,"amount":1e3,"callbackData":"d"}`)
	f.Add("GET", "/paygram/Cryptapi/d?value_coin=1e9", "", "")
	f.Add("POST", "/cryptogram/api/v1/commerce-payments", "application/json", checkout)
	f.Add("GET", "/payplay/private-api/orders/shop?page=1&date_from=2026-01-01+00:00:00", "", "")
	f.Add("POST", "/payplay/private-api/crypto-orders/shop", "application/json", `{"amount":"1e3","currency":"EUR"}`)
	f.Add("POST", "/payplay/private-api/acme/withdrawal", "application/json",
		`{"amount":"1","currency":"USDT","wallet":"T","network":"N"}`)
	f.Add("POST", "/paygrt/v1/recharges/M", "application/x-www-form-urlencoded",
		form("api_ref_id", "1", "recharge_number", "9", "recharge_amount", "1", "operator_code", "AT"))
	f.Add("POST", "/exchanger/api/userapi/v1/create_bid", "application/x-www-form-urlencoded",
		form("direction_id", "1", "calc_amount", "1e9"))
	f.Add("POST", "/exchanger/api/userapi/v1/get_calc", "multipart/form-data; boundary=b", "--b\r\n")
	f.Add("POST", "/paygrt/v1/recharges/status/M", "application/x-www-form-urlencoded",
		form("api_ref_id", "1", "txn_date", "2026-01-01"))
	f.Add("POST", "/_sandbox/paygrt/faults", "application/json", `{"kind":"status","status":500}`)
	f.Add("PATCH", "/cryptogram/api/v1/commerce-payments/%zz", "", "\x00")
	f.Fuzz(func(t *testing.T, method, path, kind, body string) {
		r, err := http.NewRequestWithContext(t.Context(), method, "http://sandbox"+path, bytes.NewReader([]byte(body)))
		if err != nil {
			return
		}
		s, err := sandbox.New(sandbox.Options{Seed: 1})
		require.NoError(t, err)
		defer s.Close()
		r.Header = header(path, kind)
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		require.GreaterOrEqual(t, w.Code, 200)
		if strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") {
			require.True(t, json.Valid(w.Body.Bytes()), "%q", w.Body)
			require.True(t, utf8.Valid(w.Body.Bytes()))
		}
		for _, b := range s.Ledger("") {
			require.NotEmpty(t, b.ProviderReference)
		}
	})
}
