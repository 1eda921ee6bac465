package payment_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
	"payrouter/host/attempt"
	"payrouter/host/payment"
	"payrouter/host/payment/paymenttest"
)

// Each test here holds one safeguard that nothing else would miss. docs/reliability.md lists them with all others.

// Between the journal and the wire a router may be stopped for any while. Here its clock says so.
func TestARequestThatWaitedTooLongAfterItsJournallingDoesNotLeave(t *testing.T) {
	t.Parallel()
	for _, idempotency := range []abi.Idempotency{safe, keyed, abandonable, none} {
		t.Run(idempotency.String(), func(t *testing.T) {
			t.Parallel()
			first := newProvider(t, says(`{"id":"a-1","status":"open"}`))
			h := newHarness(t,
				paymenttest.Settings{
					SendWithin: 10 * time.Second,
					Now:        func() time.Time { return time.Now().Add(-11 * time.Second) },
				},
				probed{name: "a", connector: &probe{name: "first", idempotency: idempotency}, url: first.url})

			p := h.create(t, "k")

			require.Empty(t, first.requests())
			require.Equal(t, payment.Failed, p.Status)
			made := h.attempts(t, p.ID)[0]
			require.Equal(t, attempt.NotSent, made.Event)
			require.False(t, made.Sent)
		})
	}
}

// A provider that forgets what it declined is no reason to ask another: the merchant knows that the payment has ended.
func TestNotFoundTakesUpNothingThatHasEnded(t *testing.T) {
	t.Parallel()
	clock := &clock{now: time.Now()}
	first := newProvider(t, says(`{"error":"absent"}`), says(`{"error":"fraud"}`))
	second := newProvider(t, says(`{"id":"b-1","status":"open"}`))
	h := newHarness(t, paymenttest.Settings{Now: clock.read},
		probed{name: "a", connector: &probe{name: "first", idempotency: keyed}, url: first.url},
		probed{name: "b", connector: &probe{name: "second", idempotency: none}, url: second.url})
	made := h.create(t, "k")
	require.Equal(t, payment.Failed, made.Status)
	clock.advance(1000 * time.Hour)

	p, err := h.engine.Refresh(t.Context(), "shop", made.ID)

	require.NoError(t, err)
	require.Equal(t, payment.Failed, p.Status)
	require.Equal(t, "a", p.Provider)
	require.Empty(t, second.requests())
}

func TestNotFoundIsNotBelievedOfAProviderThatHasTakenThePayment(t *testing.T) {
	t.Parallel()
	clock := &clock{now: time.Now()}
	first := newProvider(t, says(`{"error":"absent"}`), says(`{"id":"a-1","status":"unclear"}`))
	second := newProvider(t, says(`{"id":"b-1","status":"open"}`))
	h := newHarness(t, paymenttest.Settings{Now: clock.read},
		probed{name: "a", connector: &probe{name: "first", idempotency: keyed}, url: first.url},
		probed{name: "b", connector: &probe{name: "second", idempotency: none}, url: second.url})
	made := h.create(t, "k")
	require.Equal(t, payment.Unknown, made.Status)
	require.Equal(t, attempt.Accepted, h.attempts(t, made.ID)[0].Event)
	clock.advance(1000 * time.Hour)

	p, err := h.engine.Refresh(t.Context(), "shop", made.ID)

	require.NoError(t, err)
	require.Equal(t, payment.Unknown, p.Status)
	require.Empty(t, second.requests())
}

// What the first try left behind lies at the provider that holds the payment, too.
func TestWhatWasLeftBehindAtThePaymentsOwnProviderIsNotTakenForThePayment(t *testing.T) {
	t.Parallel()
	first := newProvider(t, nil, resets, says(`{"id":"a-2","status":"open"}`))
	h := newHarness(t, paymenttest.Settings{},
		probed{name: "a", connector: &probe{name: "first", idempotency: abandonable}, url: first.url, tries: 2})
	made := h.create(t, "k")
	require.Equal(t, "a-2", made.ProviderReference)

	p, err := h.engine.Report(t.Context(), "a", payment.Report{
		Reference: h.attempts(t, made.ID)[0].Reference, Outcome: outcomeOf(abi.Status_STATUS_SUCCEEDED, "a-1"),
	})

	require.NoError(t, err)
	require.Equal(t, payment.RequiresAction, p.Status)
	require.True(t, p.AbandonedFound)
	require.True(t, p.MoneyConflict)
	require.Contains(t, p.Alert, "second payment")
}

// Anybody can name a paid object of the provider's in a callback that nobody vouches for.
func TestAnObjectThatAStrangerNamedIsOursOnlyIfItRepeatsOurReference(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		what   string
		echo   func(of string) string
		status payment.Status
	}{
		{"it repeats ours", func(of string) string { return of }, payment.Succeeded},
		{"it repeats another's", func(string) string { return "another" }, payment.Unknown},
		{"it repeats none", func(string) string { return "" }, payment.Unknown},
	} {
		t.Run(row.what, func(t *testing.T) {
			t.Parallel()
			var first *provider
			first = newProvider(t, func(w http.ResponseWriter, _ *http.Request) {
				seen := first.requests()
				_, _ = fmt.Fprintf(w, `{"id":"a-9","status":"paid","reference":%q}`, row.echo(seen[len(seen)-1].of))
			}, resets)
			h := newHarness(t, paymenttest.Settings{},
				probed{name: "a", connector: &probe{name: "first", idempotency: none, blind: true}, url: first.url})
			made := h.create(t, "k")
			require.Equal(t, payment.Unknown, made.Status)

			p, err := h.engine.Report(t.Context(), "a", payment.Report{PaymentID: made.ID, ProviderReference: "a-9"})

			if row.status == payment.Unknown {
				require.ErrorIs(t, err, attempt.ErrUnanswered)
			} else {
				require.NoError(t, err)
			}
			require.Equal(t, row.status, p.Status)
		})
	}
}
