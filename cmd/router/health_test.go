package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"payrouter/abi/decimal"
	"payrouter/host/access"
	"payrouter/host/api"
)

// oddAmounts are the i-th legal amounts that a provider may be surprised by: many digits after the point, tiny and huge
// ones, zeros at the end.
func oddAmount(i int) string {
	switch i % 5 {
	case 0:
		return fmt.Sprintf("25.%07d", 1234567+i)
	case 1:
		return fmt.Sprintf("0.%08d", 1+i)
	case 2:
		return fmt.Sprintf("%d%012d.1", 1+i, 0)
	case 3:
		return fmt.Sprintf("%d.%018d", 1+i, i)
	default:
		return fmt.Sprintf("%d.5000000", 1+i)
	}
}

// rounding is PayPlay as it would be that keeps what a coin has: it answers with six digits after the point.
func rounding(t *testing.T) *httptest.Server {
	t.Helper()
	var made atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		var order struct {
			Amount          json.RawMessage `json:"amount"`
			Currency        string          `json:"currency"`
			ExternalOrderID string          `json:"external_order_id"`
		}
		if r.Method != http.MethodPost || json.NewDecoder(r.Body).Decode(&order) != nil {
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte(`{"message":"Order not found"}`))
			return
		}
		value := strings.Trim(string(order.Amount), `"`)
		if whole, digits, found := strings.Cut(value, "."); found && len(digits) > 6 {
			value = whole + "." + digits[:6]
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"order": map[string]any{
			"id": fmt.Sprintf("9d05ffbb-0f89-488a-ad58-%012d", made.Add(1)), "currency": order.Currency,
			"order_number": "716274867", "value": value,
			"expected_amount": "0", "received_total": "0", "exchange_rate": "1", "clean_exchange_rate": "1",
			"is_internal":        false,
			"deposited_currency": nil, "received_currency": nil, "status": "OPEN",
			"external_order_id": order.ExternalOrderID,
			"created_at":        "2026-12-02 10:03:26", "completed_at": nil,
			"acquiring_url":   "https://merchant.pay.payplay.io/crypto-orders/1",
			"successful_link": nil, "failure_link": nil, "transactions": []any{},
		}})
	}))
	t.Cleanup(server.Close)
	return server
}

// One merchant's odd amounts close no provider to another merchant, whether the provider refuses them, rounds them or
// does not report what it did.
func TestOneMerchantsOddAmountsCloseNoProvider(t *testing.T) {
	t.Parallel()
	for name, provider := range map[string]struct {
		environ []string
		orders  []string
		each    int
	}{
		"a provider that rounds": {
			[]string{"ROUTER_PROVIDERS__PAYPLAY__BASE_URL=" + rounding(t).URL},
			[]string{`{"amount":"%s","currency":"USDT","payer":{"email":"payer@shop.example"},"provider":"payplay"}`},
			500,
		},
		"the simulated providers": {nil, []string{
			strings.Replace(byPayGram, "49.90", "%s", 1), strings.Replace(byCryptogram, "49.90", "%s", 1),
			strings.Replace(byPayPlay, "49.90", "%s", 1), strings.Replace(byExchanger, "100", "%s", 1),
			strings.Replace(recharge, "199", "%s", 1),
		}, 100},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data, tokens := keysIn(t, map[string][]access.Right{"one": access.Rights(), "other": access.Rights()})
			w := build(t, plan{data: data, environ: provider.environ})
			var work errgroup.Group
			work.SetLimit(10)
			statuses := make([]atomic.Int64, 600)
			for _, order := range provider.orders {
				for i := range provider.each {
					work.Go(func() error {
						amount := oddAmount(i)
						if _, err := decimal.Parse(amount); err != nil {
							return fmt.Errorf("%s: %w", amount, err)
						}
						a, err := w.try(t.Context(), "POST", w.router+"/v1/payments", fmt.Sprintf(order, amount),
							append(bearer(tokens["one"]), "Idempotency-Key", w.key())...)
						if err == nil {
							statuses[a.status].Add(1)
						}
						return err
					})
				}
			}
			require.NoError(t, work.Wait())
			require.Zero(t, statuses[http.StatusServiceUnavailable].Load(),
				"no provider was closed to the odd merchant either")
			require.Zero(t, statuses[http.StatusInternalServerError].Load())
			usual := []string{"49.90", "49.90", "49.90", "100", "199"}
			for i, order := range provider.orders {
				a := w.ask("POST", w.router+"/v1/payments", fmt.Sprintf(order, usual[i]),
					append(bearer(tokens["other"]), "Idempotency-Key", w.key())...)
				require.Equal(t, 201, a.status, string(a.body))
				require.Contains(t, []string{"requires_action", "processing", "succeeded"},
					read[api.Payment](t, a).Status)
			}
			require.NotContains(t, w.log.String(), "to=open")
		})
	}
}

