package payment_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/attempt"
	"payrouter/host/payment"
	"payrouter/host/payment/paymenttest"
)

// counted is a journal that keeps the changes it was given, in their order. before, where set, is called before each
// create.
type counted struct {
	payment.Journal
	before func() error
	// after, where set, is called after each create.
	after func()

	mutex   sync.Mutex
	created []payment.Change
	saved   []payment.Change
}

func (c *counted) Create(ctx context.Context, change payment.Change, key attempt.Key) (*attempt.Key, error) {
	if c.before != nil {
		if err := c.before(); err != nil {
			return nil, err
		}
	}
	c.mutex.Lock()
	c.created = append(c.created, change)
	c.mutex.Unlock()
	if c.after != nil {
		defer c.after()
	}
	return c.Journal.Create(ctx, change, key)
}

func (c *counted) Save(ctx context.Context, change payment.Change) error {
	c.mutex.Lock()
	c.saved = append(c.saved, change)
	c.mutex.Unlock()
	return c.Journal.Save(ctx, change)
}

func typesOf(change payment.Change) (types []payment.EntryType) {
	for _, e := range change.Entries {
		types = append(types, e.Type)
	}
	return types
}

// A payment whose provider is asked at once takes two writes: one with all that is known before the first byte leaves,
// and one with the outcome.
func TestAPaymentIsMadeWithItsFirstAttempt(t *testing.T) {
	t.Parallel()
	var written *counted
	first := newProvider(t, func(w http.ResponseWriter, r *http.Request) {
		written.mutex.Lock()
		defer written.mutex.Unlock()
		if len(written.created) != 1 {
			t.Errorf("%d payments are made before the request leaves", len(written.created))
		}
		says(`{"id":"a-1","status":"open"}`)(w, r)
	})
	h, journal := counting(t, first, nil)
	written = journal
	made := h.create(t, "k")
	require.Equal(t, payment.RequiresAction, made.Status)

	require.Len(t, journal.created, 1)
	require.Equal(t, []payment.EntryType{payment.PaymentCreated, payment.PaymentProcessing}, typesOf(journal.created[0]))
	require.Len(t, journal.created[0].Attempts, 1)
	require.True(t, journal.created[0].Attempts[0].Open())
	require.Equal(t, int64(2), journal.created[0].Payment.Version)
	require.Len(t, journal.saved, 1)
	require.Equal(t, []payment.EntryType{payment.PaymentRequiresAction}, typesOf(journal.saved[0]))
}

// A payment whose request may not leave at once is made by itself, and then changed.
func TestAPaymentThatWaitsForItsFirstAttemptIsMadeByItself(t *testing.T) {
	t.Parallel()
	first := newProvider(t, says(`{"id":"a-1","status":"open"}`))
	made := make(chan struct{})
	var asked atomic.Int64
	h, journal := counting(t, first, func() error {
		if asked.Add(1) == 2 { // the create's own question comes first, and then its request's
			<-made
		}
		return nil
	})
	journal.after = func() { close(made) }
	require.Equal(t, payment.RequiresAction, h.create(t, "k").Status)

	require.Len(t, journal.created, 1)
	require.Equal(t, []payment.EntryType{payment.PaymentCreated}, typesOf(journal.created[0]))
	require.Empty(t, journal.created[0].Attempts)
	require.Len(t, journal.saved, 2)
	require.Equal(t, []payment.EntryType{payment.PaymentProcessing}, typesOf(journal.saved[0]))
}

// A payment that was made by itself, and is on its way when the hold begins, stays for the time after it: it does not
// fail.
func TestAPaymentThatIsMadeWhenAJournalIsHeldGoesOnAfterItsRelease(t *testing.T) {
	t.Parallel()
	first := newProvider(t, says(`{"id":"a-1","status":"open"}`))
	made := make(chan struct{})
	var asked atomic.Int64
	h, journal := counting(t, first, func() error {
		if asked.Add(1) == 2 {
			<-made
			return attempt.ErrHeld
		}
		return nil
	})
	journal.after = func() { close(made) }
	_, err := h.engine.Create(t.Context(), author("shop"), attempt.Key{Value: "k", Fingerprint: "f"}, orderOf("10.00"),
		time.Minute)
	require.ErrorIs(t, err, attempt.ErrHeld)
	require.Empty(t, first.requests())
	left, _, err := h.engine.Payments(t.Context(), payment.Filter{})
	require.NoError(t, err)
	require.Len(t, left, 1)
	require.Equal(t, payment.Created, left[0].Status)

	require.NoError(t, h.engine.Recover(t.Context()))
	p, err := h.engine.Payment(t.Context(), "shop", left[0].ID)
	require.NoError(t, err)
	require.Equal(t, payment.RequiresAction, p.Status)
	require.Len(t, first.requests(), 1)
}

