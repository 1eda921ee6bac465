package payment

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"payrouter/host/routing"
)

// ErrNoRuleset: the journal has no ruleset with such an id.
var ErrNoRuleset = errors.New("ruleset not found")

// Rulesets are the journal's rulesets that decided on payments, by routing.Ruleset.ID. Equal ones are kept once, and
// none is ever removed.
type Rulesets interface {
	// KeepRuleset writes what routing.Ruleset.Written gives, unless it is there.
	KeepRuleset(ctx context.Context, id string, written []byte) error
	// Ruleset reads what was written; ErrNoRuleset where there is none.
	Ruleset(ctx context.Context, id string) ([]byte, error)
}

// rulesets keep what decides on payments in the journal, and make stored decisions whole again. They are safe for
// concurrent use.
type rulesets struct {
	journal Rulesets
	// kept is the id of the ruleset that was written last.
	kept atomic.Value

	// mutex is held while a ruleset is restored: one at a time, since each may be large.
	mutex sync.Mutex
	// restored is the last one.
	restored   *routing.Ruleset
	restoredID string
}

// keep writes a ruleset durably, before the first payment that it decides on is journalled.
func (r *rulesets) keep(ctx context.Context, rules *routing.Ruleset) error {
	id := rules.ID()
	if r.kept.Load() == id {
		return nil
	}
	if err := r.journal.KeepRuleset(ctx, id, rules.Written()); err != nil {
		return fmt.Errorf("keep the rules that decide on payments: %w", err)
	}
	r.kept.Store(id)
	return nil
}

// whole is a payment's decision with its trace. Where that cannot be shown, the decision's Incomplete says why. The
// error is the journal's.
func (r *rulesets) whole(ctx context.Context, active *routing.Ruleset, p Payment) (routing.Decision, error) {
	stored := p.Decision
	if whole, ok := stored.Whole(); ok {
		return whole, nil
	}
	rules := active
	if rules == nil || rules.ID() != stored.Ruleset {
		var err error
		rules, err = r.restore(ctx, stored.Ruleset)
		switch {
		case errors.Is(err, ErrNoRuleset):
			return stored.Bare("the rules that decided are not in this journal"), nil
		case errors.Is(err, errUnreadable):
			return stored.Bare("this release cannot read the rules that decided"), nil
		case err != nil:
			return routing.Decision{}, err
		}
	}
	decision, err := rules.Recall(stored, p.Facts())
	if err != nil {
		return stored.Bare("this release decides otherwise by the rules that decided"), nil
	}
	return decision, nil
}

// errUnreadable: the journal has a ruleset that cannot be restored.
var errUnreadable = errors.New("ruleset not readable")

func (r *rulesets) restore(ctx context.Context, id string) (*routing.Ruleset, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.restored != nil && r.restoredID == id {
		return r.restored, nil
	}
	written, err := r.journal.Ruleset(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("read the rules that decided: %w", err)
	}
	rules, err := routing.Restore(id, written)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnreadable, err)
	}
	r.restored, r.restoredID = rules, id
	return rules, nil
}
