package payment_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
	"payrouter/host/approval"
	"payrouter/host/attempt"
	"payrouter/host/health"
	"payrouter/host/operation"
	"payrouter/host/payment"
	"payrouter/host/payment/paymenttest"
	"payrouter/host/routing"
)

// jane approves; nobody else does.
var jane = approval.Approver{Name: "jane", Key: "key_jane"}

// heldHarness pays out by one account, and needs approval of every payout over 10 EUR.
func heldHarness(t *testing.T, settings paymenttest.Settings, at *provider) *harness {
	t.Helper()
	h := newHarness(t, settings, probed{
		name: "a", connector: &probe{name: "first", kind: abi.Kind_KIND_PAYOUT, idempotency: none}, url: at.url,
	})
	h.hold(t, nil, "- {name: all, to: a}", largePayouts)
	return h
}

// largePayouts are approvals of payouts over 10 EUR, and allConfirms of confirms.
const (
	largePayouts = `[{name: large, currency: EUR, over: "10", expires: 2h}]`
	allConfirms  = `[{name: confirms, kind: confirm, currency: EUR, expires: 2h}]`
)

// hold has the approvals beside these rules, and a book of their limits.
func (h *harness) hold(t *testing.T, book payment.Health, rules, approvals string) {
	t.Helper()
	before := h.engine.Fleet()
	var providers []routing.Provider
	for name, a := range before.Accounts {
		providers = append(providers, routing.Provider{Name: name, Flows: a.Plugin("").Manifest().GetFlows()})
	}
	next := &payment.Fleet{Fleet: attempt.Fleet{Accounts: before.Accounts}, Health: book}
	var err error
	next.Rules, err = approvingRules(providers, rules, approvals)
	require.NoError(t, err)
	h.engine.Serve(next)
}

func payoutOf(amount string) payment.Order {
	order := orderOf(amount)
	order.Kind = payment.Payout
	return order
}

// payout asks for a payout of 20 EUR with the shop's key.
func (h *harness) payout(t *testing.T, key string) payment.Payment {
	t.Helper()
	receipt, err := h.engine.Create(t.Context(), approval.Author{Merchant: "shop", Key: "key_shop"},
		attempt.Key{Value: key, Fingerprint: "f"}, payoutOf("20"), time.Minute)
	require.NoError(t, err)
	require.False(t, receipt.Waiting)
	return receipt.Value
}

func TestWhatNeedsApprovalIsJournalledAndNotSent(t *testing.T) {
	t.Parallel()
	at := newProvider(t, says(`{"id":"a-1","status":"working"}`))
	h := heldHarness(t, paymenttest.Settings{}, at)

	p := h.payout(t, "k")

	require.Equal(t, payment.AwaitingApproval, p.Status)
	require.Equal(t, "key_shop", p.Key)
	require.Equal(t, p, h.payment(t, p.ID))
	require.Equal(t, []payment.EntryType{payment.PaymentAwaitingApproval}, h.types(t, p.ID))
	require.NoError(t, h.engine.Recover(t.Context()))
	_, err := h.engine.Refresh(t.Context(), "shop", p.ID)
	require.NoError(t, err)
	_, err = h.engine.Report(t.Context(), "a", payment.Report{
		PaymentID: p.ID, ProviderReference: "a-1",
		Outcome: outcomeOf(abi.Status_STATUS_FAILED, "a-1"),
	})
	require.NoError(t, err)
	require.Equal(t, p, h.payment(t, p.ID), "a report of what was never sent does not end it")
	require.Empty(t, at.requests())

	sent, err := h.engine.Approve(t.Context(), "shop", p.ID, "", jane)

	require.NoError(t, err)
	require.Equal(t, payment.Processing, sent.Status)
	require.Equal(t, "jane", sent.Approval.DecidedBy)
	require.Equal(t, []string{"create"}, asks(at))
	require.Equal(t, []payment.EntryType{
		payment.PaymentAwaitingApproval, "payment.approved", payment.PaymentCreated, payment.PaymentProcessing,
	}, h.types(t, p.ID)[:4])
	timeline, err := h.engine.Timeline(t.Context(), "shop", p.ID)
	require.NoError(t, err)
	require.Equal(t, payment.ChangeCause{Cause: payment.ByOperator, Operator: "jane"}, timeline[1].ChangeCause)
}