// What cannot be journalled is not sent, and leaves nothing behind: neither a key nor a claim on a limit.
func TestAPaymentThatCannotBeMadeIsNotSent(t *testing.T) {
	t.Parallel()
	first := newProvider(t, says(`{"id":"a-1","status":"open"}`))
	h, journal := counting(t, first, nil)
	broken := fmt.Errorf("%w: no disk", attempt.ErrJournal)
	journal.before = func() error { return broken }
	_, err := h.engine.Create(t.Context(), author("shop"), attempt.Key{Value: "k", Fingerprint: "f"}, orderOf("10.00"),
		time.Minute)
	require.ErrorIs(t, err, broken)
	require.Empty(t, first.requests())

	journal.before = nil
	require.Equal(t, payment.RequiresAction, h.create(t, "k").Status)
	require.Len(t, first.requests(), 1)
}

// A caller that waits for nothing has no answer before its payment is made.
func TestNoAnswerComesBeforeThePaymentIsMade(t *testing.T) {
	t.Parallel()
	first := newProvider(t, says(`{"id":"a-1","status":"open"}`))
	h, journal := counting(t, first, nil)
	making, proceed := make(chan struct{}), make(chan struct{})
	journal.before = func() error {
		close(making)
		<-proceed
		return nil
	}
	answered := make(chan error, 1)
	go func() {
		_, err := h.engine.Create(t.Context(), author("shop"), attempt.Key{Value: "k", Fingerprint: "f"},
			orderOf("10.00"), 0)
		answered <- err
	}()
	<-making
	select {
	case err := <-answered:
		require.Fail(t, "answered before it is made", "%v", err)
	case <-time.After(20 * time.Millisecond):
	}
	close(proceed)
	require.NoError(t, <-answered)
}

// Of two requests under one key that come at once, one makes a payment, and the other sends nothing.
func TestRequestsUnderOneKeyAtOnceMakeOnePayment(t *testing.T) {
	t.Parallel()
	first := newProvider(t, says(`{"id":"a-1","status":"open"}`))
	h, journal := counting(t, first, nil)
	var both sync.WaitGroup
	both.Add(2)
	journal.before = func() error {
		both.Done()
		both.Wait()
		return nil
	}
	receipts := make(chan attempt.Receipt[payment.Payment], 2)
	for range 2 {
		go func() {
			receipt, err := h.engine.Create(t.Context(), author("shop"), attempt.Key{Value: "k", Fingerprint: "f"},
				orderOf("10.00"), time.Minute)
			if err != nil {
				t.Error(err)
			}
			receipts <- receipt
		}()
	}
	one, two := <-receipts, <-receipts
	require.Equal(t, one.Value.ID, two.Value.ID)
	require.NotEqual(t, one.Earlier == nil, two.Earlier == nil, "one of them is a repetition")
	require.Len(t, first.requests(), 1)
}

// counting is a house of one provider, whose journal is counted. hold is as paymenttest.Settings have it; nil never
// holds.
func counting(t *testing.T, first *provider, hold func() error) (*harness, *counted) {
	t.Helper()
	db := openJournal(t, paymenttest.Settings{})
	journal := &counted{Journal: db}
	fleet := newFleet(t, probed{name: "a", connector: &probe{name: "first", idempotency: none}, url: first.url})
	h := &harness{journal: db, engine: paymenttest.New(journal, fleet, paymenttest.Settings{
		Clock: db.Clock, Hold: hold, Logger: slog.New(slog.DiscardHandler),
	})}
	t.Cleanup(func() { require.NoError(t, h.engine.Shutdown(context.Background())) })
	return h, journal
}
