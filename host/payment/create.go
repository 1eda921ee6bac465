package payment

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	abi "payrouter/abi/v1"
)

// drive takes a payment to its first settled step: it asks the decision's providers in their order, until one takes it,
// or may have taken it, or nobody is left. It gives back the fleet, which is the one that decided.
func (e *Engine) drive(one *drive, fleet *Fleet, p Payment) {
	defer e.release(p.ID, one)
	defer fleet.release()
	unlock, err := e.acquire(e.base, p.ID)
	if err != nil {
		one.payment, one.err = p, err
		return
	}
	defer unlock()
	t := e.turnAt(p, ChangeCause{Cause: ByRequest})
	t.fleet, t.answer = fleet, func(p Payment) *Answer {
		if e.settings.Answer == nil {
			return nil
		}
		return one.tell(func() Answer { return e.settings.Answer(p) })
	}
	one.payment, one.err = t.place(e.base, p, nil)
	e.settings.Moment(MomentSettled)
	if one.err != nil {
		one.payment, one.answer = p, nil
		e.log.ErrorContext(e.base, "a payment stays as the journal has it", slog.String("payment", p.ID),
			slog.Any("error", one.err))
	}
}

// tell is what the drive's caller will be told, if that one still waits for it.
func (d *drive) tell(answer func() Answer) *Answer {
	if d.left.Load() {
		return nil
	}
	told := answer()
	d.answer = &told
	return d.answer
}

// place asks providers that have not been asked before. The caller holds the payment's lock.
func (t *turn) place(ctx context.Context, p Payment, asked map[string]bool) (Payment, error) {
	var closed []Attempt
	failure := unavailable("no provider could be reached")
	for _, name := range p.Decision.Order() {
		account, known := t.fleet.Accounts[name]
		if asked[name] || !known {
			continue
		}
		at, able := account.plan(p.ID, p.Kind.ABI(), abi.Role_ROLE_CREATE, "")
		if !able {
			continue
		}
		p.Provider, p.Plugin, p.ProviderReference = name, at.connector.Manifest().GetName(), ""
		if next, _ := p.Status.Next(Processing, p.Acted); next == Processing {
			p.Status = Processing
		}
		end, err := t.whileExhausted(ctx, func(closed []Attempt) (ending, error) {
			end, err := t.converse(ctx, p, at, t.callFor(p, at, nil, time.Time{}), closed)
			p = end.payment
			return end, err
		}, closed)
		if errors.Is(err, ErrExhausted) {
			_, unsaved := t.save(ctx, p, end.closed...)
			return p, errors.Join(err, unsaved)
		}
		if err != nil {
			return p, err
		}
		p, closed = end.payment, end.closed
		switch end.resolution(at.operation) {
		case Stay:
			return t.conclude(ctx, settle(p, end.outcome, end.failure, t.now()), closed...)
		case HoldUnknown:
			p.Status = Unknown
			return t.conclude(ctx, p, closed...)
		case Fail:
			p.Status, p.Failure = Failed, end.failure
			return t.conclude(ctx, p, closed...)
		case TryNext:
			if end.failure != nil {
				failure = end.failure
			}
		}
	}
	p.Status, p.Failure = Failed, failure
	return t.conclude(ctx, p, closed...)
}

// converse runs one operation of a payment at one provider. closed attempts are written along with its own.
func (t *turn) converse(ctx context.Context, p Payment, at plan, call *abi.Call, closed []Attempt) (ending, error) {
	return (&heldPayment{turn: t, payment: p}).converse(ctx, at, call, closed)
}

// Recover goes on with what a crash or a failed write interrupted: payments without an open attempt are placed where
// they were not yet, runs likewise, and an open attempt counts as sent and unanswered, with what the table says of
// that. It passes over what is on its way, and shows what nobody can be asked about, because its provider is no longer
// configured.
func (e *Engine) Recover(ctx context.Context) error {
	var kinds errgroup.Group
	kinds.Go(func() error {
		return eachLeftBehind(ctx, e.journal.Unfinished, func(p Payment) string { return p.ID }, e.recoverOne)
	})
	if e.settings.Runs != nil {
		kinds.Go(func() error {
			return eachLeftBehind(ctx, e.settings.Runs.UnfinishedRuns, func(run Run) string { return run.ID },
				e.recoverRun)
		})
	}
	return errors.Join(kinds.Wait(), e.showUnconfigured(ctx))
}

