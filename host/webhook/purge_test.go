package webhook_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/payment"
	"payrouter/host/webhook"
)

func TestWhatWasDeliveredLongAgoIsForgottenAndNothingElse(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.sender = h.newSender(webhook.Settings{KeepFor: 24 * time.Hour})
	taking, refusing := newReceiver(t, nil), newReceiver(t, status(500))
	good, bad := h.endpoint(t, taking.URL), h.endpoint(t, refusing.URL)
	old := h.event(t, "shop", payment.PaymentCreated)
	h.round(t)
	h.clock.advance(24 * time.Hour)
	young := h.event(t, "shop", payment.PaymentFailed)
	h.round(t)
	h.delivery(t, good, old)

	h.clock.advance(time.Minute)
	h.round(t)

	left, err := h.endpoints.Deliveries(t.Context(), "shop", good.ID, webhook.Filter{})
	require.NoError(t, err)
	require.Len(t, left, 1)
	require.Equal(t, young.ID, left[0].EventID)
	require.Equal(t, webhook.Pending, h.delivery(t, bad, old).State, "what is still to be delivered stays")
	require.Len(t, taking.seen(), 2, "what is forgotten is not sent again")

	_, err = h.endpoints.Redeliver(t.Context(), "shop", good.ID, old.ID)
	require.NoError(t, err, "but by hand it can be")
	h.round(t)
	visits := taking.seen()
	require.Len(t, visits, 1)
	require.Equal(t, old.ID, visits[0].event())
}
