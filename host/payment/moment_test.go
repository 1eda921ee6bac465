package payment_test

import (
	"context"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/host/attempt"
	"payrouter/host/payment"
	"payrouter/host/payment/paymenttest"
)

func TestMomentsComeWhereACrashIsWorst(t *testing.T) {
	t.Parallel()
	var h *harness
	var first *provider
	type seen struct {
		moment   attempt.Moment
		requests int
		status   payment.Status
		open     bool
	}
	var mutex sync.Mutex
	var moments []seen
	got := func(m attempt.Moment) {
		payments, _, err := h.journal.Payments(context.Background(), payment.Filter{})
		if err != nil || len(payments) != 1 {
			return
		}
		attempts, err := h.journal.Attempts(context.Background(), payments[0].ID)
		if err != nil || len(attempts) != 1 {
			return
		}
		mutex.Lock()
		defer mutex.Unlock()
		moments = append(moments, seen{m, len(first.requests()), payments[0].Status, attempts[0].Open()})
	}
	first = newProvider(t,
		func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"id":"a-1","status":"open"}`)) })
	h = one(t, &probe{name: "first", idempotency: none}, first, paymenttest.Settings{Moment: got})

	h.create(t, "k")

	mutex.Lock()
	defer mutex.Unlock()
	require.Equal(t, []seen{
		{attempt.MomentJournalled, 0, payment.Processing, true},
		{attempt.MomentSent, 1, payment.Processing, true},
		{attempt.MomentSettled, 1, payment.RequiresAction, false},
	}, moments)
}
