package payment

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	abi "payrouter/abi/v1"
	"payrouter/host/approval"
	"payrouter/host/attempt"
	"payrouter/host/routing"
)

// approvalFor is the record of a payment that needs approval; nil for one that needs none. It expires no later than the
// order itself.
func (f *Fleet) approvalFor(p Payment) *approval.Record {
	required, needed := f.Rules.NeedsApproval(p.Facts().Spending())
	if !needed {
		return nil
	}
	record := &approval.Record{RequiredBy: required.Name, ExpiresAt: p.CreatedAt.Add(required.Expires)}
	if !p.ExpiresAt.IsZero() && p.ExpiresAt.Before(record.ExpiresAt) {
		record.ExpiresAt = p.ExpiresAt
	}
	return record
}

// withdraw undoes draft for a payment that was not made after all.
func (f *Fleet) withdraw(p Payment) {
	if p.Status != AwaitingApproval {
		f.giveBack(p, p.CreatedAt)
	}
}

// Approve releases a merchant's payment that awaits approval; an empty merchant is anybody's. It routes the payment as
// things stand now, journals the approval, and sends: a crash in between sends nothing late. An order that no provider
// can take now is a *NoRouteError, and goes on waiting. The same approver's repetition changes nothing; any other
// status is ErrState, and the author's own key is approval.ErrOwn.
func (e *Engine) Approve(ctx context.Context, merchant, id string, by approval.Approver) (Payment, error) {
	return e.decideOn(ctx, merchant, id, by, approval.Approved, "",
		func(ctx context.Context, s *session, p Payment) (Payment, error) {
			if s.now().After(p.Approval.ExpiresAt) {
				return p, fmt.Errorf("approve: it could be approved until %s: %w",
					p.Approval.ExpiresAt.Format(time.RFC3339), ErrState)
			}
			if s.driver.Settings.Exhausted() != nil {
				return p, attempt.ErrExhausted
			}
			return s.release(ctx, p, by)
		})
}

// Reject ends a merchant's payment that awaits approval, for a reason: it fails. Its errors are those of Approve, and a
// reason that does not serve is an *invalid.Error.
func (e *Engine) Reject(ctx context.Context, merchant, id string, by approval.Approver,
	reason string,
) (Payment, error) {
	if err := approval.CheckReason(reason); err != nil {
		return Payment{}, err
	}
	return e.decideOn(ctx, merchant, id, by, approval.Rejected, reason,
		func(ctx context.Context, s *session, p Payment) (Payment, error) {
			p.Approval = p.Approval.Decide(approval.Rejected, by, reason, s.now(), s.driver.Settings.Clock())
			p.Failure = &attempt.Failure{Code: "rejected", Class: attempt.Hard, Message: "it was not approved"}
			return s.withdraw(ctx, p, Failed)
		})
}

// decideOn runs a decision on what awaits approval, alone.
func (e *Engine) decideOn(ctx context.Context, merchant, id string, by approval.Approver, verdict approval.Verdict,
	reason string, act func(ctx context.Context, s *session, p Payment) (Payment, error),
) (Payment, error) {
	cause := ChangeCause{Cause: ByOperator, Operator: by.Name, Reason: reason}
	return e.withLock(ctx, merchant, id, cause, func(ctx context.Context, s *session, p Payment) (Payment, error) {
		if err := by.Check(p.Key); err != nil {
			return p, err
		}
		if p.Approval.Repeats(verdict, by) {
			return p, nil
		}
		if p.Status != AwaitingApproval {
			return p, fmt.Errorf("decide on its approval: it is %s: %w", p.Status, ErrState)
		}
		if err := s.driver.Settings.Hold(); err != nil {
			return p, err
		}
		s.log.InfoContext(ctx, "an approval is decided", slog.String("payment", p.ID), slog.String("by", by.Name),
			slog.String("verdict", string(verdict)))
		return act(ctx, s, p)
	})
}

