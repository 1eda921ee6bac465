package payment

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"payrouter/host/attempt"
)

// firstWithin is how long the first write of a payment waits for the first attempt to be ready. A payment whose
// provider is asked at once is one write then, with its key and what is about to be sent. Nobody has an answer before
// the write, so that one that is lost was never made.
const firstWithin = 5 * time.Millisecond

var (
	// errKeyUsed: the payment was not made, since its key had made another one.
	errKeyUsed = errors.New("the Idempotency-Key was used before")
	errUnmade  = errors.New("the payment came to its end before it was journalled")
)

// firstWrite makes a payment in the journal, once. Its methods are safe for concurrent use.
type firstWrite struct {
	engine  *Engine
	flight  *attempt.Flight
	payment Payment
	key     attempt.Key
	entries []Entry
	timer   *time.Timer

	mutex sync.Mutex
	done  bool
	err   error
}

// begins prepares the first write of a drafted payment, which makes it by itself unless a change comes in time.
func (e *Engine) begins(flight *attempt.Flight, p Payment, key attempt.Key) (*firstWrite, error) {
	entries, err := e.sessionAt(Payment{}, ChangeCause{Cause: ByRequest}).entries(p, nil)
	if err != nil {
		return nil, err
	}
	key.Merchant, key.Owner, key.CreatedAt = p.Merchant, p.OwnerID(), p.CreatedAt
	w := &firstWrite{engine: e, flight: flight, payment: p, key: key, entries: entries}
	if p.Status != AwaitingApproval { // which has no attempt
		w.mutex.Lock()
		defer w.mutex.Unlock()
		w.timer = time.AfterFunc(firstWithin, func() { _ = w.alone(nil) })
	}
	return w, nil
}

// alone makes the payment as it was drafted, where it is not made yet. The answer is its key's; nil leaves it open.
func (w *firstWrite) alone(answer *attempt.Answer) error {
	_, err := w.with(w.engine.driver.Base, Change{Payment: w.payment, Answer: answer})
	return err
}

// with makes the payment along with its first change, and reports whether it did: it does not where the payment is made
// already. The error is why it could not be made, now or before. A nil firstWrite has nothing to make.
func (w *firstWrite) with(ctx context.Context, change Change) (made bool, err error) {
	if w == nil {
		return false, nil
	}
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if w.done {
		return false, w.err
	}
	key := w.key
	if change.Answer != nil {
		key.Status, key.Body, change.Answer = change.Answer.Status, change.Answer.Body, nil
	}
	change.Entries = slices.Concat(w.entries, change.Entries)
	earlier, err := w.engine.journal.Create(ctx, change, key)
	if err == nil && earlier != nil {
		err = errKeyUsed
	}
	w.conclude(earlier, err)
	return true, err
}

// end reports whether the payment is made. One that is not will not be: err is why.
func (w *firstWrite) end(err error) bool {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if !w.done {
		w.conclude(nil, cmp.Or(err, errUnmade))
	}
	return w.err == nil
}

func (w *firstWrite) conclude(earlier *attempt.Key, err error) {
	if w.timer != nil {
		w.timer.Stop()
	}
	w.done, w.err = true, err
	if earlier != nil {
		err = nil
	}
	w.flight.Begun(earlier, err)
}
