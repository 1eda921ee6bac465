package sqlite

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"payrouter/host/attempt"
	"payrouter/host/payment"
)

const (
	listOldKeys = `SELECT o.number, o.merchant, f.record FROM owner o JOIN change f ON f.number = o.number
		WHERE o.settled >= 0 AND o.settled < ? ORDER BY o.settled LIMIT ?`
	insertSpent = `INSERT INTO spent_key (hash) VALUES (?) ON CONFLICT (hash) DO NOTHING`
	findSpent   = `SELECT 1 FROM spent_key WHERE hash = ?`
)

func writes() []string {
	return append(ownerWrites(), savepoint, rollbackTo, release, fillProbe, emptyProbe, findAnswerable, keepCallback,
		settleCallback, postponeCallback, purgeCallbacks)
}

// verb names a statement in an error by its first word, which contains no data.
func verb(statement string) string {
	word, _, _ := strings.Cut(statement, " ")
	return strings.ToLower(word)
}

// Create implements payment.Journal. A payment whose id is taken is refused with store.ErrTaken.
func (db *DB) Create(ctx context.Context, change payment.Change, key attempt.Key) (earlier *attempt.Key, err error) {
	d, err := draftOf(change)
	if err == nil {
		earlier, err = db.create(ctx, d, key)
	}
	if err != nil {
		return nil, fmt.Errorf("create payment %s: %w", change.Payment.ID, err)
	}
	return earlier, nil
}

// create writes a payment or a run with its key.
func (db *DB) create(ctx context.Context, d *draft, key attempt.Key) (earlier *attempt.Key, err error) {
	if err := d.first(key); err != nil {
		return nil, err
	}
	err = db.writer.do(ctx, func(t transaction) error {
		var err error
		if earlier, err = t.used(key); err != nil || earlier != nil {
			return err
		}
		return t.create(d, key)
	})
	return earlier, err
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

// Save implements payment.Journal. Changes that must never happen are refused with the errors of package store; saving
// an attempt that is closed already is none, where nothing in it differs.
func (db *DB) Save(ctx context.Context, change payment.Change) error {
	d, err := draftOf(change)
	if err == nil {
		err = db.save(ctx, d)
	}
	if err != nil {
		return fmt.Errorf("save payment %s: %w", change.Payment.ID, err)
	}
	return nil
}

func (db *DB) save(ctx context.Context, d *draft) error {
	if err := d.further(); err != nil {
		return err
	}
	return db.writer.do(ctx, func(t transaction) error { return t.update(d) })
}

// Answer implements payment.Journal. A key that does not exist is payment.ErrNotFound.
func (db *DB) Answer(ctx context.Context, key attempt.Key) (standing attempt.Key, err error) {
	if key.Status == 0 {
		return attempt.Key{}, errors.New("answer a key: status 0 is no answer")
	}
	err = db.writer.do(ctx, func(t transaction) error {
		found, err := t.key(key.Merchant, key.Value)
		if err != nil {
			return err
		}
		if found == nil {
			return payment.ErrNotFound
		}
		standing = *found
		if standing.Status != 0 {
			return nil
		}
		standing.Status, standing.Body = key.Status, key.Body
		return t.answered(standing)
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
			if err := t.purge(key); err != nil {
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

// oldKey is one that has outlived its lifetime.
type oldKey struct {
	owner    int64
	merchant string
	first    []byte
}

func (t transaction) oldKeys(lifetime time.Duration, limit int) ([]oldKey, error) {
	return collectIn(t, listOldKeys, []any{t.before(lifetime), atMost(limit)}, scanOldKey)
}

func scanOldKey(rows *sql.Rows) (key oldKey, err error) {
	err = rows.Scan(&key.owner, &key.merchant, &key.first)
	return key, err
}

// purge forgets a key: what is left shows that it was used.
func (t transaction) purge(key oldKey) error {
	made, err := decode(key.first)
	if err != nil {
		return err
	}
	if made.Key != nil {
		if _, err := t.exec(insertSpent, spentHash(key.merchant, made.Key.Value)); err != nil {
			return err
		}
		if _, err := t.exec(deleteName, nameOf("key", key.merchant, made.Key.Value), key.owner); err != nil {
			return err
		}
	}
	_, err = t.exec(purgeOwner, key.owner)
	return err
}
