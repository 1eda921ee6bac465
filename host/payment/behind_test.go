package payment_test

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
	"payrouter/host/attempt"
	"payrouter/host/operation"
	"payrouter/host/payment"
	"payrouter/host/payment/paymenttest"
)

// window is longer than a slow machine takes for a test.
const window = 10 * time.Minute

// leftAlone is a payment that was journalled some time ago, and of which a crash left only these attempts.
func leftAlone(t *testing.T, h *harness, age time.Duration, attempts ...attempt.Attempt) payment.Payment {
	t.Helper()
	made := time.Now().UTC().Add(-age)
	p := payment.Payment{
		ID: "pay_1", Merchant: "shop", Order: orderOf("10.00"), Status: payment.Created,
		Decision: h.decided("pay_1"),
		Version:  1, CreatedAt: made, UpdatedAt: made, StatusAt: made,
	}
	if clock := h.engine.Driver.Settings.Clock(); clock != 0 {
		p.MadeClock = clock - age
	}
	_, err := h.journal.Create(t.Context(), changeOf(p), attempt.Key{Merchant: "shop", Value: "k", Owner: p.OwnerID()})
	require.NoError(t, err)
	if len(attempts) > 0 {
		p.Version, p.Attempts, p.Status, p.Provider = 2, len(attempts), payment.Processing, "a"
		for i := range attempts {
			attempts[i].ID, attempts[i].Owner, attempts[i].Number = attempt.ID(fmt.Sprintf("att_%d", i)), p.OwnerID(), i+1
			if attempts[i].StartedAt.IsZero() {
				attempts[i].StartedAt = made
			}
		}
		require.NoError(t, h.journal.Save(t.Context(), changeOf(p, attempts...)))
	}
	return p
}

// Whatever stopped the router for how long, and whatever of the journal is missing: what is old is not sent for the
// first time.
func TestRecoverySendsNothingForTheFirstTimeThatIsOlderThanTheSendWindow(t *testing.T) {
	t.Parallel()
	refused := attempt.Attempt{
		Provider: "a", Role: "create", Operation: "create", Idempotency: "none",
		Event: attempt.Refused,
	}
	later := refused
	later.StartedAt = time.Now().UTC()
	open := attempt.Attempt{Provider: "a", Role: "create", Operation: "create", Idempotency: "abandonable", Sent: true}
	for name, row := range map[string]struct {
		age      time.Duration
		attempts []attempt.Attempt
		doubtful bool
		status   payment.Status
		sent     int
	}{
		"made a moment ago":              {age: time.Second, status: payment.RequiresAction, sent: 1},
		"made before the window":         {age: window + time.Second, status: payment.Failed},
		"made by a clock that was ahead": {age: -time.Hour, status: payment.Failed},
		"refused a moment ago": {
			age: time.Second, attempts: []attempt.Attempt{refused},
			status: payment.RequiresAction, sent: 1,
		},
		"refused before the window": {
			age: time.Hour, attempts: []attempt.Attempt{refused},
			status: payment.Failed,
		},
		"old, and refused a moment ago": {
			age: time.Hour, attempts: []attempt.Attempt{later},
			status: payment.RequiresAction, sent: 1,
		},
		"left behind, before the window": {
			age: time.Hour, attempts: []attempt.Attempt{open},
			status: payment.Failed,
		},
		"a moment ago, in a journal that may be behind": {age: time.Second, doubtful: true, status: payment.Unknown},
		"old, in a journal that may be behind":          {age: time.Hour, doubtful: true, status: payment.Unknown},
		"refused, in a journal that may be behind": {
			age: time.Second, attempts: []attempt.Attempt{refused},
			doubtful: true, status: payment.Unknown,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first, second := newProvider(t, says(`{"id":"a-1","status":"open"}`)), newProvider(t,
				says(`{"id":"b-1","status":"open"}`))
			h := newHarness(t,
				paymenttest.Settings{SendWithin: window, Doubtful: func(time.Duration) bool { return row.doubtful }},
				probed{name: "a", connector: &probe{name: "first", idempotency: none}, url: first.url},
				probed{name: "b", connector: &probe{name: "second", idempotency: none}, url: second.url})
			made := leftAlone(t, h, row.age, slices.Clone(row.attempts)...)

			require.NoError(t, h.engine.Recover(t.Context()))
			require.NoError(t, h.engine.Recover(t.Context()), "a second one finds nothing to do")

			p, err := h.engine.Payment(t.Context(), "shop", made.ID)
			require.NoError(t, err)
			require.Equal(t, row.status, p.Status)
			require.Equal(t, row.sent, len(first.requests())+len(second.requests()))
			switch row.status {
			case payment.Failed:
				require.Equal(t, "provider_unavailable", p.Failure.Code)
				require.Len(t, h.attempts(t, p.ID), len(row.attempts), "nobody was asked")
			case payment.Unknown:
				require.Contains(t, p.Alert, "may be older than what was sent")
				require.Len(t, h.attempts(t, p.ID), len(row.attempts)+1)
				require.False(t, p.NextCheck.IsZero(), "it is asked for")
			}
		})
	}
}

