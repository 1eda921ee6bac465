package operation

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"payrouter/host/approval"
	"payrouter/host/attempt"
)

// Approve releases a run that awaits approval, whoever's it is: the approval is journalled, and then the run is sent,
// to its end. The same approver's repetition changes nothing; any other status is ErrState, and the author's own key is
// approval.ErrOwn.
func (s *Service) Approve(ctx context.Context, id string, by approval.Approver) (Run, error) {
	return s.decideOn(ctx, id, by, approval.Approved, func(ctx context.Context, h *heldRun) error {
		if s.driver.Now().After(h.run.Approval.ExpiresAt) {
			return fmt.Errorf("approve: it could be approved until %s: %w",
				h.run.Approval.ExpiresAt.Format(time.RFC3339), ErrState)
		}
		if s.driver.Settings.Exhausted() != nil {
			return attempt.ErrExhausted
		}
		if s.driver.Settings.Doubtful(h.run.MadeClock) {
			return h.doubt(ctx)
		}
		waiting := h.run
		h.run.Status = Processing
		h.decide(approval.Approved, by, "")
		if err := h.save(ctx, nil, nil); err != nil {
			h.run = waiting
			return err
		}
		s.driver.Settings.Moment(attempt.MomentApproved)
		return h.perform(ctx)
	})
}

// Reject ends a run that awaits approval, for a reason: it fails. Its errors are those of Approve, and a reason that
// does not serve is an *invalid.Error.
func (s *Service) Reject(ctx context.Context, id string, by approval.Approver, reason string) (Run, error) {
	if err := approval.CheckReason(reason); err != nil {
		return Run{}, err
	}
	return s.decideOn(ctx, id, by, approval.Rejected, func(ctx context.Context, h *heldRun) error {
		h.decide(approval.Rejected, by, reason)
		return h.withdraw(ctx, "rejected", "it was not approved")
	})
}

// decideOn runs a decision on what awaits approval, alone.
func (s *Service) decideOn(ctx context.Context, id string, by approval.Approver, verdict approval.Verdict,
	act func(ctx context.Context, h *heldRun) error,
) (Run, error) {
	return s.withLock(ctx, id, func(ctx context.Context, h *heldRun) error {
		if err := by.Check(h.run.Key); err != nil {
			return err
		}
		if h.run.Approval.Repeats(verdict, by) {
			return nil
		}
		if h.run.Status != AwaitingApproval {
			return fmt.Errorf("decide on its approval: it is %s: %w", h.run.Status, ErrState)
		}
		if err := s.driver.Settings.Hold(); err != nil {
			return err
		}
		s.driver.Log.InfoContext(ctx, "an approval is decided", slog.String("run", id), slog.String("by", by.Name),
			slog.String("verdict", string(verdict)))
		return act(ctx, h)
	})
}

func (h *heldRun) decide(verdict approval.Verdict, by approval.Approver, reason string) {
	driver := h.service.driver
	h.run.Approval = h.run.Approval.Decide(verdict, by, reason, driver.Now(), driver.Settings.Clock())
}

// withdraw ends a run that awaits approval, without sending it. Of one that the journal's lost tail may have approved
// it is not known whether it was sent.
func (h *heldRun) withdraw(ctx context.Context, code, why string) error {
	if h.service.driver.Settings.Doubtful(h.run.MadeClock) {
		return h.doubt(ctx)
	}
	h.run.Status = Failed
	h.run.Failure = &attempt.Failure{Code: code, Class: attempt.Hard, Message: why}
	return h.save(ctx, nil, nil)
}

// doubt makes a run unknown of which more may have been sent than the journal shows.
func (h *heldRun) doubt(ctx context.Context) error {
	h.unknown(attempt.Unavailable("it is not known whether the provider was asked"), attempt.AlertBehind)
	return h.save(ctx, nil, nil)
}

// lapse ends the runs that have awaited approval for too long, by both clocks.
func (s *Service) lapse(ctx context.Context) error {
	const page = 100
	filter := Filter{Status: []Status{AwaitingApproval}, Limit: page}
	for {
		waiting, err := s.runs.Runs(ctx, filter)
		if err != nil {
			return err
		}
		for _, run := range waiting {
			filter.Before = run.ID
			if !s.lapsed(run) {
				continue
			}
			if _, err := s.withLock(ctx, run.ID, func(ctx context.Context, h *heldRun) error {
				if !s.lapsed(h.run) {
					return nil
				}
				return h.withdraw(ctx, "expired", "nobody approved it in time")
			}); err != nil {
				return err
			}
		}
		if len(waiting) < page {
			return nil
		}
	}
}

func (s *Service) lapsed(run Run) bool {
	return run.Status == AwaitingApproval &&
		s.driver.Age(run.CreatedAt, run.MadeClock) >= run.Approval.ExpiresAt.Sub(run.CreatedAt)
}
