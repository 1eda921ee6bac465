package record

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"payrouter/host/attempt"
	"payrouter/host/operation"
	"payrouter/host/payment"
	"payrouter/host/store"
)

// OfPayment is a payment's change as a record, without a key. What it opens or closes is recorded as a whole; see
// Standing. A change that holds attempts or entries of another payment is store.ErrTaken.
func OfPayment(change payment.Change) (*Change, error) {
	p := change.Payment
	document, err := encodePayment(p)
	if err != nil {
		return nil, err
	}
	c := &Change{Payment: document}
	for _, e := range change.Entries {
		if e.PaymentID != p.ID || e.Merchant != p.Merchant {
			return nil, fmt.Errorf("change payment %s: event %s is of payment %s: %w", p.ID, e.ID, e.PaymentID, store.ErrTaken)
		}
		text, err := json.Marshal(e)
		if err != nil {
			return nil, fmt.Errorf("encode event %s: %w", e.ID, err)
		}
		c.Entries = append(c.Entries, &Entry{Document: text, Snapshot: e.Snapshot})
	}
	return c, c.add(p.OwnerID(), change.Attempts, change.Answer, change.Claim)
}

// OfRun is OfPayment for a run.
func OfRun(change operation.Change) (*Change, error) {
	run := change.Run
	text, err := json.Marshal(run)
	if err != nil {
		return nil, fmt.Errorf("encode run %s: %w", run.ID, err)
	}
	c := &Change{Run: text, Input: run.Input, Output: run.Output}
	return c, c.add(run.OwnerID(), change.Attempts, change.Answer, change.Claim)
}

// OfKey is an idempotency key as a change has it.
func OfKey(key attempt.Key) *Key {
	k := &Key{Value: key.Value, Fingerprint: key.Fingerprint}
	if !key.CreatedAt.IsZero() {
		seconds := key.CreatedAt.Unix()
		k.CreatedSeconds, k.CreatedNanos = &seconds, int32(key.CreatedAt.Nanosecond()) //nolint:gosec // below 1e9
	}
	return k
}

// OfAnswer is what a key is answered as a change has it; nil where that is not known yet.
func OfAnswer(status int, body []byte) *Answer {
	if status == 0 {
		return nil
	}
	return &Answer{Status: int64(status), Body: body}
}

func (x *Change) add(of attempt.OwnerID, attempts []attempt.Attempt, answer *attempt.Answer,
	claim *attempt.Claim,
) error {
	for _, a := range attempts {
		if a.Owner != of {
			return fmt.Errorf("change %s: attempt %s is of %s: %w", of, a.ID, a.Owner, store.ErrTaken)
		}
		one, err := ofAttempt(a)
		if err != nil {
			return err
		}
		x.Attempts = append(x.Attempts, one)
	}
	if answer != nil {
		x.Answer = OfAnswer(answer.Status, answer.Body)
	}
	if claim != nil {
		x.Claims = []*Claim{OfClaim(*claim)}
	}
	return nil
}

func ofAttempt(a attempt.Attempt) (*Attempt, error) {
	one := &Attempt{Call: a.Call, State: a.State, Request: a.Request, Response: a.Response}
	a.Call, a.State, a.Request, a.Response = nil, nil, nil, nil
	text, err := json.Marshal(a)
	if err != nil {
		return nil, fmt.Errorf("encode attempt %s: %w", a.ID, err)
	}
	one.Document = text
	return one, nil
}

// OfClaim is a claim as its owner's change has it.
func OfClaim(c attempt.Claim) *Claim {
	return &Claim{Account: c.Account, Object: c.Object, Reference: c.Reference}
}

// Given identifies what an attempt was given and asks for, and of whom: 64 bits of a hash. An attempt whose last record
// has the same may be recorded without what it was given; see Standing.
func Given(a attempt.Attempt) int64 {
	sum := sha256.New()
	for _, part := range [][]byte{[]byte(a.Provider), []byte(a.Reference), a.Call, a.State, a.Request} {
		_, _ = sum.Write(binary.AppendUvarint(nil, uint64(len(part))))
		_, _ = sum.Write(part)
	}
	return int64(binary.BigEndian.Uint64(sum.Sum(nil))) //nolint:gosec // bits
}

// Standing is an attempt's record without what its last record has, too.
func (x *Attempt) Standing() *Attempt {
	return &Attempt{Document: x.Document, Stands: true, Response: x.Response}
}

// paymentDoc is a payment as JSON. The caller's options are objects whose text is kept to the byte, which JSON inside
// JSON is not: it loses its white space.
type paymentDoc struct {
	payment.Payment
	Options map[string]string `json:"options,omitempty"`
}

func encodePayment(p payment.Payment) ([]byte, error) {
	doc := paymentDoc{Payment: p}
	if len(p.Options) > 0 {
		doc.Options = make(map[string]string, len(p.Options))
		for plugin, option := range p.Options {
			doc.Options[plugin] = string(option)
		}
	}
	text, err := json.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("encode payment %s: %w", p.ID, err)
	}
	return text, nil
}

// PaymentOf is the payment as a change left it. A change without one is an error.
func PaymentOf(c *Change) (payment.Payment, error) {
	var doc paymentDoc
	if err := json.Unmarshal(c.Payment, &doc); err != nil {
		return payment.Payment{}, fmt.Errorf("decode a payment: %w", err)
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

// RunOf is PaymentOf for a run.
func RunOf(c *Change) (operation.Run, error) {
	var run operation.Run
	if err := json.Unmarshal(c.Run, &run); err != nil {
		return operation.Run{}, fmt.Errorf("decode a run: %w", err)
	}
	run.Input, run.Output = some(c.Input), some(c.Output)
	return run, nil
}

// EntriesOf are a change's entries. number is the change's, which is the sequence of the first of them.
func EntriesOf(number int64, c *Change) ([]payment.Entry, error) {
	entries := make([]payment.Entry, len(c.Entries))
	for i, one := range c.Entries {
		if err := json.Unmarshal(one.Document, &entries[i]); err != nil {
			return nil, fmt.Errorf("decode an event: %w", err)
		}
		entries[i].Sequence, entries[i].Snapshot = number+int64(i), one.Snapshot
	}
	return entries, nil
}

// KeyOf is the idempotency key that a payment's or a run's first change has, with what it is answered by a later one:
// nil where it is not answered.
func KeyOf(merchant string, of attempt.OwnerID, made *Key, answer *Answer) attempt.Key {
	key := attempt.Key{
		Merchant: merchant, Value: made.GetValue(), Fingerprint: made.GetFingerprint(), Owner: of,
		Status: int(answer.GetStatus()), Body: some(answer.GetBody()),
	}
	if made.CreatedSeconds != nil {
		key.CreatedAt = time.Unix(*made.CreatedSeconds, int64(made.CreatedNanos)).UTC()
	}
	return key
}

// some is nil for no bytes.
func some(text []byte) []byte {
	if len(text) == 0 {
		return nil
	}
	return text
}

// Same reports whether two attempts are recorded alike.
func Same(a, b attempt.Attempt) bool {
	one, err := ofAttempt(a)
	other, otherErr := ofAttempt(b)
	return err == nil && otherErr == nil && bytes.Equal(one.Document, other.Document) &&
		bytes.Equal(one.Call, other.Call) && bytes.Equal(one.State, other.State) && bytes.Equal(one.Request, other.Request) &&
		bytes.Equal(one.Response, other.Response)
}
