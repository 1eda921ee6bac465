package payment_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
	"payrouter/host/attempt"
	"payrouter/host/payment"
	"payrouter/host/payment/paymenttest"
)

// A look-up that comes before recovery finds what a crash interrupted, and shows the payer its link. Recovery once left
// that object behind all the same, and asked the next provider for another: two that could be paid.
func TestWhatALookUpFoundIsNotLeftBehindByRecovery(t *testing.T) {
	t.Parallel()
	for _, idempotency := range []abi.Idempotency{abi.Idempotency_IDEMPOTENCY_ABANDONABLE, none} {
		t.Run(idempotency.String(), func(t *testing.T) {
			t.Parallel()
			first := newProvider(t, says(`{"id":"a-1","status":"open"}`))
			second := newProvider(t, says(`{"id":"b-1","status":"open"}`))
			h := newHarness(t, paymenttest.Settings{},
				probed{name: "a", connector: &probe{name: "first", idempotency: idempotency}, url: first.url},
				probed{name: "b", connector: &probe{name: "second", idempotency: none}, url: second.url})
			p := payment.Payment{
				ID: "pay_1", Merchant: "shop", Order: orderOf("10.00"), Status: payment.Created,
				Decision: h.decided("pay_1"), Version: 1,
			}
			_, err := h.journal.Create(t.Context(), changeOf(p),
				attempt.Key{Merchant: "shop", Value: "k", Owner: p.OwnerID()})
			require.NoError(t, err)
			p.Version, p.Attempts, p.Status, p.Provider = 2, 1, payment.Processing, "a"
			class := map[abi.Idempotency]attempt.Idempotency{none: "none"}[idempotency]
			if class == "" {
				class = "abandonable"
			}
			require.NoError(t, h.journal.Save(t.Context(), changeOf(p, attempt.Attempt{
				ID: "att_1", Owner: p.OwnerID(), Number: 1, Provider: "a", Role: "create", Operation: "create",
				Idempotency: class, Sent: true,
			})))

			p, err = h.engine.Refresh(t.Context(), "shop", p.ID)
			require.NoError(t, err)
			require.Equal(t, payment.RequiresAction, p.Status)
			require.NoError(t, h.engine.Recover(t.Context()))

			p, err = h.engine.Payment(t.Context(), "shop", p.ID)
			require.NoError(t, err)
			require.Equal(t, payment.RequiresAction, p.Status)
			require.Equal(t, "a", p.Provider)
			require.Equal(t, "a-1", p.ProviderReference)
			require.Empty(t, second.requests())
			made := h.attempts(t, p.ID)[0]
			require.Equal(t, attempt.Unanswered, made.Event)
			require.False(t, made.Abandoned)
		})
	}
}
