package payment

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	abi "payrouter/abi/v1"
	"payrouter/host/approval"
	"payrouter/host/attempt"
	"payrouter/host/routing"
)

// Confirm moves a payment on at the merchant's word, where its provider knows such a thing. operation chooses one of
// several, and is empty for the default; input is what that operation takes, JSON or empty. Of a payment that ended
// without success it takes in the money that a conflict shows: the status stays.
//
// A confirm that needs a person's approval is journalled, and not sent (see Approve): the payment's Confirmation awaits
// then. While it does, any other confirm is ErrState.
func (e *Engine) Confirm(ctx context.Context, merchant, id string, by approval.Author, operation string,
	input []byte,
) (Payment, error) {
	return e.withLock(ctx, merchant, id, ChangeCause{Cause: ByRequest},
		func(ctx context.Context, s *session, p Payment) (Payment, error) {
			if s.confirmLapsed(p) {
				ended, err := s.lapseConfirm(ctx, p)
				if err != nil {
					return p, err
				}
				p = ended
			}
			if p.Confirmation.Awaits() {
				return p, fmt.Errorf("confirm: %s, which was asked for before, awaits approval until %s: %w",
					p.Confirmation.Operation, p.Confirmation.Approval.ExpiresAt.Format(time.RFC3339), ErrState)
			}
			p, at, err := s.confirmable(ctx, p, operation)
			if err != nil {
				return p, err
			}
			if entry, needed := s.needsApproval(p, at, input); needed {
				return s.holdConfirm(ctx, p, at, by, input, entry)
			}
			return s.confirm(ctx, p, operation, input)
		})
}

// confirmable refuses a confirm that the payment's status does not allow. It looks a payment up where the manifest
// lists from which statuses the operation makes sense, and refuses it in any other: a provider's refusal of what may
// move money is not always readable, and would leave a healthy payment unknown.
func (s *session) confirmable(ctx context.Context, p Payment, operation string) (Payment, attempt.Plan, error) {
	if p.retrievable() {
		if err := s.mayRetrieve(ctx, p); err != nil {
			return p, attempt.Plan{}, err
		}
	} else if p.Status.Terminal() || p.Status == Unknown || p.Status == AwaitingApproval {
		return p, attempt.Plan{}, fmt.Errorf("confirm: it is %s: %w", p.Status, ErrState)
	}
	at, err := s.planFor(p, abi.Role_ROLE_CONFIRM, operation)
	if err != nil {
		return p, at, err
	}
	action := abi.ActionFor(abi.FlowOf(at.Connector.Manifest(), p.Kind.ABI()), abi.Role_ROLE_CONFIRM,
		at.Operation.GetName())
	if len(action.GetFrom()) == 0 {
		return p, at, nil
	}
	code, alert := p.AlertCode, p.Alert
	p, end, err := s.ask(ctx, p, "")
	switch {
	case err != nil:
		return p, at, err
	case end.Event != attempt.Accepted:
		return p, at, fmt.Errorf("%s: the provider does not report where the payment stands: %w", at.Operation.GetName(),
			attempt.ErrUnanswered)
	case !slices.Contains(action.GetFrom(), standingOf(end.Outcome)):
		return p, at, &attempt.DeclinedError{Failure: &attempt.Failure{
			Code: "invalid_request", Class: attempt.Hard,
			Message: fmt.Sprintf("%s is not possible: the provider reports the payment as %s",
				at.Operation.GetName(), statusOf(end.Outcome.GetStatus())),
		}}
	}
	// What the look-up found to complain of ("paid in part") is what the operation settles.
	return p.alerted(code, alert), at, nil
}

// confirm has the provider of a payment do what a confirm asks for.
func (s *session) confirm(ctx context.Context, p Payment, operation string, input []byte) (Payment, error) {
	if p.retrievable() {
		return s.retrieve(ctx, p, operation, input)
	}
	return s.act(ctx, p, p.Order, abi.Role_ROLE_CONFIRM, operation, input)
}

