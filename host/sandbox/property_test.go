package sandbox_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"payrouter/host/sandbox"
	"payrouter/host/sandbox/sandboxtest"
)

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
	f.Add("POST", "/paygram/"+c.PayGramEU+"/IssueInvoice", "application/json", sandboxtest.PayGramInvoice)
	f.Add("POST", "/paygram/Approve/Update/"+c.PayGramEU, "application/json", `{"id":"1","isApproved":true}`)
	f.Add("POST", "/paygram/"+c.PayGramEU+"/TopUp", "application/json",
		`{"currencyCode":5,"amount":1e3,"callbackData":"d"}`)
	f.Add("GET", "/paygram/Cryptapi/d?value_coin=1e9", "", "")
	f.Add("POST", "/cryptogram/api/v1/commerce-payments", "application/json", sandboxtest.CryptogramCheckout)
	f.Add("GET", "/payplay/private-api/orders/shop?page=1&date_from=2026-01-01+00:00:00", "", "")
	f.Add("POST", "/payplay/private-api/crypto-orders/shop", "application/json", `{"amount":"1e3","currency":"EUR"}`)
	f.Add("POST", "/payplay/private-api/acme/withdrawal", "application/json",
		`{"amount":"1","currency":"USDT","wallet":"T","network":"N"}`)
	f.Add("POST", "/paygrt/v1/recharges/M", "application/x-www-form-urlencoded",
		sandboxtest.Form("api_ref_id", "1", "recharge_number", "9", "recharge_amount", "1", "operator_code", "AT"))
	f.Add("POST", "/exchanger/api/userapi/v1/create_bid", "application/x-www-form-urlencoded",
		sandboxtest.Form("direction_id", "1", "calc_amount", "1e9"))
	f.Add("POST", "/exchanger/api/userapi/v1/get_calc", "multipart/form-data; boundary=b", "--b\r\n")
	f.Add("POST", "/paygrt/v1/recharges/status/M", "application/x-www-form-urlencoded",
		sandboxtest.Form("api_ref_id", "1", "txn_date", "2026-01-01"))
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
