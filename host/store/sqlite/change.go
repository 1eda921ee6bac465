package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"payrouter/host/attempt"
	"payrouter/host/payment"
	"payrouter/host/store"
	record "payrouter/host/store/record/v1"
)

const (
	// One statement reads all of an owner's changes, so that they are of one moment.
	chainFrom = `WITH RECURSIVE chain (number, previous, record) AS (
		SELECT number, previous, record FROM change WHERE number = `
	chainOn = ` UNION ALL
		SELECT c.number, c.previous, c.record FROM chain JOIN change c ON c.number = chain.previous
		) SELECT number, record FROM chain ORDER BY number`

	changesOf        = chainFrom + `(SELECT last FROM owner WHERE id = ?)` + chainOn
	changesOfNumber  = chainFrom + `(SELECT last FROM owner WHERE number = ?)` + chainOn
	changesOfAttempt = chainFrom + `(SELECT o.last FROM attempt a JOIN owner o ON o.number = a.owner WHERE a.id = ?)` +
		chainOn

	lastNumber = `SELECT max(coalesce((SELECT number + max(entries, 1) - 1 FROM change ORDER BY number DESC LIMIT 1), 0),
		coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'former_event'), 0))`
)

// number takes the numbers of a change with so many entries.
func (t transaction) number(entries int) int64 {
	number := t.batch.next
	t.batch.next += int64(max(1, entries))
	return number
}

// changes are all that are recorded of an owner, oldest first; none where there is no such owner.
func (db *DB) changes(ctx context.Context, what, id string) ([]record.Numbered, error) {
	return db.changesBy(ctx, what, changesOf, id)
}

func (db *DB) changesBy(ctx context.Context, what, text, key string) ([]record.Numbered, error) {
	return readAll(ctx, db, what, text, []any{key}, scanChange)
}

func scanChange(rows *sql.Rows) (one record.Numbered, err error) {
	var text []byte
	if err := rows.Scan(&one.Number, &text); err != nil {
		return one, err
	}
	one.Change, err = decode(text)
	return one, err
}

func scanNumber(rows *sql.Rows) (number int64, err error) {
	err = rows.Scan(&number)
	return number, err
}

func decode(text []byte) (*record.Change, error) {
	change, err := record.Decode(text)
	if err != nil {
		return nil, failed("read a change", err)
	}
	return change, nil
}

// collectIn reads all rows of a query within a transaction.
func collectIn[T any](t transaction, text string, args []any, scan func(*sql.Rows) (T, error)) ([]T, error) {
	//nolint:sqlclosecheck // see collect
	rows, err := t.tx.StmtContext(t.ctx, t.stmts[text]).QueryContext(t.ctx, args...)
	return collect(t.ctx, verb(text), rows, err, func() (T, error) { return scan(rows) })
}

// sameAsClosed is store.ErrClosed unless a closed attempt is as it was closed. o.last is the owner's last change.
func (t transaction) sameAsClosed(a attempt.Attempt, o *owner) error {
	changes, err := collectIn(t, changesOfNumber, []any{o.number}, scanChange)
	if err != nil {
		return err
	}
	attempts, err := record.Attempts(changes)
	if err != nil {
		return failed("read attempts", err)
	}
	for _, standing := range attempts {
		if standing.ID == a.ID && record.Same(standing, a) {
			return nil
		}
	}
	return fmt.Errorf("attempt %s: %w", a.ID, store.ErrClosed)
}

// Attempts implements payment.Journal. A payment that does not exist has none.
func (db *DB) Attempts(ctx context.Context, paymentID string) ([]attempt.Attempt, error) {
	what := "list attempts of payment " + paymentID
	changes, err := db.changes(ctx, what, paymentID)
	if err != nil {
		return nil, err
	}
	return attemptsOf(what, changes)
}

func attemptsOf(what string, changes []record.Numbered) ([]attempt.Attempt, error) {
	attempts, err := record.Attempts(changes)
	if err != nil {
		return nil, failed(what, err)
	}
	return attempts, nil
}

// Attempt reads one attempt, of whichever payment; payment.ErrNotFound where there is none.
func (db *DB) Attempt(ctx context.Context, id attempt.ID) (attempt.Attempt, error) {
	what := "read attempt " + string(id)
	changes, err := db.changesBy(ctx, what, changesOfAttempt, string(id))
	if err != nil {
		return attempt.Attempt{}, err
	}
	attempts, err := attemptsOf(what, changes)
	if err != nil {
		return attempt.Attempt{}, err
	}
	for _, a := range attempts {
		if a.ID == id {
			return a, nil
		}
	}
	return attempt.Attempt{}, fmt.Errorf("attempt %s: %w", id, payment.ErrNotFound)
}

