package payment_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/invalid"
	"payrouter/host/payment"
	"payrouter/host/payment/paymenttest"
)

// restart has another engine take the journal over, with the accounts of another configuration.
func (h *harness) restart(t *testing.T, settings paymenttest.Settings, accounts ...probed) {
	t.Helper()
	engine := paymenttest.New(h.journal, newFleet(t, accounts...), settings)
	t.Cleanup(func() { require.NoError(t, engine.Shutdown(context.Background())) })
	h.engine = engine
}

// An account that is taken out of the routing file leaves payments behind that only it can tell of.
func TestAPaymentWhoseProviderIsNoLongerConfiguredIsShownOnceAndTakenUpWhenItReturns(t *testing.T) {
	t.Parallel()
	clock := &clock{now: time.Now()}
	first := newProvider(t, says(`{"id":"a-1","status":"paid"}`), says(`{"id":"a-1","status":"open"}`))
	a := probed{name: "a", connector: &probe{name: "first", idempotency: abandonable}, url: first.url}
	b := probed{name: "b", connector: &probe{name: "second", idempotency: none}, url: first.url}
	h := newHarness(t, paymenttest.Settings{Now: clock.read}, a, b)
	made := h.create(t, "k")
	require.Equal(t, "a", made.Provider)

	h.restart(t, paymenttest.Settings{Now: clock.read}, b)
	r := payment.NewReconciler(h.engine.Engine, payment.ReconcilerSettings{})
	var shown payment.Payment
	for range 3 {
		h.later(t, r, clock, time.Hour)
		require.NoError(t, h.engine.Recover(t.Context()))
		shown = h.payment(t, made.ID)
	}
	require.Equal(t, payment.RequiresAction, shown.Status)
	require.Equal(t, "provider a is not configured: nobody can be asked about this payment", shown.Alert)
	require.Equal(t, made.Version+1, shown.Version, "once")
	require.Len(t, first.requests(), 1)
	types := h.types(t, made.ID)
	require.Equal(t, payment.PaymentUpdated, types[len(types)-1], "the merchant is told")

	h.restart(t, paymenttest.Settings{Now: clock.read}, a, b)
	h.later(t, payment.NewReconciler(h.engine.Engine, payment.ReconcilerSettings{}), clock, 2*time.Hour)
	found := h.payment(t, made.ID)
	require.Equal(t, payment.Succeeded, found.Status)
	require.Empty(t, found.Alert)
	require.False(t, slices.Contains(h.types(t, made.ID), payment.PaymentMoneyConflict))
}

// Whose an object is depends on what kind of object the plugin makes.
func TestAReferenceIsNotGivenWhileTheProviderIsNotConfigured(t *testing.T) {
	t.Parallel()
	first := newProvider(t, says(`{"id":"same","status":"paid"}`), says(`{"id":"same","status":"open"}`))
	a := probed{name: "a", connector: &probe{name: "first", idempotency: none}, url: first.url}
	b := probed{name: "b", connector: &probe{name: "second", idempotency: none}, url: first.url}
	h := newHarness(t, paymenttest.Settings{}, a, b)
	holder, lost := h.create(t, "k"), h.create(t, "l")
	require.Equal(t, payment.Unknown, lost.Status)

	h.restart(t, paymenttest.Settings{}, b)
	resolution := payment.ManualResolution{
		Operator: "op", Reason: "their support said so", Status: payment.Succeeded, ProviderReference: "same",
	}
	_, err := h.engine.Resolve(t.Context(), lost.ID, resolution)
	var wrong *invalid.Error
	require.ErrorAs(t, err, &wrong)
	require.Equal(t, "/provider_reference", wrong.Field)
	require.Contains(t, wrong.Reason, "not configured")
	require.Empty(t, h.payment(t, lost.ID).ProviderReference)
	require.Equal(t, "same", h.payment(t, holder.ID).ProviderReference)

	resolution.ProviderReference = ""
	settled, err := h.engine.Resolve(t.Context(), lost.ID, resolution)
	require.NoError(t, err)
	require.Equal(t, payment.Succeeded, settled.Status)
}

func TestWhatIsMoreUrgentIsNotHiddenByAProviderThatIsNotConfigured(t *testing.T) {
	t.Parallel()
	first := newProvider(t, says(`{"id":"a-1","status":"open"}`))
	a := probed{name: "a", connector: &probe{name: "first", idempotency: none}, url: first.url}
	h := newHarness(t, paymenttest.Settings{}, a)
	p := h.create(t, "k")
	p.Alert, p.Version = "a request was written more than once: look for a second booking", p.Version+1
	p.AlertCode = "written_twice"
	require.NoError(t, h.journal.Save(t.Context(), changeOf(p)))

	h.restart(t, paymenttest.Settings{}, probed{name: "b", connector: a.connector, url: first.url})
	require.NoError(t, h.engine.Recover(t.Context()))
	require.Equal(t, p.Alert, h.payment(t, p.ID).Alert)
}
