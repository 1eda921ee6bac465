package payment_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/abi/guest"
	abi "payrouter/abi/v1"
	"payrouter/host/attempt"
	"payrouter/host/payment"
	"payrouter/host/payment/paymenttest"
)

func outcomeOf(status abi.Status, theirs string) *abi.Outcome {
	return guest.Accepted(status, theirs)
}

func (h *harness) types(t *testing.T, id string) []payment.EntryType {
	t.Helper()
	entries, err := h.engine.Timeline(t.Context(), "shop", id)
	require.NoError(t, err)
	var types []payment.EntryType
	for _, e := range entries {
		types = append(types, e.Type)
	}
	return types
}

func (h *harness) last(t *testing.T, id string) payment.Entry {
	t.Helper()
	entries, err := h.engine.Timeline(t.Context(), "shop", id)
	require.NoError(t, err)
	require.NotEmpty(t, entries)
	return entries[len(entries)-1]
}

func TestTheTimelineTellsOfEveryChangeAndItsCause(t *testing.T) {
	t.Parallel()
	first := newProvider(t, says(`{"id":"a-1","status":"paid"}`), says(`{"id":"a-1","status":"open"}`))
	h := one(t, &probe{name: "first", idempotency: none}, first, paymenttest.Settings{})
	made := h.create(t, "k")
	_, err := h.engine.Refresh(t.Context(), "shop", made.ID)
	require.NoError(t, err)
	attempts := h.attempts(t, made.ID)

	entries, err := h.engine.Timeline(t.Context(), "shop", made.ID)

	require.NoError(t, err)
	type line struct {
		kind    payment.EntryType
		cause   payment.Cause
		attempt attempt.ID
	}
	var lines []line
	for i, e := range entries {
		lines = append(lines, line{e.Type, e.Cause, e.AttemptID})
		require.Equal(t, made.ID, e.PaymentID)
		require.Equal(t, "shop", e.Merchant)
		require.Regexp(t, `^evt_[0-9a-z]{26}$`, e.ID)
		if i > 0 {
			require.Greater(t, e.Sequence, entries[i-1].Sequence)
		}
		require.Contains(t, string(e.Snapshot), `"status":"`+string(e.Type[len("payment."):])+`"`)
	}
	require.Equal(t, []line{
		{payment.PaymentCreated, payment.ByRequest, ""},
		{payment.PaymentProcessing, payment.ByRequest, attempts[0].ID},
		{payment.PaymentRequiresAction, payment.ByAnswer, attempts[0].ID},
		{payment.PaymentSucceeded, payment.ByAnswer, attempts[1].ID},
	}, lines)
	_, err = h.engine.Timeline(t.Context(), "other", made.ID)
	require.ErrorIs(t, err, payment.ErrNotFound)
}

func TestATimelineKeepsNothingOfThePayers(t *testing.T) {
	t.Parallel()
	first := newProvider(t, says(`{"id":"a-1","status":"open"}`))
	h := one(t, &probe{name: "first", idempotency: none}, first, paymenttest.Settings{})
	order := orderOf("10.00")
	order.Payer = payment.Payer{Name: "Jo Bloggs", Email: "jo@example.org", Phone: "+4930123", IP: "192.0.2.7"}
	receipt, err := h.engine.Create(t.Context(), author("shop"), attempt.Key{Value: "k"}, order, time.Minute)
	require.NoError(t, err)
	entries, err := h.engine.Timeline(t.Context(), "shop", receipt.Value.ID)
	require.NoError(t, err)
	for _, private := range []string{"Bloggs", "jo@example.org", "+4930123", "192.0.2.7"} {
		require.NotContains(t, asJSON(t, entries)+string(entries[0].Snapshot), private)
	}
}

