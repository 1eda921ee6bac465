package journal

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"payrouter/host/attempt"
	"payrouter/host/identity"
	"payrouter/host/payment"
	"payrouter/host/store/sqlite"
)

// template is a payment that a router has made, with all that its journal has of it.
type template struct {
	payment  payment.Payment
	attempts []attempt.Attempt
	entries  []payment.Entry
	key      attempt.Key
}

// readTemplate reads the payment of a key from a journal that no router has open.
func readTemplate(ctx context.Context, data, key string) (t template, err error) {
	db, err := sqlite.Open(ctx, data)
	if err != nil {
		return t, fmt.Errorf("open the journal of the template: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	all, _, err := db.Payments(ctx, payment.Filter{Limit: 1})
	if err != nil {
		return t, err
	}
	if len(all) != 1 {
		return t, errors.New("the journal of the template has no payment")
	}
	t.payment = all[0]
	if t.attempts, err = db.Attempts(ctx, t.payment.ID); err != nil {
		return t, err
	}
	if t.entries, err = db.Timeline(ctx, t.payment.ID); err != nil {
		return t, err
	}
	found, err := db.Key(ctx, t.payment.Merchant, key)
	if err != nil {
		return t, err
	}
	if found == nil || len(t.attempts) != 1 || len(t.entries) == 0 {
		return t, errors.New("the payment of the template lacks its key, attempt or events")
	}
	t.key = *found
	return t, nil
}

// spread is the time over which the payments of a large journal were made.
const spread = 365 * 24 * time.Hour

// kinds are what payments end as, each with as many of a hundred; the rest succeed. They differ in what lists filter
// by.
//
//nolint:gochecknoglobals // a table
var kinds = []struct {
	percent  int
	status   payment.Status
	currency string
}{
	{1, payment.Canceled, "EUR"}, {3, payment.Failed, "USD"}, {6, payment.Expired, "EUR"}, {20, payment.Succeeded, "USD"},
}

// fill writes copies of the template into a journal that no router has open. They end at until, and began over a year.
// It returns some of their ids.
func (t template) fill(ctx context.Context, data string, count int, until time.Time) (ids []string, err error) {
	db, err := sqlite.Open(ctx, data)
	if err != nil {
		return nil, fmt.Errorf("open the large journal: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	const (
		writers = 512  // more than share a commit
		sampled = 1000 // ids
	)
	f := filler{t, db, identity.New(rand.Reader), until.Add(-spread), spread / time.Duration(max(1, count))}
	every := max(1, count/sampled)
	kept, problems := make([]string, (count+every-1)/every), make([]error, writers)
	running, stop := context.WithCancel(ctx)
	defer stop()
	var next atomic.Int64
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for running.Err() == nil {
				n := int(next.Add(1)) - 1
				if n >= count {
					return
				}
				id, err := f.write(ctx, n)
				if err != nil {
					problems[w] = err
					stop()
					return
				}
				if n%every == 0 {
					kept[n/every] = id
				}
			}
		})
	}
	all.Wait()
	return kept, errors.Join(append(problems, ctx.Err())...)
}

// filler writes one payment after the other. Many goroutines use it.
type filler struct {
	template template
	db       *sqlite.DB
	ids      *identity.Source
	from     time.Time
	apart    time.Duration
}

// write writes the payment with a number, in the two writes that a router's payment takes: with its attempt about to
// be sent, and with its outcome.
func (f filler) write(ctx context.Context, number int) (id string, err error) {
	at := f.from.Add(f.apart * time.Duration(number)).Truncate(time.Millisecond).UTC()
	p, key, made, entries, err := f.copies(number, at)
	if err != nil {
		return "", err
	}
	began, open := p, made
	began.Status, began.Version, began.ProviderReference, began.NextAction = payment.Processing, 1, "", nil
	open.Event, open.Response, open.Concluded, open.FinishedAt = "", nil, false, time.Time{}
	_, err = f.db.Create(ctx, payment.Change{
		Payment: began, Attempts: []attempt.Attempt{open}, Entries: entries[:1],
	}, key)
	if err != nil {
		return "", err
	}
	p.Version = 2
	return p.ID, f.db.Save(ctx, payment.Change{
		Payment: p, Attempts: []attempt.Attempt{made}, Entries: entries[1:],
		Answer: &attempt.Answer{Status: f.template.key.Status, Body: f.renamed(f.template.key.Body, p.ID)},
		Claim: &attempt.Claim{
			Account: p.Provider, Object: made.Operation, Reference: p.ProviderReference, Owner: p.OwnerID(),
		},
	})
}

// copies are the template's parts under ids of their own.
func (f filler) copies(number int, at time.Time) (
	p payment.Payment, key attempt.Key, made attempt.Attempt, entries []payment.Entry, err error,
) {
	p, key, made = f.template.payment, f.template.key, f.template.attempts[0]
	ids := make([]string, 2+len(f.template.entries))
	for i := range ids {
		prefix := "evt_"
		if i < 2 {
			prefix = []string{"pay_", "att_"}[i]
		}
		if ids[i], err = f.ids.Make(prefix, at); err != nil {
			return p, key, made, nil, fmt.Errorf("make an id: %w", err)
		}
	}
	p.ID, p.CreatedAt, p.UpdatedAt, p.StatusAt, p.NextCheck = ids[0], at, at, at, time.Time{}
	p.MadeClock, p.StatusClock = 0, 0
	p.Reference, p.ProviderReference = referenceOf(number), fmt.Sprintf("fill-%012d", number)
	p.Status = payment.Succeeded
	for place, kind := number%100, 0; kind < len(kinds); kind++ {
		if place < kinds[kind].percent {
			p.Status, p.Currency = kinds[kind].status, kinds[kind].currency
			break
		}
		place -= kinds[kind].percent
	}
	key.Value, key.Owner, key.CreatedAt, key.Status, key.Body = p.Reference, p.OwnerID(), at, 0, nil
	made.ID, made.Owner, made.StartedAt, made.SendBefore = attempt.ID(ids[1]), p.OwnerID(), at, at
	made.Reference, made.FinishedAt, made.StartedClock = fmt.Sprintf("fill%012d", number), at, 0
	for i, entry := range f.template.entries {
		entry.ID, entry.PaymentID, entry.At, entry.Sequence = ids[2+i], p.ID, at, 0
		if entry.AttemptID != "" {
			entry.AttemptID = made.ID
		}
		entry.Snapshot = f.renamed(entry.Snapshot, p.ID)
		entries = append(entries, entry)
	}
	return p, key, made, entries, nil
}

// renamed is text about the template's payment as one about another.
func (f filler) renamed(text []byte, id string) []byte {
	return bytes.ReplaceAll(text, []byte(f.template.payment.ID), []byte(id))
}

// referenceOf is the merchant's reference of a payment that fill has written.
func referenceOf(number int) string { return fmt.Sprintf("filled-%d", number) }
