package sqlite

import (
	"context"
	"errors"
	"fmt"

	"payrouter/host/ruleset"
)

const (
	putRuleset  = `INSERT INTO ruleset (id, written) VALUES (?, ?) ON CONFLICT (id) DO NOTHING`
	findRuleset = `SELECT written FROM ruleset WHERE id = ?`
)

// KeepRuleset implements ruleset.Journal.
func (db *DB) KeepRuleset(ctx context.Context, id string, written []byte) error {
	if id == "" || len(written) == 0 {
		return errors.New("keep a ruleset: it has no text")
	}
	err := db.writer.do(ctx, func(t transaction) error {
		// It runs once for each edit of the rules, so that it is not prepared.
		result, err := t.tx.ExecContext(t.ctx, putRuleset, id, written)
		if err != nil {
			return failed("keep a ruleset", err)
		}
		rows, err := result.RowsAffected()
		if err != nil {
			return failed("keep a ruleset", err)
		}
		t.batch.changed = t.batch.changed || rows > 0
		return nil
	})
	if err != nil {
		return fmt.Errorf("keep ruleset %s: %w", id, err)
	}
	return nil
}

// Ruleset implements ruleset.Journal.
func (db *DB) Ruleset(ctx context.Context, id string) (written []byte, err error) {
	found, err := readAll(ctx, db, "read a ruleset", findRuleset, []any{id}, scanText[string])
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s: %w", id, ruleset.ErrNotFound)
	}
	return []byte(found[0]), nil
}
