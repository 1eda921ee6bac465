package payment_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
	"payrouter/host/approval"
	"payrouter/host/attempt"
	"payrouter/host/payment"
	"payrouter/host/payment/paymenttest"
)

// desk asks for confirms.
var desk = approval.Author{Merchant: "shop", Name: "desk", Key: "key_desk"}

// odd is an input with white space, an escape and an order of its own.
const odd = "{ \"to\" :\"caf\\u00e9\",\n\t\"amount\": 1.0 }"

// opens answers a create, and afterwards as usual.
func opens(t *testing.T, usual http.HandlerFunc, answers ...http.HandlerFunc) *provider {
	t.Helper()
	return newProvider(t, usual, append([]http.HandlerFunc{says(`{"id":"a-1","status":"open"}`)}, answers...)...)
}

// confirming is a harness at which confirms need approval, with a payment that its payer has to pay.
func confirming(t *testing.T, settings paymenttest.Settings, at *provider) (*harness, payment.Payment) {
	t.Helper()
	h := one(t, &probe{name: "first", idempotency: none}, at, settings)
	h.hold(t, nil, "- {name: all, to: a}", allConfirms)
	p := h.create(t, "k")
	require.Equal(t, payment.RequiresAction, p.Status)
	return h, p
}

// ask asks for a confirm, which has to await approval.
func (h *harness) ask(t *testing.T, id string) payment.Payment {
	t.Helper()
	p, err := h.engine.Confirm(t.Context(), "shop", id, desk, "", []byte(odd))
	require.NoError(t, err)
	require.True(t, p.Confirmation.Awaits())
	return p
}

func (h *harness) approve(t *testing.T, id string) (payment.Payment, error) {
	t.Helper()
	return h.engine.Approve(t.Context(), "", id, "", jane)
}

func TestAConfirmThatNeedsApprovalIsJournalledAndNotSent(t *testing.T) {
	t.Parallel()
	at := opens(t, says(`{"id":"a-1","status":"paid"}`))
	h, made := confirming(t, paymenttest.Settings{}, at)

	p := h.ask(t, made.ID)

	require.Equal(t, payment.RequiresAction, p.Status)
	require.Equal(t, made.NextAction, p.NextAction)
	require.Equal(t, p, h.payment(t, p.ID))
	require.Equal(t, "confirm", p.Confirmation.Operation, "the default, by its name")
	require.True(t, bytes.Equal([]byte(odd), p.Confirmation.Input))
	require.Equal(t, "desk", p.Confirmation.AskedBy)
	require.Equal(t, "confirms", p.Confirmation.Approval.RequiredBy)
	require.Equal(t, payment.EntryType("payment.approval_requested"), h.last(t, p.ID).Type)
	require.NotContains(t, string(h.last(t, p.ID).Snapshot), "input", "it may have what is the payer's")
	require.NotContains(t, h.log.String(), "caf")
	_, err := h.engine.Confirm(t.Context(), "shop", p.ID, desk, "", nil)
	require.ErrorIs(t, err, payment.ErrState)
	other := "another"
	_, err = h.engine.Update(t.Context(), "shop", p.ID, payment.Edit{Reference: &other})
	require.ErrorIs(t, err, payment.ErrState)
	require.NoError(t, h.engine.Recover(t.Context()))
	require.Equal(t, p, h.payment(t, p.ID))
	require.Equal(t, []string{"create"}, asks(at))

	sent, err := h.approve(t, p.ID)

	require.NoError(t, err)
	require.Equal(t, payment.Succeeded, sent.Status)
	require.Equal(t, "jane", sent.Confirmation.Approval.DecidedBy)
	require.Nil(t, sent.Confirmation.Input)
	require.Equal(t, []string{"create", "confirm"}, asks(at))
	attempts := h.attempts(t, p.ID)
	var call abi.Call
	require.NoError(t, call.UnmarshalVTUnsafe(attempts[len(attempts)-1].Call))
	require.True(t, bytes.Equal([]byte(odd), call.GetInput()), "what was approved is what is sent")
	timeline, err := h.engine.Timeline(t.Context(), "shop", p.ID)
	require.NoError(t, err)
	timeline = timeline[len(timeline)-2:]
	require.Equal(t, payment.EntryType("payment.approved"), timeline[0].Type)
	require.Equal(t, payment.ChangeCause{Cause: payment.ByOperator, Operator: "jane"}, timeline[0].ChangeCause)
	require.Equal(t, payment.PaymentSucceeded, timeline[1].Type)
	require.Equal(t, payment.ChangeCause{Cause: payment.ByAnswer}, timeline[1].ChangeCause)
	again, err := h.approve(t, p.ID)
	require.NoError(t, err, "a repetition")
	require.Equal(t, sent, again)
	require.Len(t, at.requests(), 2)
}

