package payment_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
	"payrouter/host/attempt"
	"payrouter/host/egress"
	"payrouter/host/invalid"
	"payrouter/host/payment"
	"payrouter/host/payment/paymenttest"
)

// unbreakable never opens.
func unbreakable() egress.BreakerSettings {
	return egress.BreakerSettings{Failures: 1 << 20, MinTries: 1 << 20}
}

// later moves the clock past whatever is due, and makes one round.
func (h *harness) later(t *testing.T, r *payment.Reconciler, clock *clock, by time.Duration) {
	t.Helper()
	clock.advance(by)
	r.Round(t.Context())
}

func (h *harness) payment(t *testing.T, id string) payment.Payment {
	t.Helper()
	p, err := h.engine.Payment(t.Context(), "shop", id)
	require.NoError(t, err)
	return p
}

func TestPaymentsOnTheirWayAreLookedUpUntilTheyHaveEnded(t *testing.T) {
	t.Parallel()
	open, working, paid := `{"id":"a-1","status":"open"}`, `{"id":"a-1","status":"working"}`,
		`{"id":"a-1","status":"paid"}`
	for _, row := range []struct {
		what     string
		probe    probe
		answers  []http.HandlerFunc
		statuses []payment.Status
	}{
		{
			"the payer pays",
			probe{idempotency: abandonable},
			[]http.HandlerFunc{says(open), says(open), says(working), says(paid)},
			[]payment.Status{payment.RequiresAction, payment.RequiresAction, payment.Processing, payment.Succeeded},
		},
		{
			"the payer's time is over: what was shown may still be paid, and is looked at for a week",
			probe{idempotency: abandonable},
			[]http.HandlerFunc{
				says(open), says(`{"id":"a-1","status":"expired"}`),
				says(`{"id":"a-1","status":"expired"}`), says(`{"error":"absent"}`),
			},
			[]payment.Status{payment.RequiresAction, payment.Expired, payment.Expired},
		},
		{
			"the answer to the create was lost",
			probe{idempotency: none},
			[]http.HandlerFunc{resets, says(paid)},
			[]payment.Status{payment.Unknown, payment.Succeeded},
		},
		{
			"look-ups fail for a while",
			probe{idempotency: none},
			[]http.HandlerFunc{resets, hangsUp, fails(500, ""), says("<html>"), says(paid)},
			[]payment.Status{payment.Unknown, payment.Unknown, payment.Unknown, payment.Unknown, payment.Succeeded},
		},
		{
			"not found for a while, then paid",
			probe{idempotency: none},
			[]http.HandlerFunc{
				resets, says(`{"error":"absent"}`), says(`{"error":"absent"}`),
				says(`{"error":"absent"}`), says(paid),
			},
			[]payment.Status{payment.Unknown, payment.Unknown, payment.Unknown, payment.Unknown, payment.Succeeded},
		},
		{
			"booked, the answer dropped, duplicate to the retry",
			probe{idempotency: keyed},
			[]http.HandlerFunc{resets, says(`{"error":"duplicate"}`), says(paid)},
			[]payment.Status{payment.Unknown, payment.Succeeded},
		},
		{
			"duplicate, and then not found for long",
			probe{idempotency: keyed},
			[]http.HandlerFunc{
				resets, says(`{"error":"duplicate"}`), says(`{"error":"absent"}`),
				says(`{"error":"absent"}`), says(paid),
			},
			[]payment.Status{payment.Unknown, payment.Unknown, payment.Unknown, payment.Succeeded},
		},
		{
			"declined, where a decline is not final, and then paid",
			probe{idempotency: keyed, revocable: true},
			[]http.HandlerFunc{says(`{"error":"limit"}`), says(paid)},
			[]payment.Status{payment.Unknown, payment.Succeeded},
		},
	} {
		t.Run(row.what, func(t *testing.T) {
			t.Parallel()
			clock := &clock{now: time.Now()}
			row.probe.name = "first"
			first := newProvider(t, func(http.ResponseWriter, *http.Request) { t.Error("asked once too often") },
				row.answers...)
			second := newProvider(t, says(`{"id":"b-1","status":"open"}`))
			h := newHarness(t, paymenttest.Settings{Now: clock.read},
				probed{
					name: "a", connector: &row.probe, url: first.url,
					tries: map[abi.Idempotency]int{keyed: 2}[row.probe.idempotency], breaker: unbreakable(),
				},
				probed{name: "b", connector: &probe{name: "second", idempotency: none}, url: second.url})
			r := payment.NewReconciler(h.engine.Engine, payment.ReconcilerSettings{Overdue: 1000 * time.Hour})
			made := h.create(t, "k")

			statuses := []payment.Status{made.Status}
			for range row.statuses[1:] {
				h.later(t, r, clock, 2*time.Hour)
				statuses = append(statuses, h.payment(t, made.ID).Status)
			}

			require.Equal(t, row.statuses, statuses)
			require.Equal(t, payment.ByPoll, h.last(t, made.ID).Cause)
			h.later(t, r, clock, 1000*time.Hour)
			require.Zero(t, h.payment(t, made.ID).NextCheck, "what has ended is not looked up")
			require.Empty(t, second.requests(), "nobody else is asked")
		})
	}
}