// Where the provider finds payments by our reference, a payment in doubt is settled by asking.
func TestAPaymentThatTheJournalMayNotShowAsSentIsAskedFor(t *testing.T) {
	t.Parallel()
	first := newProvider(t, says(`{"id":"a-1","status":"paid"}`))
	h := one(t, &probe{name: "first", idempotency: none}, first,
		paymenttest.Settings{
			Doubtful: func(time.Duration) bool { return true },
			Clock:    func() time.Duration { return 5 * time.Hour },
		})
	made := leftAlone(t, h, time.Hour)
	require.NoError(t, h.engine.Recover(t.Context()))
	presumed := h.attempts(t, made.ID)[0]
	require.True(t, made.CreatedAt.Equal(presumed.StartedAt))
	require.Equal(t, made.MadeClock, presumed.StartedClock, "both clocks have one time of sending")

	p, err := h.engine.Refresh(t.Context(), "shop", made.ID)

	require.NoError(t, err)
	require.Equal(t, payment.Succeeded, p.Status)
	require.Len(t, first.requests(), 1)
	require.Equal(t, "lookup", first.requests()[0].operation, "it was never sent")
}

// The provider's word that it has no such payment says nothing about later providers, whom the lost part of the journal
// may have asked.
func TestNotFoundMovesNoPaymentOnThatTheJournalMayNotShowAsSent(t *testing.T) {
	t.Parallel()
	for name, class := range map[string]abi.Idempotency{"none": none, "keyed": keyed, "abandonable": abandonable} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var doubtful atomic.Bool
			doubtful.Store(true)
			first, second := newProvider(t, says(`{"error":"absent"}`)), newProvider(t,
				says(`{"id":"b-1","status":"open"}`))
			h := newHarness(t, paymenttest.Settings{Doubtful: func(time.Duration) bool { return doubtful.Load() }},
				probed{name: "a", connector: &probe{name: "first", idempotency: class}, url: first.url},
				probed{name: "b", connector: &probe{name: "second", idempotency: class}, url: second.url})
			made := leftAlone(t, h, time.Hour)
			require.NoError(t, h.engine.Recover(t.Context()))
			// a later start may no longer doubt: the payment's attempt still does
			for _, doubt := range []bool{true, false} {
				doubtful.Store(doubt)
				p, _ := h.engine.Refresh(t.Context(), "shop", made.ID)
				require.NotEqual(t, payment.Failed, p.Status)
				require.NoError(t, h.engine.Recover(t.Context()))
				p, err := h.engine.Payment(t.Context(), "shop", made.ID)
				require.NoError(t, err)
				require.Equal(t, payment.Unknown, p.Status)
			}
			require.Empty(t, second.requests())
		})
	}
}

func TestRunsThatAreOldAreNotSentForTheFirstTime(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		age      time.Duration
		doubtful bool
		status   operation.Status
	}{
		"made a moment ago":                             {time.Second, false, operation.Succeeded},
		"made before the window":                        {time.Hour, false, operation.Failed},
		"a moment ago, in a journal that may be behind": {time.Second, true, operation.Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first := newProvider(t, says(`{"output":{}}`))
			settings := paymenttest.Settings{
				SendWithin: window,
				Doubtful:   func(time.Duration) bool { return row.doubtful },
			}
			h := counter(t, settings, clerk{probe: &probe{idempotency: none}}, first)
			made := time.Now().UTC().Add(-row.age)
			run := operation.Run{
				ID: "op_1", Merchant: "desk", Provider: "a", Plugin: "clerk", Operation: "pay",
				Status: operation.Processing, Input: []byte(ten),
				CreatedAt: made, UpdatedAt: made, Version: 1,
			}
			_, err := h.journal.CreateRun(t.Context(), run,
				attempt.Key{Merchant: "desk", Value: "k", Fingerprint: "f", Owner: run.OwnerID(), CreatedAt: made})
			require.NoError(t, err)

			require.NoError(t, h.engine.Recover(t.Context()))

			stands, err := h.engine.Run(t.Context(), run.ID)
			require.NoError(t, err)
			require.Equal(t, row.status, stands.Status)
			require.Equal(t, row.status == operation.Unknown, stands.Alert != "")
			require.Len(t, first.requests(), map[bool]int{true: 1, false: 0}[row.status == operation.Succeeded])
		})
	}
}

