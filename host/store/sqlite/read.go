package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"payrouter/host/attempt"
	"payrouter/host/payment"
	record "payrouter/host/store/record/v1"
)

// pageSize is the default length of a list.
const pageSize = 100

const (
	terminal = `'succeeded', 'failed', 'canceled', 'expired'`
	// ofOwner are the last records of owners.
	ofOwner = `SELECT c.record FROM owner o JOIN change c ON c.number = o.last `

	findPayment = ofOwner + `WHERE o.id = ? AND o.operation IS NULL`
	// Most payments wait for their payers, and are not looked at.
	listUnfinished = ofOwner + `WHERE o.operation IS NULL AND o.id IN (
		SELECT id FROM owner WHERE status = 'created' AND status NOT IN (` + terminal + `) AND id > ?1
		UNION SELECT id FROM owner WHERE status = 'processing' AND status NOT IN (` + terminal + `) AND id > ?1
		UNION SELECT w.id FROM attempt a INDEXED BY attempt_open JOIN owner w ON w.number = a.owner
			WHERE a.given IS NOT NULL AND w.id > ?1 AND w.status NOT IN (` + terminal + `)
		ORDER BY 1) AND o.id > ?1 ORDER BY o.id LIMIT ?2`
	// listNamedPayments has other payments, too, where a hash is that of two names.
	listNamedPayments = ofOwner + `JOIN name n ON n.owner = o.number WHERE n.hash = ? AND o.operation IS NULL ` +
		`ORDER BY n.owner`
	// One step of the index for each provider, however many payments wait there.
	listWaiting = `WITH RECURSIVE waiting (provider) AS (
		SELECT min(provider) FROM owner INDEXED BY owner_due WHERE due IS NOT NULL
		UNION ALL SELECT (SELECT min(provider) FROM owner INDEXED BY owner_due WHERE due IS NOT NULL
			AND provider > waiting.provider)
			FROM waiting WHERE provider IS NOT NULL
		) SELECT provider FROM waiting WHERE provider IS NOT NULL`
	listDue = ofOwner + `WHERE o.provider IS ? AND o.due <= ? ORDER BY o.due LIMIT ?`
	// What is due later than any schedule goes was scheduled by a wall clock that was ahead.
	listStranded = ofOwner + `WHERE o.provider IS ? AND o.due > ?
		AND (o.status NOT IN (` + terminal + `) OR o.due > ?) ORDER BY o.due LIMIT ?`

	// They start at the change before the next one: it may have further entries.
	listEntries = `SELECT number, record FROM change WHERE entries > 0
		AND number >= coalesce((SELECT max(number) FROM change WHERE entries > 0 AND number <= ?1), 0)
		ORDER BY number LIMIT ?2`
	listTheirEvents = `SELECT number, record FROM change WHERE merchant = ?1 AND entries > 0
		AND number >= coalesce((SELECT max(number) FROM change WHERE merchant = ?1 AND entries > 0 AND number <= ?2), 0)
		ORDER BY number LIMIT ?3`

	listOpen = `SELECT id FROM attempt WHERE given IS NOT NULL AND id > ? ORDER BY id LIMIT ?`

	findKey = `SELECT o.id, o.merchant, f.record, a.record FROM name n JOIN owner o ON o.number = n.owner
		JOIN change f ON f.number = o.number LEFT JOIN change a ON a.number = o.answer WHERE n.hash = ? ORDER BY n.owner`
	findAnswerable = `SELECT o.number, o.last, o.merchant, c.record FROM owner o JOIN change c ON c.number = o.last
		WHERE o.id = ?`
)

func reads() []string {
	return []string{
		findPayment, listNamedPayments, listWaiting, listDue, listStranded, listEntries, listTheirEvents, listUnfinished,
		listOpen, findKey, listDueCallbacks, findRun, listUnfinishedRuns, changesOf, changesOfAttempt, findOwners,
	}
}

// Payment implements payment.Journal.
func (db *DB) Payment(ctx context.Context, id string) (payment.Payment, error) {
	found, err := readAll(ctx, db, "read payment "+id, findPayment, []any{id}, scanPayment)
	if err != nil {
		return payment.Payment{}, err
	}
	if len(found) == 0 {
		return payment.Payment{}, fmt.Errorf("payment %s: %w", id, payment.ErrNotFound)
	}
	return found[0], nil
}

// Unfinished implements payment.Journal. An empty id starts at the oldest; limit 0 means 100.
func (db *DB) Unfinished(ctx context.Context, after string, limit int) ([]payment.Payment, error) {
	return readAll(ctx, db, "list unfinished payments", listUnfinished, []any{after, atMost(limit)}, scanPayment)
}

