package payment_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
	"payrouter/host/attempt"
	"payrouter/host/payment"
	"payrouter/host/payment/paymenttest"
)

// Only a look-up after its expiry that reports a payment as unpaid lets the router expire it.
func TestTheRouterExpiresWhatWasNotPaid(t *testing.T) {
	t.Parallel()
	open := says(`{"id":"a-1","status":"open"}`)
	for what, row := range map[string]struct {
		probe probe
		// answers are those to the look-ups: one before the expiry, one after it, one long after it.
		answers []http.HandlerFunc
		// journal is how far the journal's own clock goes of every hour.
		journal  float64
		statuses []payment.Status
		conflict bool
	}{
		"not paid": {
			probe{},
			[]http.HandlerFunc{open, open, open},
			1,
			[]payment.Status{payment.RequiresAction, payment.Expired, payment.Expired},
			false,
		},
		"paid late": {
			probe{},
			[]http.HandlerFunc{open, open, says(`{"id":"a-1","status":"paid"}`)},
			1,
			[]payment.Status{payment.RequiresAction, payment.Expired, payment.Expired},
			true,
		},
		"paid in part, late": {
			probe{},
			[]http.HandlerFunc{open, open, says(`{"id":"a-1","status":"open","received":"1"}`)},
			1,
			[]payment.Status{payment.RequiresAction, payment.Expired, payment.Expired},
			true,
		},
		"paid in part, in time": {
			probe{},
			[]http.HandlerFunc{open, says(`{"id":"a-1","status":"open","received":"1"}`), open},
			1,
			[]payment.Status{payment.RequiresAction, payment.RequiresAction, payment.RequiresAction},
			false,
		},
		"the provider works on it": {
			probe{},
			[]http.HandlerFunc{open, says(`{"id":"a-1","status":"working"}`), open},
			1,
			[]payment.Status{payment.RequiresAction, payment.Processing, payment.Processing},
			false,
		},
		"the provider is silent": {
			probe{},
			[]http.HandlerFunc{open, fails(500, ""), open},
			1,
			[]payment.Status{payment.RequiresAction, payment.RequiresAction, payment.Expired},
			false,
		},
		"the provider knows it no more": {
			probe{},
			[]http.HandlerFunc{open, says(`{"error":"absent"}`), says(`{"error":"absent"}`)},
			1,
			[]payment.Status{payment.RequiresAction, payment.RequiresAction, payment.RequiresAction},
			false,
		},
		"the provider does so itself": {
			probe{expires: true},
			[]http.HandlerFunc{open, open, open},
			1,
			[]payment.Status{payment.RequiresAction, payment.RequiresAction, payment.RequiresAction},
			false,
		},
		"the wall clock alone is ahead": {
			probe{},
			[]http.HandlerFunc{open, open, open},
			0.1,
			[]payment.Status{payment.RequiresAction, payment.RequiresAction, payment.RequiresAction},
			false,
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			clock := &clock{now: start}
			row.probe.name, row.probe.idempotency = "first", abandonable
			at := newProvider(t, open, append([]http.HandlerFunc{open}, row.answers...)...)
			h := newHarness(t, paymenttest.Settings{
				Now: clock.read,
				Clock: func() time.Duration {
					return time.Hour + time.Duration(row.journal*float64(clock.read().Sub(start)))
				},
			}, probed{name: "a", connector: &row.probe, url: at.url, breaker: unbreakable()})
			r := payment.NewReconciler(h.engine.Engine, payment.ReconcilerSettings{})
			order := orderOf("10.00")
			order.ExpiresAt = start.Add(3 * time.Hour)
			receipt, err := h.engine.Create(t.Context(), author("shop"), attempt.Key{Value: "k", Fingerprint: "f"}, order,
				time.Minute)
			require.NoError(t, err)
			id := receipt.Value.ID

			var statuses []payment.Status
			for range row.answers {
				h.later(t, r, clock, 2*time.Hour)
				statuses = append(statuses, h.payment(t, id).Status)
			}

			require.Equal(t, row.statuses, statuses)
			last := h.payment(t, id)
			require.Equal(t, row.conflict, last.MoneyConflict, last.Alert)
			require.Equal(t, last.Status == payment.RequiresAction, last.NextAction != nil)
		})
	}
}

// A callback alone does not expire a payment: what it reports may be older than the expiry.
func TestAReportExpiresNothing(t *testing.T) {
	t.Parallel()
	clock := &clock{now: time.Now()}
	at := newProvider(t, says(`{"id":"a-1","status":"open"}`))
	h := newHarness(t, paymenttest.Settings{Now: clock.read, Clock: func() time.Duration { return 0 }},
		probed{name: "a", connector: &probe{name: "first", idempotency: abandonable}, url: at.url})
	order := orderOf("10.00")
	order.ExpiresAt = clock.read().Add(time.Hour)
	receipt, err := h.engine.Create(t.Context(), author("shop"),
		attempt.Key{Value: "k", Fingerprint: "f"}, order, time.Minute)
	require.NoError(t, err)
	clock.advance(2 * time.Hour)
	ours := h.attempts(t, receipt.Value.ID)[0].Reference
	_, err = h.engine.Report(t.Context(), "a",
		payment.Report{Reference: ours, Outcome: outcomeOf(abi.Status_STATUS_REQUIRES_ACTION, "a-1")})
	require.NoError(t, err)
	require.Equal(t, payment.RequiresAction, h.payment(t, receipt.Value.ID).Status)

	_, err = h.engine.Refresh(t.Context(), "shop", receipt.Value.ID)
	require.NoError(t, err)
	require.Equal(t, payment.Expired, h.payment(t, receipt.Value.ID).Status, "and a look-up does")
}
