package payment_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
	"payrouter/host/attempt"
	"payrouter/host/invalid"
	"payrouter/host/payment"
	"payrouter/host/payment/paymenttest"
	"payrouter/host/routing"
)

func TestAnAccountThatCannotTakeSoManyDecimalsIsSkipped(t *testing.T) {
	t.Parallel()
	first, second := newProvider(t, says(`{"id":"a-1","status":"open"}`)), newProvider(t,
		says(`{"id":"b-1","status":"open"}`))
	six := &probe{name: "first", idempotency: none, precisions: []*abi.Precision{{Currency: "PRB", Decimals: 6}}}
	eight := &probe{name: "second", idempotency: none, precisions: []*abi.Precision{{Currency: "PRB", Decimals: 8}}}
	h := newHarness(t, paymenttest.Settings{}, probed{name: "a", connector: six, url: first.url},
		probed{name: "b", connector: eight, url: second.url})
	create := func(key, amount string) (payment.Payment, error) {
		order := orderOf(amount)
		order.Currency = "PRB"
		receipt, err := h.engine.Create(t.Context(), author("shop"), attempt.Key{Value: key, Fingerprint: "f"}, order,
			time.Minute)
		return receipt.Value, err
	}
	for amount, provider := range map[string]string{
		"1.123456": "a", "1.12345600": "a", "1.1234567": "b",
		"1.12345678": "b",
	} {
		p, err := create(amount, amount)
		require.NoError(t, err)
		require.Equal(t, provider, p.Provider, amount)
		if provider == "b" {
			require.Contains(t, h.trace(t, p).Candidates[0].Reason, "decimals, and it takes 6 of PRB")
		}
	}
	before := len(first.requests()) + len(second.requests())

	_, err := create("k", "1.123456789")

	var refused *payment.NoRouteError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, routing.Unsupported, refused.Decision.Outcome)
	require.Equal(t,
		&invalid.Error{Field: "/amount", Reason: `must have at most 8 decimals in PRB; got "1.123456789"`},
		refused.TooFine)
	require.Equal(t, before, len(first.requests())+len(second.requests()), "nobody is asked")
	payments, _, err := h.engine.Payments(t.Context(), payment.Filter{})
	require.NoError(t, err)
	require.Len(t, payments, 4, "nothing is journalled")
}