// PaymentByReference implements payment.Journal.
func (db *DB) PaymentByReference(ctx context.Context, provider, reference string) (payment.Payment, error) {
	return db.only(ctx, provider, nameOf("ours", provider, reference), func(p payment.Payment) (bool, error) {
		attempts, err := db.Attempts(ctx, p.ID)
		return slices.ContainsFunc(attempts, func(a attempt.Attempt) bool {
			return a.Provider == provider && a.Reference == reference
		}), err
	})
}

// PaymentByProviderReference implements payment.Journal.
func (db *DB) PaymentByProviderReference(ctx context.Context, provider, reference string) (payment.Payment, error) {
	return db.only(ctx, provider, nameOf("theirs", provider, reference), func(p payment.Payment) (bool, error) {
		return p.Provider == provider && p.ProviderReference == reference, nil
	})
}

// only is the one payment of those with a name that has it.
func (db *DB) only(ctx context.Context, provider string, name sql.NullInt64,
	has func(payment.Payment) (bool, error),
) (payment.Payment, error) {
	what := "find a payment at " + provider
	named, err := readAll(ctx, db, what, listNamedPayments, []any{name}, scanPayment)
	if err != nil {
		return payment.Payment{}, err
	}
	var found []payment.Payment
	for _, p := range named {
		named, err := has(p)
		if err != nil {
			return payment.Payment{}, err
		}
		if named {
			found = append(found, p)
		}
	}
	switch len(found) {
	case 0:
		return payment.Payment{}, fmt.Errorf("%s: %w", what, payment.ErrNotFound)
	case 1:
		return found[0], nil
	}
	return payment.Payment{}, fmt.Errorf("%s: %s and %s: %w", what, found[0].ID, found[1].ID, payment.ErrAmbiguous)
}

// Waiting implements payment.Journal.
func (db *DB) Waiting(ctx context.Context) ([]string, error) {
	return readAll(ctx, db, "list providers at which payments wait", listWaiting, nil, scanText[string])
}

// Due implements payment.Journal. limit 0 means 100.
func (db *DB) Due(ctx context.Context, provider string, now time.Time, limit int) ([]payment.Payment, error) {
	what := "list payments due at " + provider
	limit = atMost(limit)
	beyond := []any{
		optional(provider), nanos(now.Add(payment.FurthestCheck)), nanos(now.Add(payment.FurthestLateCheck)), limit,
	}
	stranded, err := readAll(ctx, db, what, listStranded, beyond, scanPayment)
	if err != nil || len(stranded) == limit {
		return stranded, err
	}
	due, err := readAll(ctx, db, what, listDue, []any{optional(provider), nanos(now), limit - len(stranded)}, scanPayment)
	if err != nil {
		return nil, err
	}
	return append(stranded, due...), nil
}

func atMost(limit int) int {
	if limit <= 0 {
		return pageSize
	}
	return limit
}

func scanText[T ~string](rows *sql.Rows) (text T, err error) {
	err = rows.Scan(&text)
	return text, err
}

func scanPayment(rows *sql.Rows) (payment.Payment, error) { return recorded(rows, record.PaymentOf) }

// recorded is what a row's record has.
func recorded[T any](rows *sql.Rows, of func(*record.Change) (T, error)) (one T, err error) {
	var text []byte
	if err := rows.Scan(&text); err != nil {
		return one, err
	}
	change, err := decode(text)
	if err != nil {
		return one, err
	}
	if one, err = of(change); err != nil {
		return one, failed("read a change", err)
	}
	return one, nil
}

// readAll reads all rows of one of the reads, or of a query that is put together. It ends after db.longest: a read
// keeps the log from beginning anew.
func readAll[T any](ctx context.Context, db *DB, what, text string, args []any,
	scan func(*sql.Rows) (T, error),
) ([]T, error) {
	limited, cancel := context.WithTimeout(ctx, db.longest)
	defer cancel()
	query := func() (*sql.Rows, error) { return db.reads.QueryContext(limited, text, args...) }
	if stmt, prepared := db.read[text]; prepared {
		query = func() (*sql.Rows, error) { return stmt.QueryContext(limited, args...) }
	}
	rows, err := query()
	found, err := collect(limited, what, rows, err, func() (T, error) { return scan(rows) })
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		return nil, failed(what, fmt.Errorf("it takes longer than %s", db.longest))
	}
	return found, err
}

// collect reads all rows of a query and closes it. err is the query's own.
func collect[T any](ctx context.Context, what string, rows *sql.Rows, err error, scan func() (T, error)) ([]T, error) {
	if err != nil {
		return nil, unread(ctx, what, err)
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		one, err := scan()
		if err != nil {
			return nil, unread(ctx, what, err)
		}
		all = append(all, one)
	}
	if err := rows.Err(); err != nil {
		return nil, unread(ctx, what, err)
	}
	return all, nil
}

// unread distinguishes a caller's canceled context from a journal that cannot be read.
func unread(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", what, ctx.Err())
	}
	if errors.Is(err, attempt.ErrJournal) {
		return err
	}
	return failed(what, err)
}
