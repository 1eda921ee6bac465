package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"payrouter/host/access"
	"payrouter/host/audit"
	"payrouter/host/store"
)

const (
	keyColumns = `id, merchant, name, rights, line, issued_by, created_by, created_at, expires_at, revoked_at,
		last_used_at, hash`
	listKeys = `SELECT ` + keyColumns + ` FROM api_key ORDER BY id`
	putKey   = `INSERT OR REPLACE INTO api_key (` + keyColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

	listActs = `SELECT seq, at, key, name, merchant, address, act, object, before, after, outcome, problem FROM act
		WHERE seq > ?1 AND (?2 = '' OR act = ?2) AND (?3 = '' OR key = ?3) ORDER BY seq LIMIT ?4`
	beginAct = `INSERT INTO act (at, key, name, merchant, address, act, object, before, after, outcome, problem)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING seq`
	endAct = `UPDATE act SET outcome = ?, after = ?, problem = ? WHERE seq = ? AND outcome = 'begun'`
)

func accessReads() []string { return []string{listKeys, listActs} }

func accessWrites() []string { return []string{putKey, beginAct, endAct} }

var (
	_ access.Store = (*DB)(nil)
	_ audit.Store  = (*DB)(nil)
)

// Keys implements access.Store.
func (db *DB) Keys(ctx context.Context) ([]access.Key, error) {
	const what = "list API keys"
	return readAll(ctx, db, what, listKeys, nil, func(rows *sql.Rows) (k access.Key, err error) {
		var rights, issuedBy string
		var created, expires, revoked, used sql.NullString
		var hash []byte
		if err := rows.Scan(&k.ID, &k.Merchant, &k.Name, &rights, &k.Line, &issuedBy, &k.CreatedBy, &created, &expires,
			&revoked, &used, &hash); err != nil {
			return k, unread(ctx, what, err)
		}
		if copy(k.Hash[:], hash) != len(k.Hash) {
			return k, failed(what, fmt.Errorf("the hash of %s has %d bytes", k.ID, len(hash)))
		}
		if err := errors.Join(json.Unmarshal([]byte(rights), &k.Rights),
			json.Unmarshal([]byte(issuedBy), &k.IssuedBy)); err != nil {
			return k, failed(what, err)
		}
		return k, errors.Join(readTime(created, &k.CreatedAt), readTime(expires, &k.ExpiresAt),
			readTime(revoked, &k.RevokedAt), readTime(used, &k.LastUsedAt))
	})
}

// PutKey implements access.Store.
func (db *DB) PutKey(ctx context.Context, keys ...access.Key) error {
	type row []any
	rows := make([]row, len(keys))
	for i, k := range keys {
		rights, err := json.Marshal(k.Rights)
		if err != nil {
			return fmt.Errorf("encode API key %s: %w", k.ID, err)
		}
		issuedBy, err := json.Marshal(k.IssuedBy)
		if err != nil {
			return fmt.Errorf("encode API key %s: %w", k.ID, err)
		}
		rows[i] = row{
			k.ID, k.Merchant, k.Name, string(rights), k.Line, string(issuedBy), k.CreatedBy, textOf(k.CreatedAt),
			optionalTime(k.ExpiresAt), optionalTime(k.RevokedAt), optionalTime(k.LastUsedAt), k.Hash[:],
		}
	}
	return db.writer.do(ctx, func(t transaction) error {
		for _, row := range rows {
			if _, err := t.exec(putKey, row...); err != nil {
				return err
			}
		}
		return nil
	})
}

// BeginAct implements audit.Store.
func (db *DB) BeginAct(ctx context.Context, e audit.Entry) (sequence int64, err error) {
	err = db.writer.do(ctx, func(t transaction) error {
		_, err := t.find(beginAct, []any{
			textOf(e.At), e.Key, e.Name, e.Merchant, e.Address, e.Act, e.Object, string(e.Before), string(e.After),
			string(e.Outcome), e.Problem,
		}, &sequence)
		return err
	})
	return sequence, err
}

// EndAct implements audit.Store.
func (db *DB) EndAct(ctx context.Context, sequence int64, outcome audit.Outcome, after json.RawMessage,
	problem string,
) error {
	return db.writer.do(ctx, func(t transaction) error {
		changed, err := t.exec(endAct, string(outcome), string(after), problem, sequence)
		if err == nil && changed == 0 {
			return fmt.Errorf("end act %d: %w", sequence, store.ErrClosed)
		}
		return err
	})
}

// Acts implements audit.Store.
func (db *DB) Acts(ctx context.Context, filter audit.Filter) ([]audit.Entry, error) {
	const what = "list administrative acts"
	args := []any{filter.After, filter.Act, filter.Key, atMost(filter.Limit)}
	return readAll(ctx, db, what, listActs, args, func(rows *sql.Rows) (e audit.Entry, err error) {
		var at sql.NullString
		var before, after string
		if err := rows.Scan(&e.Sequence, &at, &e.Key, &e.Name, &e.Merchant, &e.Address, &e.Act, &e.Object, &before,
			&after, &e.Outcome, &e.Problem); err != nil {
			return e, unread(ctx, what, err)
		}
		if before != "" {
			e.Before = json.RawMessage(before)
		}
		if after != "" {
			e.After = json.RawMessage(after)
		}
		return e, readTime(at, &e.At)
	})
}