// OpenAttempts lists the attempts of any payment that are open, oldest first, from the one after the id given; empty
// starts at the oldest. limit 0 means 100.
func (db *DB) OpenAttempts(ctx context.Context, after attempt.ID, limit int) ([]attempt.Attempt, error) {
	const what = "list open attempts"
	ids, err := readAll(ctx, db, what, listOpen, []any{after, atMost(limit)}, scanText[attempt.ID])
	if err != nil {
		return nil, err
	}
	var open []attempt.Attempt
	for _, id := range ids {
		a, err := db.Attempt(ctx, id)
		if err != nil {
			return nil, err
		}
		if a.Open() { // it may have been closed since
			open = append(open, a)
		}
	}
	return open, nil
}

// Timeline implements payment.Journal. A payment that does not exist has none.
func (db *DB) Timeline(ctx context.Context, paymentID string) ([]payment.Entry, error) {
	what := "list events of payment " + paymentID
	changes, err := db.changes(ctx, what, paymentID)
	if err != nil {
		return nil, err
	}
	return timelineOf(what, changes)
}

func timelineOf(what string, changes []record.Numbered) ([]payment.Entry, error) {
	entries, err := record.Timeline(changes)
	if err != nil {
		return nil, failed(what, err)
	}
	return entries, nil
}

// Entries implements payment.Journal. limit 0 means 100.
func (db *DB) Entries(ctx context.Context, merchant string, after int64, limit int) ([]payment.Entry, error) {
	const what = "list events"
	limit = atMost(limit)
	text, args := listEntries, []any{after, limit + 1}
	if merchant != "" {
		text, args = listTheirEvents, []any{merchant, after, limit + 1}
	}
	changes, err := readAll(ctx, db, what, text, args, scanChange)
	if err != nil {
		return nil, err
	}
	all, err := timelineOf(what, changes)
	if err != nil {
		return nil, err
	}
	for len(all) > 0 && all[0].Sequence <= after { // the first change may have begun before
		all = all[1:]
	}
	if len(all) == 0 {
		return nil, nil
	}
	return all[:min(limit, len(all))], nil
}

// key is nil where the merchant has not used the value.
func (t transaction) key(merchant, value string) (*attempt.Key, error) {
	found, err := collectIn(t, findKey, []any{nameOf("key", merchant, value)}, scanKey)
	if err != nil {
		return nil, err
	}
	return keyAmong(found, merchant, value)
}

// Key implements payment.Journal.
func (db *DB) Key(ctx context.Context, merchant, value string) (*attempt.Key, error) {
	found, err := readAll(ctx, db, "read an idempotency key", findKey, []any{nameOf("key", merchant, value)}, scanKey)
	if err != nil {
		return nil, err
	}
	return keyAmong(found, merchant, value)
}

// keyRow is what findKey selects.
type keyRow struct {
	owner, merchant string
	// first is the record of the first change, and answer that of the one with the answer, empty where there is none.
	first, answer []byte
}

func scanKey(rows *sql.Rows) (row keyRow, err error) {
	err = rows.Scan(&row.owner, &row.merchant, &row.first, &row.answer)
	return row, err
}

// keyAmong picks the key that has a name from those of its hash.
func keyAmong(rows []keyRow, merchant, value string) (*attempt.Key, error) {
	for _, row := range rows {
		made, err := decode(row.first)
		if err != nil {
			return nil, err
		}
		if row.merchant != merchant || made.Key == nil || made.Key.Value != value {
			continue
		}
		answering := new(record.Change)
		if row.answer != nil {
			if answering, err = decode(row.answer); err != nil {
				return nil, err
			}
		}
		key := record.KeyOf(merchant, attempt.OwnerID(row.owner), made.Key, answering.Answer)
		return &key, nil
	}
	return nil, nil
}

// answered writes a change that does nothing but answer a key.
func (t transaction) answered(key attempt.Key) error {
	var number, last int64
	var merchant string
	var text []byte
	found, err := t.find(findAnswerable, []any{key.Owner}, &number, &last, &merchant, &text)
	if err != nil {
		return err
	}
	if !found {
		return errors.New("its owner is gone")
	}
	standing, err := decode(text)
	if err != nil {
		return err
	}
	change, err := record.Encode(&record.Change{
		Payment: standing.Payment, Run: standing.Run, Input: standing.Input, Output: standing.Output,
		Answer: record.OfAnswer(key.Status, key.Body),
	})
	if err != nil {
		return err
	}
	next := t.number(0)
	if _, err := t.exec(insertChange, next, last, merchant, 0, change); err != nil {
		return err
	}
	_, err = t.exec(answerOwner, next, number)
	return err
}
