package payment_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
	"payrouter/host/attempt"
	"payrouter/host/invalid"
	"payrouter/host/operation"
	"payrouter/host/payment"
	"payrouter/host/payment/paymenttest"
)

// shows waits until a payment shows that it was answered with the same object as another.
func (h *harness) shows(t *testing.T, id, other string) payment.Payment {
	t.Helper()
	var p payment.Payment
	require.Eventually(t, func() bool {
		var err error
		p, err = h.engine.Payment(t.Context(), "shop", id)
		return err == nil && strings.Contains(p.Alert, "answered this and "+other+" with the same object")
	}, time.Minute, time.Millisecond, "%+v", p.Alert)
	return p
}

// An exchange order that a site answered two payments with made both of them succeed when its money came in.
func TestOneObjectIsOnePayment(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		what     string
		answer   string
		status   payment.Status
		conflict bool
	}{
		{"open", `{"id":"same","status":"open"}`, payment.RequiresAction, false},
		{"paid", `{"id":"same","status":"paid"}`, payment.Succeeded, true},
		{"part of the money is there", `{"id":"same","status":"working","received":"1.00"}`, payment.Processing, true},
	} {
		t.Run(row.what, func(t *testing.T) {
			t.Parallel()
			first := newProvider(t, says(row.answer))
			h := one(t, &probe{name: "first", idempotency: none}, first, paymenttest.Settings{})
			holder, claimant := h.create(t, "k"), h.create(t, "l")
			require.Equal(t, row.status, holder.Status)
			require.Equal(t, "same", holder.ProviderReference)
			require.Equal(t, payment.Unknown, claimant.Status)
			require.Empty(t, claimant.ProviderReference)
			require.Len(t, first.requests(), 2, "and nothing is sent twice")

			_, err := h.engine.Refresh(t.Context(), "shop", claimant.ID)
			require.ErrorIs(t, err, attempt.ErrUnanswered)

			claimant, holder = h.shows(t, claimant.ID, holder.ID), h.shows(t, holder.ID, claimant.ID)
			require.Equal(t, []payment.Status{payment.Unknown, row.status},
				[]payment.Status{claimant.Status, holder.Status})
			require.Equal(t, []bool{row.conflict, row.conflict}, []bool{claimant.MoneyConflict, holder.MoneyConflict})
			require.Contains(t, h.log.String(), "an object at a provider is claimed twice")
			for _, id := range []string{claimant.ID, holder.ID} {
				require.LessOrEqual(t, len(h.types(t, id)), 5, "it is got of once")
			}
		})
	}
}

func TestTwoPaymentsAnsweredWithOneObjectAtOnceAreNotBothItsOwners(t *testing.T) {
	t.Parallel()
	const many = 4 // as many as an account is sent at once before its provider has answered
	var all sync.WaitGroup
	all.Add(many)
	first := newProvider(t, func(w http.ResponseWriter, _ *http.Request) {
		all.Done()
		all.Wait()
		says(`{"id":"same","status":"paid"}`)(w, nil)
	})
	h := one(t, &probe{name: "first", idempotency: none}, first, paymenttest.Settings{})
	made := make([]payment.Payment, many)
	var creates sync.WaitGroup
	for n := range many {
		creates.Go(func() {
			receipt, err := h.engine.Create(t.Context(), author("shop"), attempt.Key{Value: fmt.Sprint(n), Fingerprint: "f"},
				orderOf("10.00"), time.Minute)
			if err == nil {
				made[n] = receipt.Value
			}
		})
	}
	creates.Wait()
	statuses := map[payment.Status]int{}
	for _, p := range made {
		statuses[p.Status]++
	}
	require.Equal(t, map[payment.Status]int{payment.Succeeded: 1, payment.Unknown: many - 1}, statuses)
}

// What a create may leave behind is left behind: the next provider is asked, as after any answer that cannot be read.
func TestAnotherPaymentsInvoiceIsNoAnswerToACreate(t *testing.T) {
	t.Parallel()
	first, second := newProvider(t, says(`{"id":"same","status":"open"}`)), newProvider(t,
		says(`{"id":"b-1","status":"open"}`))
	h := newHarness(t, paymenttest.Settings{},
		probed{name: "a", connector: &probe{name: "first", idempotency: abandonable}, url: first.url},
		probed{name: "b", connector: &probe{name: "second", idempotency: none}, url: second.url})
	holder, claimant := h.create(t, "k"), h.create(t, "l")
	require.Equal(t, []string{"a", "b"}, []string{holder.Provider, claimant.Provider})
	require.Equal(t, payment.RequiresAction, claimant.Status)
	h.shows(t, holder.ID, claimant.ID)
}

