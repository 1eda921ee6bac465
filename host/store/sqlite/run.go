package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"payrouter/host/attempt"
	"payrouter/host/operation"
	"payrouter/host/store"
)

var _ operation.Runs = (*DB)(nil)

const (
	insertRun = `INSERT INTO run (merchant, status, provider, operation, created_at, version, input, output, doc, id)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	findRunStanding = `SELECT merchant, created_at, status, version FROM run WHERE id = ?`
	// updateRun finds nothing where the change must not be made. Provider, operation and input never change.
	updateRun = `UPDATE run SET status = ?1, version = ?2, output = ?3, doc = ?4
		WHERE id = ?5 AND version = ?2 - 1 AND merchant = ?6 AND created_at = ?7
			AND (status = ?1 OR status NOT IN (` + terminal + `) AND ?1 <> 'awaiting_approval')`

	runColumns         = `input, output, doc`
	findRun            = `SELECT ` + runColumns + ` FROM run WHERE id = ?`
	listUnfinishedRuns = `SELECT ` + runColumns + ` FROM run WHERE status = 'processing' AND id > ? ORDER BY id LIMIT ?`
)

// CreateRun implements operation.Runs. A run whose id is taken is refused with store.ErrTaken.
func (db *DB) CreateRun(ctx context.Context, run operation.Run, key attempt.Key) (earlier *attempt.Key, err error) {
	if key.Owner != run.OwnerID() || key.Merchant != run.Merchant {
		return nil, fmt.Errorf("create run %s of %q: its key is for %s of %q", run.ID, run.Merchant, key.Owner,
			key.Merchant)
	}
	doc, err := encodeRun(run)
	if err != nil {
		return nil, err
	}
	err = db.writer.do(ctx, func(t transaction) error {
		var err error
		if earlier, err = t.used(key); err != nil || earlier != nil {
			return err
		}
		_, err = t.exec(insertRun, run.Merchant, string(run.Status), run.Provider, run.Operation, textOf(run.CreatedAt),
			run.Version, run.Input, run.Output,
			doc, run.ID)
		if err != nil {
			return err
		}
		return t.putKey(key, run.Status.Terminal())
	})
	if err != nil {
		return nil, fmt.Errorf("create run %s: %w", run.ID, err)
	}
	return earlier, nil
}

// SaveRun implements operation.Runs. What it refuses is what Save does.
func (db *DB) SaveRun(ctx context.Context, change operation.Change) error {
	run := change.Run
	doc, err := encodeRun(run)
	if err != nil {
		return err
	}
	attempts, err := encodeAttempts(run.OwnerID(), change.Attempts)
	if err != nil {
		return err
	}
	err = db.writer.do(ctx, func(t transaction) error {
		if err := t.updateRun(run, doc); err != nil {
			return err
		}
		if err := t.putClaim(change.Claim, run.OwnerID()); err != nil {
			return err
		}
		return t.putAttempts(run.ID, change.Attempts, attempts, change.Answer)
	})
	if err != nil {
		return fmt.Errorf("save run %s: %w", run.ID, err)
	}
	return nil
}

func (t transaction) updateRun(run operation.Run, doc string) error {
	rows, err := t.exec(updateRun, string(run.Status), run.Version, run.Output, doc, run.ID, run.Merchant,
		textOf(run.CreatedAt))
	if err != nil {
		return err
	}
	if rows != 1 {
		change := updated{run.Version, run.Merchant, textOf(run.CreatedAt), operation.ErrNotFound}
		return t.whyNotUpdated(findRunStanding, run.ID, change, func(status string) error {
			return store.CheckStatus(operation.Status(status), run.Status)
		})
	}
	if !run.Status.Terminal() {
		return nil
	}
	_, err = t.exec(settleKeys, t.clock(), run.ID)
	return err
}

// Run implements operation.Runs.
func (db *DB) Run(ctx context.Context, id string) (operation.Run, error) {
	var row runRow
	err := db.read[findRun].QueryRowContext(ctx, id).Scan(row.into()...)
	if errors.Is(err, sql.ErrNoRows) {
		return operation.Run{}, fmt.Errorf("run %s: %w", id, operation.ErrNotFound)
	}
	if err != nil {
		return operation.Run{}, unread(ctx, "read run "+id, err)
	}
	return row.decode()
}

// Runs implements operation.Runs.
func (db *DB) Runs(ctx context.Context, filter operation.Filter) ([]operation.Run, error) {
	text, args := runQuery(filter)
	rows, err := db.reads.QueryContext(ctx, text, args...)
	return runsOf(ctx, "list runs", rows, err)
}

// UnfinishedRuns implements operation.Runs. An empty id starts at the oldest; limit 0 means 100.
func (db *DB) UnfinishedRuns(ctx context.Context, after string, limit int) ([]operation.Run, error) {
	rows, err := db.read[listUnfinishedRuns].QueryContext(ctx, after, atMost(limit))
	return runsOf(ctx, "list unfinished runs", rows, err)
}

func runQuery(filter operation.Filter) (text string, args []any) {
	var where []string
	and := func(condition string, value any) {
		where, args = append(where, condition), append(args, value)
	}
	if filter.Merchant != "" {
		and("merchant = ?", filter.Merchant)
	}
	if filter.Provider != "" {
		and("provider = ?", filter.Provider)
	}
	if filter.Operation != "" {
		and("operation = ?", filter.Operation)
	}
	if len(filter.Status) > 0 {
		for _, status := range filter.Status {
			args = append(args, string(status))
		}
		where = append(where, "status IN (?"+strings.Repeat(", ?", len(filter.Status)-1)+")")
	}
	if filter.Before != "" {
		and("id < ?", filter.Before)
	}
	text = "SELECT " + runColumns + " FROM run"
	if len(where) > 0 {
		text += " WHERE " + strings.Join(where, " AND ")
	}
	return text + " ORDER BY id DESC LIMIT ?", append(args, atMost(filter.Limit))
}

func runsOf(ctx context.Context, what string, rows *sql.Rows, err error) ([]operation.Run, error) {
	return collect(ctx, what, rows, err, func() (operation.Run, error) {
		var row runRow
		if err := rows.Scan(row.into()...); err != nil {
			return operation.Run{}, unread(ctx, what, err)
		}
		return row.decode()
	})
}

// runRow is a run as its columns: what went in and came out as bytes, and the rest as JSON.
type runRow struct {
	input, output []byte
	doc           string
}

func (r *runRow) into() []any { return []any{&r.input, &r.output, &r.doc} }

func encodeRun(run operation.Run) (string, error) {
	text, err := json.Marshal(run)
	if err != nil {
		return "", fmt.Errorf("encode run %s: %w", run.ID, err)
	}
	return string(text), nil
}

func (r *runRow) decode() (operation.Run, error) {
	var run operation.Run
	if err := json.Unmarshal([]byte(r.doc), &run); err != nil {
		return operation.Run{}, failed("decode a run", err)
	}
	run.Input, run.Output = r.input, r.output
	return run, nil
}
