package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"payrouter/host/attempt"
	"payrouter/host/payment"
)

// pageSize is the default length of a list.
const pageSize = 100

const (
	attemptColumns = `call, state, request, response, doc`

	findPayment  = `SELECT doc FROM payment WHERE id = ?`
	listAttempts = `SELECT ` + attemptColumns + ` FROM attempt WHERE payment_id = ? ORDER BY number`
	attemptByID  = `SELECT ` + attemptColumns + ` FROM attempt WHERE id = ?`
	// Most payments wait for their payers, and are not looked at. Left alone, SQLite would look for attempts by
	// payment, at all of them.
	listUnfinished = `SELECT doc FROM payment WHERE id IN (
		SELECT id FROM payment WHERE status = 'created' AND id > ?1
		UNION SELECT id FROM payment WHERE status = 'processing' AND id > ?1
		UNION SELECT payment_id FROM attempt INDEXED BY attempt_open WHERE event IS NULL AND payment_id > ?1
			AND (SELECT status FROM payment WHERE id = payment_id) NOT IN (` + terminal + `)
		ORDER BY 1 LIMIT ?2) ORDER BY id`
	// A reference is one payment's: a second row is all that need be seen of more.
	findByReference = `SELECT doc FROM payment WHERE id IN (SELECT payment_id FROM attempt WHERE provider = ? AND ` +
		`reference = ?) LIMIT 2`
	findByTheirs = `SELECT doc FROM payment WHERE provider = ? AND provider_reference = ? LIMIT 2`
	// One step of the index for each provider, however many payments wait there.
	listWaiting = `WITH RECURSIVE waiting (provider) AS (
		SELECT min(provider) FROM payment INDEXED BY payment_due WHERE next_check IS NOT NULL
		UNION ALL SELECT (SELECT min(provider) FROM payment INDEXED BY payment_due WHERE next_check IS NOT NULL
			AND provider > waiting.provider)
			FROM waiting WHERE provider IS NOT NULL
		) SELECT provider FROM waiting WHERE provider IS NOT NULL`
	listDue = `SELECT doc FROM payment WHERE provider IS ? AND next_check <= ? ORDER BY next_check LIMIT ?`
	// What is due later than any schedule goes was scheduled by a wall clock that was ahead.
	listStranded = `SELECT doc FROM payment WHERE provider IS ? AND next_check > ?
		AND (status NOT IN ('succeeded', 'failed', 'canceled', 'expired') OR next_check > ?) ORDER BY next_check LIMIT ?`

	entryColumns    = `seq, doc, snapshot`
	listTimeline    = `SELECT ` + entryColumns + ` FROM event WHERE payment_id = ? ORDER BY seq`
	listEntries     = `SELECT ` + entryColumns + ` FROM event WHERE seq > ? ORDER BY seq LIMIT ?`
	listTheirEvents = `SELECT ` + entryColumns + ` FROM event WHERE merchant = ? AND seq > ? ORDER BY seq LIMIT ?`

	listOpen = `SELECT ` + attemptColumns + ` FROM attempt WHERE event IS NULL AND id > ? ORDER BY id LIMIT ?`
)

func reads() []string {
	return []string{
		findPayment, findByReference, findByTheirs, listWaiting, listDue, listStranded, listTimeline, listEntries,
		listTheirEvents, listAttempts, attemptByID, listUnfinished, listOpen, findKey,
		listDueCallbacks, findRun, listUnfinishedRuns, findClaim,
	}
}

// Payment implements payment.Journal.
func (db *DB) Payment(ctx context.Context, id string) (payment.Payment, error) {
	var doc string
	err := db.read[findPayment].QueryRowContext(ctx, id).Scan(&doc)
	if errors.Is(err, sql.ErrNoRows) {
		return payment.Payment{}, fmt.Errorf("payment %s: %w", id, payment.ErrNotFound)
	}
	if err != nil {
		return payment.Payment{}, unread(ctx, "read payment "+id, err)
	}
	return decodePayment(doc)
}

