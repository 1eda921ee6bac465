package payment

import (
	"context"
	"errors"
	"log/slog"
	"time"

	abi "payrouter/abi/v1"
	"payrouter/host/attempt"
)

// drive journals a payment and takes it to its first settled step: it asks the decision's providers in their order,
// until one takes it, or may have taken it, or none is left. The fleet is the one that decided. A payment that cannot
// be journalled leaves nothing behind.
func (e *Engine) drive(flight *attempt.Flight, fleet *Fleet, p Payment, key attempt.Key,
	ready preparations,
) (Payment, error) {
	first, err := e.begins(flight, p, key)
	if err != nil {
		fleet.withdraw(p)
		flight.Begun(nil, err)
		return p, err
	}
	settled, err := e.driveFrom(flight, fleet, p, first, ready)
	if !first.end(err) {
		fleet.withdraw(p)
		return p, err
	}
	if err != nil {
		e.log.ErrorContext(e.driver.Base, "a payment stays as the journal has it", slog.String("payment", p.ID),
			slog.Any("error", err))
	}
	return settled, err
}

func (e *Engine) driveFrom(flight *attempt.Flight, fleet *Fleet, p Payment, first *firstWrite,
	ready preparations,
) (Payment, error) {
	answer := func(p Payment) *attempt.Answer {
		if e.settings.Answer == nil {
			return nil
		}
		return flight.Reply(func() attempt.Answer { return e.settings.Answer(p) })
	}
	if p.Status == AwaitingApproval {
		return p, first.alone(answer(p))
	}
	unlock, err := e.driver.Lock(e.driver.Base, p.OwnerID())
	if err != nil {
		return p, err
	}
	defer unlock()
	s := e.sessionAt(p, ChangeCause{Cause: ByRequest})
	s.first, s.fleet, s.answer, s.ready = first, fleet, answer, ready
	settled, err := s.place(e.driver.Base, p, nil)
	e.driver.Settings.Moment(attempt.MomentSettled)
	if err != nil {
		flight.Answer = nil
		return p, err
	}
	return settled, nil
}

// place asks providers that have not been asked before. The caller holds the payment's lock.
func (s *session) place(ctx context.Context, p Payment, asked map[string]bool) (Payment, error) {
	var closed []attempt.Attempt
	failure := attempt.Unavailable("no provider could be reached")
	for _, name := range p.Decision.Order() {
		account, known := s.fleet.Accounts[name]
		if asked[name] || !known {
			continue
		}
		at, able := account.Plan(p.ID, p.Kind.ABI(), abi.Role_ROLE_CREATE, "")
		if !able {
			continue
		}
		p.Provider, p.Plugin, p.ProviderReference = name, at.Connector.Manifest().GetName(), ""
		if next, _ := p.Status.Next(Processing, p.Acted); next == Processing {
			p.Status = Processing
		}
		create := func(at attempt.Plan, closed []attempt.Attempt) (attempt.Ending, error) {
			return s.driver.WhileExhausted(ctx, func(closed []attempt.Attempt) (attempt.Ending, error) {
				end, err := s.flow(ctx, p, at, s.callFor(p, at, nil, time.Time{}), closed)
				p = end.payment
				return end.Ending, err
			}, closed)
		}
		end, err := create(at, closed)
		if err == nil && end.ToStable(end.Resolution(at.Operation)) {
			if stable, able := account.Plan("", p.Kind.ABI(), abi.Role_ROLE_CREATE, ""); able {
				at = stable
				end, err = create(at, end.Closed)
			}
		}
		if errors.Is(err, attempt.ErrExhausted) {
			_, unsaved := s.save(ctx, p, end.Closed...)
			return p, errors.Join(err, unsaved)
		}
		if err != nil {
			return p, err
		}
		closed = end.Closed
		switch end.Resolution(at.Operation) {
		case attempt.Stay:
			return s.conclude(ctx, settle(p, end.Outcome, end.Failure, s.now()), closed...)
		case attempt.HoldUnknown:
			p.Status = Unknown
			return s.conclude(ctx, p, closed...)
		case attempt.Fail:
			p.Status, p.Failure = Failed, end.Failure
			return s.conclude(ctx, p, closed...)
		case attempt.TryNext:
			if end.Failure != nil {
				failure = end.Failure
			}
		}
	}
	p.Status, p.Failure = Failed, failure
	return s.conclude(ctx, p, closed...)
}

