package payment

import (
	"context"
	"fmt"

	"payrouter/host/attempt"
)

// turn is one holder's turn at a payment, from taking its lock to giving it back. It knows how the payment stands in
// the journal and why it changes, so that every change is written with the entries that tell of it.
type turn struct {
	*Engine
	origin ChangeCause
	// fleet is held for the whole turn, so that no operation mixes generations.
	fleet *Fleet
	// standing is the payment as the journal has it.
	standing Payment
	// answer is what a caller who waits for the turn's end will be told; nil where nobody does.
	answer func(p Payment) *attempt.Answer
}

func (e *Engine) turnAt(standing Payment, origin ChangeCause) *turn {
	return &turn{Engine: e, origin: origin, standing: standing}
}

// begin makes a turn that works with the fleet that serves now, until end.
func (e *Engine) begin(standing Payment, origin ChangeCause) *turn {
	t := e.turnAt(standing, origin)
	t.fleet = e.fleets.hold()
	return t
}

func (t *turn) end() {
	t.fleet.Release()
}

// save writes the payment's next version with what it changes, and gives it back.
func (t *turn) save(ctx context.Context, p Payment, attempts ...attempt.Attempt) (Payment, error) {
	return t.write(ctx, p, attempts, nil)
}

// conclude is save at the end of a create: what its caller will be told is written along, so that nothing is left to
// write.
func (t *turn) conclude(ctx context.Context, p Payment, attempts ...attempt.Attempt) (Payment, error) {
	return t.write(ctx, p, attempts, t.answer)
}

func (t *turn) write(ctx context.Context, p Payment, attempts []attempt.Attempt,
	answer func(Payment) *attempt.Answer,
) (Payment, error) {
	p.Version++
	p.UpdatedAt = t.now()
	if t.outdated(p) {
		p.Alert = ""
	}
	p = t.schedule(p, attempts)
	entries, err := t.entries(p, attempts)
	if err != nil {
		return Payment{}, err
	}
	change := Change{Payment: p, Attempts: attempts, Entries: entries, Claim: t.newClaim(p)}
	if answer != nil {
		change.Answer = answer(p)
	}
	if err := t.journal.Save(ctx, change); err != nil {
		return Payment{}, err
	}
	t.standing = p
	return p, nil
}

// outdated tells an alert whose reason is gone.
func (t *turn) outdated(p Payment) bool {
	holder := t.standing.Provider
	return (p.Alert == alertOverdue && p.Status != Unknown) ||
		(p.Alert == alertUnconfigured(holder) && t.configured(holder))
}

// keep saves what a report changed, and writes nothing where it changed nothing.
func (t *turn) keep(ctx context.Context, p Payment) (Payment, error) {
	if p.Status == t.standing.Status && p.Acted == t.standing.Acted && len(entryTypes(t.standing, p)) == 0 {
		return t.standing, nil
	}
	return t.save(ctx, p)
}

func (t *turn) entries(p Payment, attempts []attempt.Attempt) ([]Entry, error) {
	types := entryTypes(t.standing, p)
	if len(types) == 0 {
		return nil, nil
	}
	origin := t.origin
	origin.Cause = causeOf(origin.Cause, attempts)
	snapshot := t.settings.Snapshot(p)
	entries := make([]Entry, len(types))
	for i, kind := range types {
		id, err := t.driver.NewID("evt_")
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