// Payments implements payment.Journal.
func (db *DB) Payments(ctx context.Context, filter payment.Filter) ([]payment.Payment, error) {
	text, args := listQuery(filter)
	rows, err := db.reads.QueryContext(ctx, text, args...)
	return paymentsOf(ctx, "list payments", rows, err)
}

// Unfinished implements payment.Journal. An empty id starts at the oldest; limit 0 means 100.
func (db *DB) Unfinished(ctx context.Context, after string, limit int) ([]payment.Payment, error) {
	rows, err := db.read[listUnfinished].QueryContext(ctx, after, atMost(limit))
	return paymentsOf(ctx, "list unfinished payments", rows, err)
}

// PaymentByReference implements payment.Journal.
func (db *DB) PaymentByReference(ctx context.Context, provider, reference string) (payment.Payment, error) {
	return db.only(ctx, findByReference, provider, reference)
}

// PaymentByProviderReference implements payment.Journal.
func (db *DB) PaymentByProviderReference(ctx context.Context, provider, reference string) (payment.Payment, error) {
	return db.only(ctx, findByTheirs, provider, reference)
}

func (db *DB) only(ctx context.Context, text, provider, reference string) (payment.Payment, error) {
	what := "find a payment at " + provider
	rows, err := db.read[text].QueryContext(ctx, provider, reference)
	found, err := paymentsOf(ctx, what, rows, err)
	switch {
	case err != nil:
		return payment.Payment{}, err
	case len(found) == 0:
		return payment.Payment{}, fmt.Errorf("%s: %w", what, payment.ErrNotFound)
	case len(found) > 1:
		return payment.Payment{}, fmt.Errorf("%s: %s and %s: %w", what, found[0].ID, found[1].ID, payment.ErrAmbiguous)
	}
	return found[0], nil
}

// Waiting implements payment.Journal.
func (db *DB) Waiting(ctx context.Context) ([]string, error) {
	const what = "list providers at which payments wait"
	rows, err := db.read[listWaiting].QueryContext(ctx) //nolint:sqlclosecheck // collect closes it
	return collect(ctx, what, rows, err, func() (string, error) {
		var provider string
		if err := rows.Scan(&provider); err != nil {
			return "", unread(ctx, what, err)
		}
		return provider, nil
	})
}

// Due implements payment.Journal. limit 0 means 100.
func (db *DB) Due(ctx context.Context, provider string, now time.Time, limit int) ([]payment.Payment, error) {
	what := "list payments due at " + provider
	limit = atMost(limit)
	rows, err := db.read[listStranded].QueryContext(ctx, optional(provider), textOf(now.Add(payment.FurthestCheck)),
		textOf(now.Add(payment.FurthestLateCheck)), limit)
	stranded, err := paymentsOf(ctx, what, rows, err)
	if err != nil || len(stranded) == limit {
		return stranded, err
	}
	rows, err = db.read[listDue].QueryContext(ctx, optional(provider), textOf(now), limit-len(stranded))
	due, err := paymentsOf(ctx, what, rows, err)
	if err != nil {
		return nil, err
	}
	return append(stranded, due...), nil
}

// Timeline implements payment.Journal. A payment that does not exist has none.
func (db *DB) Timeline(ctx context.Context, paymentID string) ([]payment.Entry, error) {
	rows, err := db.read[listTimeline].QueryContext(ctx, paymentID)
	return entriesOf(ctx, "list events of payment "+paymentID, rows, err)
}

// Entries implements payment.Journal. limit 0 means 100.
func (db *DB) Entries(ctx context.Context, merchant string, after int64, limit int) ([]payment.Entry, error) {
	const what = "list events"
	if merchant == "" {
		rows, err := db.read[listEntries].QueryContext(ctx, after, atMost(limit))
		return entriesOf(ctx, what, rows, err)
	}
	rows, err := db.read[listTheirEvents].QueryContext(ctx, merchant, after, atMost(limit))
	return entriesOf(ctx, what, rows, err)
}

func entriesOf(ctx context.Context, what string, rows *sql.Rows, err error) ([]payment.Entry, error) {
	return collect(ctx, what, rows, err, func() (payment.Entry, error) {
		var sequence int64
		var doc string
		var snapshot []byte
		if err := rows.Scan(&sequence, &doc, &snapshot); err != nil {
			return payment.Entry{}, unread(ctx, what, err)
		}
		return decodeEntry(sequence, doc, snapshot)
	})
}

