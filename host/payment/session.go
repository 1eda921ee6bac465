package payment

import (
	"context"
	"fmt"

	"payrouter/host/approval"
	"payrouter/host/attempt"
)

// session is the use of a payment by the holder of its lock. It knows the payment as the journal has it and why it
// changes, so that every change is written with its entries.
type session struct {
	*Engine
	cause ChangeCause
	// fleet is held for the whole session, so that no operation mixes generations.
	fleet *Fleet
	// standing is the payment as the journal has it, or is about to.
	standing Payment
	// first makes the payment; nil where the journal has it.
	first *firstWrite
	// answer is what a caller who waits for the session's end gets; nil where none waits.
	answer func(p Payment) *attempt.Answer
	// ready are the first steps that are made already; nil where none is.
	ready preparations
}

func (e *Engine) sessionAt(standing Payment, cause ChangeCause) *session {
	return &session{Engine: e, cause: cause, standing: standing}
}

// begin makes a session that works with the fleet that is active now, until end.
func (e *Engine) begin(standing Payment, cause ChangeCause) *session {
	s := e.sessionAt(standing, cause)
	s.fleet = e.fleets.hold()
	return s
}

func (s *session) end() {
	s.fleet.Release()
}

// save writes the payment's next version with what it changes, and gives it back.
func (s *session) save(ctx context.Context, p Payment, attempts ...attempt.Attempt) (Payment, error) {
	return s.write(ctx, p, attempts, nil)
}

// conclude is save at the end of a create: its caller's answer is written along, so that nothing is left to
// write.
func (s *session) conclude(ctx context.Context, p Payment, attempts ...attempt.Attempt) (Payment, error) {
	return s.write(ctx, p, attempts, s.answer)
}

func (s *session) write(ctx context.Context, p Payment, attempts []attempt.Attempt,
	answer func(Payment) *attempt.Answer,
) (Payment, error) {
	p.Version++
	p.UpdatedAt = s.now()
	if s.outdated(p) {
		p = p.alerted("", "")
	}
	if s.outlived(p) {
		p.Confirmation = p.Confirmation.lapsed()
	}
	p = s.schedule(p, attempts)
	entries, err := s.entries(p, attempts)
	if err != nil {
		return Payment{}, err
	}
	change := Change{Payment: p, Attempts: attempts, Entries: entries, Claim: s.newClaim(p)}
	if answer != nil {
		change.Answer = answer(p)
	}
	if err := s.journalled(ctx, change); err != nil {
		return Payment{}, err
	}
	if decidedOn(s.standing, p) == approval.Approved {
		s.cause = ChangeCause{Cause: ByRequest} // what follows is the payment's own course
	}
	s.standing = p
	return p, nil
}

// journalled writes a change, which makes the payment where that is not made yet.
func (s *session) journalled(ctx context.Context, change Change) error {
	if made, err := s.first.with(ctx, change); made || err != nil {
		return err
	}
	return s.journal.Save(ctx, change)
}

// outdated reports whether an alert's reason is gone.
func (s *session) outdated(p Payment) bool {
	return (p.AlertCode == codeOverdue && p.Status != Unknown) ||
		(p.AlertCode == codeUnconfigured && s.configured(s.standing.Provider))
}

// outlived reports whether what a confirm was asked about is over: the payment ended, or is another's now.
func (s *session) outlived(p Payment) bool {
	return p.Status.Terminal() && !s.standing.Status.Terminal() || p.Provider != s.standing.Provider ||
		p.ProviderReference != s.standing.ProviderReference
}

// keep saves what a report changed, and writes nothing where it changed nothing.
func (s *session) keep(ctx context.Context, p Payment) (Payment, error) {
	if p.Status == s.standing.Status && p.Acted == s.standing.Acted && len(entryTypes(s.standing, p)) == 0 {
		return s.standing, nil
	}
	return s.save(ctx, p)
}

func (s *session) entries(p Payment, attempts []attempt.Attempt) ([]Entry, error) {
	types := entryTypes(s.standing, p)
	if len(types) == 0 {
		return nil, nil
	}
	cause := s.cause
	cause.Cause = causeOf(cause.Cause, attempts)
	snapshot := s.settings.Snapshot(p)
	entries := make([]Entry, len(types))
	for i, kind := range types {
		id, err := s.driver.NewID("evt_")
		if err != nil {
			return nil, fmt.Errorf("make an event's id: %w", err)
		}
		entries[i] = Entry{
			ID: id, PaymentID: p.ID, Merchant: p.Merchant, Type: kind, At: p.UpdatedAt, ChangeCause: cause,
			AttemptID: attemptOf(attempts), Snapshot: snapshot,
		}
	}
	return entries, nil
}
