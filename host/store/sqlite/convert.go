package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"time"

	"payrouter/host/attempt"
	"payrouter/host/operation"
	"payrouter/host/payment"
	record "payrouter/host/store/record/v1"
)

// changeLog is the version of the schema that has the change log first.
const changeLog = 11

// convertBatch is how many payments or runs are converted in one transaction. What is converted leaves the tables of
// the former release in that transaction, so that a conversion that is cut off goes on where it was.
const convertBatch = 500

const (
	formerCount    = `SELECT (SELECT count(*) FROM former_payment) + (SELECT count(*) FROM former_run)`
	formerPayments = `SELECT next_check, doc FROM former_payment ORDER BY id LIMIT ?`
	formerRuns     = `SELECT doc, input, output FROM former_run ORDER BY id LIMIT ?`
	formerAttempts = `SELECT call, state, request, response, doc FROM former_attempt WHERE payment_id = ? ORDER BY number`
	formerEvents   = `SELECT seq, doc, snapshot FROM former_event WHERE payment_id = ? ORDER BY seq`
	formerKeys     = `SELECT merchant, value, fingerprint, status, body, created_at, settled_clock FROM former_key
		WHERE payment_id = ?`
	formerClaims = `SELECT account, object, reference FROM former_claim WHERE owner = ?
		ORDER BY account, object, reference`

	findConverted = `SELECT id, merchant, due, answer, settled FROM owner WHERE number = ?`

	dropFormerEvents   = `DELETE FROM former_event WHERE payment_id = ?`
	dropFormerAttempts = `DELETE FROM former_attempt WHERE payment_id = ?`
	dropFormerKeys     = `DELETE FROM former_key WHERE payment_id = ?`
	dropFormerClaims   = `DELETE FROM former_claim WHERE owner = ?`
	dropFormerPayment  = `DELETE FROM former_payment WHERE id = ?`
	dropFormerRun      = `DELETE FROM former_run WHERE id = ?`
)

func formerStatements() []string {
	return []string{
		formerPayments, formerRuns, formerAttempts, formerEvents, formerKeys, formerClaims, dropFormerEvents,
		dropFormerAttempts, dropFormerKeys, dropFormerClaims, dropFormerPayment, dropFormerRun, findConverted,
	}
}

// history is all that a journal has of a payment or a run, whichever way it keeps it.
type history struct {
	// One of the two is set.
	payment *payment.Payment
	run     *operation.Run
	// due is when the payment is looked at next. The first release did not write it into the payment.
	due      sql.NullInt64
	attempts []attempt.Attempt
	entries  []payment.Entry
	// key is nil where it is purged; settled is when its lifetime began.
	key     *attempt.Key
	settled sql.NullInt64
	// claims are sorted, each once.
	claims []attempt.Claim
	// The JSON of the payment or the run, of its attempts and of its entries, as it was written: a member that this
	// release does not know stays in it.
	doc                    []byte
	attemptDocs, entryDocs [][]byte
}

func (h history) id() string {
	if h.run != nil {
		return h.run.ID
	}
	return h.payment.ID
}

// convert moves what an earlier release wrote to the change log. Each payment is read back before it is committed. It
// reports how far it is once in a while.
func convert(ctx context.Context, db *sql.DB, log *slog.Logger, observe func(version int64)) error {
	var left int
	if err := db.QueryRowContext(ctx, formerCount).Scan(&left); err != nil {
		return fmt.Errorf("count what is to be converted: %w", err)
	}
	if left == 0 {
		return nil
	}
	stmts, err := prepare(ctx, db, append(ownerWrites(), formerStatements()...))
	if err != nil {
		return err
	}
	defer stmts.close()
	log.Info("the journal is converted to this release's form", slog.Int("left", left))
	reported := time.Now() //nolint:forbidigo // how often the log is written depends on it, and nothing else
	for left > 0 {
		done, err := convertSome(ctx, db, stmts, observe)
		if err != nil {
			return err
		}
		if done == 0 {
			return errors.New("payments are left, and none is found")
		}
		left -= done
		//nolint:forbidigo // see above
		if now := time.Now(); now.Sub(reported) > 5*time.Second || left == 0 {
			log.Info("the journal is converted to this release's form", slog.Int("left", left))
			reported = now
		}
	}
	return nil
}

