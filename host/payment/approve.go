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
	"payrouter/host/invalid"
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

// Approve releases a merchant's payment that awaits approval, or the confirm of one; an empty merchant is anybody's.
// named is the confirm that the approver has read, and may be empty. A payment is routed as things stand now, the
// approval is journalled, and it is sent: a crash in between sends nothing late. What cannot be sent now goes on
// waiting: an order that no provider can take is a *NoRouteError, a confirm has the errors of Confirm. The same
// approver's repetition changes nothing; any other status is ErrState, and the author's own key is approval.ErrOwn.
func (e *Engine) Approve(ctx context.Context, merchant, id, named string, by approval.Approver) (Payment, error) {
	return e.decideOn(ctx, decision{merchant: merchant, id: id, named: named, by: by, verdict: approval.Approved},
		func(ctx context.Context, s *session, p Payment) (Payment, error) {
			if record, _ := p.awaited(); s.now().After(record.ExpiresAt) {
				return p, fmt.Errorf("approve: it could be approved until %s: %w", record.ExpiresAt.Format(time.RFC3339),
					ErrState)
			}
			if s.driver.Settings.Exhausted() != nil {
				return p, attempt.ErrExhausted
			}
			if p.Confirmation.Awaits() {
				return s.releaseConfirm(ctx, p, by)
			}
			return s.release(ctx, p, by)
		})
}

// Reject ends what of a merchant's payment awaits approval, for a reason: a payment fails, and one whose confirm is
// rejected stays as it is. Its errors are those of Approve, and a reason that does not serve is an *invalid.Error.
func (e *Engine) Reject(ctx context.Context, merchant, id, named string, by approval.Approver,
	reason string,
) (Payment, error) {
	if err := approval.CheckReason(reason); err != nil {
		return Payment{}, err
	}
	what := decision{merchant: merchant, id: id, named: named, by: by, verdict: approval.Rejected, reason: reason}
	return e.decideOn(ctx, what, func(ctx context.Context, s *session, p Payment) (Payment, error) {
		record, _ := p.awaited()
		rejected := record.Decide(approval.Rejected, by, reason, s.now(), s.driver.Settings.Clock())
		if p.Confirmation.Awaits() {
			p.Confirmation = p.Confirmation.decided(rejected)
			return s.withdrawConfirm(ctx, p)
		}
		p.Approval = rejected
		p.Failure = &attempt.Failure{Code: "rejected", Class: attempt.Hard, Message: "it was not approved"}
		return s.withdraw(ctx, p, Failed)
	})
}

// decision is what somebody decides on which payment.
type decision struct {
	merchant, id string
	// named is the id of the confirm that is decided on; empty for whatever awaits.
	named   string
	by      approval.Approver
	verdict approval.Verdict
	reason  string
}

// decideOn runs a decision on what awaits approval, alone.
func (e *Engine) decideOn(ctx context.Context, what decision,
	act func(ctx context.Context, s *session, p Payment) (Payment, error),
) (Payment, error) {
	cause := ChangeCause{Cause: ByOperator, Operator: what.by.Name, Reason: what.reason}
	decide := func(ctx context.Context, s *session, p Payment) (Payment, error) {
		record, author := p.awaited()
		if err := what.by.Check(author); err != nil {
			return p, err
		}
		if what.named != "" && (p.Confirmation == nil || p.Confirmation.ID != what.named) {
			return p, fmt.Errorf("decide on the approval of confirm %q: it is not the payment's last: %w",
				invalid.Clip(what.named), ErrState)
		}
		if record.Repeats(what.verdict, what.by) {
			return p, nil
		}
		if !p.awaits() {
			return p, fmt.Errorf("decide on its approval: it is %s, and nothing of it awaits approval: %w", p.Status,
				ErrState)
		}
		if err := s.driver.Settings.Hold(); err != nil {
			return p, err
		}
		s.log.InfoContext(ctx, "an approval is decided", slog.String("payment", p.ID), slog.String("by", what.by.Name),
			slog.String("verdict", string(what.verdict)))
		return act(ctx, s, p)
	}
	return e.withLock(ctx, what.merchant, what.id, cause, decide)
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
	approved.Status, approved.Decision = Created, s.fleet.Rules.Store(decision)
	approved.Approval = p.Approval.Decide(approval.Approved, by, "", now, s.driver.Settings.Clock())
	if err := s.rulesets.Keep(ctx, s.fleet.Rules); err != nil {
		s.fleet.giveBack(approved, now)
		return p, err
	}
	saved, err := s.save(ctx, approved)
	if err != nil {
		s.fleet.giveBack(approved, now)
		return p, err
	}
	s.driver.Settings.Moment(attempt.MomentApproved)
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
	manifest, operation := at.Connector.Manifest(), at.Operation.GetName()
	for _, kind := range abi.CreatedKinds(manifest, operation) {
		if kind == abi.Kind_KIND_COLLECT {
			comesIn = true
			continue
		}
		kinds = append(kinds, string(kindOf(kind)))
	}
	if slices.ContainsFunc(manifest.GetFlows(), func(flow *abi.Flow) bool {
		return abi.ActionFor(flow, abi.Role_ROLE_CONFIRM, operation) != nil
	}) {
		kinds = append(kinds, routing.ConfirmKind)
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
