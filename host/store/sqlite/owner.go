package sqlite

import (
	"cmp"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"time"

	"payrouter/host/attempt"
	"payrouter/host/operation"
	"payrouter/host/payment"
	"payrouter/host/store"
	record "payrouter/host/store/record/v1"
)

const (
	insertOwner = `INSERT INTO owner (number, last, id, merchant, status, kind, currency, operation, provider, created,
		due, version, attempts, answer, settled, reference, theirs)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	findOwner = `SELECT number, last, merchant, status, kind, currency, created, version, attempts, answer, settled,
		reference, theirs FROM owner WHERE id = ? AND (operation IS NULL) = ?`
	updateOwner = `UPDATE owner SET last = ?, status = ?, provider = ?, due = ?, version = ?, attempts = ?, answer = ?,
		settled = ?, theirs = ? WHERE number = ?`
	// updateOrder is for what hardly ever changes: SQLite writes the indexes of all columns that a statement names.
	updateOrder  = `UPDATE owner SET kind = ?, currency = ?, reference = ? WHERE number = ?`
	answerOwner  = `UPDATE owner SET last = ?1, answer = ?1 WHERE number = ?`
	purgeOwner   = `UPDATE owner SET settled = -1 WHERE number = ?`
	insertChange = `INSERT INTO change (number, previous, merchant, entries, record) VALUES (?, ?, ?, ?, ?)`
	insertEvent  = `INSERT INTO event (id, number) VALUES (?, ?)`
	insertName   = `INSERT INTO name (hash, owner) VALUES (?, ?) ON CONFLICT DO NOTHING`
	deleteName   = `DELETE FROM name WHERE hash = ? AND owner = ?`
	listNamed    = `SELECT owner FROM name WHERE hash = ?`

	insertAttempt = `INSERT INTO attempt (id, owner, number, given) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`
	findAttempt   = `SELECT owner, number, given FROM attempt WHERE id = ?`
	// closeAttempt finds nothing where the attempt was given anything else.
	closeAttempt   = `UPDATE attempt SET given = NULL WHERE id = ? AND owner = ? AND number = ? AND given = ?`
	replaceAttempt = `UPDATE attempt SET given = ? WHERE id = ?`
)

func ownerWrites() []string {
	return []string{
		insertOwner, findOwner, updateOwner, updateOrder, answerOwner, purgeOwner, insertChange, insertEvent, insertName,
		deleteName, listNamed, insertAttempt, findAttempt, closeAttempt, replaceAttempt, changesOfNumber, findKey, findSpent,
		insertSpent, listOldKeys,
	}
}

// owner is the row of a payment or a run.
type owner struct {
	number, last             int64
	id, merchant, status     string
	kind, currency, provider sql.NullString
	// operation is a run's, and NULL for a payment.
	operation         sql.NullString
	created           int64
	due               sql.NullInt64
	version           int64
	attempts          int
	answer, settled   sql.NullInt64
	reference, theirs sql.NullInt64
	terminal          bool
}

// draft is one change before it has a number: what it makes of the row, and its record.
type draft struct {
	owner    owner
	record   *record.Change
	attempts []attempt.Attempt
	entries  []payment.Entry
	claims   []attempt.Claim
	// check is whether the status may change from another to this one.
	check func(from string) error
	// absent is the error where there is no such owner.
	absent error
	// encoded is the record with what stands left out, as is likely.
	encoded []byte
	stands  []bool
}

func draftOf(change payment.Change) (*draft, error) {
	p := change.Payment
	change.Attempts = byNumber(change.Attempts)
	made, err := record.OfPayment(change)
	if err != nil {
		return nil, err
	}
	d := &draft{
		owner: owner{
			id: p.ID, merchant: p.Merchant, status: string(p.Status), kind: optional(string(p.Kind)),
			currency: optional(p.Currency), provider: optional(p.Provider), created: nanos(p.CreatedAt),
			version: p.Version, terminal: p.Status.Terminal(),
		},
		record: made, attempts: change.Attempts, entries: change.Entries, absent: payment.ErrNotFound,
		check: func(from string) error { return store.CheckStatus(payment.Status(from), p.Status) },
	}
	if !p.NextCheck.IsZero() {
		d.owner.due = sql.NullInt64{Int64: nanos(p.NextCheck), Valid: true}
	}
	if p.Reference != "" {
		d.owner.reference = nameOf("reference", p.Reference)
	}
	if p.Provider != "" && p.ProviderReference != "" {
		d.owner.theirs = nameOf("theirs", p.Provider, p.ProviderReference)
	}
	return d, d.claim(change.Claim)
}

func draftOfRun(change operation.Change) (*draft, error) {
	run := change.Run
	change.Attempts = byNumber(change.Attempts)
	made, err := record.OfRun(change)
	if err != nil {
		return nil, err
	}
	d := &draft{
		owner: owner{
			id: run.ID, merchant: run.Merchant, status: string(run.Status), provider: optional(run.Provider),
			operation: sql.NullString{String: run.Operation, Valid: true}, created: nanos(run.CreatedAt),
			version: run.Version, terminal: run.Status.Terminal(),
		},
		record: made, attempts: change.Attempts, absent: operation.ErrNotFound,
		check: func(from string) error { return store.CheckStatus(operation.Status(from), run.Status) },
	}
	return d, d.claim(change.Claim)
}

// byNumber sorts attempts: their rows are written in that order, each above all before it.
func byNumber(attempts []attempt.Attempt) []attempt.Attempt {
	return slices.SortedStableFunc(slices.Values(attempts), func(a, b attempt.Attempt) int {
		return cmp.Compare(a.Number, b.Number)
	})
}

func (d *draft) claim(claim *attempt.Claim) error {
	switch {
	case claim == nil:
		return nil
	case string(claim.Owner) != d.owner.id:
		return fmt.Errorf("%s claims for %s: %w", d.owner.id, claim.Owner, attempt.ErrClaimed)
	}
	d.claims = []attempt.Claim{*claim}
	return nil
}

// first makes the draft the owner's first change, with its key.
func (d *draft) first(key attempt.Key) (err error) {
	if string(key.Owner) != d.owner.id || key.Merchant != d.owner.merchant {
		return fmt.Errorf("its key is for %s of %q, and not of %q", key.Owner, key.Merchant, d.owner.merchant)
	}
	d.record.Key = record.OfKey(key)
	if answer := record.OfAnswer(key.Status, key.Body); answer != nil {
		d.record.Answer = answer
	}
	d.stands = make([]bool, len(d.attempts))
	d.encoded, err = d.encodedWith(d.stands)
	return err
}

// further makes it a further change: what it closes is likely to stand as it was opened.
func (d *draft) further() (err error) {
	d.stands = make([]bool, len(d.attempts))
	for i, a := range d.attempts {
		d.stands[i] = !a.Open()
	}
	d.encoded, err = d.encodedWith(d.stands)
	return err
}

// encodedWith is the record without what the attempts that stand were given.
func (d *draft) encodedWith(stands []bool) ([]byte, error) {
	whole := d.record
	part := &record.Change{
		Payment: whole.Payment, Run: whole.Run, Input: whole.Input, Output: whole.Output, Entries: whole.Entries,
		Answer: whole.Answer, Key: whole.Key, Claims: whole.Claims,
	}
	for i, a := range whole.Attempts {
		if stands[i] {
			a = a.Standing()
		}
		part.Attempts = append(part.Attempts, a)
	}
	return record.Encode(part)
}

// create writes an owner's first change, with its key.
func (t transaction) create(d *draft, key attempt.Key) error {
	o := d.owner
	o.number = t.number(len(d.entries))
	if err := t.checkClaims(d.claims, o.number); err != nil {
		return err
	}
	for _, a := range d.attempts {
		if err := t.open(&o, a); err != nil {
			return err
		}
	}
	if d.record.Answer != nil {
		o.answer = sql.NullInt64{Int64: o.number, Valid: true}
	}
	o.settle(t.clock())
	o.last = o.number
	if err := t.insertOwner(&o); err != nil {
		return err
	}
	if err := t.putName(nameOf("key", key.Merchant, key.Value), o.number); err != nil {
		return err
	}
	return t.put(d, o.number, sql.NullInt64{}, d.encoded, &owner{number: o.number}, &o)
}

func (t transaction) insertOwner(o *owner) error {
	_, err := t.exec(insertOwner, o.number, o.last, o.id, o.merchant, o.status, o.kind, o.currency, o.operation,
		o.provider, o.created, o.due, o.version, o.attempts, o.answer, o.settled, o.reference, o.theirs)
	return err
}

// standing is the owner that a further change is of. Where the change must not be made, the error is why.
func (t transaction) standing(d *draft) (o owner, err error) {
	o.id, o.operation = d.owner.id, d.owner.operation
	found, err := t.find(findOwner, []any{o.id, !o.operation.Valid}, &o.number, &o.last, &o.merchant, &o.status, &o.kind,
		&o.currency, &o.created, &o.version, &o.attempts, &o.answer, &o.settled, &o.reference, &o.theirs)
	switch {
	case err != nil:
		return o, err
	case !found:
		return o, d.absent
	case o.version != d.owner.version-1:
		return o, fmt.Errorf("%w: it is at version %d, and the change makes %d", payment.ErrStale, o.version,
			d.owner.version)
	case o.merchant != d.owner.merchant || o.created != d.owner.created:
		return o, store.ErrFixed
	}
	return o, d.check(o.status)
}

// update writes a further change of an owner.
func (t transaction) update(d *draft) error {
	before, err := t.standing(d)
	if err != nil {
		return err
	}
	if err := t.checkClaims(d.claims, before.number); err != nil {
		return err
	}
	o := d.owner
	o.number, o.attempts, o.answer, o.settled = before.number, before.attempts, before.answer, before.settled
	encoded, err := t.putAttempts(d, &o)
	if err != nil {
		return err
	}
	o.last = t.number(len(d.entries))
	if d.record.Answer != nil && !o.answer.Valid {
		o.answer = sql.NullInt64{Int64: o.last, Valid: true}
	}
	o.settle(t.clock())
	if _, err := t.exec(updateOwner, o.last, o.status, o.provider, o.due, o.version, o.attempts, o.answer, o.settled,
		o.theirs, o.number); err != nil {
		return err
	}
	if o.kind != before.kind || o.currency != before.currency || o.reference != before.reference {
		if _, err := t.exec(updateOrder, o.kind, o.currency, o.reference, o.number); err != nil {
			return err
		}
	}
	return t.put(d, o.last, sql.NullInt64{Int64: before.last, Valid: true}, encoded, &before, &o)
}

// put writes a change, and the names that it brings.
func (t transaction) put(d *draft, number int64, previous sql.NullInt64, encoded []byte, before, after *owner) error {
	if _, err := t.exec(insertChange, number, previous, after.merchant, len(d.entries), encoded); err != nil {
		return err
	}
	for i, e := range d.entries {
		if _, err := t.exec(insertEvent, e.ID, number+int64(i)); err != nil {
			return fmt.Errorf("event %s: %w", e.ID, err)
		}
	}
	names := make([]sql.NullInt64, 0, 1+len(d.claims))
	if after.theirs != before.theirs {
		names = append(names, after.theirs)
	}
	for _, claim := range d.claims {
		if hash := nameOf("theirs", claim.Account, claim.Reference); len(names) == 0 || names[0] != hash {
			names = append(names, hash)
		}
	}
	for _, name := range names {
		if err := t.putName(name, after.number); err != nil {
			return err
		}
	}
	return nil
}

func (t transaction) putName(hash sql.NullInt64, owner int64) error {
	if !hash.Valid {
		return nil
	}
	_, err := t.exec(insertName, hash, owner)
	return err
}

// settle starts the lifetime of the owner's key when its payment or run is terminal, by the journal's clock.
func (o *owner) settle(clock int64) {
	if o.terminal && !o.settled.Valid {
		o.settled = sql.NullInt64{Int64: clock, Valid: true}
	}
}

// open writes an attempt's row, which must be new.
func (t transaction) open(o *owner, a attempt.Attempt) error {
	if a.Number <= o.attempts {
		return fmt.Errorf("attempt %s: %w: %d attempts are there, and it is number %d", a.ID, store.ErrTaken, o.attempts,
			a.Number)
	}
	given := sql.NullInt64{Int64: record.Given(a), Valid: a.Open()}
	rows, err := t.exec(insertAttempt, a.ID, o.number, a.Number, given)
	if err != nil {
		return fmt.Errorf("attempt %s: %w", a.ID, err)
	}
	if rows == 0 {
		return fmt.Errorf("attempt %s: %w", a.ID, store.ErrTaken)
	}
	o.attempts = a.Number
	if a.Reference == "" {
		return nil
	}
	return t.putName(nameOf("ours", a.Provider, a.Reference), o.number)
}

// putAttempts opens and closes the attempts of a change of an owner that stands, and returns the change's record.
func (t transaction) putAttempts(d *draft, o *owner) (encoded []byte, err error) {
	likely, stands := true, make([]bool, len(d.attempts))
	for i, a := range d.attempts {
		if stands[i], err = t.putAttempt(a, o); err != nil {
			return nil, err
		}
		likely = likely && stands[i] == d.stands[i]
	}
	if likely {
		return d.encoded, nil
	}
	return d.encodedWith(stands)
}

// putAttempt opens or closes an attempt. stands: it was given what its last record has.
func (t transaction) putAttempt(a attempt.Attempt, o *owner) (stands bool, err error) {
	given := record.Given(a)
	if !a.Open() {
		rows, err := t.exec(closeAttempt, a.ID, o.number, a.Number, given)
		if err != nil || rows == 1 {
			return true, err
		}
	}
	var of, number int64
	var was sql.NullInt64
	found, err := t.find(findAttempt, []any{a.ID}, &of, &number, &was)
	switch {
	case err != nil:
		return false, err
	case !found:
		return false, t.open(o, a)
	case of != o.number || number != int64(a.Number):
		return false, fmt.Errorf("attempt %s: %w: it is number %d of another", a.ID, store.ErrTaken, number)
	case !was.Valid:
		return false, t.sameAsClosed(a, o)
	}
	_, err = t.exec(replaceAttempt, sql.NullInt64{Int64: given, Valid: a.Open()}, a.ID)
	if err == nil && a.Reference != "" {
		err = t.putName(nameOf("ours", a.Provider, a.Reference), o.number)
	}
	return false, err
}

// nanos is a time as a column has it. What is before or after what 64 bits can tell is at their ends.
func nanos(t time.Time) int64 {
	switch {
	case t.Before(time.Unix(0, math.MinInt64)):
		return math.MinInt64
	case t.After(time.Unix(0, math.MaxInt64)):
		return math.MaxInt64
	}
	return t.UnixNano()
}

// nameOf is the hash of a name of some sort.
func nameOf(sort string, parts ...string) sql.NullInt64 {
	sum := sha256.New()
	for _, part := range append([]string{sort}, parts...) {
		_, _ = sum.Write(binary.AppendUvarint(nil, uint64(len(part))))
		_, _ = sum.Write([]byte(part))
	}
	//nolint:gosec // bits
	return sql.NullInt64{Int64: int64(binary.BigEndian.Uint64(sum.Sum(nil))), Valid: true}
}