// A look at every moment at which something is due, for a day, at a provider that never answers: the payment stays
// unknown.
func TestNothingIsEverFailedForBeingOld(t *testing.T) {
	t.Parallel()
	clock := &clock{now: time.Now()}
	first := newProvider(t, fails(500, ""), resets)
	h := newHarness(t, paymenttest.Settings{Now: clock.read},
		probed{name: "a", connector: &probe{name: "first", idempotency: none}, url: first.url, breaker: unbreakable()})
	r := payment.NewReconciler(h.engine.Engine, payment.ReconcilerSettings{})
	made := h.create(t, "k")
	looks := 0
	for elapsed := time.Duration(0); elapsed < 24*time.Hour; looks++ {
		wait := h.payment(t, made.ID).NextCheck.Sub(clock.read())
		h.later(t, r, clock, wait-1)
		require.Len(t, first.requests(), 1+looks, "not before it is due")
		h.later(t, r, clock, 1)
		require.Len(t, first.requests(), 2+looks)
		elapsed += wait
	}
	require.Equal(t, payment.Unknown, h.payment(t, made.ID).Status)
	require.Less(t, looks, 250)
	require.Greater(t, looks, 100)
}

func TestADuplicateIsLookedUpAtOnce(t *testing.T) {
	t.Parallel()
	clock := &clock{now: time.Now()}
	first := newProvider(t, says(`{"id":"a-1","status":"paid"}`), says(`{"error":"duplicate"}`))
	h := newHarness(t, paymenttest.Settings{Now: clock.read},
		probed{name: "a", connector: &probe{name: "first", idempotency: keyed}, url: first.url})
	made := h.create(t, "k")
	require.Equal(t, payment.Unknown, made.Status)

	payment.NewReconciler(h.engine.Engine, payment.ReconcilerSettings{}).Round(t.Context())

	require.Equal(t, payment.Succeeded, h.payment(t, made.ID).Status)
}

func TestAPaymentThatIsUnknownForLongIsShownUntilItIsNot(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		what    string
		breaker egress.BreakerSettings
	}{
		{"its provider gives no answer", unbreakable()},
		{"its provider is not asked: the breaker is open", egress.BreakerSettings{Failures: 1, Cooldown: time.Hour}},
	} {
		t.Run(row.what, func(t *testing.T) {
			t.Parallel()
			clock := &clock{now: time.Now()}
			first := newProvider(t, hangsUp)
			h := newHarness(t, paymenttest.Settings{Now: clock.read},
				probed{
					name: "a", connector: &probe{name: "first", idempotency: none}, url: first.url,
					breaker: row.breaker,
				})
			r := payment.NewReconciler(h.engine.Engine, payment.ReconcilerSettings{Overdue: time.Hour})
			made := h.create(t, "k")

			h.later(t, r, clock, time.Hour-time.Second)
			require.Empty(t, h.payment(t, made.ID).Alert)
			for range 5 {
				h.later(t, r, clock, time.Hour)
			}

			p := h.payment(t, made.ID)
			require.Equal(t, payment.Unknown, p.Status)
			require.Contains(t, p.Alert, "unknown for long")
			require.Equal(t,
				[]payment.EntryType{
					payment.PaymentCreated, payment.PaymentProcessing, payment.PaymentUnknown,
					payment.PaymentUpdated,
				}, h.types(t, made.ID))
			require.Contains(t, h.log.String(), "unknown for long")

			settled, err := h.engine.Resolve(t.Context(), made.ID,
				payment.ManualResolution{Operator: "ann", Reason: "their support said so", Status: payment.Succeeded})
			require.NoError(t, err)
			require.Empty(t, settled.Alert)
		})
	}
}

