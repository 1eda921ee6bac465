package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"time"
)

const (
	listOwners = `SELECT number FROM owner ORDER BY number LIMIT ?`

	putFormerPayment = `INSERT INTO former_payment (merchant, status, kind, currency, provider, provider_reference,
		reference, next_check, created_at, updated_at, version, doc, id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	putFormerRun = `INSERT INTO former_run (merchant, status, provider, operation, created_at, version, input, output, doc,
		id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	putFormerAttempt = `INSERT INTO former_attempt (id, payment_id, number, provider, reference, event, send_before, call,
		state, request, response, doc) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	putFormerEvent = `INSERT INTO former_event (seq, id, payment_id, merchant, type, at, doc, snapshot)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?)`
	putFormerKey = `INSERT INTO former_key (merchant, value, fingerprint, payment_id, status, body, created_at,
		settled_clock) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`
	putFormerClaim = `INSERT INTO former_claim (account, object, reference, owner) VALUES (?, ?, ?, ?)`

	findFormerPayment = `SELECT next_check, doc FROM former_payment WHERE id = ?`
	findFormerRun     = `SELECT doc, input, output FROM former_run WHERE id = ?`

	dropOwner   = `DELETE FROM owner WHERE number = ?`
	dropChange  = `DELETE FROM change WHERE number = ?`
	dropAttempt = `DELETE FROM attempt WHERE id = ?`
	dropEvent   = `DELETE FROM event WHERE id = ?`

	// The former release numbers its events from here on: merchants and webhooks have seen these numbers.
	beginNumbers = `INSERT INTO sqlite_sequence (name, seq) SELECT 'former_event', 0
		WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'former_event')`
	raiseNumbers = `UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'former_event'`
)

func revertStatements() []string {
	return []string{
		listOwners, putFormerPayment, putFormerRun, putFormerAttempt, putFormerEvent, putFormerKey, putFormerClaim,
		findFormerPayment, findFormerRun, dropOwner, dropChange, dropAttempt, dropEvent, beginNumbers, raiseNumbers,
	}
}

// Downgrade brings a data directory's journal back to the form of the release before the change log, which goes on with
// it. It is the reverse of the conversion at the first start of this release, and loses nothing: each payment is read
// back before it is committed. One that is cut off is run again, or this release is started again. No router may run in
// the directory.
func Downgrade(ctx context.Context, path string, log *slog.Logger) (err error) {
	dir, err := openDirectory(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dir.close()) }()
	db, err := openPool(ctx, dir.database(), 1, pragmas...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	versions, err := migrator(db, func(int64) {})
	if err != nil {
		return err
	}
	current, err := versions.GetDBVersion(ctx)
	if err != nil {
		return fmt.Errorf("read the version of the schema: %w", err)
	}
	if current != changeLog {
		return fmt.Errorf("%s is at version %d, and only version %d goes back", dir.database(), current, changeLog)
	}
	if err := revert(ctx, db, log); err != nil {
		return fmt.Errorf("downgrade %s: %w", dir.database(), err)
	}
	if _, err := versions.DownTo(ctx, changeLog-1); err != nil {
		return fmt.Errorf("downgrade %s: %w", dir.database(), err)
	}
	return nil
}

// revert moves all of the change log to the tables of the former release.
func revert(ctx context.Context, db *sql.DB, log *slog.Logger) error {
	stmts, err := prepare(ctx, db, append(append(ownerWrites(), formerStatements()...), revertStatements()...))
	if err != nil {
		return err
	}
	defer stmts.close()
	for all := 0; ; {
		done, err := within(ctx, db, stmts, transaction.revertSome)
		if err != nil {
			return err
		}
		if done == 0 {
			return nil
		}
		all += done
		log.Info("the journal goes back to the former release's form", slog.Int("done", all))
	}
}

func (t transaction) revertSome() (int, error) {
	if _, err := t.exec(beginNumbers); err != nil {
		return 0, err
	}
	if _, err := t.exec(raiseNumbers, t.batch.next-1); err != nil {
		return 0, err
	}
	owners, err := collectIn(t, listOwners, []any{convertBatch}, scanNumber)
	if err != nil {
		return 0, err
	}
	for _, number := range owners {
		if err := t.revert(number); err != nil {
			return 0, fmt.Errorf("payment or run of change %d: %w", number, err)
		}
	}
	return len(owners), nil
}

// revert writes a payment or a run to the former tables, reads it back, and removes it from the change log.
func (t transaction) revert(number int64) error {
	h, err := t.history(number)
	if err != nil {
		return err
	}
	if err := t.putFormer(h); err != nil {
		return err
	}
	back, err := t.formerOf(h)
	if err != nil {
		return err
	}
	if !reflect.DeepEqual(h, back) {
		return errors.New("what is read back differs from what this release wrote")
	}
	changes, err := collectIn(t, changesOfNumber, []any{number}, scanChange)
	if err != nil {
		return err
	}
	for _, one := range changes {
		if _, err := t.exec(dropChange, one.Number); err != nil {
			return err
		}
	}
	for _, a := range h.attempts {
		if _, err := t.exec(dropAttempt, a.ID); err != nil {
			return err
		}
	}
	for _, e := range h.entries {
		if _, err := t.exec(dropEvent, e.ID); err != nil {
			return err
		}
	}
	_, err = t.exec(dropOwner, number)
	return err
}

// formerOf reads what the former tables have of a payment or a run.
func (t transaction) formerOf(h history) (back history, err error) {
	var found []history
	if h.run != nil {
		found, err = collectIn(t, findFormerRun, []any{h.run.ID}, scanFormerRun)
	} else {
		found, err = collectIn(t, findFormerPayment, []any{h.payment.ID}, scanFormerPayment)
	}
	if err != nil || len(found) == 0 {
		return history{}, err
	}
	return found[0], t.formerParts(&found[0])
}

func (t transaction) putFormer(h history) (err error) {
	if h.run != nil {
		run := h.run
		_, err = t.exec(putFormerRun, run.Merchant, string(run.Status), run.Provider, run.Operation, textOf(run.CreatedAt),
			run.Version, append([]byte{}, run.Input...), run.Output, string(h.doc), run.ID)
	} else {
		p, due := h.payment, sql.NullString{}
		if h.due.Valid {
			due = optional(textOf(time.Unix(0, h.due.Int64)))
		}
		_, err = t.exec(putFormerPayment, p.Merchant, string(p.Status), string(p.Kind), p.Currency, optional(p.Provider),
			optional(p.ProviderReference), optional(p.Reference), due, textOf(p.CreatedAt),
			textOf(p.UpdatedAt), p.Version, string(h.doc), p.ID)
	}
	if err != nil {
		return err
	}
	for i, a := range h.attempts {
		if _, err := t.exec(putFormerAttempt, a.ID, a.Owner, a.Number, a.Provider, optional(a.Reference),
			optional(string(a.Event)), textOf(a.SendBefore), a.Call, a.State, []byte(a.Request), []byte(a.Response),
			string(h.attemptDocs[i])); err != nil {
			return err
		}
	}
	for i, e := range h.entries {
		if _, err := t.exec(putFormerEvent, e.Sequence, e.ID, e.PaymentID, e.Merchant, string(e.Type), textOf(e.At),
			string(h.entryDocs[i]),
			append([]byte{}, e.Snapshot...)); err != nil {
			return err
		}
	}
	for _, c := range h.claims {
		if _, err := t.exec(putFormerClaim, c.Account, c.Object, c.Reference, c.Owner); err != nil {
			return err
		}
	}
	if h.key == nil {
		return nil
	}
	k := h.key
	_, err = t.exec(putFormerKey, k.Merchant, k.Value, k.Fingerprint, k.Owner, k.Status, k.Body, textOf(k.CreatedAt),
		h.settled)
	return err
}
