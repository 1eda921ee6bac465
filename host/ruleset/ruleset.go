// Package ruleset keeps the rules that decided on payments, and makes stored decisions whole again by them.
//
// It hides when rules are written and read: once, before the first payment that they decide on, and when a decision is
// asked for that other rules made than the active ones. How rules are written is package routing's.
package ruleset

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"payrouter/host/routing"
)

// Errors of an archive and its journal, for errors.Is.
var (
	// ErrNotFound: the journal has no ruleset with such an id.
	ErrNotFound = errors.New("ruleset not found")

	// errUnreadable: the journal has a ruleset that cannot be restored.
	errUnreadable = errors.New("ruleset not readable")
)

// Journal has the rulesets that decided on payments, by routing.Ruleset.ID: equal ones once. None is ever removed.
type Journal interface {
	// KeepRuleset writes what routing.Ruleset.Written gives, unless it is there.
	KeepRuleset(ctx context.Context, id string, written []byte) error
	// Ruleset reads what was written; ErrNotFound where there is none.
	Ruleset(ctx context.Context, id string) ([]byte, error)
}

// Archive is the rulesets of a journal. It is safe for concurrent use.
type Archive struct {
	journal Journal
	// kept is the id of the ruleset that was written last.
	kept atomic.Value

	// mutex is held while a ruleset is restored: one at a time, since each may be large.
	mutex sync.Mutex
	// last is the one that was restored last, under its id.
	last   *routing.Ruleset
	lastID string
}

// New makes an archive over a journal.
func New(journal Journal) *Archive { return &Archive{journal: journal} }

// Keep writes a ruleset durably. A payment is journalled after it.
func (a *Archive) Keep(ctx context.Context, rules *routing.Ruleset) error {
	id := rules.ID()
	if a.kept.Load() == id {
		return nil
	}
	if err := a.journal.KeepRuleset(ctx, id, rules.Written()); err != nil {
		return fmt.Errorf("keep the rules that decide on payments: %w", err)
	}
	a.kept.Store(id)
	return nil
}

// Whole is a stored decision with its trace, on the facts that it was made on. Where the trace cannot be shown, the
// decision's Incomplete is why. The error is the journal's.
func (a *Archive) Whole(ctx context.Context, active *routing.Ruleset, stored routing.Stored,
	facts routing.Facts,
) (routing.Decision, error) {
	if whole, ok := stored.Whole(); ok {
		return whole, nil
	}
	rules, err := active, error(nil)
	if rules == nil || rules.ID() != stored.Ruleset {
		rules, err = a.restore(ctx, stored.Ruleset)
	}
	switch {
	case errors.Is(err, ErrNotFound):
		return stored.Bare("the rules that decided are not in this journal"), nil
	case errors.Is(err, errUnreadable):
		return stored.Bare("this release cannot read the rules that decided"), nil
	case err != nil:
		return routing.Decision{}, err
	}
	decision, err := rules.Recall(stored, facts)
	if errors.Is(err, routing.ErrTrace) {
		return stored.Bare("this release decides otherwise by the rules that decided"), nil
	}
	return decision, err
}

func (a *Archive) restore(ctx context.Context, id string) (*routing.Ruleset, error) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if a.last != nil && a.lastID == id {
		return a.last, nil
	}
	written, err := a.journal.Ruleset(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("read the rules that decided: %w", err)
	}
	rules, err := routing.Restore(id, written)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnreadable, err)
	}
	a.last, a.lastID = rules, id
	return rules, nil
}