// within runs something in a transaction outside the writer.
func within(ctx context.Context, db *sql.DB, stmts prepared, do func(transaction) (int, error)) (done int, err error) {
	var last int64
	if err := db.QueryRowContext(ctx, lastNumber).Scan(&last); err != nil {
		return 0, fmt.Errorf("read the last change: %w", err)
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return 0, fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it does nothing
	t := transaction{ctx: ctx, tx: tx, stmts: stmts, batch: &batchState{next: last + 1}}
	if done, err = do(t); err != nil {
		return 0, err
	}
	if err := tx.Commit(); err != nil {
		return 0, fmt.Errorf("commit: %w", err)
	}
	return done, nil
}

func convertSome(ctx context.Context, db *sql.DB, stmts prepared, observe func(version int64)) (int, error) {
	return within(ctx, db, stmts, func(t transaction) (int, error) {
		some, err := t.former()
		if err != nil {
			return 0, err
		}
		for _, h := range some {
			if err := t.convert(h); err != nil {
				return 0, fmt.Errorf("convert %s: %w: nothing of it is lost, and the former release goes on with it", h.id(), err)
			}
		}
		observe(changeLog)
		return len(some), nil
	})
}

// former reads the next payments and runs that are not converted.
func (t transaction) former() ([]history, error) {
	some, err := collectIn(t, formerPayments, []any{convertBatch}, scanFormerPayment)
	if err != nil {
		return nil, err
	}
	runs, err := collectIn(t, formerRuns, []any{convertBatch}, scanFormerRun)
	if err != nil {
		return nil, err
	}
	some = append(some, runs...)
	for i := range some {
		if err := t.formerParts(&some[i]); err != nil {
			return nil, fmt.Errorf("read %s: %w", some[i].id(), err)
		}
	}
	return some, nil
}

func scanFormerPayment(rows *sql.Rows) (h history, err error) {
	var due sql.NullString
	var doc []byte
	if err := rows.Scan(&due, &doc); err != nil {
		return h, err
	}
	if due.Valid {
		at, err := time.Parse(timeText, due.String)
		if err != nil {
			return h, fmt.Errorf("read when it is due: %w", err)
		}
		h.due = sql.NullInt64{Int64: nanos(at), Valid: true}
	}
	p, err := record.PaymentOf(&record.Change{Payment: doc})
	h.payment, h.doc = &p, doc
	return h, err
}

func scanFormerRun(rows *sql.Rows) (h history, err error) {
	var doc, input, output []byte
	if err := rows.Scan(&doc, &input, &output); err != nil {
		return h, err
	}
	run, err := record.RunOf(&record.Change{Run: doc, Input: input, Output: output})
	h.run, h.doc = &run, doc
	return h, err
}

func (t transaction) formerParts(h *history) (err error) {
	id := h.id()
	h.attempts, err = collectIn(t, formerAttempts, []any{id}, func(rows *sql.Rows) (a attempt.Attempt, err error) {
		var call, state, request, response, doc []byte
		if err := rows.Scan(&call, &state, &request, &response, &doc); err != nil {
			return a, err
		}
		if err := json.Unmarshal(doc, &a); err != nil {
			return a, fmt.Errorf("decode an attempt: %w", err)
		}
		h.attemptDocs = append(h.attemptDocs, doc)
		a.Call, a.State, a.Request, a.Response = some(call), some(state), some(request), some(response)
		return a, nil
	})
	if err != nil {
		return err
	}
	h.entries, err = collectIn(t, formerEvents, []any{id}, func(rows *sql.Rows) (e payment.Entry, err error) {
		var doc, snapshot []byte
		var number int64
		if err := rows.Scan(&number, &doc, &snapshot); err != nil {
			return e, err
		}
		if err := json.Unmarshal(doc, &e); err != nil {
			return e, fmt.Errorf("decode an event: %w", err)
		}
		h.entryDocs = append(h.entryDocs, doc)
		e.Sequence, e.Snapshot = number, some(snapshot)
		return e, nil
	})
	if err != nil {
		return err
	}
	keys, err := collectIn(t, formerKeys, []any{id}, func(rows *sql.Rows) (key attempt.Key, err error) {
		var created string
		key.Owner = attempt.OwnerID(id)
		if err := rows.Scan(&key.Merchant, &key.Value, &key.Fingerprint, &key.Status, &key.Body, &created,
			&h.settled); err != nil {
			return key, err
		}
		key.Body = some(key.Body)
		key.CreatedAt, err = time.Parse(timeText, created)
		return key, err
	})
	if err != nil {
		return err
	}
	if len(keys) > 0 {
		h.key = &keys[0]
	}
	h.claims, err = collectIn(t, formerClaims, []any{id}, func(rows *sql.Rows) (c attempt.Claim, err error) {
		c.Owner = attempt.OwnerID(id)
		err = rows.Scan(&c.Account, &c.Object, &c.Reference)
		return c, err
	})
	return err
}

// convert writes a payment or a run to the change log, reads it back, and removes it from the former tables. Its events
// keep their numbers, so that each is in a change of its own; all else is in the last of them.
func (t transaction) convert(h history) error {
	d, err := h.draft()
	if err != nil {
		return err
	}
	numbers := make([]int64, 0, len(h.entries))
	for _, e := range h.entries {
		numbers = append(numbers, e.Sequence)
	}
	if len(numbers) == 0 {
		numbers = append(numbers, t.number(0))
	}
	o := d.owner
	o.due = h.due
	o.number, o.last = numbers[0], numbers[len(numbers)-1]
	var previous sql.NullInt64
	key, entries := d.record.Key, d.record.Entries
	for i, number := range numbers {
		change := new(record.Change)
		if number == o.last {
			change = d.record
			change.Key, change.Entries = nil, nil
		}
		if i == 0 {
			change.Key = key
		}
		if len(entries) > 0 {
			change.Entries = entries[i : i+1]
		}
		encoded, err := record.Encode(change)
		if err != nil {
			return err
		}
		if _, err := t.exec(insertChange, number, previous, o.merchant, len(change.Entries), encoded); err != nil {
			return err
		}
		previous = sql.NullInt64{Int64: number, Valid: true}
	}
	if err := t.convertNames(h, &o); err != nil {
		return err
	}
	stands, err := t.history(o.number)
	if err != nil {
		return fmt.Errorf("read it back: %w", err)
	}
	if !reflect.DeepEqual(h, stands) {
		return errors.New("what is read back differs from what the former release wrote")
	}
	return t.dropFormer(h)
}

// draft is the history as one change.
func (h history) draft() (d *draft, err error) {
	if h.run != nil {
		d, err = draftOfRun(operation.Change{Run: *h.run, Attempts: h.attempts})
	} else {
		d, err = draftOf(payment.Change{Payment: *h.payment, Attempts: h.attempts, Entries: h.entries})
	}
	if err != nil {
		return nil, err
	}
	if h.run != nil {
		d.record.Run = h.doc
	} else {
		d.record.Payment = h.doc
	}
	for i, doc := range h.attemptDocs {
		d.record.Attempts[i].Document = doc
	}
	for i, doc := range h.entryDocs {
		d.record.Entries[i].Document = doc
	}
	for _, claim := range h.claims {
		d.claims = append(d.claims, claim)
		d.record.Claims = append(d.record.Claims, record.OfClaim(claim))
	}
	if h.key != nil {
		d.record.Key, d.record.Answer = record.OfKey(*h.key), record.OfAnswer(h.key.Status, h.key.Body)
	}
	return d, nil
}

// convertNames writes the owner's row, and the rows by which it and its parts are found.
func (t transaction) convertNames(h history, o *owner) error {
	for _, e := range h.entries {
		if _, err := t.exec(insertEvent, e.ID, e.Sequence); err != nil {
			return fmt.Errorf("event %s: %w", e.ID, err)
		}
	}
	for _, a := range h.attempts {
		if err := t.open(o, a); err != nil {
			return err
		}
	}
	o.settled = sql.NullInt64{Int64: -1, Valid: true}
	if h.key != nil {
		o.settled = h.settled
		if err := t.putName(nameOf("key", h.key.Merchant, h.key.Value), o.number); err != nil {
			return err
		}
		if h.key.Status != 0 {
			o.answer = sql.NullInt64{Int64: o.last, Valid: true}
		}
	}
	for _, claim := range h.claims {
		if err := t.putName(nameOf("theirs", claim.Account, claim.Reference), o.number); err != nil {
			return err
		}
	}
	if err := t.putName(o.theirs, o.number); err != nil {
		return err
	}
	return t.insertOwner(o)
}

// history reads an owner from the change log.
func (t transaction) history(number int64) (h history, err error) {
	changes, err := collectIn(t, changesOfNumber, []any{number}, scanChange)
	if err != nil {
		return h, err
	}
	var id, merchant string
	var answer sql.NullInt64
	if _, err := t.find(findConverted, []any{number}, &id, &merchant, &h.due, &answer, &h.settled); err != nil {
		return h, err
	}
	last := changes[len(changes)-1].Change
	if last.Run != nil {
		run, err := record.RunOf(last)
		if err != nil {
			return h, err
		}
		h.run, h.doc = &run, last.Run
	} else {
		p, err := record.PaymentOf(last)
		if err != nil {
			return h, err
		}
		h.payment, h.doc = &p, last.Payment
	}
	if h.attempts, err = record.Attempts(changes); err != nil {
		return h, err
	}
	if h.entries, err = record.Timeline(changes); err != nil {
		return h, err
	}
	docs := map[attempt.ID][]byte{}
	for _, one := range changes {
		for _, recorded := range one.Change.Attempts {
			var a attempt.Attempt
			if err := json.Unmarshal(recorded.Document, &a); err != nil {
				return h, fmt.Errorf("decode an attempt: %w", err)
			}
			docs[a.ID] = recorded.Document
		}
		for _, entry := range one.Change.Entries {
			h.entryDocs = append(h.entryDocs, entry.Document)
		}
	}
	for _, a := range h.attempts {
		h.attemptDocs = append(h.attemptDocs, docs[a.ID])
	}
	for _, one := range changes {
		for _, claim := range one.Change.Claims {
			h.claims = append(h.claims, attempt.Claim{
				Account: claim.Account, Object: claim.Object, Reference: claim.Reference, Owner: attempt.OwnerID(id),
			})
		}
	}
	slices.SortFunc(h.claims, func(a, b attempt.Claim) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Object, b.Object),
			cmp.Compare(a.Reference, b.Reference))
	})
	h.claims = slices.Compact(h.claims)
	if h.settled.Valid && h.settled.Int64 < 0 {
		h.settled = sql.NullInt64{}
		return h, nil
	}
	answered := new(record.Answer)
	for _, one := range changes {
		if answer.Valid && one.Number == answer.Int64 {
			answered = one.Change.Answer
		}
	}
	key := record.KeyOf(merchant, attempt.OwnerID(id), changes[0].Change.Key, answered)
	h.key = &key
	return h, nil
}

func (t transaction) dropFormer(h history) error {
	last := dropFormerPayment
	if h.run != nil {
		last = dropFormerRun
	}
	for _, text := range []string{dropFormerEvents, dropFormerAttempts, dropFormerKeys, dropFormerClaims, last} {
		if _, err := t.exec(text, h.id()); err != nil {
			return err
		}
	}
	return nil
}

// some is nil for no bytes: the former tables had both.
func some(text []byte) []byte {
	if len(text) == 0 {
		return nil
	}
	return text
}
