package payment

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	abi "payrouter/abi/v1"
	"payrouter/host/invalid"
)

// recoverRun goes on with a run that a crash or a failed write interrupted, where nothing of it can have been taken,
// and otherwise says so.
func (e *Engine) recoverRun(ctx context.Context, id string) error {
	if e.driving(id) {
		return nil
	}
	one, err := e.reserve(id)
	if errors.Is(err, ErrShuttingDown) {
		return err
	}
	if err != nil {
		return nil //nolint:nilerr // on its way already
	}
	defer e.release(id, one)
	unlock, err := e.acquire(ctx, id)
	if err != nil {
		return err
	}
	defer unlock()
	run, err := e.settings.Runs.Run(ctx, id)
	if err != nil || run.Status != RunProcessing {
		return err
	}
	attempts, err := e.journal.Attempts(ctx, id)
	if err != nil {
		return err
	}
	fleet := e.hold()
	defer fleet.release()
	held := &heldRun{engine: e, fleet: fleet, run: run}
	return exceptHeld(held.resume(ctx, attempts))
}

// resume closes what was interrupted. What was left behind is not begun a second time by the router itself: a run has
// one caller, who is told.
func (h *heldRun) resume(ctx context.Context, attempts []Attempt) error {
	h.at, _ = h.fleet.native(h.run.Provider, h.run.ID, h.run.Operation)
	interrupted, doubt, leftBehind := h.interrupted(attempts)
	switch stopped := unavailable("the router stopped before the provider answered"); {
	case doubt:
		h.run.Status, h.run.Failure, h.run.Alert = RunUnknown, stopped, alertUnsettled
		return h.save(ctx, interrupted, nil)
	case leftBehind:
		h.run.Status, h.run.Failure = RunFailed, stopped
		return h.save(ctx, interrupted, nil)
	case len(interrupted) > 0:
		if err := h.save(ctx, interrupted, nil); err != nil {
			return err
		}
	}
	switch h.engine.firstSend(h.run.CreatedAt, h.run.MadeClock, attempts) {
	case tooLate:
		h.run.Status, h.run.Failure = RunFailed, unavailable(
			"the router stopped before the provider took it, and it is too late to send it")
		return h.save(ctx, nil, nil)
	case doubted:
		h.run.Status, h.run.Alert = RunUnknown, alertBehind
		h.run.Failure = unavailable("it is not known whether the provider was asked")
		return h.save(ctx, nil, nil)
	case sendNow:
	}
	return h.perform(ctx)
}

// interrupted are the open attempts, closed as unanswered. doubt: something was sent whose effect nobody knows.
// leftBehind: something may have been made that nobody can pay.
func (h *heldRun) interrupted(attempts []Attempt) (closed []Attempt, doubt, leftBehind bool) {
	for _, a := range attempts {
		idempotency := idempotencyOf(a.Idempotency)
		if a.Open() {
			a.Event, a.Error, a.FinishedAt = Unanswered, "the router stopped before the answer", h.engine.now()
			a.Failure = unavailable("the router stopped before the provider answered")
			a.Abandoned = RuleFor(Unanswered, idempotency).Abandon
			closed = append(closed, a)
		}
		if idempotency == abi.Idempotency_IDEMPOTENCY_SAFE {
			continue
		}
		rule := RuleFor(a.Event, idempotency)
		doubt = doubt || a.Event == Accepted || rule.Then == HoldUnknown && a.Event != NotFound
		leftBehind = leftBehind || rule.Abandon
	}
	return closed, doubt, leftBehind
}

// RunResolution is a person's word on what became of a run that nobody else can tell of.
type RunResolution struct {
	// Operator is who says so; Reason is why. Both stay with the run.
	Operator string
	Reason   string
	// Status is terminal.
	Status RunStatus
}

func (r RunResolution) check() error {
	var problems []error
	refuse := func(field, reason string) { problems = append(problems, &invalid.Error{Field: field, Reason: reason}) }
	if !r.Status.Terminal() {
		refuse("/status", fmt.Sprintf("must be one of succeeded, failed; got %q", invalid.Clip(string(r.Status))))
	}
	if r.Reason == "" {
		refuse("/reason", "is missing: say how you know")
	} else if reason := invalid.Text(r.Reason, MaxDescription); reason != "" {
		refuse("/reason", reason)
	}
	return errors.Join(problems...)
}

// ResolveRun settles an unknown run by a person's word, whoever's run it is. Any other is left as it is (ErrRunState);
// a ruling that does not serve joins *InvalidErrors.
func (e *Engine) ResolveRun(ctx context.Context, id string, ruling RunResolution) (Run, error) {
	if e.settings.Runs == nil {
		return Run{}, errNoRuns
	}
	unlock, err := e.acquire(ctx, id)
	if err != nil {
		return Run{}, err
	}
	defer unlock()
	if err := e.enter(); err != nil {
		return Run{}, err
	}
	defer e.running.Done()
	run, err := e.settings.Runs.Run(ctx, id)
	if err != nil {
		return Run{}, err
	}
	if run.Status != RunUnknown {
		return run, fmt.Errorf("resolve: it is %s: %w", run.Status, ErrRunState)
	}
	if err := ruling.check(); err != nil {
		return run, err
	}
	e.log.WarnContext(ctx, "an operator settles a run", slog.String("run", id),
		slog.String("operator", ruling.Operator), slog.String("to", string(ruling.Status)))
	run.Status, run.Failure, run.Alert = ruling.Status, nil, ""
	if run.Status == RunFailed {
		run.Failure = &Failure{Code: "declined", Class: Hard, Message: "settled by an operator"}
	}
	run.Settled = &Settlement{Operator: ruling.Operator, Reason: ruling.Reason, At: e.now()}
	held := &heldRun{engine: e, run: run}
	//nolint:contextcheck // once begun it no longer depends on its caller
	if err := held.save(e.base, nil, nil); err != nil {
		return Run{}, err
	}
	return held.run, nil
}