// release approves a payment, and sends it.
func (s *session) release(ctx context.Context, p Payment, by approval.Approver) (Payment, error) {
	if s.driver.Settings.Doubtful(p.MadeClock) {
		return s.doubt(ctx, p, nil)
	}
	now := s.now()
	decision, err := s.fleet.claim(p.Merchant, p.OwnerID(), p.Order, now)
	if err != nil {
		return p, err
	}
	approved := p
	approved.Status, approved.Decision = Created, decision
	approved.Approval = p.Approval.Decide(approval.Approved, by, "", now, s.driver.Settings.Clock())
	saved, err := s.save(ctx, approved)
	if err != nil {
		s.fleet.giveBack(approved, now)
		return p, err
	}
	s.driver.Settings.Moment(attempt.MomentApproved)
	s.cause = ChangeCause{Cause: ByRequest}
	sent, err := s.place(ctx, saved, nil)
	if errors.Is(err, attempt.ErrExhausted) {
		return sent, nil // it is approved, and recovery goes on with it
	}
	return sent, err
}

// withdraw ends a payment that awaits approval, without sending it. Of one that the journal's lost tail may have
// approved it is not known whether it was sent.
func (s *session) withdraw(ctx context.Context, p Payment, to Status) (Payment, error) {
	if s.driver.Settings.Doubtful(p.MadeClock) {
		return s.doubt(ctx, s.standing, nil)
	}
	p.Status = to
	return s.save(ctx, p)
}

// lapse expires a payment that has awaited approval for too long, by both clocks; and plans the next look at any other.
func (s *session) lapse(ctx context.Context, p Payment) (Payment, error) {
	if s.statusAge(p) >= p.Approval.ExpiresAt.Sub(p.CreatedAt) {
		return s.withdraw(ctx, p, Expired)
	}
	return s.save(ctx, p)
}

// confirmUnapproved is approval.ErrNeeded where a confirm may let money out and an entry requires an approval of it: an
// act on a payment cannot wait for one. What the input says of the amount is the plugin's matter, so that with an input
// any amount may be meant.
func (s *session) confirmUnapproved(p Payment, at attempt.Plan, input []byte) error {
	if !attempt.IdempotencyOf(at.Idempotency("")).HasSideEffects() {
		return nil
	}
	confirms := routing.Spending{
		Kinds: []string{routing.ConfirmKind}, Merchant: p.Merchant, Currency: p.Currency, Amount: p.Amount,
	}
	if len(input) > 0 {
		confirms.Currency, confirms.Amount = "", ""
	}
	required, needed := s.fleet.Rules.NeedsApproval(confirms)
	if !needed {
		return nil
	}
	return fmt.Errorf("%s: approval %q is required; perform it as a native operation, which can wait: %w",
		at.Operation.GetName(), required.Name, approval.ErrNeeded)
}

// RunApproval is the approval that a native run needs, made at a time; nil where it needs none.
func (f *Fleets) RunApproval(merchant string, at attempt.Plan, made time.Time) *approval.Record {
	kinds, comesIn := spends(at)
	harmless := comesIn || !attempt.IdempotencyOf(at.Idempotency("")).HasSideEffects()
	required, needed := f.Active().Rules.NeedsApproval(routing.Spending{
		Kinds: kinds, Merchant: merchant, Provider: at.Account.Name, Operation: at.Operation.GetName(),
		Harmless: harmless && len(kinds) == 0,
	})
	if !needed {
		return nil
	}
	return &approval.Record{RequiredBy: required.Name, ExpiresAt: made.Add(required.Expires)}
}

// spends are the kinds of money out that an operation makes, to payments; comesIn means that it makes payments of other
// kinds.
func spends(at attempt.Plan) (kinds []string, comesIn bool) {
	for _, flow := range at.Connector.Manifest().GetFlows() {
		for _, action := range flow.GetActions() {
			if action.GetOperation() != at.Operation.GetName() {
				continue
			}
			switch {
			case action.GetRole() == abi.Role_ROLE_CONFIRM:
				kinds = append(kinds, routing.ConfirmKind)
			case action.GetRole() != abi.Role_ROLE_CREATE:
			case flow.GetKind() == abi.Kind_KIND_COLLECT:
				comesIn = true
			default:
				kinds = append(kinds, string(kindOf(flow.GetKind())))
			}
		}
	}
	slices.Sort(kinds)
	return slices.Compact(kinds), comesIn
}

// kindOf is a kind of the contract.
func kindOf(kind abi.Kind) Kind {
	for _, k := range []Kind{Collect, Payout, Recharge, Transfer} {
		if k.ABI() == kind {
			return k
		}
	}
	return ""
}