// A payment whose provider has no look-up is not asked for, shown after a while, and looked at ever more rarely.
func TestWhatCannotBeLookedUpWaitsForACallbackOrAPerson(t *testing.T) {
	t.Parallel()
	clock := &clock{now: time.Now()}
	first := newProvider(t, says(`{"id":"a-1","status":"paid"}`), resets)
	h := newHarness(t, paymenttest.Settings{Now: clock.read},
		probed{name: "a", connector: &probe{name: "first", idempotency: none, blind: true}, url: first.url})
	r := payment.NewReconciler(h.engine.Engine, payment.ReconcilerSettings{})
	made := h.create(t, "k")
	for range 100 {
		h.later(t, r, clock, 10*time.Second)
	}
	p := h.payment(t, made.ID)
	require.Equal(t, payment.Unknown, p.Status)
	require.Less(t, p.Checks, 50)
	require.Positive(t, p.Checks)
	require.Len(t, first.requests(), 1)
	h.later(t, r, clock, time.Hour)
	require.Contains(t, h.payment(t, made.ID).Alert, "unknown for long")
}

func TestLookUpsAtAProviderAreLimited(t *testing.T) {
	t.Parallel()
	clock := &clock{now: time.Now()}
	var id sync.Map
	first := newProvider(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, `{"status":"open"}`)
		id.Store(r.URL.Path, true)
	})
	h := newHarness(t, paymenttest.Settings{Now: clock.read},
		probed{name: "a", connector: &probe{name: "first", idempotency: abandonable}, url: first.url})
	r := payment.NewReconciler(h.engine.Engine, payment.ReconcilerSettings{PerSecond: 3})
	const payments = 10
	for n := range payments {
		h.create(t, fmt.Sprint(n))
	}
	clock.advance(time.Hour)
	for second := range 4 {
		for range 5 {
			r.Round(t.Context())
		}
		require.Len(t, first.requests(), payments+min(3*(second+1), payments))
		clock.advance(time.Second)
	}
}

func TestAWallClockThatIsSetBackHoldsUpNoLookUp(t *testing.T) {
	t.Parallel()
	clock := &clock{now: time.Now()}
	first := newProvider(t, says(`{"status":"open"}`))
	h := newHarness(t, paymenttest.Settings{Now: clock.read},
		probed{name: "a", connector: &probe{name: "first", idempotency: abandonable}, url: first.url})
	r := payment.NewReconciler(h.engine.Engine, payment.ReconcilerSettings{PerSecond: 1})
	const payments = 3
	for n := range payments {
		h.create(t, fmt.Sprint(n))
	}
	clock.advance(72 * time.Hour)
	r.Round(t.Context())
	require.Len(t, first.requests(), payments+1)
	clock.advance(-72 * time.Hour)
	r.Round(t.Context()) // what was granted in the other time is spent
	clock.advance(time.Minute)
	r.Round(t.Context())
	require.Len(t, first.requests(), payments+2)
}

func TestASlowProviderHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	clock := &clock{now: time.Now()}
	asked, leave := make(chan struct{}, 1), make(chan struct{})
	first := newProvider(t, func(w http.ResponseWriter, _ *http.Request) {
		select {
		case asked <- struct{}{}:
		default:
		}
		<-leave
		_, _ = w.Write([]byte(`{"id":"a-1","status":"paid"}`))
	}, says(`{"id":"a-1","status":"open"}`))
	second := newProvider(t, says(`{"id":"b-1","status":"paid"}`), says(`{"id":"b-1","status":"open"}`))
	h := newHarness(t, paymenttest.Settings{Now: clock.read},
		probed{name: "a", connector: &probe{name: "first", idempotency: none}, url: first.url, timeout: time.Minute},
		probed{name: "b", connector: &probe{name: "second", idempotency: none}, url: second.url})
	pinned := orderOf("10.00")
	slow := h.create(t, "slow")
	pinned.Pinned = "b"
	receipt, err := h.engine.Create(t.Context(), author("shop"), attempt.Key{Value: "quick"}, pinned, time.Minute)
	require.NoError(t, err)
	quick := receipt.Value
	require.Equal(t, "b", quick.Provider)
	clock.advance(time.Hour)
	ctx, stop := context.WithCancel(t.Context())
	over := make(chan struct{})
	r := payment.NewReconciler(h.engine.Engine, payment.ReconcilerSettings{Every: time.Millisecond})
	go func() {
		defer close(over)
		r.Run(ctx)
	}()

	require.Eventually(t, func() bool {
		p, err := h.engine.Payment(context.Background(), "shop", quick.ID)
		return err == nil && p.Status == payment.Succeeded
	}, 10*time.Second, time.Millisecond)
	require.Equal(t, payment.RequiresAction, h.payment(t, slow.ID).Status)
	<-asked // a look-up that had not begun when the reconciler is stopped is never made
	stop()
	close(leave)
	<-over
	require.Equal(t, payment.Succeeded, h.payment(t, slow.ID).Status, "what was begun is finished")
}

func TestWhatACrashInterruptedIsClosedBeforeItIsLookedUp(t *testing.T) {
	t.Parallel()
	first := newProvider(t, says(`{"id":"a-1","status":"paid"}`))
	h := one(t, &probe{name: "first", idempotency: none}, first, paymenttest.Settings{})
	p := payment.Payment{
		ID: "pay_1", Merchant: "shop", Order: orderOf("10.00"), Status: payment.Created,
		Decision: h.decided("pay_1"), Version: 1,
	}
	_, err := h.journal.Create(t.Context(), changeOf(p), attempt.Key{Merchant: "shop", Value: "k", Owner: p.OwnerID()})
	require.NoError(t, err)
	p.Version, p.Attempts, p.Status, p.Provider, p.NextCheck = 2, 1, payment.Processing, "a", time.Now()
	require.NoError(t, h.journal.Save(t.Context(), changeOf(p, attempt.Attempt{
		ID: "att_1", Owner: p.OwnerID(), Number: 1, Provider: "a", Role: "create", Operation: "create",
		Idempotency: "none", Sent: true,
	})))

	payment.NewReconciler(h.engine.Engine, payment.ReconcilerSettings{}).Round(t.Context())

	require.Equal(t, payment.Unknown, h.payment(t, p.ID).Status)
	require.Equal(t, payment.ByRecovery, h.last(t, p.ID).Cause)
	require.False(t, h.attempts(t, p.ID)[0].Open())
	require.Empty(t, first.requests())
}

func TestKeysAreForgottenLongAfterTheirPaymentsHaveEnded(t *testing.T) {
	t.Parallel()
	clock := &clock{now: time.Now()}
	first := newProvider(t, says(`{"id":"a-2","status":"open"}`), says(`{"id":"a-1","status":"paid"}`))
	h := newHarness(t, paymenttest.Settings{Now: clock.read},
		probed{name: "a", connector: &probe{name: "first", idempotency: none}, url: first.url})
	r := payment.NewReconciler(h.engine.Engine, payment.ReconcilerSettings{KeyLifetime: 24 * time.Hour})
	h.create(t, "ended")
	h.create(t, "unsettled")
	used := func(value string) bool {
		key, err := h.journal.Key(t.Context(), "shop", value)
		require.NoError(t, err)
		return key != nil
	}

	h.later(t, r, clock, 24*time.Hour)
	require.True(t, used("ended"))
	h.later(t, r, clock, time.Second)
	require.False(t, used("ended"))
	h.later(t, r, clock, 1000*time.Hour)
	require.True(t, used("unsettled"))
}