// While a journal is held, nothing leaves that may move money. What changes nothing goes on, and known keys are
// answered.
func TestAHeldJournalSendsNothingThatMayMoveMoney(t *testing.T) {
	t.Parallel()
	var held atomic.Bool
	first := newProvider(t, says(`{"id":"a-1","status":"open"}`))
	h := one(t, &probe{name: "first", idempotency: none}, first, paymenttest.Settings{Hold: func() error {
		if held.Load() {
			return fmt.Errorf("%w: a test holds it", attempt.ErrHeld)
		}
		return nil
	}})
	made := h.create(t, "known")
	held.Store(true)

	_, err := h.engine.Create(t.Context(), author("shop"), attempt.Key{Value: "new", Fingerprint: "f"}, orderOf("10.00"),
		time.Minute)
	require.ErrorIs(t, err, attempt.ErrHeld)
	again, err := h.engine.Create(t.Context(), author("shop"),
		attempt.Key{Value: "known", Fingerprint: "f"}, orderOf("10.00"),
		time.Minute)
	require.NoError(t, err)
	require.NotNil(t, again.Earlier)
	key, err := h.journal.Key(t.Context(), "shop", "new")
	require.NoError(t, err)
	require.Nil(t, key, "the key may be used once the journal is released")

	_, err = h.engine.Confirm(t.Context(), "shop", made.ID, author("shop"), "", nil)
	require.ErrorIs(t, err, attempt.ErrHeld)
	p, err := h.engine.Payment(t.Context(), "shop", made.ID)
	require.NoError(t, err)
	require.Equal(t, made, p)
	_, err = h.engine.Refresh(t.Context(), "shop", made.ID)
	require.NoError(t, err)
	_, err = h.engine.Cancel(t.Context(), "shop", made.ID)
	require.NoError(t, err)
	require.Equal(t, []string{"create", "lookup", "cancel"}, asks(first))

	held.Store(false)
	_, err = h.engine.Create(t.Context(), author("shop"), attempt.Key{Value: "new", Fingerprint: "f"}, orderOf("10.00"),
		time.Minute)
	require.NoError(t, err)
}

func asks(p *provider) (operations []string) {
	for _, request := range p.requests() {
		operations = append(operations, request.operation)
	}
	return operations
}

func TestAHeldJournalMakesNoRun(t *testing.T) {
	t.Parallel()
	first := newProvider(t, says(`{"output":{}}`))
	h := counter(t, paymenttest.Settings{Hold: func() error { return attempt.ErrHeld }},
		clerk{probe: &probe{idempotency: none}}, first)
	_, err := h.engine.Perform(t.Context(), author("desk"), attempt.Key{Value: "k"}, payOf(ten), time.Minute)
	require.ErrorIs(t, err, attempt.ErrHeld)
	require.Empty(t, first.requests())
}

// A payment that is about to leave when the hold begins, and is not made yet, leaves nothing behind: its key is free.
func TestWhatIsOnItsWayWhenAJournalIsHeldIsNotMade(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		class abi.Idempotency
		held  bool
	}{"none": {none, true}, "keyed": {keyed, true}, "abandonable": {abandonable, false}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int64
			first := newProvider(t, says(`{"id":"a-1","status":"open"}`))
			h := one(t, &probe{name: "first", idempotency: row.class}, first, paymenttest.Settings{Hold: func() error {
				if asked.Add(1) == 2 { // the create's own question comes first, and then its request's
					return attempt.ErrHeld
				}
				return nil
			}})
			_, err := h.engine.Create(t.Context(), author("shop"), attempt.Key{Value: "k", Fingerprint: "f"}, orderOf("10.00"),
				time.Minute)
			if row.held {
				require.ErrorIs(t, err, attempt.ErrHeld)
				require.Empty(t, first.requests())
				left, _, err := h.engine.Payments(t.Context(), payment.Filter{})
				require.NoError(t, err)
				require.Empty(t, left, "what may not leave is not made")
				h.create(t, "k")
			} else {
				require.NoError(t, err)
			}

			left, _, err := h.engine.Payments(t.Context(), payment.Filter{})
			require.NoError(t, err)
			require.Len(t, left, 1)
			require.NoError(t, h.engine.Recover(t.Context()))
			p, err := h.engine.Payment(t.Context(), "shop", left[0].ID)
			require.NoError(t, err)
			require.Equal(t, payment.RequiresAction, p.Status)
			require.Len(t, first.requests(), 1)
		})
	}
}

// A wall clock that is ahead for a moment makes a provider's "not found" no more believable.
func TestNotFoundIsNotBelievedEarlierForAWallClockThatIsAhead(t *testing.T) {
	t.Parallel()
	clock := &clock{now: time.Now()}
	first := newProvider(t, says(`{"error":"absent"}`), resets)
	second := newProvider(t, says(`{"id":"b-1","status":"open"}`))
	var byJournal atomic.Int64
	byJournal.Store(1)
	h := newHarness(t,
		paymenttest.Settings{Now: clock.read, Clock: func() time.Duration { return time.Duration(byJournal.Load()) }},
		probed{name: "a", connector: &probe{name: "first", idempotency: keyed}, url: first.url},
		probed{name: "b", connector: &probe{name: "second", idempotency: keyed}, url: second.url})
	made := h.create(t, "k")
	require.Equal(t, payment.Unknown, made.Status)

	clock.advance(1000 * time.Hour)
	p, err := h.engine.Refresh(t.Context(), "shop", made.ID)
	require.NoError(t, err)
	require.Equal(t, payment.Unknown, p.Status)
	require.Empty(t, second.requests())

	byJournal.Add(int64(time.Hour))
	p, err = h.engine.Refresh(t.Context(), "shop", made.ID)
	require.NoError(t, err)
	require.Equal(t, payment.RequiresAction, p.Status)
	require.Equal(t, "b", p.Provider)
}