// eachLeftBehind lists what somebody may have left half done, and goes on with each.
func eachLeftBehind[T any](
	ctx context.Context, list func(ctx context.Context, after string, limit int) ([]T, error), idOf func(T) string,
	goOn func(ctx context.Context, id string) error,
) error {
	// One payment at a slow provider, or one that cannot be written, holds up no other.
	const batch, atOnce = 100, 32
	var work errgroup.Group
	work.SetLimit(atOnce)
	for after := ""; ; {
		unfinished, err := list(ctx, after, batch)
		if err != nil {
			return errors.Join(err, work.Wait())
		}
		for _, one := range unfinished {
			after = idOf(one)
			id := after
			work.Go(func() error { return goOn(ctx, id) })
		}
		if len(unfinished) < batch {
			return work.Wait()
		}
	}
}

func (e *Engine) recoverOne(ctx context.Context, id string) error {
	// A reserved payment is in flight to whoever repeats its key: only one that there is something to do for is
	// reserved.
	if _, _, unfinished, err := e.leftBehind(ctx, id); err != nil || !unfinished {
		return err
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
	p, past, unfinished, err := e.leftBehind(ctx, id)
	if err != nil || !unfinished {
		return err
	}
	t := e.begin(p, ChangeCause{Cause: ByRecovery})
	defer t.end()
	one.payment, one.err = t.resume(ctx, p, past)
	return exceptHeld(one.err)
}

// exceptHeld is nil for what waits until the journal is released: the journal's hold is shown already.
func exceptHeld(err error) error {
	if errors.Is(err, ErrHeld) {
		return nil
	}
	return err
}

// leftBehind reads a payment with its history, and tells whether nobody has finished what was begun for it.
func (e *Engine) leftBehind(ctx context.Context, id string) (p Payment, past history, unfinished bool, err error) {
	p, err = e.journal.Payment(ctx, id)
	if err != nil {
		return p, history{}, false, err
	}
	attempts, err := e.journal.Attempts(ctx, id)
	if err != nil {
		return p, history{}, false, err
	}
	past = historyOf(p, attempts, e.now())
	return p, past, past.unfinished(p), nil
}

// history is what a payment's attempts say about where it may still go.
type history struct {
	// attempts are all of them, as the journal has them.
	attempts []Attempt
	// interrupted are open attempts, closed as unanswered.
	interrupted []Attempt
	// asked are the providers that are not asked again.
	asked map[string]bool
	// taken: a provider has, or may have, taken the payment.
	taken bool
	// doubt: nobody knows whether it has.
	doubt bool
}

func historyOf(p Payment, attempts []Attempt, now time.Time) history {
	past := history{attempts: attempts, asked: map[string]bool{}}
	for _, a := range attempts {
		idempotency := idempotencyOf(a.Idempotency)
		// A look-up or a report has found what this request made: its payer may know of it by now, and it is not left
		// behind.
		found := a.Role == "create" && a.Provider == p.Provider && p.ProviderReference != ""
		if a.Open() {
			a.Event, a.Error, a.FinishedAt = Unanswered, "the router stopped before the answer", now
			a.Failure = unavailable("the router stopped before the provider answered")
			a.Abandoned = RuleFor(Unanswered, idempotency).Abandon && !found
			past.interrupted = append(past.interrupted, a)
		}
		if idempotency == abi.Idempotency_IDEMPOTENCY_SAFE {
			continue
		}
		// What never left may be tried there again.
		if a.Event != NotSent {
			past.asked[a.Provider] = true
		}
		switch {
		case a.Event == Accepted || found:
			past.taken, past.doubt = true, false
		case RuleFor(a.Event, idempotency).Then == HoldUnknown:
			past.taken, past.doubt = true, true
		}
	}
	return past
}

// unfinished tells a payment that a crash, or a write that failed, left before its first settled step, or with an
// attempt that is open.
func (h history) unfinished(p Payment) bool {
	unsettled := p.Status == Created || p.Status == Processing
	return len(h.interrupted) > 0 || (unsettled && (h.doubt || !h.taken))
}

// resume closes what was interrupted, and goes on where nobody can have taken the payment.
func (t *turn) resume(ctx context.Context, p Payment, past history) (Payment, error) {
	if past.doubt {
		p.Status, _ = p.Status.Next(Unknown, p.Acted)
	}
	saved, err := t.save(ctx, p, past.interrupted...)
	if err != nil || past.taken || saved.Status.Terminal() {
		return saved, err
	}
	return t.goOn(ctx, saved, past.attempts, past.asked)
}

func idempotencyOf(name string) abi.Idempotency {
	for value := range abi.Idempotency_name {
		if enumName(abi.Idempotency(value).String(), "IDEMPOTENCY_") == name {
			return abi.Idempotency(value)
		}
	}
	return abi.Idempotency_IDEMPOTENCY_NONE
}