// holdConfirm has a confirm await approval, once its plugin can make a request of it: what cannot be sent is not worth
// an approver's time.
func (s *session) holdConfirm(ctx context.Context, p Payment, at attempt.Plan, by approval.Author, input []byte,
	entry routing.Approval,
) (Payment, error) {
	if err := s.driver.Settings.Hold(); err != nil {
		return p, err
	}
	if err := stillConfirmable(p); err != nil {
		return p, err
	}
	if err := atProvider(p, at); err != nil {
		return p, err
	}
	if err := at.Prepare(ctx, s.callFor(p, at, input, time.Time{})).Err(); err != nil {
		return p, err
	}
	id, err := s.driver.NewID("cfm_")
	if err != nil {
		return p, fmt.Errorf("make a confirm's id: %w", err)
	}
	now := s.now()
	p.Confirmation = &Confirmation{
		ID: id, Operation: at.Operation.GetName(), Input: slices.Clone(input), AskedBy: by.Name, Key: by.Key, AskedAt: now,
		AskedClock: s.driver.Settings.Clock(),
		Approval:   approval.Record{RequiredBy: entry.Name, ExpiresAt: now.Add(entry.Expires)},
	}
	s.log.InfoContext(ctx, "a confirm awaits approval", slog.String("payment", p.ID), slog.String("confirm", id),
		slog.String("operation", p.Confirmation.Operation), slog.String("by", by.Name))
	return s.save(ctx, p)
}

// stillConfirmable is ErrState where a look-up has just ended a payment.
func stillConfirmable(p Payment) error {
	if p.Status.Terminal() && !p.retrievable() || p.Status == Unknown {
		return fmt.Errorf("confirm: by now it is %s: %w", p.Status, ErrState)
	}
	return nil
}

// releaseConfirm approves a confirm, and sends it. The approval is journalled with the first attempt: a crash before
// that leaves the confirm waiting, and one after it leaves an attempt that recovery knows.
func (s *session) releaseConfirm(ctx context.Context, p Payment, by approval.Approver) (Payment, error) {
	waiting := p.Confirmation
	if s.driver.Settings.Doubtful(waiting.AskedClock) {
		return s.doubtConfirm(ctx, s.standing)
	}
	p, at, err := s.confirmable(ctx, p, waiting.Operation)
	if standing := s.standing; !standing.Confirmation.Awaits() {
		// The look-up has ended the payment, and its confirm.
		return standing, fmt.Errorf("approve: by now the payment is %s: %w", standing.Status, ErrState)
	}
	if err == nil {
		err = stillConfirmable(p)
	}
	if err != nil {
		return p, err
	}
	if err := at.Account.Available(p.ID); err != nil {
		return p, fmt.Errorf("%s: %w: %w", p.Provider, attempt.ErrUnavailable, err)
	}
	p.Confirmation = waiting.decided(
		waiting.Approval.Decide(approval.Approved, by, "", s.now(), s.driver.Settings.Clock()))
	return s.confirm(ctx, p, waiting.Operation, waiting.Input)
}

// withdrawConfirm ends a confirm that awaits approval, without sending it. Of one that the journal's lost tail may have
// approved it is not known whether it was sent.
func (s *session) withdrawConfirm(ctx context.Context, p Payment) (Payment, error) {
	if s.driver.Settings.Doubtful(p.Confirmation.AskedClock) {
		return s.doubtConfirm(ctx, s.standing)
	}
	return s.save(ctx, p)
}

// doubtConfirm ends a confirm that may have been approved and sent without the journal's showing it.
func (s *session) doubtConfirm(ctx context.Context, p Payment) (Payment, error) {
	s.log.ErrorContext(ctx, "a confirm may have been sent, and the journal does not show it",
		slog.String("payment", p.ID))
	p.Confirmation = p.Confirmation.lapsed()
	p = p.alerted(codeBehind, attempt.AlertBehind)
	p.Status, _ = p.Status.Next(Unknown, p.Acted)
	return s.save(ctx, p)
}

// confirmLapsed reports whether a payment's confirm has awaited approval for too long, by both clocks.
func (e *Engine) confirmLapsed(p Payment) bool {
	c := p.Confirmation
	return c.Awaits() && e.driver.Age(c.AskedAt, c.AskedClock) >= c.Approval.ExpiresAt.Sub(c.AskedAt)
}

// lapseConfirm ends a confirm that nobody approved in time.
func (s *session) lapseConfirm(ctx context.Context, p Payment) (Payment, error) {
	p.Confirmation = p.Confirmation.lapsed()
	return s.withdrawConfirm(ctx, p)
}
