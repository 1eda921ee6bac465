package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	abi "payrouter/abi/v1"
	"payrouter/host/callback"
)

var _ callback.Store = (*DB)(nil)

const (
	callbackColumns = `id, account, identity, addressed_to, payment_id, received_at, last_at, repeats, method, query,
		header, body, receipt,
		vouched, state, due, tries, note, last_clock`

	// keepCallback counts a repetition where the callback is there, and makes it due: one that waits for its next try
	// waits no longer, and one that is done with is taken up again. A word that its payment knows stays settled.
	keepCallback = `INSERT INTO callback (` + callbackColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,
		?, ?, ?)
		ON CONFLICT (account, identity) DO UPDATE SET repeats = repeats + 1, last_at = excluded.last_at,
			last_clock = excluded.last_clock,
			receipt = CASE WHEN ` + takenUp + ` THEN excluded.receipt ELSE receipt END,
			due = CASE WHEN ` + takenUp + ` THEN excluded.due ELSE due END,
			tries = CASE WHEN ` + takenUp + ` THEN 0 ELSE tries END,
			state = CASE WHEN ` + takenUp + ` THEN excluded.state ELSE state END`
	takenUp = `excluded.state = 'pending' AND NOT (vouched = 1 AND state = 'settled')`

	settleCallback = `UPDATE callback SET payment_id = ?1, state = ?2, due = ?3, tries = ?4, note = ?5
		WHERE id = ?6 AND (repeats = ?7 OR (vouched = 1 AND ?2 = 'settled'))`
	// postponeCallback is for one that was repeated meanwhile: its tries count anew from the repetition.
	postponeCallback = `UPDATE callback SET due = ?, note = ? WHERE id = ?`
	purgeCallbacks   = `DELETE FROM callback WHERE id IN (SELECT id FROM callback WHERE due IS NULL AND last_clock < ` +
		`? ORDER BY last_clock LIMIT ?)`

	listDueCallbacks = `SELECT ` + callbackColumns +
		` FROM callback WHERE account = ? AND vouched = ? AND due <= ? ORDER BY due LIMIT ?`
)

// KeepCallback implements callback.Store.
func (db *DB) KeepCallback(ctx context.Context, c callback.Callback) error {
	header, err := json.Marshal(c.Header)
	if err != nil {
		return fmt.Errorf("encode callback %s: %w", c.ID, err)
	}
	var receipt []byte
	if c.Receipt != nil {
		if receipt, err = c.Receipt.MarshalVT(); err != nil {
			return fmt.Errorf("encode the report of callback %s: %w", c.ID, err)
		}
	}
	err = db.writer.do(ctx, func(t transaction) error {
		_, err := t.exec(keepCallback, c.ID, c.Account, c.Identity, optional(c.AddressedTo), optional(c.PaymentID),
			textOf(c.ReceivedAt), textOf(c.LastAt),
			c.Repeats, c.Method, c.Query, string(header), append([]byte{}, c.Body...), receipt, c.Vouched,
			string(c.State), optionalTime(c.Due), c.Tries, c.Note, t.clock())
		return err
	})
	if err != nil {
		return fmt.Errorf("keep callback %s: %w", c.ID, err)
	}
	return nil
}

// SettleCallback implements callback.Store.
func (db *DB) SettleCallback(ctx context.Context, c callback.Callback, again time.Time) error {
	err := db.writer.do(ctx, func(t transaction) error {
		rows, err := t.exec(settleCallback, optional(c.PaymentID), string(c.State), optionalTime(c.Due), c.Tries,
			c.Note, c.ID, c.Repeats)
		if err != nil || rows == 1 {
			return err
		}
		_, err = t.exec(postponeCallback, textOf(again), c.Note, c.ID)
		return err
	})
	if err != nil {
		return fmt.Errorf("settle callback %s: %w", c.ID, err)
	}
	return nil
}

// DueCallbacks implements callback.Store. limit 0 means 100.
func (db *DB) DueCallbacks(ctx context.Context, account string, vouched bool, now time.Time,
	limit int,
) ([]callback.Callback, error) {
	const what = "list callbacks that are due"
	return readAll(ctx, db, what, listDueCallbacks, []any{account, vouched, textOf(now), atMost(limit)}, scanCallback)
}

func scanCallback(rows *sql.Rows) (callback.Callback, error) {
	var c callback.Callback
	var addressedTo, paymentID, due sql.NullString
	var received, last, header string
	var receipt []byte
	var lastClock int64
	err := rows.Scan(&c.ID, &c.Account, &c.Identity, &addressedTo, &paymentID, &received, &last, &c.Repeats, &c.Method,
		&c.Query, &header, &c.Body, &receipt,
		&c.Vouched, &c.State, &due, &c.Tries, &c.Note, &lastClock)
	if err != nil {
		return callback.Callback{}, err
	}
	c.LastClock = time.Duration(lastClock) * time.Millisecond
	c.AddressedTo, c.PaymentID = addressedTo.String, paymentID.String
	if err := json.Unmarshal([]byte(header), &c.Header); err != nil {
		return callback.Callback{}, failed("decode a callback's header", err)
	}
	if receipt != nil {
		c.Receipt = new(abi.Receipt)
		if err := c.Receipt.UnmarshalVTUnsafe(receipt); err != nil {
			return callback.Callback{}, failed("decode a callback's report", err)
		}
	}
	for _, moment := range []struct {
		text string
		into *time.Time
	}{{received, &c.ReceivedAt}, {last, &c.LastAt}, {due.String, &c.Due}} {
		if moment.text == "" {
			continue
		}
		if *moment.into, err = time.Parse(timeText, moment.text); err != nil {
			return callback.Callback{}, failed("read when a callback came", err)
		}
	}
	return c, nil
}

// PurgeCallbacks implements callback.Store. limit 0 means 100.
func (db *DB) PurgeCallbacks(ctx context.Context, lifetime time.Duration, limit int) (purged int, err error) {
	err = db.writer.do(ctx, func(t transaction) error {
		rows, err := t.exec(purgeCallbacks, t.before(lifetime), atMost(limit))
		purged = int(rows)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("purge callbacks: %w", err)
	}
	return purged, nil
}