func TestWhoDecidesOnAConfirm(t *testing.T) {
	t.Parallel()
	at := opens(t, says(`{"id":"a-1","status":"paid"}`))
	h := one(t, &probe{name: "first", idempotency: none}, at, paymenttest.Settings{})
	h.hold(t, nil, "- {name: all, to: a}", allConfirms)
	receipt, err := h.engine.Create(t.Context(), approval.Author{Merchant: "shop", Key: "key_shop"},
		attempt.Key{Value: "k", Fingerprint: "f"}, orderOf("10.00"), time.Minute)
	require.NoError(t, err)
	p := h.ask(t, receipt.Value.ID)
	for what, by := range map[string]approval.Approver{
		"who asked":                     {Name: "desk", Key: "key_desk"},
		"a key that whoever asked made": {Name: "spare", Key: "key_spare", IssuedBy: []string{"key_desk"}},
	} {
		_, err := h.engine.Approve(t.Context(), "", p.ID, "", by)
		require.ErrorIs(t, err, approval.ErrOwn, what)
		_, err = h.engine.Reject(t.Context(), "", p.ID, "", by, "no")
		require.ErrorIs(t, err, approval.ErrOwn, what)
	}
	_, err = h.engine.Approve(t.Context(), "desk", p.ID, "", jane)
	require.ErrorIs(t, err, payment.ErrNotFound, "another merchant's")
	_, err = h.engine.Approve(t.Context(), "", p.ID, "cfm_another", jane)
	require.ErrorIs(t, err, payment.ErrState)
	require.Equal(t, p, h.payment(t, p.ID))

	_, err = h.engine.Approve(t.Context(), "", p.ID, p.Confirmation.ID, approval.Approver{Name: "shop", Key: "key_shop"})

	require.NoError(t, err, "the payment's author did not ask for the confirm")
	require.Equal(t, []string{"create", "confirm"}, asks(at))
}

// What ends the payment ends its confirm, whoever reports it.
func TestAConfirmEndsWithItsPayment(t *testing.T) {
	t.Parallel()
	for what, end := range map[string]func(ctx context.Context, h *harness, id string) error{
		"a look-up": func(ctx context.Context, h *harness, id string) error {
			_, err := h.engine.Refresh(ctx, "shop", id)
			return err
		},
		"a report": func(ctx context.Context, h *harness, id string) error {
			_, err := h.engine.Report(ctx, "a", payment.Report{
				ProviderReference: "a-1", Outcome: outcomeOf(abi.Status_STATUS_CANCELED, "a-1"),
			})
			return err
		},
		"a cancel": func(ctx context.Context, h *harness, id string) error {
			_, err := h.engine.Cancel(ctx, "shop", id)
			return err
		},
		"an operator": func(ctx context.Context, h *harness, id string) error {
			_, err := h.engine.Resolve(ctx, id, payment.ManualResolution{
				Operator: "jane", Reason: "x", Status: payment.Canceled,
			})
			return err
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			at := opens(t, says(`{"id":"a-1","status":"canceled"}`))
			h, made := confirming(t, paymenttest.Settings{}, at)
			h.ask(t, made.ID)

			require.NoError(t, end(t.Context(), h, made.ID))

			p := h.payment(t, made.ID)
			require.Equal(t, payment.Canceled, p.Status)
			require.True(t, p.Confirmation.Lapsed)
			require.Nil(t, p.Confirmation.Input)
			_, err := h.approve(t, made.ID)
			require.ErrorIs(t, err, payment.ErrState)
			_, err = h.engine.Reject(t.Context(), "", made.ID, "", jane, "no")
			require.ErrorIs(t, err, payment.ErrState)
			require.NotContains(t, asks(at), "confirm")
		})
	}
}