// A wrong key on the first day, at a provider whose answer to one is not documented: a few payments are unknown, and
// then none is sent.
func TestAWrongKeyOnTheFirstDay(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	together := make(chan struct{})
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.URL.Path, "/status/") {
			asked.Add(1)
			<-together
		}
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte("<html><body><h1>Forbidden</h1></body></html>"))
	}))
	t.Cleanup(refusing.Close)
	w := build(t, plan{environ: []string{
		"ROUTER_PROVIDERS__PAYGRT__BASE_URL=" + refusing.URL, "ROUTER_PROVIDERS__PAYGRT__BREAKER__FAILURES=1000",
	}})

	const customers = 50
	var all sync.WaitGroup
	ends := make([]answer, customers)
	for i := range customers {
		all.Go(func() {
			ends[i], _ = w.try(t.Context(), "POST", w.router+"/v1/payments", recharge, "Idempotency-Key", w.key())
		})
	}
	require.Eventually(t, func() bool { return asked.Load() >= 4 }, time.Minute, 10*time.Millisecond)
	close(together)
	all.Wait()

	counts := map[string]int{}
	for _, end := range ends {
		if end.status == http.StatusCreated {
			counts[read[api.Payment](t, end).Status]++
			continue
		}
		require.Equal(t, "no-route-now", problem(t, end).Type)
	}
	require.LessOrEqual(t, counts["unknown"], 5)
	require.Positive(t, counts["unknown"])
	require.LessOrEqual(t, asked.Load(), int64(5))

	const why = "after HTTP 403 without the provider's own words"
	held := w.provider("paygrt")
	require.False(t, held.Available)
	require.Equal(t, "paused", held.Held.Kind)
	require.Contains(t, held.Reason, "paused until ")
	require.Contains(t, held.Reason, why)
	require.Contains(t, w.explain(recharge).Decision.Candidates[0].Reason, why)
	require.Equal(t, "no-route-now",
		problem(t, w.ask("POST", w.router+"/v1/payments", recharge, "Idempotency-Key", w.key())).Type)
	require.Contains(t, w.log.String(), `level=ERROR msg="account is paused`)

	resume := w.router + "/v1/providers/paygrt/resume"
	require.Equal(t, 422, w.ask("POST", resume, `{"reason":""}`).status)
	require.Equal(t, "provider-unknown",
		problem(t, w.ask("POST", w.router+"/v1/providers/nobody/resume", `{"reason":"mended"}`)).Type)
	resumed := w.ask("POST", resume, `{"reason":"they know our key now"}`)
	require.Equal(t, 200, resumed.status, string(resumed.body))
	require.True(t, read[api.Provider](t, resumed).Available)
	require.Equal(t, "provider-not-held", problem(t, w.ask("POST", resume, `{"reason":"again"}`)).Type)
	require.Contains(t, w.log.String(), "they know our key now")
}

// reachResume gets every documented status of resuming an account.
func (w *harness) reachResume(
	call func(operation, method, path, body string, headers ...string) answer,
	create func(key, body string, headers ...string) api.Payment, operator string,
) {
	w.t.Helper()
	as := bearer(operator)
	resume := func(provider, body string, headers ...string) {
		call("resume-provider", "POST", "/v1/providers/"+provider+"/resume", body, headers...)
	}
	w.control("POST", "payplay/faults", `{"kind":"garbage","status":401,"count":1}`)
	create("barred", byPayPlay)
	resume("payplay", `{"reason":"mended"}`)
	for _, body := range []string{`{`, `{}`, `{"reason":"mended"}`, `{"reason":"again"}`} {
		resume("payplay", body, as...)
	}
	resume("nobody", `{"reason":"mended"}`, as...)
}
