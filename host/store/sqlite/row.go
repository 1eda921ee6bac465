package sqlite

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"payrouter/host/attempt"
	"payrouter/host/payment"
	"payrouter/host/store"
)

// timeText has all nine digits always, so that such texts sort as their times do.
const timeText = "2006-01-02T15:04:05.000000000Z"

func textOf(t time.Time) string { return t.UTC().Format(timeText) }

// optional is NULL for what is empty.
func optional(text string) sql.NullString { return sql.NullString{String: text, Valid: text != ""} }

// optionalTime is NULL for no time.
func optionalTime(t time.Time) sql.NullString {
	if t.IsZero() {
		return sql.NullString{}
	}
	return sql.NullString{String: textOf(t), Valid: true}
}

// encodedChange is a change as its rows hold it, in the change's order.
type encodedChange struct {
	payment  string
	attempts []attemptRow
	entries  []string
}

// encodeChange refuses a change that holds rows of another payment.
func encodeChange(change payment.Change) (encoded encodedChange, err error) {
	id := change.Payment.ID
	if encoded.payment, err = encodePayment(change.Payment); err != nil {
		return encodedChange{}, err
	}
	if encoded.attempts, err = encodeAttempts(change.Payment.OwnerID(), change.Attempts); err != nil {
		return encodedChange{}, err
	}
	for _, e := range change.Entries {
		if e.PaymentID != id || e.Merchant != change.Payment.Merchant {
			return encodedChange{},
				fmt.Errorf("change payment %s: event %s is of payment %s: %w", id, e.ID, e.PaymentID, store.ErrTaken)
		}
		text, err := json.Marshal(e)
		if err != nil {
			return encodedChange{}, fmt.Errorf("encode event %s: %w", e.ID, err)
		}
		encoded.entries = append(encoded.entries, string(text))
	}
	return encoded, nil
}

func decodeEntry(sequence int64, doc string, snapshot []byte) (payment.Entry, error) {
	var e payment.Entry
	if err := json.Unmarshal([]byte(doc), &e); err != nil {
		return payment.Entry{}, failed("decode an event", err)
	}
	e.Sequence, e.Snapshot = sequence, snapshot
	return e, nil
}

// paymentDoc is a payment as JSON. The caller's options are objects whose text is kept to the byte, which JSON inside
// JSON is not: it loses its white space.
type paymentDoc struct {
	payment.Payment
	Options map[string]string `json:"options,omitempty"`
}

func encodePayment(p payment.Payment) (string, error) {
	doc := paymentDoc{Payment: p}
	if len(p.Options) > 0 {
		doc.Options = make(map[string]string, len(p.Options))
		for plugin, option := range p.Options {
			doc.Options[plugin] = string(option)
		}
	}
	text, err := json.Marshal(doc)
	if err != nil {
		return "", fmt.Errorf("encode payment %s: %w", p.ID, err)
	}
	return string(text), nil
}

func decodePayment(text string) (payment.Payment, error) {
	var doc paymentDoc
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		return payment.Payment{}, failed("decode a payment", err)
	}
	p := doc.Payment
	if len(doc.Options) > 0 {
		p.Options = make(map[string]json.RawMessage, len(doc.Options))
		for plugin, option := range doc.Options {
			p.Options[plugin] = json.RawMessage(option)
		}
	}
	return p, nil
}

// attemptRow is an attempt as its columns: what it exchanged as bytes, and the rest as JSON.
type attemptRow struct {
	call, state, request, response []byte
	doc                            string
}

// encodeAttempts refuses attempts of another payment or run.
func encodeAttempts(of attempt.OwnerID, attempts []attempt.Attempt) ([]attemptRow, error) {
	rows := make([]attemptRow, len(attempts))
	for i, a := range attempts {
		if a.Owner != of {
			return nil, fmt.Errorf("change %s: attempt %s is of %s: %w", of, a.ID, a.Owner, store.ErrTaken)
		}
		row, err := encodeAttempt(a)
		if err != nil {
			return nil, err
		}
		rows[i] = row
	}
	return rows, nil
}

func encodeAttempt(a attempt.Attempt) (attemptRow, error) {
	row := attemptRow{call: a.Call, state: a.State, request: a.Request, response: a.Response}
	a.Call, a.State, a.Request, a.Response = nil, nil, nil, nil
	text, err := json.Marshal(a)
	if err != nil {
		return attemptRow{}, fmt.Errorf("encode attempt %s: %w", a.ID, err)
	}
	row.doc = string(text)
	return row, nil
}

func (r attemptRow) decode() (attempt.Attempt, error) {
	var a attempt.Attempt
	if err := json.Unmarshal([]byte(r.doc), &a); err != nil {
		return attempt.Attempt{}, failed("decode an attempt", err)
	}
	a.Call, a.State, a.Request, a.Response = r.call, r.state, r.request, r.response
	return a, nil
}

// keyRow reads what findKey selects.
type keyRow struct {
	key     attempt.Key
	created string
}

func (r *keyRow) into() []any {
	return []any{&r.key.Fingerprint, &r.key.Owner, &r.key.Status, &r.key.Body, &r.created}
}

func (r *keyRow) decode() (_ *attempt.Key, err error) {
	if r.key.CreatedAt, err = time.Parse(timeText, r.created); err != nil {
		return nil, failed("read when a key was made", err)
	}
	return &r.key, nil
}
