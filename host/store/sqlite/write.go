package sqlite

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"payrouter/host/attempt"
	"payrouter/host/payment"
	"payrouter/host/store"
)

const (
	insertPayment = `INSERT INTO payment (merchant, status, kind, currency, provider, provider_reference, reference,
		next_check, created_at,
		updated_at, version, doc, id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	findStanding = `SELECT merchant, created_at, status, version FROM payment WHERE id = ?`
	// updatePayment finds nothing where the change must not be made.
	updatePayment = `UPDATE payment SET status = ?1, kind = ?2, currency = ?3, provider = ?4, provider_reference = ?5,
		reference = ?6, next_check = ?7,
		updated_at = ?8, version = ?9, doc = ?10
		WHERE id = ?11 AND version = ?9 - 1 AND merchant = ?12 AND created_at = ?13
			AND (status = ?1 OR status NOT IN (` + terminal + `) AND ?1 <> 'awaiting_approval')`
	terminal = `'succeeded', 'failed', 'canceled', 'expired'`

	insertKey = `INSERT INTO idempotency_key (merchant, value, fingerprint, payment_id, status, body, created_at,
		settled_clock)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?)`
	findKey = `SELECT fingerprint, payment_id, status, body, created_at FROM idempotency_key WHERE merchant = ? ` +
		`AND value = ?`
	answerKey = `UPDATE idempotency_key SET status = ?, body = ? WHERE merchant = ? AND value = ? AND status = 0`
	// answerKeyOf answers a payment's key as answerKey does.
	answerKeyOf = `UPDATE idempotency_key SET status = ?, body = ? WHERE payment_id = ? AND status = 0`
	settleKeys  = `UPDATE idempotency_key SET settled_clock = ? WHERE payment_id = ? AND settled_clock IS NULL`
	listOldKeys = `SELECT merchant, value FROM idempotency_key WHERE settled_clock < ? ORDER BY settled_clock LIMIT ?`
	purgeKey    = `DELETE FROM idempotency_key WHERE merchant = ? AND value = ?`
	insertSpent = `INSERT INTO spent_key (hash) VALUES (?) ON CONFLICT (hash) DO NOTHING`
	findSpent   = `SELECT 1 FROM spent_key WHERE hash = ?`

	findAttempt = `SELECT payment_id, number, call, state, request, response, doc FROM attempt WHERE id = ?`
	// putAttempt leaves a closed attempt as it is, and one that is known by another payment or number.
	putAttempt = `INSERT INTO attempt (id, payment_id, number, provider, reference, event, send_before, call, state,
		request, response, doc)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET provider = excluded.provider, reference = excluded.reference, event = excluded.event,
			send_before = excluded.send_before,
			call = excluded.call, state = excluded.state, request = excluded.request, response = excluded.response,
				doc = excluded.doc
		WHERE event IS NULL AND payment_id = excluded.payment_id AND number = excluded.number`

	insertEvent = `INSERT INTO event (id, payment_id, merchant, type, at, doc, snapshot) VALUES (?, ?, ?, ?, ?, ?, ?)`
)

func writes() []string {
	return []string{
		savepoint, rollbackTo, release, fillProbe, emptyProbe,
		insertPayment, findStanding, updatePayment, insertKey, findKey, answerKey, answerKeyOf, settleKeys,
		listOldKeys, purgeKey, insertSpent, findSpent,
		findAttempt, putAttempt, insertEvent,
		keepCallback, settleCallback, postponeCallback, purgeCallbacks,
		insertRun, findRunStanding, updateRun, putClaim, findClaim,
	}
}

// verb names a statement in an error by its first word, which contains no data.
func verb(statement string) string {
	word, _, _ := strings.Cut(statement, " ")
	return strings.ToLower(word)
}

// Create implements payment.Journal. A payment whose id is taken is refused with store.ErrTaken.
func (db *DB) Create(ctx context.Context, change payment.Change, key attempt.Key) (earlier *attempt.Key, err error) {
	p := change.Payment
	if key.Owner != p.OwnerID() || key.Merchant != p.Merchant {
		return nil, fmt.Errorf("create payment %s of %q: its key is for payment %s of %q", p.ID, p.Merchant,
			key.Owner, key.Merchant)
	}
	encoded, err := encodeChange(change)
	if err != nil {
		return nil, err
	}
	err = db.writer.do(ctx, func(t transaction) error {
		var err error
		if earlier, err = t.used(key); err != nil || earlier != nil {
			return err
		}
		return t.create(change, encoded, key)
	})
	if err != nil {
		return nil, fmt.Errorf("create payment %s: %w", p.ID, err)
	}
	return earlier, nil
}

func (t transaction) create(change payment.Change, encoded encodedChange, key attempt.Key) error {
	p := change.Payment
	_, err := t.exec(insertPayment, p.Merchant, string(p.Status), string(p.Kind), p.Currency, optional(p.Provider),
		optional(p.ProviderReference),
		optional(p.Reference), optionalTime(p.NextCheck), textOf(p.CreatedAt), textOf(p.UpdatedAt), p.Version,
		encoded.payment, p.ID)
	if err != nil {
		return err
	}
	if err := t.putKey(key, p.Status.Terminal()); err != nil {
		return err
	}
	return t.putRows(change, encoded)
}

// putKey writes a key. Its lifetime starts when its payment or run is terminal, by the journal's clock.
func (t transaction) putKey(key attempt.Key, terminal bool) error {
	settled := sql.NullInt64{Int64: t.clock(), Valid: terminal}
	_, err := t.exec(insertKey, key.Merchant, key.Value, key.Fingerprint, key.Owner, key.Status, key.Body,
		textOf(key.CreatedAt), settled)
	return err
}

// used is the key as it was used before, and nil where it was not. One that is forgotten is payment.ErrKeyExpired.
func (t transaction) used(key attempt.Key) (*attempt.Key, error) {
	earlier, err := t.key(key.Merchant, key.Value)
	if err != nil || earlier != nil {
		return earlier, err
	}
	var one int
	spent, err := t.find(findSpent, []any{spentHash(key.Merchant, key.Value)}, &one)
	if err == nil && spent {
		err = payment.ErrKeyExpired
	}
	return nil, err
}

// spentHash is what remains of a purged key: 128 bits, which distinguish keys and reveal no merchant.
func spentHash(merchant, value string) []byte {
	sum := sha256.New()
	_, _ = fmt.Fprintf(sum, "%d:%s%s", len(merchant), merchant, value)
	return sum.Sum(nil)[:16]
}

// key is nil where the merchant has not used the value.
func (t transaction) key(merchant, value string) (*attempt.Key, error) {
	row := keyRow{key: attempt.Key{Merchant: merchant, Value: value}}
	found, err := t.find(findKey, []any{merchant, value}, row.into()...)
	if err != nil || !found {
		return nil, err
	}
	return row.decode()
}

// Save implements payment.Journal. Changes that must never happen are refused with the errors of package store; saving
// an attempt that is closed already is none, where nothing in it differs.
func (db *DB) Save(ctx context.Context, change payment.Change) error {
	encoded, err := encodeChange(change)
	if err != nil {
		return err
	}
	err = db.writer.do(ctx, func(t transaction) error {
		if err := t.update(change.Payment, encoded.payment); err != nil {
			return err
		}
		return t.putRows(change, encoded)
	})
	if err != nil {
		return fmt.Errorf("save payment %s: %w", change.Payment.ID, err)
	}
	return nil
}

// putRows writes what goes with a payment.
func (t transaction) putRows(change payment.Change, encoded encodedChange) error {
	for i, e := range change.Entries {
		_, err := t.exec(insertEvent, e.ID, e.PaymentID, e.Merchant, string(e.Type), textOf(e.At), encoded.entries[i],
			[]byte(e.Snapshot))
		if err != nil {
			return fmt.Errorf("event %s: %w", e.ID, err)
		}
	}
	if err := t.putClaim(change.Claim, change.Payment.OwnerID()); err != nil {
		return err
	}
	return t.putAttempts(change.Payment.ID, change.Attempts, encoded.attempts, change.Answer)
}

// putAttempts writes attempts of a payment or a run, and what its key is answered, where that is known.
func (t transaction) putAttempts(of string, attempts []attempt.Attempt, rows []attemptRow,
	answer *attempt.Answer,
) error {
	for i, a := range attempts {
		if err := t.putAttempt(a, rows[i]); err != nil {
			return fmt.Errorf("attempt %s: %w", a.ID, err)
		}
	}
	if answer == nil {
		return nil
	}
	_, err := t.exec(answerKeyOf, answer.Status, answer.Body, of)
	return err
}

func (t transaction) update(p payment.Payment, doc string) error {
	rows, err := t.exec(updatePayment, string(p.Status), string(p.Kind), p.Currency, optional(p.Provider),
		optional(p.ProviderReference),
		optional(p.Reference), optionalTime(p.NextCheck), textOf(p.UpdatedAt), p.Version, doc, p.ID, p.Merchant,
		textOf(p.CreatedAt))
	if err != nil {
		return err
	}
	if rows != 1 {
		change := updated{p.Version, p.Merchant, textOf(p.CreatedAt), payment.ErrNotFound}
		return t.whyNotUpdated(findStanding, p.ID, change, func(status string) error {
			return store.CheckStatus(payment.Status(status), p.Status)
		})
	}
	if !p.Status.Terminal() {
		return nil
	}
	_, err = t.exec(settleKeys, t.clock(), p.ID)
	return err
}

// updated is what a change has of a payment or a run, beside what is changed.
type updated struct {
	version           int64
	merchant, created string
	absent            error
}

// whyNotUpdated is why a change of a payment or a run finds no row to update. find reads its merchant, time of
// creation, status and version.
func (t transaction) whyNotUpdated(find, id string, change updated, checkStatus func(from string) error) error {
	var merchant, created, status string
	var version int64
	found, err := t.find(find, []any{id}, &merchant, &created, &status, &version)
	switch {
	case err != nil:
		return err
	case !found:
		return change.absent
	case version != change.version-1:
		return fmt.Errorf("%w: it is at version %d, and the change makes %d", payment.ErrStale, version, change.version)
	case merchant != change.merchant || created != change.created:
		return store.ErrFixed
	}
	return cmp.Or(checkStatus(status), payment.ErrStale)
}

func (t transaction) putAttempt(a attempt.Attempt, row attemptRow) error {
	rows, err := t.exec(putAttempt, a.ID, a.Owner, a.Number, a.Provider, optional(a.Reference),
		optional(string(a.Event)), textOf(a.SendBefore),
		row.call, row.state, row.request, row.response, row.doc)
	if err != nil || rows == 1 {
		return err
	}
	var paymentID string
	var number int
	var standing attemptRow
	_, err = t.find(findAttempt, []any{a.ID}, &paymentID, &number, &standing.call, &standing.state, &standing.request,
		&standing.response, &standing.doc)
	switch {
	case err != nil:
		return err
	case attempt.OwnerID(paymentID) != a.Owner || number != a.Number:
		return fmt.Errorf("%w: it is number %d of payment %s", store.ErrTaken, number, paymentID)
	case standing.equal(row):
		return nil
	}
	return store.ErrClosed
}

func (r attemptRow) equal(other attemptRow) bool {
	return r.doc == other.doc && bytes.Equal(r.call, other.call) && bytes.Equal(r.state, other.state) &&
		bytes.Equal(r.request, other.request) && bytes.Equal(r.response, other.response)
}

// Answer implements payment.Journal. A key that does not exist is payment.ErrNotFound.
func (db *DB) Answer(ctx context.Context, key attempt.Key) (standing attempt.Key, err error) {
	if key.Status == 0 {
		return attempt.Key{}, errors.New("answer a key: status 0 is no answer")
	}
	err = db.writer.do(ctx, func(t transaction) error {
		if _, err := t.exec(answerKey, key.Status, key.Body, key.Merchant, key.Value); err != nil {
			return err
		}
		found, err := t.key(key.Merchant, key.Value)
		if err != nil {
			return err
		}
		if found == nil {
			return payment.ErrNotFound
		}
		standing = *found
		return nil
	})
	if err != nil {
		return attempt.Key{}, fmt.Errorf("answer the key of payment %s: %w", key.Owner, err)
	}
	return standing, nil
}

// PurgeKeys implements payment.Journal. limit 0 means 100.
func (db *DB) PurgeKeys(ctx context.Context, lifetime time.Duration, limit int) (purged int, err error) {
	err = db.writer.do(ctx, func(t transaction) error {
		old, err := t.oldKeys(lifetime, limit)
		if err != nil {
			return err
		}
		for _, key := range old {
			if _, err := t.exec(insertSpent, spentHash(key.Merchant, key.Value)); err != nil {
				return err
			}
			if _, err := t.exec(purgeKey, key.Merchant, key.Value); err != nil {
				return err
			}
		}
		purged = len(old)
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("purge keys: %w", err)
	}
	return purged, nil
}

// oldKeys are those that have outlived a lifetime.
func (t transaction) oldKeys(lifetime time.Duration, limit int) ([]attempt.Key, error) {
	const what = "list old keys"
	//nolint:sqlclosecheck // see collect
	rows, err := t.tx.StmtContext(t.ctx, t.stmts[listOldKeys]).QueryContext(t.ctx, t.before(lifetime), atMost(limit))
	return collect(t.ctx, what, rows, err, func() (key attempt.Key, err error) {
		if err := rows.Scan(&key.Merchant, &key.Value); err != nil {
			return key, unread(t.ctx, what, err)
		}
		return key, nil
	})
}