func TestAnOperatorResolvesWhatNobodyElseCanTell(t *testing.T) {
	t.Parallel()
	resolution := payment.ManualResolution{
		Operator: "ann", Reason: "their support said so", Status: payment.Succeeded,
		ProviderReference: "a-1",
	}
	with := func(change func(*payment.ManualResolution)) payment.ManualResolution {
		changed := resolution
		change(&changed)
		return changed
	}
	for _, row := range []struct {
		what       string
		create     http.HandlerFunc
		resolution payment.ManualResolution
		status     payment.Status
		field      string
		err        error
	}{
		{"unknown becomes succeeded", resets, resolution, payment.Succeeded, "", nil},
		{
			"unknown becomes failed", resets, with(func(r *payment.ManualResolution) { r.Status = payment.Failed }),
			payment.Failed,
			"", nil,
		},
		{
			"what is open becomes canceled", says(`{"id":"a-1","status":"open"}`),
			with(func(r *payment.ManualResolution) { r.Status = payment.Canceled }), payment.Canceled, "", nil,
		},
		{
			"what has ended stays as it is", says(`{"id":"a-1","status":"paid"}`),
			with(func(r *payment.ManualResolution) { r.Status = payment.Failed }), payment.Succeeded, "",
			payment.ErrState,
		},
		{
			"a status that is no end", resets,
			with(func(r *payment.ManualResolution) { r.Status = payment.Processing }),
			payment.Unknown, "/status", nil,
		},
		{
			"no reason", resets, with(func(r *payment.ManualResolution) { r.Reason = "" }), payment.Unknown, "/reason",
			nil,
		},
		{
			"another reference than the payment's", says(`{"id":"a-2","status":"open"}`), resolution,
			payment.RequiresAction,
			"/provider_reference", nil,
		},
	} {
		t.Run(row.what, func(t *testing.T) {
			t.Parallel()
			first := newProvider(t, says(`{"id":"a-1","status":"paid"}`), row.create)
			h := one(t, &probe{name: "first", idempotency: none}, first, paymenttest.Settings{})
			made := h.create(t, "k")
			before := h.types(t, made.ID)

			p, err := h.engine.Resolve(t.Context(), made.ID, row.resolution)

			require.Equal(t, row.status, h.payment(t, made.ID).Status)
			if row.err != nil || row.field != "" {
				require.Equal(t, before, h.types(t, made.ID))
			}
			if row.err != nil {
				require.ErrorIs(t, err, row.err)
				return
			}
			if row.field != "" {
				var bad *invalid.Error
				require.ErrorAs(t, err, &bad)
				require.Equal(t, row.field, bad.Field)
				return
			}
			require.NoError(t, err)
			require.Equal(t, "a-1", p.ProviderReference)
			require.Nil(t, p.NextAction)
			last := h.last(t, made.ID)
			require.Equal(t,
				payment.ChangeCause{Cause: payment.ByOperator, Operator: "ann", Reason: "their support said so"},
				last.ChangeCause)
			if row.status == payment.Succeeded {
				return
			}
			contradicted, err := h.engine.Refresh(t.Context(), "shop", made.ID)
			require.NoError(t, err)
			require.Equal(t, row.status, contradicted.Status)
			require.True(t, contradicted.MoneyConflict)
			require.Equal(t, payment.PaymentMoneyConflict, h.last(t, made.ID).Type)
		})
	}
}

func TestADeclineThatIsFollowedByMoneyIsAConflictForAllToSee(t *testing.T) {
	t.Parallel()
	first := newProvider(t, says(`{"id":"a-1","status":"paid"}`), says(`{"error":"fraud"}`))
	h := one(t, &probe{name: "first", idempotency: none}, first, paymenttest.Settings{})
	made := h.create(t, "k")
	require.Equal(t, payment.Failed, made.Status)

	p, err := h.engine.Report(t.Context(), "a", payment.Report{Reference: h.attempts(t, made.ID)[0].Reference})

	require.NoError(t, err)
	require.Equal(t, payment.Failed, p.Status)
	require.True(t, p.MoneyConflict)
	require.Equal(t, payment.PaymentMoneyConflict, h.last(t, made.ID).Type)
	require.Len(t, first.requests(), 2)
}