// Whoever cancels a payment wants no confirm of it any more, even where the provider does not cancel it.
func TestACancelThatIsDeclinedEndsAConfirm(t *testing.T) {
	t.Parallel()
	at := opens(t, says(`{"error":"fraud"}`))
	h, made := confirming(t, paymenttest.Settings{}, at)
	h.ask(t, made.ID)
	_, err := h.engine.Cancel(t.Context(), "shop", made.ID)
	var declined *attempt.DeclinedError
	require.ErrorAs(t, err, &declined)
	p := h.payment(t, made.ID)
	require.Equal(t, payment.RequiresAction, p.Status)
	require.True(t, p.Confirmation.Lapsed)
	_, err = h.approve(t, made.ID)
	require.ErrorIs(t, err, payment.ErrState)
	require.Equal(t, []string{"create", "cancel"}, asks(at))
}

// Its time ends by both clocks, in every status in which a confirm can wait, and also while its provider cannot be
// asked.
func TestAConfirmLapsesThatNobodyApproves(t *testing.T) {
	t.Parallel()
	late := says(`{"id":"a-1","status":"canceled","received":10}`)
	for what, row := range map[string]struct {
		answers []http.HandlerFunc
		usual   http.HandlerFunc
		status  payment.Status
		deaf    bool
	}{
		"before its end": {usual: says(`{"id":"a-1","status":"open"}`), status: payment.RequiresAction},
		"while the provider is away": {
			usual: says(`{"id":"a-1","status":"open"}`), status: payment.RequiresAction, deaf: true,
		},
		"of money that came late": {
			answers: []http.HandlerFunc{says(`{"id":"a-1","status":"canceled"}`), late}, usual: late, status: payment.Canceled,
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			wall := &clock{now: time.Now().UTC().Truncate(time.Second)}
			var own atomic.Int64
			own.Store(int64(time.Hour))
			at := opens(t, row.usual, row.answers...)
			h, made := confirming(t, paymenttest.Settings{
				Now: wall.read, Clock: func() time.Duration { return time.Duration(own.Load()) },
			}, at)
			for range row.answers {
				_, err := h.engine.Refresh(t.Context(), "shop", made.ID)
				require.NoError(t, err)
			}
			p := h.ask(t, made.ID)
			require.Equal(t, row.status, p.Status)
			require.Equal(t, wall.read().Add(2*time.Hour), p.Confirmation.Approval.ExpiresAt)
			if row.deaf {
				h.away(errors.New("the breaker is open"))
			}
			reconciler := payment.NewReconciler(h.engine.Engine, payment.ReconcilerSettings{})

			if !row.status.Terminal() {
				h.later(t, reconciler, wall, 3*time.Hour)
				require.True(t, h.payment(t, p.ID).Confirmation.Awaits(), "by the wall clock alone")
				_, err := h.approve(t, p.ID)
				require.ErrorIs(t, err, payment.ErrState)
				require.ErrorContains(t, err, "until "+p.Confirmation.Approval.ExpiresAt.Format(time.RFC3339))
				h.later(t, reconciler, wall, -3*time.Hour)
			}
			own.Add(int64(2*time.Hour - time.Second))
			h.later(t, reconciler, wall, 2*time.Hour-time.Second)
			require.True(t, h.payment(t, p.ID).Confirmation.Awaits())
			own.Add(int64(2 * time.Second))
			h.later(t, reconciler, wall, 2*time.Second)

			after := h.payment(t, p.ID)
			require.True(t, after.Confirmation.Lapsed)
			require.Equal(t, row.status, after.Status)
			require.Equal(t, payment.PaymentUpdated, h.last(t, p.ID).Type)
			require.Equal(t, payment.ByPoll, h.last(t, p.ID).Cause)
			if row.status.Terminal() {
				require.Zero(t, after.NextCheck)
			}
			_, err := h.approve(t, p.ID)
			require.ErrorIs(t, err, payment.ErrState)
			require.NotContains(t, asks(at), "confirm")
			h.away(nil)
			h.ask(t, p.ID)
		})
	}
}

