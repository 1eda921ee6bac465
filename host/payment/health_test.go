package payment_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/attempt"
	"payrouter/host/egress"
	"payrouter/host/invalid"
	"payrouter/host/payment"
	"payrouter/host/payment/paymenttest"
)

// page is what a proxy says in the place of a provider.
const page = "<html><body><h1>Forbidden</h1></body></html>"

func TestWhatAnAnswerShowsOfItsProvider(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		answer http.HandlerFunc
		// fault counts in the breaker; pauses: new payments are held.
		fault, pauses bool
	}{
		"taken":                      {says(`{"id":"a-1","status":"open"}`), false, false},
		"a decline":                  {says(`{"error":"limit"}`), false, false},
		"another amount":             {says(`{"id":"a-1","status":"open","amount":"10.01"}`), false, false},
		"another reference":          {says(`{"id":"a-1","status":"open","reference":"other"}`), false, false},
		"a member spelt otherwise":   {says(`{"id":"a-1","state":"open"}`), false, false},
		"a failure in no list":       {says(`{"error":"odd"}`), false, false},
		"a validation in no list":    {fails(422, `{"error":"odd"}`), false, false},
		"a list":                     {says(`[]`), false, false},
		"a trap of the plugin":       {says(`{"trap":"t"}`), false, false},
		"500":                        {fails(500, ""), true, false},
		"500 in JSON":                {fails(500, `{"error":"odd"}`), true, false},
		"500 that traps the plugin":  {fails(500, `{"trap":"t"}`), true, false},
		"500 that says it was taken": {fails(500, `{"id":"a-1","status":"open"}`), true, false},
		"a page with 200":            {says(page), true, false},
		"a page with 404":            {fails(404, page), true, false},
		"nothing with 200":           {says(""), true, false},
		"half an answer":             {truncates, true, false},
		"a broken connection":        {resets, true, false},
		"no answer":                  {silence, true, false},
		"a page with 401":            {fails(401, page), true, true},
		"a page with 403":            {fails(403, page), true, true},
		"a gateway's message":        {fails(403, `{"message":"Forbidden"}`), true, true},
		"403 that traps the plugin":  {fails(403, `{"trap":"t"}`), true, true},
		"403 in the provider's list": {fails(403, `{"error":"limit"}`), false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t, paymenttest.Settings{}, probed{
				name: "a", connector: &probe{name: "first", idempotency: none}, url: newProvider(t, row.answer).url,
				breaker: egress.BreakerSettings{Failures: 1},
			})
			h.create(t, "k")
			egressOf := h.engine.Fleet().Accounts["a"].Egress
			if row.fault {
				require.ErrorIs(t, egressOf.Askable(), egress.ErrBreakerOpen)
			} else {
				require.NoError(t, egressOf.Askable())
			}
			if row.pauses {
				require.ErrorIs(t, egressOf.Available(), egress.ErrHeld)
			} else {
				require.NotErrorIs(t, egressOf.Available(), egress.ErrHeld)
			}
			require.NoError(t, readable(h))
		})
	}
}

func (h *harness) createFor(t *testing.T, merchant, key, amount string) payment.Payment {
	t.Helper()
	receipt, err := h.engine.Create(t.Context(), author(merchant),
		attempt.Key{Value: key, Fingerprint: "f"}, orderOf(amount),
		time.Minute)
	require.NoError(t, err)
	return receipt.Value
}

// A provider that rounds contradicts whoever sends more digits than it keeps. That is one caller's matter; three
// callers' is the provider's.
func TestContradictionsAreCountedByMerchant(t *testing.T) {
	t.Parallel()
	rounds := says(`{"id":"a-1","status":"open","amount":"10.01"}`)
	h := newHarness(t, paymenttest.Settings{}, probed{
		name: "a", connector: &probe{name: "first", idempotency: none}, url: newProvider(t, rounds).url,
		breaker: egress.BreakerSettings{Failures: 2},
	})
	for i := range 50 {
		require.Equal(t, payment.Unknown, h.createFor(t, "odd", fmt.Sprint(i), "10.007").Status)
	}
	h.createFor(t, "even", "k", "10.008")
	available := h.engine.Fleet().Accounts["a"].Egress.Available
	require.NoError(t, available())
	h.createFor(t, "third", "k", "10.009")
	require.ErrorContains(t, available(), "paused until ")
	require.ErrorContains(t, available(), "after answers that contradict the requests of 3 merchants")

	_, err := h.engine.Create(t.Context(), author("shop"), attempt.Key{Value: "k", Fingerprint: "f"}, orderOf("10.00"),
		time.Minute)
	var none *payment.NoRouteError
	require.ErrorAs(t, err, &none)
	require.Contains(t, none.Decision.Candidates[0].Reason, "contradict")

	require.ErrorIs(t,
		h.engine.Resume(t.Context(), payment.Resumption{Provider: "b", Operator: "desk", Reason: "they mended it"}),
		payment.ErrNoAccount)
	require.ErrorAs(t, h.engine.Resume(t.Context(), payment.Resumption{Provider: "a", Operator: "desk"}),
		new(*invalid.Error))
	require.NoError(t,
		h.engine.Resume(t.Context(), payment.Resumption{Provider: "a", Operator: "desk", Reason: "they mended it"}))
	require.ErrorIs(t,
		h.engine.Resume(t.Context(), payment.Resumption{Provider: "a", Operator: "desk", Reason: "they mended it"}),
		payment.ErrAccountNotHeld)
	require.NoError(t, available())
}

// What is looked up goes on at an account that is paused: it is how payments that are unknown are settled.
func TestPaymentsOfAPausedAccountAreLookedUp(t *testing.T) {
	t.Parallel()
	first := newProvider(t, says(`{"id":"a-1","status":"paid"}`), fails(403, page))
	h := one(t, &probe{name: "first", idempotency: none}, first, paymenttest.Settings{})
	p := h.create(t, "k")
	require.Equal(t, payment.Unknown, p.Status)
	require.ErrorIs(t, h.engine.Fleet().Accounts["a"].Egress.Available(), egress.ErrHeld)

	require.Eventually(t, func() bool {
		payment.NewReconciler(h.engine.Engine, payment.ReconcilerSettings{}).Round(t.Context())
		found, err := h.engine.Payment(t.Context(), "shop", p.ID)
		require.NoError(t, err)
		return found.Status == payment.Succeeded
	}, time.Minute, 10*time.Millisecond)
	require.ErrorIs(t, h.engine.Fleet().Accounts["a"].Egress.Available(), egress.ErrHeld)
}