// flow runs one operation of a payment at one provider. closed attempts are written along with its own.
func (s *session) flow(ctx context.Context, p Payment, at attempt.Plan, call *abi.Call,
	closed []attempt.Attempt,
) (ending, error) {
	h := &heldPayment{session: s, payment: p}
	if at.Role == abi.Role_ROLE_CREATE {
		h.prepared = s.ready.take(at.Account.Name)
	}
	return h.run(ctx, at, call, closed)
}

// Recover goes on with what a crash or a failed write interrupted: payments without an open attempt are placed where
// they were not yet, runs likewise, and an open attempt counts as sent and unanswered, with what the table has for
// that. It passes over what is on its way, and shows what cannot be asked about, because its provider is no longer
// configured.
func (e *Engine) Recover(ctx context.Context) error {
	err := attempt.EachUnfinished(ctx, e.journal.Unfinished, func(p Payment) string { return p.ID }, e.recoverOne)
	return errors.Join(err, e.showUnconfigured(ctx))
}

func (e *Engine) recoverOne(ctx context.Context, id string) error {
	var p Payment
	var past history
	return e.driver.Recover(ctx, attempt.OwnerID(id), func() (unfinished bool, err error) {
		p, past, unfinished, err = e.leftBehind(ctx, id)
		return unfinished, err
	}, func() error {
		s := e.begin(p, ChangeCause{Cause: ByRecovery})
		defer s.end()
		_, err := s.resume(ctx, p, past)
		return err
	})
}

// leftBehind reads a payment with its history, and reports whether what was begun for it is unfinished.
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
	attempts []attempt.Attempt
	// interrupted are open attempts, closed as unanswered.
	interrupted []attempt.Attempt
	// asked are the providers that are not asked again.
	asked map[string]bool
	// taken: a provider has, or may have, taken the payment.
	taken bool
	// doubt: it is not known whether it has.
	doubt bool
}

func historyOf(p Payment, attempts []attempt.Attempt, now time.Time) history {
	past := history{attempts: attempts, asked: map[string]bool{}}
	for _, a := range attempts {
		idempotency := a.Idempotency.ABI()
		// A look-up or a report has found what this request made: its payer may know of it by now, and it is not left
		// behind.
		found := a.Role == attempt.RoleCreate && a.Provider == p.Provider && p.ProviderReference != ""
		if a.Open() {
			a = a.Interrupted(now)
			a.Abandoned = a.Abandoned && !found
			past.interrupted = append(past.interrupted, a)
		}
		// So has a look-up that named no reference, by its last answer: a list's earlier pages did not have the payment.
		if a.Role == attempt.RoleLookup && a.Event == attempt.Accepted && a.Concluded && a.Provider == p.Provider {
			past.taken, past.doubt = true, false
		}
		if idempotency == abi.Idempotency_IDEMPOTENCY_SAFE {
			continue
		}
		// What never left may be tried there again.
		if a.Event != attempt.NotSent {
			past.asked[a.Provider] = true
		}
		switch {
		case a.Event == attempt.Accepted || found:
			past.taken, past.doubt = true, false
		case attempt.RuleFor(a.Event, idempotency).Then == attempt.HoldUnknown:
			past.taken, past.doubt = true, true
		}
	}
	return past
}

// unfinished reports whether a crash, or a write that failed, left a payment before its first settled step, or with an
// attempt that is open.
func (h history) unfinished(p Payment) bool {
	return len(h.interrupted) > 0 || (p.Status.placing() && (h.doubt || !h.taken))
}

// resume closes what was interrupted, and goes on where no provider can have taken the payment. A payment that is past
// its placing stays where it is, whatever its attempts show: one that is held may have been taken by a provider whose
// decline is not final.
func (s *session) resume(ctx context.Context, p Payment, past history) (Payment, error) {
	if past.doubt {
		p.Status, _ = p.Status.Next(Unknown, p.Acted)
	}
	saved, err := s.save(ctx, p, past.interrupted...)
	if err != nil || past.taken || !saved.Status.placing() {
		return saved, err
	}
	return s.goOn(ctx, saved, past.attempts, past.asked)
}