// Attempts implements payment.Journal. A payment that does not exist has none.
func (db *DB) Attempts(ctx context.Context, paymentID string) ([]attempt.Attempt, error) {
	rows, err := db.read[listAttempts].QueryContext(ctx, paymentID)
	return attemptsOf(ctx, "list attempts of payment "+paymentID, rows, err)
}

// Attempt reads one attempt, of whichever payment; payment.ErrNotFound where there is none.
func (db *DB) Attempt(ctx context.Context, id attempt.ID) (attempt.Attempt, error) {
	rows, err := db.read[attemptByID].QueryContext(ctx, id)
	found, err := attemptsOf(ctx, "read attempt "+string(id), rows, err)
	if err != nil {
		return attempt.Attempt{}, err
	}
	if len(found) == 0 {
		return attempt.Attempt{}, fmt.Errorf("attempt %s: %w", id, payment.ErrNotFound)
	}
	return found[0], nil
}

// OpenAttempts lists the attempts of any payment that are open, oldest first, from the one after the id given; empty
// starts at the oldest. limit 0 means 100.
func (db *DB) OpenAttempts(ctx context.Context, after attempt.ID, limit int) ([]attempt.Attempt, error) {
	rows, err := db.read[listOpen].QueryContext(ctx, after, atMost(limit))
	return attemptsOf(ctx, "list open attempts", rows, err)
}

// Key implements payment.Journal.
func (db *DB) Key(ctx context.Context, merchant, value string) (*attempt.Key, error) {
	row := keyRow{key: attempt.Key{Merchant: merchant, Value: value}}
	err := db.read[findKey].QueryRowContext(ctx, merchant, value).Scan(row.into()...)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, unread(ctx, "read an idempotency key", err)
	}
	return row.decode()
}

func listQuery(filter payment.Filter) (text string, args []any) {
	var where []string
	and := func(condition string, values ...any) {
		where, args = append(where, condition), append(args, values...)
	}
	equal := func(column, value string) {
		if value != "" {
			and(column+" = ?", value)
		}
	}
	equal("merchant", filter.Merchant)
	equal("provider", filter.Provider)
	equal("kind", string(filter.Kind))
	equal("currency", filter.Currency)
	equal("reference", filter.Reference)
	if len(filter.Status) > 0 {
		statuses := make([]any, 0, len(filter.Status))
		for _, status := range filter.Status {
			statuses = append(statuses, string(status))
		}
		and("status IN (?"+strings.Repeat(", ?", len(statuses)-1)+")", statuses...)
	}
	if !filter.From.IsZero() {
		and("created_at >= ?", textOf(filter.From))
	}
	if !filter.Until.IsZero() {
		and("created_at < ?", textOf(filter.Until))
	}
	if filter.Before != "" {
		and("id < ?", filter.Before)
	}
	text = "SELECT doc FROM payment"
	if len(where) > 0 {
		text += " WHERE " + strings.Join(where, " AND ")
	}
	return text + " ORDER BY id DESC LIMIT ?", append(args, atMost(filter.Limit))
}

func atMost(limit int) int {
	if limit <= 0 {
		return pageSize
	}
	return limit
}

func paymentsOf(ctx context.Context, what string, rows *sql.Rows, err error) ([]payment.Payment, error) {
	return collect(ctx, what, rows, err, func() (payment.Payment, error) {
		var doc string
		if err := rows.Scan(&doc); err != nil {
			return payment.Payment{}, unread(ctx, what, err)
		}
		return decodePayment(doc)
	})
}

func attemptsOf(ctx context.Context, what string, rows *sql.Rows, err error) ([]attempt.Attempt, error) {
	return collect(ctx, what, rows, err, func() (attempt.Attempt, error) {
		var row attemptRow
		if err := rows.Scan(&row.call, &row.state, &row.request, &row.response, &row.doc); err != nil {
			return attempt.Attempt{}, unread(ctx, what, err)
		}
		return row.decode()
	})
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
			return nil, err
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
	return failed(what, err)
}