// gone is an account's way to its provider, with an error in it.
type gone struct {
	attempt.Egress
	err error
}

func (g gone) Available() error { return g.err }
func (g gone) Askable() error   { return g.err }

// away has account a be available no more; nil brings it back.
func (h *harness) away(err error) {
	before := h.engine.Fleet()
	a := *before.Accounts["a"]
	if g, was := a.Egress.(gone); was {
		a.Egress = g.Egress
	}
	a.Egress = gone{a.Egress, err}
	h.engine.Serve(&payment.Fleet{
		Fleet: attempt.Fleet{Accounts: map[string]*attempt.Account{"a": &a}}, Rules: before.Rules,
	})
}

// What cannot be sent when it is approved goes on waiting, and is sent once by a later approval.
func TestAConfirmThatCannotBeSentYetGoesOnWaiting(t *testing.T) {
	t.Parallel()
	var held atomic.Bool
	at := opens(t, says(`{"id":"a-1","status":"paid"}`))
	h, made := confirming(t, paymenttest.Settings{Hold: func() error {
		if held.Load() {
			return attempt.ErrHeld
		}
		return nil
	}}, at)
	held.Store(true)
	_, err := h.engine.Confirm(t.Context(), "shop", made.ID, desk, "", nil)
	require.ErrorIs(t, err, attempt.ErrHeld)
	held.Store(false)
	p := h.ask(t, made.ID)

	held.Store(true)
	_, err = h.approve(t, p.ID)
	require.ErrorIs(t, err, attempt.ErrHeld)
	held.Store(false)
	h.away(errors.New("the breaker is open"))
	_, err = h.approve(t, p.ID)
	require.ErrorIs(t, err, attempt.ErrUnavailable)
	h.away(nil)
	failing := &brittle{DB: h.journal, failing: []bool{true}}
	broken := paymenttest.New(failing, h.engine.Fleet(), paymenttest.Settings{Clock: h.journal.Clock})
	t.Cleanup(func() { require.NoError(t, broken.Shutdown(context.Background())) })
	_, err = broken.Approve(t.Context(), "", p.ID, "", jane)
	require.ErrorIs(t, err, attempt.ErrJournal, "a crash before the attempt is in the journal is the same")

	require.Equal(t, p, h.payment(t, p.ID))
	require.NoError(t, h.engine.Recover(t.Context()))
	require.Equal(t, p, h.payment(t, p.ID))
	require.Equal(t, []string{"create"}, asks(at))
	sent, err := h.approve(t, p.ID)
	require.NoError(t, err)
	require.Equal(t, payment.Succeeded, sent.Status)
	require.Equal(t, []string{"create", "confirm"}, asks(at))
}