func TestWhatAReportChanges(t *testing.T) {
	t.Parallel()
	open := `{"id":"a-1","status":"open"}`
	for _, row := range []struct {
		what   string
		create http.HandlerFunc
		lookup http.HandlerFunc
		report payment.Report
		status payment.Status
		err    error
		asks   bool
	}{
		{
			"a word that is vouched for settles the payment", says(open), nil,
			payment.Report{ProviderReference: "a-1", Outcome: outcomeOf(abi.Status_STATUS_SUCCEEDED, "a-1")},
			payment.Succeeded, nil, false,
		},
		{
			"a word that nobody vouches for is asked after", says(open), says(`{"id":"a-1","status":"paid"}`),
			payment.Report{ProviderReference: "a-1"},
			payment.Succeeded, nil, true,
		},
		{
			"and is not believed", says(open), says(open),
			payment.Report{ProviderReference: "a-1"},
			payment.RequiresAction, nil, true,
		},
		{
			"a provider that does not know what it reports on has got nothing", says(`{"id":"a-1","status":"paid"}`),
			says(`{"error":"absent"}`),
			payment.Report{ProviderReference: "a-1"},
			payment.Succeeded, attempt.ErrUnanswered, true,
		},
		{
			"an unknown payment is found by our reference, and settled", resets, nil,
			payment.Report{Reference: "ours", Outcome: outcomeOf(abi.Status_STATUS_SUCCEEDED, "a-1")},
			payment.Succeeded, nil, false,
		},
		{
			"an unknown payment is asked after by our reference", resets, says(`{"id":"a-1","status":"paid"}`),
			payment.Report{Reference: "ours"},
			payment.Succeeded, nil, true,
		},
		{
			"a stale word changes nothing", says(`{"id":"a-1","status":"paid"}`), nil,
			payment.Report{ProviderReference: "a-1", Outcome: outcomeOf(abi.Status_STATUS_REQUIRES_ACTION, "a-1")},
			payment.Succeeded, nil, false,
		},
		{
			"a word about another amount is refused", says(open), nil,
			payment.Report{Reference: "ours", Outcome: &abi.Outcome{
				Verdict: abi.Verdict_VERDICT_ACCEPTED, Status: abi.Status_STATUS_SUCCEEDED,
				Amount: &abi.Money{Amount: "0.01", Currency: "EUR"},
			}},
			payment.RequiresAction, payment.ErrContradiction, false,
		},
		{
			"a word without a status is refused", says(open), nil,
			payment.Report{Reference: "ours", Outcome: &abi.Outcome{}},
			payment.RequiresAction, payment.ErrContradiction, false,
		},
	} {
		t.Run(row.what, func(t *testing.T) {
			t.Parallel()
			first := newProvider(t, row.lookup, row.create)
			h := one(t, &probe{name: "first", idempotency: none}, first, paymenttest.Settings{})
			made := h.create(t, "k")
			if row.report.Reference != "" {
				row.report.Reference = h.attempts(t, made.ID)[0].Reference
			}
			row.report.CallbackID = "cb_1"
			before := len(first.requests())

			p, err := h.engine.Report(t.Context(), "a", row.report)

			if row.err != nil {
				require.ErrorIs(t, err, row.err)
			} else {
				require.NoError(t, err)
			}
			require.Equal(t, row.status, p.Status)
			require.Equal(t, row.asks, len(first.requests()) > before)
			if made.Status != row.status {
				last := h.last(t, made.ID)
				require.Equal(t, payment.ByCallback, last.Cause)
				require.Equal(t, "cb_1", last.CallbackID)
			}
		})
	}
}

func TestAReportThatComesAThousandTimesIsOneTransition(t *testing.T) {
	t.Parallel()
	first := newProvider(t, nil, says(`{"id":"a-1","status":"open"}`))
	h := one(t, &probe{name: "first", idempotency: none}, first, paymenttest.Settings{})
	made := h.create(t, "k")
	paid := payment.Report{ProviderReference: "a-1", Outcome: outcomeOf(abi.Status_STATUS_SUCCEEDED, "a-1")}
	opened := payment.Report{ProviderReference: "a-1", Outcome: outcomeOf(abi.Status_STATUS_REQUIRES_ACTION, "a-1")}
	for range 1000 {
		for _, report := range []payment.Report{opened, paid} {
			_, err := h.engine.Report(t.Context(), "a", report)
			require.NoError(t, err)
		}
	}
	require.Equal(t, []payment.EntryType{
		payment.PaymentCreated, payment.PaymentProcessing, payment.PaymentRequiresAction, payment.PaymentSucceeded,
	}, h.types(t, made.ID))
}

func TestAReportOfNobodysPaymentIsNotFound(t *testing.T) {
	t.Parallel()
	first := newProvider(t, nil, says(`{"id":"a-1","status":"open"}`), says(`{"id":"a-2","status":"open"}`))
	h := one(t, &probe{name: "first", idempotency: none}, first, paymenttest.Settings{})
	made, other := h.create(t, "k"), h.create(t, "l")
	ours := h.attempts(t, made.ID)[0].Reference
	for _, row := range []struct {
		provider string
		report   payment.Report
		err      error
	}{
		{"a", payment.Report{}, payment.ErrNotFound},
		{"a", payment.Report{Reference: "x", ProviderReference: "y"}, payment.ErrNotFound},
		{"b", payment.Report{ProviderReference: "a-1"}, payment.ErrNotFound},
		{"a", payment.Report{Reference: ours, ProviderReference: other.ProviderReference}, payment.ErrContradiction},
		{"a", payment.Report{PaymentID: other.ID, Reference: ours}, payment.ErrContradiction},
		{"a", payment.Report{PaymentID: "pay_none"}, payment.ErrNotFound},
	} {
		_, err := h.engine.Report(t.Context(), row.provider, row.report)
		require.ErrorIs(t, err, row.err)
	}
}

