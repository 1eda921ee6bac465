package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"payrouter/host/attempt"
	"payrouter/host/operation"
	record "payrouter/host/store/record/v1"
)

var _ operation.Runs = (*DB)(nil)

const (
	findRun            = ofOwner + `WHERE o.id = ? AND o.operation IS NOT NULL`
	listUnfinishedRuns = ofOwner + `WHERE o.operation IS NOT NULL AND o.status = 'processing'
		AND o.status NOT IN (` + terminal + `) AND o.id > ? ORDER BY o.id LIMIT ?`
)

// CreateRun implements operation.Runs. A run whose id is taken is refused with store.ErrTaken.
func (db *DB) CreateRun(ctx context.Context, run operation.Run, key attempt.Key) (earlier *attempt.Key, err error) {
	d, err := draftOfRun(operation.Change{Run: run})
	if err == nil {
		earlier, err = db.create(ctx, d, key)
	}
	if err != nil {
		return nil, fmt.Errorf("create run %s: %w", run.ID, err)
	}
	return earlier, nil
}

// SaveRun implements operation.Runs. What it refuses is what Save does.
func (db *DB) SaveRun(ctx context.Context, change operation.Change) error {
	d, err := draftOfRun(change)
	if err == nil {
		err = db.save(ctx, d)
	}
	if err != nil {
		return fmt.Errorf("save run %s: %w", change.Run.ID, err)
	}
	return nil
}

// Run implements operation.Runs.
func (db *DB) Run(ctx context.Context, id string) (operation.Run, error) {
	found, err := readAll(ctx, db, "read run "+id, findRun, []any{id}, scanRun)
	if err != nil {
		return operation.Run{}, err
	}
	if len(found) == 0 {
		return operation.Run{}, fmt.Errorf("run %s: %w", id, operation.ErrNotFound)
	}
	return found[0], nil
}

// Runs implements operation.Runs.
func (db *DB) Runs(ctx context.Context, filter operation.Filter) ([]operation.Run, error) {
	text, args := runQuery(filter)
	return readAll(ctx, db, "list runs", text, args, scanRun)
}

// UnfinishedRuns implements operation.Runs. An empty id starts at the oldest; limit 0 means 100.
func (db *DB) UnfinishedRuns(ctx context.Context, after string, limit int) ([]operation.Run, error) {
	return readAll(ctx, db, "list unfinished runs", listUnfinishedRuns, []any{after, atMost(limit)}, scanRun)
}

func runQuery(filter operation.Filter) (text string, args []any) {
	where := []string{"o.operation IS NOT NULL"}
	and := func(condition string, value any) {
		where, args = append(where, condition), append(args, value)
	}
	if filter.Merchant != "" {
		and("o.merchant = ?", filter.Merchant)
	}
	if filter.Provider != "" {
		and("o.provider = ?", filter.Provider)
	}
	if filter.Operation != "" {
		and("o.operation = ?", filter.Operation)
	}
	if len(filter.Status) > 0 {
		for _, status := range filter.Status {
			args = append(args, string(status))
		}
		where = append(where, "o.status IN (?"+strings.Repeat(", ?", len(filter.Status)-1)+")")
	}
	if filter.Before != "" {
		and("o.id < ?", filter.Before)
	}
	return ofOwner + "WHERE " + strings.Join(where, " AND ") + " ORDER BY o.id DESC LIMIT ?",
		append(args, atMost(filter.Limit))
}

func scanRun(rows *sql.Rows) (operation.Run, error) { return recorded(rows, record.RunOf) }
