package payment_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/attempt"
	"payrouter/host/health"
	"payrouter/host/payment"
	"payrouter/host/payment/paymenttest"
	"payrouter/host/routing"
)

// limitedHarness has two accounts: the first by a rule that takes three payments and 100 EUR, the second for the rest.
func limitedHarness(t *testing.T) (*harness, *health.Statistics) {
	t.Helper()
	provider := newProvider(t, says(`{"id":"p-1","status":"paid"}`))
	book := &health.Statistics{}
	h := newHarness(t, paymenttest.Settings{Observe: book.Observe},
		probed{name: "first", connector: &probe{name: "one"}, url: provider.url},
		probed{name: "second", connector: &probe{name: "two"}, url: provider.url})
	before := h.engine.Fleet()
	var providers []routing.Provider
	for name, a := range before.Accounts {
		providers = append(providers, routing.Provider{Name: name, Flows: a.Plugin("").Manifest().GetFlows()})
	}
	next := &payment.Fleet{Fleet: attempt.Fleet{Accounts: before.Accounts}, Health: book}
	next.Rules = ruleset(t, providers, `
- {name: limited, when: {currency: EUR}, limits: {per_day: 3, amount_per_day: 100}, to: first}
- {name: rest, to: second}`)
	h.engine.Serve(next)
	return h, book
}

func TestPaymentsAtOncePassNoLimit(t *testing.T) {
	t.Parallel()
	h, book := limitedHarness(t)
	var all sync.WaitGroup
	payments := make([]payment.Payment, 12)
	for i := range payments {
		all.Go(func() {
			receipt, err := h.engine.Create(t.Context(), author("shop"), attempt.Key{Value: fmt.Sprint(i), Fingerprint: "f"},
				orderOf("10.00"), time.Minute)
			if err == nil {
				payments[i] = receipt.Value
			}
		})
	}
	all.Wait()
	limited := 0
	for _, p := range payments {
		switch p.Decision.Rule {
		case "limited":
			limited++
			require.Equal(t, "first", p.Provider)
		case "rest":
			require.Equal(t, "per_day", h.trace(t, p).Tried[0].Limit)
		default:
			t.Fatalf("routed by %q", p.Decision.Rule)
		}
	}
	require.Equal(t, 3, limited)
	require.Equal(t, 3, book.Record("first", time.Now()).Tries, "attempts are observed")
}

func TestRepetitionsAndExplanationsTakeNothingOfALimit(t *testing.T) {
	t.Parallel()
	h, book := limitedHarness(t)
	for range 5 {
		require.Equal(t, "limited", h.create(t, "the same key").Decision.Rule)
		require.Equal(t, "limited", h.engine.Explain("shop", "pay_x", orderOf("10.00")).Rule)
	}
	use := book.Used("limited", time.Now())
	require.Equal(t, 1, use.Day)
	require.Equal(t, "10.00", use.Amount)
}

func TestPaymentThatPassesAnAmountGoesByTheNextRule(t *testing.T) {
	t.Parallel()
	h, book := limitedHarness(t)
	create := func(key, amount string) string {
		receipt, err := h.engine.Create(t.Context(), author("shop"),
			attempt.Key{Value: key, Fingerprint: key}, orderOf(amount),
			time.Minute)
		require.NoError(t, err)
		return receipt.Value.Decision.Rule
	}
	require.Equal(t, "limited", create("a", "60"))
	require.Equal(t, "rest", create("b", "40.01"))
	require.Equal(t, "limited", create("c", "40"))
	require.Equal(t, "100", book.Used("limited", time.Now()).Amount)
}