func TestALookUpThatFindsAnotherPaymentsObjectIsNotBelieved(t *testing.T) {
	t.Parallel()
	first := newProvider(t, says(`{"id":"same","status":"paid"}`), says(`{"id":"same","status":"open"}`), resets)
	h := one(t, &probe{name: "first", idempotency: none}, first, paymenttest.Settings{})
	holder, lost := h.create(t, "k"), h.create(t, "l")
	require.Equal(t, payment.Unknown, lost.Status)
	_, err := h.engine.Refresh(t.Context(), "shop", lost.ID)
	require.ErrorIs(t, err, attempt.ErrUnanswered)
	lost = h.shows(t, lost.ID, holder.ID)
	require.Equal(t, payment.Unknown, lost.Status)
	require.True(t, lost.MoneyConflict)

	ours := h.attempts(t, lost.ID)[0].Reference
	_, err = h.engine.Report(t.Context(), "a",
		payment.Report{Reference: ours, Outcome: outcomeOf(abi.Status_STATUS_SUCCEEDED, "same")})
	require.ErrorIs(t, err, payment.ErrContradiction)
	require.Equal(t, payment.Unknown, h.shows(t, lost.ID, holder.ID).Status)

	_, err = h.engine.Resolve(t.Context(), lost.ID,
		payment.ManualResolution{
			Operator: "op", Reason: "seen there", Status: payment.Succeeded,
			ProviderReference: "same",
		})
	var wrong *invalid.Error
	require.ErrorAs(t, err, &wrong)
	require.Equal(t, "/provider_reference", wrong.Field)
	require.Contains(t, wrong.Reason, holder.ID)
	_, err = h.engine.Resolve(t.Context(), lost.ID,
		payment.ManualResolution{
			Operator: "op", Reason: "seen there", Status: payment.Succeeded,
			ProviderReference: "its own",
		})
	require.NoError(t, err)
	owner, err := h.journal.Owner(t.Context(), "a", "create", "its own")
	require.NoError(t, err)
	require.Equal(t, lost.ID, owner)
}

// A native run of the operation that makes payments' objects makes an object of the same kind.
func TestARunsObjectIsNoPayments(t *testing.T) {
	t.Parallel()
	create := operation.Request{Provider: "a", Operation: "create", Input: []byte(`{}`)}
	for name, row := range map[string]struct {
		runFirst bool
	}{"the payment was first": {false}, "the run was first": {true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := newProvider(t, says(`{"id":"same","status":"paid"}`))
			h := counter(t, paymenttest.Settings{}, clerk{probe: &probe{idempotency: none}}, at)
			var run operation.Run
			if row.runFirst {
				run = h.perform(t, "r", create)
				require.Equal(t, operation.Succeeded, run.Status)
			}
			p := h.create(t, "k")
			if !row.runFirst {
				run = h.perform(t, "r", create)
				require.Equal(t, operation.Unknown, run.Status)
			}
			require.Equal(t, row.runFirst, p.Status == payment.Unknown)
			// The run is another merchant's: neither sees the other's id.
			require.True(t, h.shows(t, p.ID, "another merchant's payment").MoneyConflict)
			require.Eventually(t, func() bool {
				stands, err := h.engine.Run(t.Context(), run.ID)
				return err == nil && strings.Contains(stands.Alert, "answered this and another merchant's payment")
			}, time.Minute, time.Millisecond)
			require.Contains(t, h.log.String(), run.ID)
			require.Contains(t, h.log.String(), p.ID)

			// An operation that acts on what is there names it, and claims nothing.
			acted := h.perform(t, "c", operation.Request{Provider: "a", Operation: "confirm", Input: []byte(`{}`)})
			require.Equal(t, operation.Succeeded, acted.Status)
			require.Equal(t, "same", acted.ProviderReference)
		})
	}
}

// Of another account, the same number is another object.
func TestAnotherAccountsObjectIsAnother(t *testing.T) {
	t.Parallel()
	says := says(`{"id":"1","status":"open"}`)
	first, second := newProvider(t, says, fails(429, "")), newProvider(t, says)
	h := newHarness(t, paymenttest.Settings{},
		probed{name: "a", connector: &probe{name: "first", idempotency: none}, url: first.url},
		probed{name: "b", connector: &probe{name: "second", idempotency: none}, url: second.url})
	_ = h.create(t, "k")
	p := h.create(t, "l")
	require.Equal(t, payment.RequiresAction, p.Status, "%+v", p)
}

// What a run's operation makes belongs to that run alone, whatever a payment is there.
func TestWhatARunMakesBelongsToItAlone(t *testing.T) {
	t.Parallel()
	at := newProvider(t, says(`{"id":"same","status":"paid"}`))
	h := counter(t, paymenttest.Settings{}, clerk{probe: &probe{idempotency: none}, object: "voucher"}, at)
	require.Equal(t, operation.Succeeded, h.perform(t, "r", payOf(ten)).Status)
	second := h.perform(t, "s", payOf(ten))
	require.Equal(t, operation.Unknown, second.Status)
	require.Contains(t, second.Alert, "with the same object")
	require.Equal(t, payment.Succeeded, h.create(t, "k").Status,
		"a payment's object of the same number is another kind")
	owner, err := h.journal.Owner(t.Context(), "a", "voucher", "same")
	require.NoError(t, err)
	require.NotEqual(t, second.ID, owner)
}