func TestWhoDecidesOnAPayment(t *testing.T) {
	t.Parallel()
	at := newProvider(t, says(`{"id":"a-1","status":"working"}`))
	h := heldHarness(t, paymenttest.Settings{}, at)
	p := h.payout(t, "k")
	for what, by := range map[string]approval.Approver{
		"the author":                 {Name: "shop", Key: "key_shop"},
		"a key that the author made": {Name: "spare", Key: "key_spare", IssuedBy: []string{"key_other", "key_shop"}},
	} {
		_, err := h.engine.Approve(t.Context(), "", p.ID, "", by)
		require.ErrorIs(t, err, approval.ErrOwn, what)
		_, err = h.engine.Reject(t.Context(), "", p.ID, "", by, "no")
		require.ErrorIs(t, err, approval.ErrOwn, what)
	}
	_, err := h.engine.Approve(t.Context(), "desk", p.ID, "", jane)
	require.ErrorIs(t, err, payment.ErrNotFound, "another merchant's")
	_, err = h.engine.Approve(t.Context(), "", "pay_none", "", jane)
	require.ErrorIs(t, err, payment.ErrNotFound)
	require.Empty(t, at.requests())
	require.Equal(t, p, h.payment(t, p.ID))

	_, err = h.engine.Approve(t.Context(), "", p.ID, "", jane)
	require.NoError(t, err)
	_, err = h.engine.Approve(t.Context(), "", p.ID, "", jane)
	require.NoError(t, err, "a repetition")
	_, err = h.engine.Approve(t.Context(), "", p.ID, "", approval.Approver{Name: "joe", Key: "key_joe"})
	require.ErrorIs(t, err, payment.ErrState, "another has decided")
	require.Equal(t, []string{"create"}, asks(at))
	small, err := h.engine.Create(t.Context(), author("shop"),
		attempt.Key{Value: "small", Fingerprint: "f"}, payoutOf("10"), time.Minute)
	require.NoError(t, err)
	require.Nil(t, small.Value.Approval)
	_, err = h.engine.Approve(t.Context(), "", small.Value.ID, "", jane)
	require.ErrorIs(t, err, payment.ErrState, "it needs none")
}

// A crash after the approval, and before the first attempt: what was approved a moment ago is sent, however long it had
// waited, and what was approved long ago is not.
func TestTheTimeToSendCountsFromTheApproval(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		approved time.Duration
		status   payment.Status
		asked    []string
	}{
		"a moment ago": {time.Second, payment.Processing, []string{"create"}},
		"long ago":     {window + time.Minute, payment.Failed, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := newProvider(t, says(`{"id":"a-1","status":"working"}`))
			h := heldHarness(t, paymenttest.Settings{
				SendWithin: window, Clock: func() time.Duration { return 100 * time.Hour },
			}, at)
			p := h.payout(t, "k")
			now := time.Now().UTC()
			crashed := p
			crashed.ID, crashed.CreatedAt, crashed.MadeClock = "pay_1", now.Add(-50*time.Hour), 50*time.Hour
			_, err := h.journal.Create(t.Context(), changeOf(crashed),
				attempt.Key{Merchant: "shop", Value: "crashed", Owner: crashed.OwnerID()})
			require.NoError(t, err)
			crashed.Version, crashed.Status = 2, payment.Created
			crashed.Approval = p.Approval.Decide(approval.Approved, jane, "", now.Add(-row.approved), 100*time.Hour-row.approved)
			require.NoError(t, h.journal.Save(t.Context(), changeOf(crashed)))

			require.NoError(t, h.engine.Recover(t.Context()))
			require.NoError(t, h.engine.Recover(t.Context()))

			require.Equal(t, row.status, h.payment(t, "pay_1").Status)
			require.Equal(t, row.asked, asks(at))
			require.Equal(t, p, h.payment(t, p.ID))
		})
	}
}

