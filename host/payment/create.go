package payment

import (
	"context"
	"errors"
	"log/slog"
	"time"

	abi "payrouter/abi/v1"
)

// drive takes a payment to its first settled step: it asks the decision's providers in their order, until one takes it, or may have
// taken it, or nobody is left.
func (e *Engine) drive(one *drive, p Payment) {
	defer e.release(p.ID, one)
	unlock, err := e.locks.acquire(e.base, p.ID)
	if err != nil {
		one.payment, one.err = p, err
		return
	}
	defer unlock()
	one.payment, one.err = e.place(e.base, p, nil)
	if one.err != nil {
		e.log.ErrorContext(e.base, "a payment stays as the journal has it", slog.String("payment", p.ID), slog.Any("error", one.err))
	}
}

// place asks providers that have not been asked before. The caller holds the payment's lock.
func (e *Engine) place(ctx context.Context, p Payment, asked map[string]bool) (Payment, error) {
	var closed []Attempt
	failure := unavailable("no provider could be reached")
	for _, name := range p.Decision.Order() {
		account, known := e.Fleet().Accounts[name]
		if asked[name] || !known {
			continue
		}
		at, able := account.plan(p.Kind, abi.Role_ROLE_CREATE, "")
		if !able {
			continue
		}
		p.Provider, p.Plugin, p.ProviderReference = name, at.connector.Manifest().GetName(), ""
		if next, _ := p.Status.Next(Processing, p.Acted); next == Processing {
			p.Status = Processing
		}
		end, err := e.converse(ctx, p, at, e.callFor(p, at, nil, time.Time{}), closed)
		if err != nil {
			return p, err
		}
		p, closed = end.payment, end.closed
		switch end.resolution(at.operation) {
		case Stay:
			return e.save(ctx, settle(p, end.outcome, end.failure, e.now()), closed...)
		case HoldUnknown:
			p.Status = Unknown
			return e.save(ctx, p, closed...)
		case Fail:
			p.Status, p.Failure = Failed, end.failure
			return e.save(ctx, p, closed...)
		case TryNext:
			if end.failure != nil {
				failure = end.failure
			}
		}
	}
	p.Status, p.Failure = Failed, failure
	return e.save(ctx, p, closed...)
}

// converse runs one operation of a payment at one provider. closed attempts are written along with its own.
func (e *Engine) converse(ctx context.Context, p Payment, at plan, call *abi.Call, closed []Attempt) (ending, error) {
	c := &conversation{engine: e, plan: at, payment: p, call: call, closed: closed}
	return c.run(ctx)
}

// Recover goes on with what a crash or a failed write interrupted: payments without an open attempt are placed where they were not
// yet, and an open attempt counts as sent and unanswered, with what the table says of that. It passes over what is on its way.
func (e *Engine) Recover(ctx context.Context) error {
	after := ""
	for {
		const batch = 100
		unfinished, err := e.journal.Unfinished(ctx, after, batch)
		if err != nil {
			return err
		}
		for _, p := range unfinished {
			after = p.ID
			if err := e.recoverOne(ctx, p.ID); err != nil {
				return err
			}
		}
		if len(unfinished) < batch {
			return nil
		}
	}
}

func (e *Engine) recoverOne(ctx context.Context, id string) error {
	one, err := e.reserve(id)
	if errors.Is(err, ErrShuttingDown) {
		return err
	}
	if err != nil {
		return nil //nolint:nilerr // on its way already
	}
	defer e.release(id, one)
	unlock, err := e.locks.acquire(ctx, id)
	if err != nil {
		return err
	}
	defer unlock()
	p, err := e.journal.Payment(ctx, id)
	if err != nil || p.Status.Terminal() {
		return err
	}
	attempts, err := e.journal.Attempts(ctx, id)
	if err != nil {
		return err
	}
	past := historyOf(attempts, e.now())
	unsettled := p.Status == Created || p.Status == Processing
	undecided := unsettled && (past.doubt || !past.taken)
	if len(past.interrupted) == 0 && !undecided {
		return nil
	}
	one.payment, one.err = e.resume(ctx, p, past)
	return one.err
}

// history is what a payment's attempts say about where it may still go.
type history struct {
	// interrupted are open attempts, closed as unanswered.
	interrupted []Attempt
	// asked are the providers that are not asked again.
	asked map[string]bool
	// taken: a provider has, or may have, taken the payment.
	taken bool
	// doubt: nobody knows whether it has.
	doubt bool
}

func historyOf(attempts []Attempt, now time.Time) history {
	past := history{asked: map[string]bool{}}
	for _, a := range attempts {
		idempotency := idempotencyOf(a.Idempotency)
		if a.Open() {
			a.Event, a.Error, a.FinishedAt = Unanswered, "the router stopped before the answer", now
			a.Failure = unavailable("the router stopped before the provider answered")
			a.Abandoned = RuleFor(Unanswered, idempotency).Abandon
			past.interrupted = append(past.interrupted, a)
		}
		if idempotency == abi.Idempotency_IDEMPOTENCY_SAFE {
			continue
		}
		past.asked[a.Provider] = true
		switch {
		case a.Event == Accepted:
			past.taken, past.doubt = true, false
		case RuleFor(a.Event, idempotency).Then == HoldUnknown:
			past.taken, past.doubt = true, true
		}
	}
	return past
}

// resume closes what was interrupted, and goes on where nobody can have taken the payment.
func (e *Engine) resume(ctx context.Context, p Payment, past history) (Payment, error) {
	if past.doubt {
		p.Status, _ = p.Status.Next(Unknown, p.Acted)
	}
	saved, err := e.save(ctx, p, past.interrupted...)
	if err != nil || past.taken {
		return saved, err
	}
	return e.place(ctx, saved, past.asked)
}

func idempotencyOf(name string) abi.Idempotency {
	for value := range abi.Idempotency_name {
		if enumName(abi.Idempotency(value).String(), "IDEMPOTENCY_") == name {
			return abi.Idempotency(value)
		}
	}
	return abi.Idempotency_IDEMPOTENCY_NONE
}