// A provider that finds payments by its own reference alone, and whose answer was lost, names that reference to the
// payment's own address.
func TestAReportToAPaymentsOwnAddressIsAboutThatPayment(t *testing.T) {
	t.Parallel()
	ours := ""
	first := newProvider(t, func(w http.ResponseWriter, _ *http.Request) {
		says(`{"id":"a-1","status":"paid","reference":"`+ours+`"}`)(w, nil)
	}, resets)
	h := one(t, &probe{name: "first", idempotency: none, blind: true}, first, paymenttest.Settings{})
	made := h.create(t, "k")
	require.Equal(t, payment.Unknown, made.Status)
	ours = h.attempts(t, made.ID)[0].Reference

	_, err := h.engine.Report(t.Context(), "a", payment.Report{ProviderReference: "a-1"})
	require.ErrorIs(t, err, payment.ErrNotFound)
	p, err := h.engine.Report(t.Context(), "a", payment.Report{PaymentID: made.ID, ProviderReference: "a-1"})

	require.NoError(t, err)
	require.Equal(t, payment.Succeeded, p.Status)
}

// A callback may overtake the answer to the create that it is about: it waits for its turn.
func TestAReportBeforeTheCreatesOwnAnswer(t *testing.T) {
	t.Parallel()
	var h *harness
	reported := make(chan error, 1)
	first := newProvider(t, nil, func(w http.ResponseWriter, _ *http.Request) {
		go func() {
			found, _, err := h.journal.Payments(context.Background(), payment.Filter{})
			if err != nil {
				reported <- err
				return
			}
			attempts, err := h.journal.Attempts(context.Background(), found[0].ID)
			if err != nil {
				reported <- err
				return
			}
			_, err = h.engine.Report(context.Background(), "a", payment.Report{
				Reference: attempts[0].Reference, Outcome: outcomeOf(abi.Status_STATUS_SUCCEEDED, "a-1"),
			})
			reported <- err
		}()
		_, _ = w.Write([]byte(`{"id":"a-1","status":"open"}`))
	})
	h = one(t, &probe{name: "first", idempotency: none}, first, paymenttest.Settings{})

	made := h.create(t, "k")

	require.NoError(t, <-reported)
	p, err := h.engine.Payment(t.Context(), "shop", made.ID)
	require.NoError(t, err)
	require.Equal(t, payment.Succeeded, p.Status)
	require.Equal(t, "a-1", p.ProviderReference)
}

// What an earlier try left behind was not to be paid. A provider that says it was is believed, shown, and got of once.
func TestWhatWasLeftBehindIsShownWhenAProviderNamesIt(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		what     string
		outcome  *abi.Outcome
		answer   http.HandlerFunc
		types    []payment.EntryType
		conflict bool
	}{
		{
			"paid, vouched for", outcomeOf(abi.Status_STATUS_SUCCEEDED, "a-1"), nil,
			[]payment.EntryType{payment.PaymentAbandonedFound, payment.PaymentMoneyConflict},
			true,
		},
		{
			"paid, when asked", nil, says(`{"id":"a-1","status":"paid"}`),
			[]payment.EntryType{payment.PaymentAbandonedFound, payment.PaymentMoneyConflict},
			true,
		},
		{
			"open, when asked", nil, says(`{"id":"a-1","status":"open"}`),
			[]payment.EntryType{payment.PaymentAbandonedFound},
			false,
		},
		{"expired", outcomeOf(abi.Status_STATUS_EXPIRED, "a-1"), nil, nil, false},
		{"not there, when asked", nil, says(`{"error":"absent"}`), nil, false},
		{"no answer, when asked", nil, resets, nil, false},
	} {
		t.Run(row.what, func(t *testing.T) {
			t.Parallel()
			first := newProvider(t, row.answer, resets)
			second := newProvider(t, nil, says(`{"id":"b-1","status":"open"}`))
			h := newHarness(t, paymenttest.Settings{},
				probed{name: "a", connector: &probe{name: "first", idempotency: abandonable}, url: first.url},
				probed{name: "b", connector: &probe{name: "second", idempotency: none}, url: second.url})
			made := h.create(t, "k")
			require.Equal(t, "b", made.Provider)
			before := h.types(t, made.ID)
			report := payment.Report{Reference: h.attempts(t, made.ID)[0].Reference, Outcome: row.outcome}

			for range 3 {
				_, err := h.engine.Report(t.Context(), "a", report)
				if got := row.outcome != nil || row.types != nil; got {
					require.NoError(t, err)
				} else {
					require.ErrorIs(t, err, attempt.ErrUnanswered,
						"the report is not settled: it is to be asked after again")
				}
			}

			p, err := h.engine.Payment(t.Context(), "shop", made.ID)
			require.NoError(t, err)
			require.Equal(t, made.Status, p.Status)
			require.Equal(t, "b", p.Provider)
			require.Equal(t, "b-1", p.ProviderReference)
			require.Equal(t, row.conflict, p.MoneyConflict)
			require.Equal(t, row.types != nil, p.AbandonedFound)
			require.Equal(t, append(before, row.types...), h.types(t, made.ID))
			require.Len(t, second.requests(), 1)
		})
	}
}