// A copy of the journal from before an approval does not know what was sent: nothing of it is sent a second time, nor
// said never to have been sent.
func TestAJournalThatIsBehindDecidesOnNoApproval(t *testing.T) {
	t.Parallel()
	for name, act := range map[string]func(ctx context.Context, h *harness, id string) error{
		"approve": func(ctx context.Context, h *harness, id string) error {
			_, err := h.engine.Approve(ctx, "", id, "", jane)
			return err
		},
		"reject": func(ctx context.Context, h *harness, id string) error {
			_, err := h.engine.Reject(ctx, "", id, "", jane, "no")
			return err
		},
		"cancel": func(ctx context.Context, h *harness, id string) error {
			_, err := h.engine.Cancel(ctx, "shop", id)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var held, doubtful atomic.Bool
			at := newProvider(t, says(`{"id":"a-1","status":"working"}`))
			h := heldHarness(t, paymenttest.Settings{
				Hold: func() error {
					if held.Load() {
						return attempt.ErrHeld
					}
					return nil
				},
				Doubtful: func(time.Duration) bool { return doubtful.Load() },
			}, at)
			p := h.payout(t, "k")
			doubtful.Store(true)
			if name != "cancel" {
				held.Store(true)
				require.ErrorIs(t, act(t.Context(), h, p.ID), attempt.ErrHeld)
				require.Equal(t, p, h.payment(t, p.ID))
				held.Store(false)
			}

			require.NoError(t, act(t.Context(), h, p.ID))

			after := h.payment(t, p.ID)
			require.Equal(t, payment.Unknown, after.Status)
			require.Equal(t, attempt.AlertBehind, after.Alert)
			require.Empty(t, after.Approval.Verdict)
			require.Empty(t, at.requests())
			require.Len(t, h.attempts(t, p.ID), 1, "an attempt stands for the request that may have left")
		})
	}
}

// An approval takes its part of the rule's limits; what awaits one takes none.
func TestLimitsCountWhatIsApproved(t *testing.T) {
	t.Parallel()
	at := newProvider(t, says(`{"id":"a-*","status":"working"}`))
	h := heldHarness(t, paymenttest.Settings{}, at)
	book := &health.Statistics{}
	h.hold(t, book, "- {name: all, when: {currency: EUR}, limits: {per_day: 1}, to: a}", largePayouts)
	first, second := h.payout(t, "first"), h.payout(t, "second")
	require.Zero(t, book.Used("all", time.Now()).Day)

	_, err := h.engine.Approve(t.Context(), "", first.ID, "", jane)
	require.NoError(t, err)
	require.Equal(t, 1, book.Used("all", time.Now()).Day)
	_, err = h.engine.Approve(t.Context(), "", second.ID, "", jane)

	var nowhere *payment.NoRouteError
	require.ErrorAs(t, err, &nowhere)
	require.Equal(t, "per_day", nowhere.Decision.Tried[0].Limit)
	require.Equal(t, second, h.payment(t, second.ID), "it goes on waiting")
	require.Equal(t, []string{"create"}, asks(at))
	_, err = h.engine.Create(t.Context(), author("shop"),
		attempt.Key{Value: "third", Fingerprint: "f"}, payoutOf("20"), time.Minute)
	require.ErrorAs(t, err, &nowhere, "what no rule takes is refused, not held")
}

