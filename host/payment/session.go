package payment

import (
	"context"
	"fmt"

	"payrouter/host/attempt"
)

// turn is one holder's turn at a payment, from taking its lock to giving it back. It knows how the payment stands in
// the journal and why it changes, so that every change is written with the entries that tell of it.
type session struct {
	*Engine
	origin ChangeCause
	// fleet is held for the whole turn, so that no operation mixes generations.
	fleet *Fleet
	// standing is the payment as the journal has it.
	standing Payment
	// answer is what a caller who waits for the turn's end will be told; nil where nobody does.
	answer func(p Payment) *attempt.Answer
}

func (e *Engine) sessionAt(standing Payment, origin ChangeCause) *session {
	return &session{Engine: e, origin: origin, standing: standing}
}

// begin makes a turn that works with the fleet that serves now, until end.
func (e *Engine) begin(standing Payment, origin ChangeCause) *session {
	t := e.sessionAt(standing, origin)
	t.fleet = e.fleets.hold()
	return t
}

func (s *session) end() {
	s.fleet.Release()
}

// save writes the payment's next version with what it changes, and gives it back.
func (s *session) save(ctx context.Context, p Payment, attempts ...attempt.Attempt) (Payment, error) {
	return s.write(ctx, p, attempts, nil)
}

// conclude is save at the end of a create: what its caller will be told is written along, so that nothing is left to
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
	p = s.schedule(p, attempts)
	entries, err := s.entries(p, attempts)
	if err != nil {
		return Payment{}, err
	}
	change := Change{Payment: p, Attempts: attempts, Entries: entries, Claim: s.newClaim(p)}
	if answer != nil {
		change.Answer = answer(p)
	}
	if err := s.journal.Save(ctx, change); err != nil {
		return Payment{}, err
	}
	s.standing = p
	return p, nil
}

// outdated tells an alert whose reason is gone.
func (s *session) outdated(p Payment) bool {
	return (p.AlertCode == codeOverdue && p.Status != Unknown) ||
		(p.AlertCode == codeUnconfigured && s.configured(s.standing.Provider))
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
	origin := s.origin
	origin.Cause = causeOf(origin.Cause, attempts)
	snapshot := s.settings.Snapshot(p)
	entries := make([]Entry, len(types))
	for i, kind := range types {
		id, err := s.driver.NewID("evt_")
		if err != nil {
			return nil, fmt.Errorf("make an event's id: %w", err)
		}
		entries[i] = Entry{
			ID: id, PaymentID: p.ID, Merchant: p.Merchant, Type: kind, At: p.UpdatedAt, ChangeCause: origin,
			AttemptID: attemptOf(attempts), Snapshot: snapshot,
		}
	}
	return entries, nil
}
