package operation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"

	abi "payrouter/abi/v1"
	"payrouter/host/attempt"
	"payrouter/host/invalid"
)

// Recover resumes what a crash or a failed write interrupted, and passes over what is in flight and what awaits
// approval; of the latter it ends what has waited for too long.
func (s *Service) Recover(ctx context.Context) error {
	err := attempt.EachUnfinished(ctx, s.runs.UnfinishedRuns, func(run Run) string { return run.ID }, s.recoverOne)
	return errors.Join(err, s.lapse(ctx))
}

// recoverOne resumes a run where nothing of it can have been taken, and otherwise shows that.
func (s *Service) recoverOne(ctx context.Context, id string) error {
	var run Run
	return s.driver.Recover(ctx, attempt.OwnerID(id), func() (unfinished bool, err error) {
		run, err = s.runs.Run(ctx, id)
		return run.Status == Processing, err
	}, func() error {
		attempts, err := s.runs.Attempts(ctx, id)
		if err != nil {
			return err
		}
		fleet, release := s.fleets.Hold()
		defer release()
		return (&heldRun{service: s, fleet: fleet, run: run}).resume(ctx, attempts)
	})
}

// resume closes what was interrupted. What was left behind is not begun a second time by the router itself: a run has
// one caller, who gets its failure.
func (h *heldRun) resume(ctx context.Context, attempts []attempt.Attempt) error {
	h.at, _ = h.fleet.Native(h.run.Provider, h.run.ID, h.run.Operation)
	interrupted, doubt, leftBehind := h.interrupted(attempts)
	switch stopped := attempt.Unavailable("the router stopped before the provider answered"); {
	case doubt:
		h.unknown(stopped, alertUnsettled)
		return h.save(ctx, interrupted, nil)
	case leftBehind:
		h.run.Status, h.run.Failure = Failed, stopped
		return h.save(ctx, interrupted, nil)
	case len(interrupted) > 0:
		if err := h.save(ctx, interrupted, nil); err != nil {
			return err
		}
	}
	since, clock := h.run.Approval.SendableSince(h.run.CreatedAt, h.run.MadeClock)
	switch h.service.driver.FirstSend(h.run.MadeClock, since, clock, attempts) {
	case attempt.TooLate:
		h.run.Status, h.run.Failure = Failed, attempt.Unavailable(
			"the router stopped before the provider took it, and it is too late to send it")
		return h.save(ctx, nil, nil)
	case attempt.Doubted:
		return h.doubt(ctx)
	case attempt.SendNow:
	}
	return h.perform(ctx)
}

// unknown makes the run unknown. An alert that it has already stays: it may be that the provider's object is another
// run's too.
func (h *heldRun) unknown(failure *attempt.Failure, alert string) {
	h.run.Status, h.run.Failure = Unknown, failure
	h.run.Alert = cmp.Or(h.run.Alert, alert)
}

// interrupted are the open attempts, closed as unanswered. doubt: something was sent whose effect is not known.
// leftBehind: something may have been made that cannot be paid.
func (h *heldRun) interrupted(attempts []attempt.Attempt) (closed []attempt.Attempt, doubt, leftBehind bool) {
	for _, a := range attempts {
		idempotency := a.Idempotency.ABI()
		if a.Open() {
			a = a.Interrupted(h.service.driver.Now())
			closed = append(closed, a)
		}
		if idempotency == abi.Idempotency_IDEMPOTENCY_SAFE {
			continue
		}
		rule := attempt.RuleFor(a.Event, idempotency)
		doubt = doubt || a.Event == attempt.Accepted || rule.Then == attempt.HoldUnknown && a.Event != attempt.NotFound
		leftBehind = leftBehind || rule.Abandon
	}
	return closed, doubt, leftBehind
}

// ManualResolution is an operator's decision on the outcome of a run that no provider reports.
type ManualResolution struct {
	// Operator is who decides; Reason is why. Both stay with the run.
	Operator string
	Reason   string
	// Status is terminal.
	Status Status
}

func (r ManualResolution) check() error {
	var problems []error
	refuse := func(field, reason string) { problems = append(problems, &invalid.Error{Field: field, Reason: reason}) }
	if !r.Status.Terminal() {
		refuse("/status", fmt.Sprintf("must be one of succeeded, failed; got %q", invalid.Clip(string(r.Status))))
	}
	if r.Reason == "" {
		refuse("/reason", "is missing: say how you know")
	} else if reason := invalid.Text(r.Reason, longestReason); reason != "" {
		refuse("/reason", reason)
	}
	return errors.Join(problems...)
}

// Resolve settles an unknown run by a person's word, whoever's run it is. Any other is left as it is (ErrState);
// a resolution that does not serve joins *invalid.Error.
func (s *Service) Resolve(ctx context.Context, id string, resolution ManualResolution) (Run, error) {
	return s.withLock(ctx, id, func(ctx context.Context, h *heldRun) error {
		if h.run.Status != Unknown {
			return fmt.Errorf("resolve: it is %s: %w", h.run.Status, ErrState)
		}
		if err := resolution.check(); err != nil {
			return err
		}
		s.driver.Log.WarnContext(ctx, "an operator settles a run", slog.String("run", id),
			slog.String("operator", resolution.Operator), slog.String("to", string(resolution.Status)))
		h.run.Status, h.run.Failure, h.run.Alert = resolution.Status, nil, ""
		if h.run.Status == Failed {
			h.run.Failure = &attempt.Failure{Code: "declined", Class: attempt.Hard, Message: "settled by an operator"}
		}
		h.run.Settled = &Settlement{Operator: resolution.Operator, Reason: resolution.Reason, At: s.driver.Now()}
		return h.save(ctx, nil, nil)
	})
}

// withLock runs an act on a run, alone, with the accounts that are active now. Once begun it no longer depends on the
// caller's context. The run comes back as it stands, whatever the act's error.
func (s *Service) withLock(ctx context.Context, id string, act func(ctx context.Context, h *heldRun) error,
) (Run, error) {
	unlock, err := s.driver.Lock(ctx, attempt.OwnerID(id))
	if err != nil {
		return Run{}, err
	}
	defer unlock()
	if err := s.driver.Enter(); err != nil {
		return Run{}, err
	}
	defer s.driver.Leave()
	run, err := s.runs.Run(ctx, id)
	if err != nil {
		return Run{}, err
	}
	fleet, release := s.fleets.Hold()
	defer release()
	held := &heldRun{service: s, fleet: fleet, run: run}
	err = act(s.driver.Base, held) //nolint:contextcheck // on purpose: see above
	return held.run, err
}

// longestReason bounds what a person gives as a reason, in bytes.
const longestReason = 1024