// A payment expires once both clocks are past its time; a wall clock that is ahead for a moment ends nothing, and
// nobody can approve it while that shows a time after the end.
func TestAPaymentExpiresThatNobodyApproves(t *testing.T) {
	t.Parallel()
	wall := &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	var own atomic.Int64
	own.Store(int64(time.Hour))
	at := newProvider(t, says(`{"id":"a-1","status":"working"}`))
	h := heldHarness(t, paymenttest.Settings{
		Now: wall.read, Clock: func() time.Duration { return time.Duration(own.Load()) },
	}, at)
	reconciler := payment.NewReconciler(h.engine.Engine, payment.ReconcilerSettings{})
	p := h.payout(t, "k")
	require.Equal(t, wall.read().Add(2*time.Hour), p.Approval.ExpiresAt)

	h.later(t, reconciler, wall, 3*time.Hour)
	require.Equal(t, payment.AwaitingApproval, h.payment(t, p.ID).Status)
	_, err := h.engine.Approve(t.Context(), "", p.ID, "", jane)
	require.ErrorIs(t, err, payment.ErrState)
	require.ErrorContains(t, err, "until 2026-03-01T14:00:00Z")
	h.later(t, reconciler, wall, -3*time.Hour)
	own.Add(int64(2*time.Hour - time.Second))
	h.later(t, reconciler, wall, 2*time.Hour-time.Second)
	require.Equal(t, payment.AwaitingApproval, h.payment(t, p.ID).Status)
	own.Add(int64(2 * time.Second))
	h.later(t, reconciler, wall, 2*time.Second)

	expired := h.payment(t, p.ID)
	require.Equal(t, payment.Expired, expired.Status)
	require.Zero(t, expired.NextCheck)
	require.Equal(t, payment.ByPoll, h.last(t, p.ID).Cause)
	require.Empty(t, at.requests())
	_, err = h.engine.Approve(t.Context(), "", p.ID, "", jane)
	require.ErrorIs(t, err, payment.ErrState)
}

func TestARejectionNeedsAReasonAndChangesNothingWithoutOne(t *testing.T) {
	t.Parallel()
	h := heldHarness(t, paymenttest.Settings{}, newProvider(t, says(`{}`)))
	p := h.payout(t, "k")
	_, err := h.engine.Reject(t.Context(), "", p.ID, "", jane, "")
	require.ErrorContains(t, err, "reason: is missing")
	require.Equal(t, p, h.payment(t, p.ID))
	rejected, err := h.engine.Reject(t.Context(), "", p.ID, "", jane, "not our payee")
	require.NoError(t, err)
	require.Equal(t, &attempt.Failure{Code: "rejected", Class: attempt.Hard, Message: "it was not approved"},
		rejected.Failure)
	entry := h.last(t, p.ID)
	require.Equal(t, payment.ChangeCause{Cause: payment.ByOperator, Operator: "jane", Reason: "not our payee"},
		entry.ChangeCause)
}

// An approver approves what there was to read: nothing of it changes meanwhile.
func TestAPaymentIsFrozenWhileItAwaitsApproval(t *testing.T) {
	t.Parallel()
	h := heldHarness(t, paymenttest.Settings{}, newProvider(t, says(`{}`)))
	p := h.payout(t, "k")
	other := "another"
	for what, edit := range map[string]payment.Edit{
		"its reference":   {Reference: &other},
		"its metadata":    {Metadata: map[string]string{"tier": "gold"}},
		"its description": {Description: &other},
	} {
		_, err := h.engine.Update(t.Context(), "shop", p.ID, edit)
		require.ErrorIs(t, err, payment.ErrState, what)
	}
	_, err := h.engine.Confirm(t.Context(), "shop", p.ID, author("shop"), "", nil)
	require.ErrorIs(t, err, payment.ErrState)
	_, err = h.engine.Resolve(t.Context(), p.ID,
		payment.ManualResolution{Operator: "jane", Reason: "x", Status: payment.Succeeded})
	require.ErrorIs(t, err, payment.ErrState)
	require.Equal(t, p, h.payment(t, p.ID))
}

