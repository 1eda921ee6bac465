package sandbox_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"payrouter/host/sandbox"
	"payrouter/host/sandbox/paygrt"
	"payrouter/host/sandbox/sandboxtest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

func TestIdentifiersRepeatWithASeedAndDifferWithout(t *testing.T) {
	t.Parallel()
	issue := func(seed uint64) string {
		w := sandboxtest.Serve(t, sandbox.Options{Seed: seed})
		return w.PayGram("IssueInvoice", `{"currencyCode":11,"amount":1}`).At(t, "invoiceCode").(string)
	}
	first, again, other := issue(42), issue(42), issue(43)
	require.Equal(t, first, again)
	require.NotEqual(t, first, other)
}

func TestEveryProviderIsServedUnderItsPrefixAndNothingElse(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	got := w.Do("GET", "/stripe/v1/charges", nil, "")
	require.Equal(t, 404, got.Status)
	require.Contains(t, got.At(t, "detail"), strings.Join(w.Providers(), ", "))
	for _, name := range w.Providers() {
		require.NotContains(t, w.Do("GET", "/"+name+"/nowhere", nil, "").Text, "no provider stands", name)
	}
}

func TestABodyWithoutEndIsRefused(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	got := w.Do("POST", "/paygrt/v1/recharges/M1", sandboxtest.FormHeader(), strings.Repeat("a", 2<<20))
	require.Equal(t, 413, got.Status)
	require.Empty(t, w.Ledger(""))
}

func TestABadOptionIsNamed(t *testing.T) {
	t.Parallel()
	_, err := sandbox.New(sandbox.Options{Paygrt: paygrt.Options{Balance: "much"}})
	require.EqualError(t, err, `options of paygrt: opening balance: not an amount: "much"`)
}

func TestMaintenanceIsSaidInEachProvidersWay(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	for provider, tt := range map[string]struct {
		ask    func() sandboxtest.Reply
		status int
		text   string
	}{
		"paygram": {
			func() sandboxtest.Reply { return w.PayGram("IssueInvoice", sandboxtest.PayGramInvoice) }, 200,
			`{"message":"Server updating","type":0,"responseCode":550,"success":false}`,
		},
		"cryptogram": {
			func() sandboxtest.Reply { return w.Cryptogram("POST", "", sandboxtest.CryptogramCheckout) }, 503,
			`{"message":"Service Unavailable"}`,
		},
		"payplay": {
			func() sandboxtest.Reply { return w.PayPlay("GET", "/private-api/balances", "") }, 503,
			`{"message":"Service Unavailable"}`,
		},
		"exchanger": {func() sandboxtest.Reply { return w.Bid() }, 200, `{"error":2,"error_text":"maintenance","data":[]}`},
		"paygrt": {
			func() sandboxtest.Reply { return w.Recharge("r", "1", "AT") }, 503,
			`{"Message":"Service Unavailable"}`,
		},
	} {
		require.NoError(t, w.Order(provider, sandbox.Fault{Kind: sandbox.FaultMaintenance}))
		got := tt.ask()
		require.Equal(t, tt.status, got.Status, provider)
		require.Equal(t, tt.text, got.Text, provider)
	}
	require.Empty(t, w.Ledger(""), "nothing was processed")
}

func TestLinksOpenForThePayer(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	id := w.Cryptogram("POST", "", sandboxtest.CryptogramCheckout).At(t, "id").(string)
	order := w.PayPlayOrder("o", "12.12", "EUR")
	w.Bid()
	require.NoError(t, w.Drive("cryptogram", id, "pick", ""))
	for path, want := range map[string]string{
		"/cryptogram/payments/" + id:      "10 USD",
		"/payplay/crypto-orders/" + order: "12.12 EUR",
		w.ExchangerPage("100001"):         "100 USDT",
	} {
		got := w.Do("GET", path, nil, "")
		require.Equal(t, 200, got.Status, path)
		require.Contains(t, got.Text, want)
		require.Contains(t, got.Text, "/pay\">", "a button that pays")
	}
	for path, status := range map[string]int{
		"/cryptogram/payments/none": 401, "/payplay/crypto-orders/none": 401,
		"/paygram/pay/none": 200, "/exchanger/hst_none/": 200,
	} {
		got := w.Do("GET", path, nil, "")
		require.Equal(t, status, got.Status, path)
		require.NotContains(t, got.Text, "<form", path)
	}
}

func TestEventsAreWhatAProviderCanDo(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	events, err := w.Events("paygram")
	require.NoError(t, err)
	for _, act := range []string{"pay", "underpay", "overpay", "pay_late", "expire", "decline"} {
		require.Contains(t, events, act)
	}
	_, err = w.Events("nobody")
	require.ErrorIs(t, err, sandbox.ErrUnknown)
	for _, provider := range w.Providers() {
		events, err := w.Events(provider)
		require.NoError(t, err)
		for _, event := range events {
			require.ErrorIs(t, w.Drive(provider, "nothing", event, ""), sandbox.ErrUnknown, event)
		}
	}
}

func TestEnvironmentPointsEveryAccountAtTheSandbox(t *testing.T) {
	t.Parallel()
	env := sandbox.Environment("http://127.0.0.1:9/")
	c := sandbox.DefaultCredentials()
	for _, want := range []string{
		"ROUTER_PROVIDERS__PAYGRAM_EU__BASE_URL=http://127.0.0.1:9/paygram",
		"ROUTER_PROVIDERS__PAYGRAM_ASIA__BASE_URL=http://127.0.0.1:9/paygram",
		"ROUTER_PROVIDERS__CRYPTOGRAM__BASE_URL=http://127.0.0.1:9/cryptogram",
		"ROUTER_PROVIDERS__PAYPLAY__BASE_URL=http://127.0.0.1:9/payplay",
		"ROUTER_PROVIDERS__EXCHANGER__BASE_URL=http://127.0.0.1:9/exchanger",
		"ROUTER_PROVIDERS__PAYGRT__BASE_URL=http://127.0.0.1:9/paygrt",
		"ROUTER_PROVIDERS__PAYGRT__ALLOW_PRIVATE=true",
		"PAYGRAM_EU_TOKEN=" + c.PayGramEU, "PAYGRAM_ASIA_TOKEN=" + c.PayGramAsia, "CRYPTOGRAM_TOKEN=" + c.Cryptogram,
		"PAYPLAY_API_KEY=" + c.PayPlay, "EXCHANGER_API_LOGIN=" + c.ExchangerLogin, "EXCHANGER_API_KEY=" +
			c.ExchangerKey,
		"PAYGRT_API_KEY=" + c.Paygrt,
	} {
		require.Contains(t, env, want)
	}
	require.Len(t, env, 6*2+7)
}
