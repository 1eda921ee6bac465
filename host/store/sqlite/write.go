package sqlite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"payrouter/host/payment"
	"payrouter/host/store"
)

const (
	insertPayment = `INSERT INTO payment (merchant, status, kind, currency, provider, reference, created_at, updated_at, version, doc, id)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	findStanding  = `SELECT merchant, created_at, status, version FROM payment WHERE id = ?`
	updatePayment = `UPDATE payment SET status = ?, kind = ?, currency = ?, provider = ?, reference = ?, updated_at = ?, version = ?, doc = ?
		WHERE id = ? AND version = ?`

	insertKey = `INSERT INTO idempotency_key (merchant, value, fingerprint, payment_id, status, body, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)`
	findKey   = `SELECT fingerprint, payment_id, status, body, created_at FROM idempotency_key WHERE merchant = ? AND value = ?`
	answerKey = `UPDATE idempotency_key SET status = ?, body = ? WHERE merchant = ? AND value = ? AND status = 0`

	findAttempt = `SELECT payment_id, number, event IS NULL, call, state, request, response, doc FROM attempt WHERE id = ?`
	// putAttempt leaves what an attempt is known by, its payment and number, as it is.
	putAttempt = `INSERT INTO attempt (id, payment_id, number, provider, event, send_before, call, state, request, response, doc)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET provider = excluded.provider, event = excluded.event, send_before = excluded.send_before,
			call = excluded.call, state = excluded.state, request = excluded.request, response = excluded.response, doc = excluded.doc`
)

func writes() []string {
	return []string{
		savepoint, rollbackTo, release, fillProbe, emptyProbe,
		insertPayment, findStanding, updatePayment, insertKey, findKey, answerKey, findAttempt, putAttempt,
	}
}

// verb names a statement in an error: its first word, which carries nobody's data.
func verb(statement string) string {
	word, _, _ := strings.Cut(statement, " ")
	return strings.ToLower(word)
}

// Create implements payment.Journal. A payment whose id is taken is refused with store.ErrTaken.
func (db *DB) Create(ctx context.Context, p payment.Payment, key payment.Key) (earlier *payment.Key, err error) {
	if key.PaymentID != p.ID || key.Merchant != p.Merchant {
		return nil, fmt.Errorf("create payment %s of %q: its key is for payment %s of %q", p.ID, p.Merchant, key.PaymentID, key.Merchant)
	}
	doc, err := encodePayment(p)
	if err != nil {
		return nil, err
	}
	err = db.writer.do(ctx, func(t transaction) error {
		var err error
		if earlier, err = t.key(key.Merchant, key.Value); err != nil || earlier != nil {
			return err
		}
		return t.create(p, doc, key)
	})
	if err != nil {
		return nil, fmt.Errorf("create payment %s: %w", p.ID, err)
	}
	return earlier, nil
}

func (t transaction) create(p payment.Payment, doc string, key payment.Key) error {
	_, err := t.exec(insertPayment, p.Merchant, string(p.Status), string(p.Kind), p.Currency, optional(p.Provider), optional(p.Reference),
		textOf(p.CreatedAt), textOf(p.UpdatedAt), p.Version, doc, p.ID)
	if err != nil {
		return err
	}
	_, err = t.exec(insertKey, key.Merchant, key.Value, key.Fingerprint, key.PaymentID, key.Status, key.Body, textOf(key.CreatedAt))
	return err
}

// key is nil where the merchant has not used the value.
func (t transaction) key(merchant, value string) (*payment.Key, error) {
	row := keyRow{key: payment.Key{Merchant: merchant, Value: value}}
	found, err := t.find(findKey, []any{merchant, value}, row.into()...)
	if err != nil || !found {
		return nil, err
	}
	return row.decode()
}

// Save implements payment.Journal. Changes that must never happen are refused with the errors of package store; saving an
// attempt that is closed already is none, where nothing in it differs.
func (db *DB) Save(ctx context.Context, p payment.Payment, attempts ...payment.Attempt) error {
	doc, err := encodePayment(p)
	if err != nil {
		return err
	}
	rows := make([]attemptRow, len(attempts))
	for i, a := range attempts {
		if a.PaymentID != p.ID {
			return fmt.Errorf("save payment %s: attempt %s is of payment %s: %w", p.ID, a.ID, a.PaymentID, store.ErrTaken)
		}
		if rows[i], err = encodeAttempt(a); err != nil {
			return err
		}
	}
	err = db.writer.do(ctx, func(t transaction) error {
		if err := t.update(p, doc); err != nil {
			return err
		}
		for i, a := range attempts {
			if err := t.putAttempt(a, rows[i]); err != nil {
				return fmt.Errorf("attempt %s: %w", a.ID, err)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("save payment %s: %w", p.ID, err)
	}
	return nil
}

func (t transaction) update(p payment.Payment, doc string) error {
	var merchant, created string
	var status payment.Status
	var version int64
	found, err := t.find(findStanding, []any{p.ID}, &merchant, &created, &status, &version)
	switch {
	case err != nil:
		return err
	case !found:
		return payment.ErrNotFound
	case version != p.Version-1:
		return fmt.Errorf("%w: it is at version %d, and the change makes %d", payment.ErrStale, version, p.Version)
	case merchant != p.Merchant || created != textOf(p.CreatedAt):
		return store.ErrFixed
	}
	if err := store.CheckStatus(status, p.Status); err != nil {
		return err
	}
	rows, err := t.exec(updatePayment, string(p.Status), string(p.Kind), p.Currency, optional(p.Provider), optional(p.Reference),
		textOf(p.UpdatedAt), p.Version, doc, p.ID, p.Version-1)
	if err != nil {
		return err
	}
	if rows != 1 {
		return payment.ErrStale
	}
	return nil
}

func (t transaction) putAttempt(a payment.Attempt, row attemptRow) error {
	var paymentID string
	var number int
	var open bool
	var standing attemptRow
	found, err := t.find(findAttempt, []any{a.ID},
		&paymentID, &number, &open, &standing.call, &standing.state, &standing.request, &standing.response, &standing.doc)
	switch {
	case err != nil:
		return err
	case found && (paymentID != a.PaymentID || number != a.Number):
		return fmt.Errorf("%w: it is number %d of payment %s", store.ErrTaken, number, paymentID)
	case found && !open && standing.equal(row):
		return nil
	case found && !open:
		return store.ErrClosed
	}
	_, err = t.exec(putAttempt, a.ID, a.PaymentID, a.Number, a.Provider, optional(string(a.Event)), textOf(a.SendBefore),
		row.call, row.state, row.request, row.response, row.doc)
	return err
}

func (r attemptRow) equal(other attemptRow) bool {
	return r.doc == other.doc && bytes.Equal(r.call, other.call) && bytes.Equal(r.state, other.state) &&
		bytes.Equal(r.request, other.request) && bytes.Equal(r.response, other.response)
}

// Answer implements payment.Journal. A key that does not exist is payment.ErrNotFound.
func (db *DB) Answer(ctx context.Context, key payment.Key) error {
	if key.Status == 0 {
		return errors.New("answer a key: status 0 is no answer")
	}
	err := db.writer.do(ctx, func(t transaction) error {
		rows, err := t.exec(answerKey, key.Status, key.Body, key.Merchant, key.Value)
		if err != nil || rows == 1 {
			return err
		}
		standing, err := t.key(key.Merchant, key.Value)
		if err == nil && standing == nil {
			err = payment.ErrNotFound
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("answer the key of payment %s: %w", key.PaymentID, err)
	}
	return nil
}