// heldRuns is a counter at which every operation needs approval.
func heldRuns(t *testing.T, settings paymenttest.Settings, at *provider) *harness {
	t.Helper()
	h := counter(t, settings, clerk{probe: &probe{idempotency: none}}, at)
	before := h.engine.Fleet()
	next := &payment.Fleet{Fleet: attempt.Fleet{Accounts: before.Accounts}}
	var err error
	next.Rules, err = approvingRules([]routing.Provider{{
		Name: "a", Flows: before.Accounts["a"].Plugin("").Manifest().GetFlows(), Operations: []string{"pay"},
	}}, "- {name: all, to: a}", "[{name: by-hand, provider: a, operation: pay, expires: 2h}]")
	require.NoError(t, err)
	h.engine.Serve(next)
	return h
}

func TestARunThatIsBehindOrApprovedLongAgoIsNotSent(t *testing.T) {
	t.Parallel()
	var doubtful atomic.Bool
	at := newProvider(t, says(`{"output":{}}`))
	h := heldRuns(t, paymenttest.Settings{
		SendWithin: window, Doubtful: func(time.Duration) bool { return doubtful.Load() },
	}, at)
	approved, rejected := h.perform(t, "approve", payOf(ten)), h.perform(t, "reject", payOf(ten))
	require.Equal(t, operation.AwaitingApproval, approved.Status)
	for n, row := range []struct {
		ago    time.Duration
		status operation.Status
	}{{time.Second, operation.Succeeded}, {window + time.Minute, operation.Failed}} {
		crashed := approved
		crashed.ID = fmt.Sprintf("op_%d", n)
		crashed.CreatedAt, crashed.MadeClock = crashed.CreatedAt.Add(-50*time.Hour), 0
		_, err := h.journal.CreateRun(t.Context(), crashed,
			attempt.Key{Merchant: "desk", Value: crashed.ID, Owner: crashed.OwnerID()})
		require.NoError(t, err)
		crashed.Version, crashed.Status = 2, operation.Processing
		crashed.Approval = approved.Approval.Decide(approval.Approved, jane, "", time.Now().Add(-row.ago), 0)
		require.NoError(t, h.journal.SaveRun(t.Context(), operation.Change{Run: crashed}))
		require.NoError(t, h.engine.Recover(t.Context()))
		run, err := h.engine.Run(t.Context(), crashed.ID)
		require.NoError(t, err)
		require.Equal(t, row.status, run.Status)
	}
	require.Len(t, at.requests(), 1)

	doubtful.Store(true)
	run, err := h.engine.ApproveRun(t.Context(), approved.ID, jane)
	require.NoError(t, err)
	require.Equal(t, operation.Unknown, run.Status)
	run, err = h.engine.RejectRun(t.Context(), rejected.ID, jane, "no")
	require.NoError(t, err)
	require.Equal(t, operation.Unknown, run.Status)
	require.Equal(t, attempt.AlertBehind, run.Alert)
	require.Len(t, at.requests(), 1)
}

func TestARunExpiresThatNobodyApproves(t *testing.T) {
	t.Parallel()
	wall := &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	var own atomic.Int64
	own.Store(int64(time.Hour))
	at := newProvider(t, says(`{"output":{}}`))
	h := heldRuns(t, paymenttest.Settings{
		Now: wall.read, Clock: func() time.Duration { return time.Duration(own.Load()) },
	}, at)
	run := h.perform(t, "k", payOf(ten))
	status := func() operation.Status {
		require.NoError(t, h.engine.Recover(t.Context()))
		standing, err := h.engine.Run(t.Context(), run.ID)
		require.NoError(t, err)
		return standing.Status
	}
	wall.advance(3 * time.Hour)
	require.Equal(t, operation.AwaitingApproval, status(), "by the wall clock alone")
	_, err := h.engine.ApproveRun(t.Context(), run.ID, jane)
	require.ErrorIs(t, err, operation.ErrState)
	own.Add(int64(2 * time.Hour))
	require.Equal(t, operation.Failed, status())
	run, err = h.engine.Run(t.Context(), run.ID)
	require.NoError(t, err)
	require.Equal(t, "expired", run.Failure.Code)
	require.Empty(t, at.requests())
}