// A crash after the attempt was journalled: it may have left, and is not sent a second time.
func TestAnApprovedConfirmIsNotSentAgainAfterACrash(t *testing.T) {
	t.Parallel()
	at := opens(t, says(`{"id":"a-1","status":"open"}`))
	h, made := confirming(t, paymenttest.Settings{}, at)
	crashed := h.ask(t, made.ID)
	over := *crashed.Confirmation
	over.Approval = *over.Approval.Decide(approval.Approved, jane, "", time.Now().UTC(), 0)
	over.Input = nil
	crashed.Confirmation, crashed.Version, crashed.Attempts = &over, crashed.Version+1, 2
	require.NoError(t, h.journal.Save(t.Context(), changeOf(crashed, attempt.Attempt{
		ID: "att_x", Owner: crashed.OwnerID(), Number: 2, Provider: "a", Role: attempt.RoleConfirm, Operation: "confirm",
		Idempotency: "none", Sent: true, StartedAt: time.Now().UTC(),
	})))

	require.NoError(t, h.engine.Recover(t.Context()))
	require.NoError(t, h.engine.Recover(t.Context()))

	p := h.payment(t, made.ID)
	require.Equal(t, payment.Unknown, p.Status)
	require.True(t, p.Confirmation.Approval.Is(approval.Approved))
	require.Equal(t, []string{"create"}, asks(at))
}

// A copy of the journal from before an approval does not know what was sent: nothing of it is sent a second time.
func TestAJournalThatIsBehindSendsNoConfirm(t *testing.T) {
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
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var doubtful atomic.Bool
			at := opens(t, says(`{"id":"a-1","status":"open"}`))
			h, made := confirming(t, paymenttest.Settings{
				Doubtful: func(time.Duration) bool { return doubtful.Load() },
			}, at)
			h.ask(t, made.ID)
			doubtful.Store(true)

			require.NoError(t, act(t.Context(), h, made.ID))

			p := h.payment(t, made.ID)
			require.Equal(t, payment.Unknown, p.Status)
			require.Equal(t, attempt.AlertBehind, p.Alert)
			require.True(t, p.Confirmation.Lapsed)
			require.Equal(t, []string{"create"}, asks(at))
		})
	}
}

// The provider's answer to an approved confirm is the approver's: the approval stands, and the payment says what became
// of it.
func TestAnApprovedConfirmThatTheProviderDeclinesIsOver(t *testing.T) {
	t.Parallel()
	for what, row := range map[string]struct {
		answer http.HandlerFunc
		status payment.Status
		fails  bool
	}{
		"declined":   {says(`{"error":"limit"}`), payment.RequiresAction, true},
		"unanswered": {hangsUp, payment.Unknown, false},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			at := opens(t, row.answer)
			h, made := confirming(t, paymenttest.Settings{}, at)
			h.ask(t, made.ID)

			_, err := h.approve(t, made.ID)

			require.Equal(t, row.fails, err != nil, fmt.Sprint(err))
			p := h.payment(t, made.ID)
			require.Equal(t, row.status, p.Status)
			require.True(t, p.Confirmation.Approval.Is(approval.Approved))
			_, err = h.approve(t, made.ID)
			require.NoError(t, err, "a repetition changes nothing")
			require.Equal(t, []string{"create", "confirm"}, asks(at))
		})
	}
}

// The money of a payment that ended is taken in by an approved confirm as by any other.
func TestMoneyThatCameLateIsTakenInOnceItIsApproved(t *testing.T) {
	t.Parallel()
	late := says(`{"id":"a-1","status":"canceled","received":10}`)
	at := opens(t, late, says(`{"id":"a-1","status":"canceled"}`))
	h, made := confirming(t, paymenttest.Settings{}, at)
	for range 2 {
		_, err := h.engine.Refresh(t.Context(), "shop", made.ID)
		require.NoError(t, err)
	}
	h.ask(t, made.ID)

	p, err := h.approve(t, made.ID)

	require.NoError(t, err)
	require.Equal(t, payment.Canceled, p.Status)
	require.Contains(t, p.Alert, "taken in after the payment had ended")
	require.True(t, p.Confirmation.Approval.Is(approval.Approved))
	require.Equal(t, []string{"create", "lookup", "lookup", "confirm"}, asks(at))
}
