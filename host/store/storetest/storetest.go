// Package storetest is the one contract that every engine of the journal passes.
package storetest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/attempt"
	"payrouter/host/identity"
	"payrouter/host/operation"
	"payrouter/host/payment"
)

// Journal is what an engine offers.
type Journal interface {
	payment.Journal
	operation.Runs
	Attempt(ctx context.Context, id attempt.ID) (attempt.Attempt, error)
	OpenAttempts(ctx context.Context, after attempt.ID, limit int) ([]attempt.Attempt, error)
	Healthy() error
	Close() error
}

// Engine makes the journals of one engine. Tests run in parallel, each on its own.
type Engine struct {
	// Open gives an empty journal whose clock advances as now does. The suite closes it.
	Open func(tb testing.TB, now func() time.Time) Journal
	// Crash gives the journal that a restart would find if the machine stopped at this moment, which the suite closes.
	// The running one stays as it is.
	Crash func(tb testing.TB, running Journal) Journal
}

// Run runs the suite.
func Run(t *testing.T, engine Engine) {
	t.Helper()
	topics := []struct {
		name string
		run  func(*testing.T, Engine)
	}{
		{"create", testCreate},
		{"keys", testKeys},
		{"save", testSave},
		{"attempts", testAttempts},
		{"lists", testLists},
		{"concurrency", testConcurrency},
		{"timeline", testTimeline},
		{"references", testReferences},
		{"due", testDue},
		{"due nowhere", testDueNowhere},
		{"purge", testPurge},
		{"runs", testRuns},
		{"claims", testClaims},
		{"rulesets", testRulesets},
		{"crash", testCrash},
	}
	for _, topic := range topics {
		t.Run(topic.name, func(t *testing.T) {
			t.Parallel()
			topic.run(t, engine)
		})
	}
}

func (e Engine) open(tb testing.TB) Journal {
	tb.Helper()
	return e.openAt(tb, time.Now)
}

// openAt opens a journal by a clock that the test sets.
func (e Engine) openAt(tb testing.TB, now func() time.Time) Journal {
	tb.Helper()
	journal := e.Open(tb, now)
	tb.Cleanup(func() { require.NoError(tb, journal.Close()) })
	return journal
}

func (e Engine) crash(tb testing.TB, running Journal) Journal {
	tb.Helper()
	journal := e.Crash(tb, running)
	tb.Cleanup(func() { require.NoError(tb, journal.Close()) })
	return journal
}

// clock is one that a test sets, and that stands still otherwise.
type clock struct {
	mutex sync.Mutex
	at    time.Time
}

func newClock() *clock { return &clock{at: epoch()} }

func (c *clock) now() time.Time {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.at
}

func (c *clock) advance(by time.Duration) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.at = c.at.Add(by)
}

func epoch() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC) }

// sample is the nth payment of a merchant, made n seconds after the epoch.
func sample(n int) payment.Payment {
	at := epoch().Add(time.Duration(n) * time.Second)
	return payment.Payment{
		ID: identity.Least("pay_", at), Merchant: "shop", Status: payment.Created, Version: 1, CreatedAt: at,
		UpdatedAt: at,
		Order: payment.Order{
			Kind: payment.Collect, Amount: "49.90", Currency: "EUR",
			Reference: fmt.Sprintf("order-%d", n),
		},
	}
}

func keyOf(p payment.Payment) attempt.Key {
	return attempt.Key{
		Merchant: p.Merchant, Value: "key of " + p.ID, Fingerprint: "of " + p.ID, Owner: p.OwnerID(),
		CreatedAt: p.CreatedAt,
	}
}

// attemptOf is a payment's nth attempt, open.
func attemptOf(p payment.Payment, n int) attempt.Attempt {
	return attempt.Attempt{
		ID: attempt.ID(fmt.Sprintf("att_%s_%020d", p.ID, n)), Owner: p.OwnerID(), Number: n, Provider: "paygram-eu",
		Plugin: "paygram",
		Role:   "create", Operation: "IssueInvoice", Idempotency: "ABANDONABLE", Request: []byte(`{ "method" : "POST" }`),
		StartedAt: p.CreatedAt, SendBefore: p.CreatedAt.Add(time.Minute),
	}
}

func closed(a attempt.Attempt, event attempt.Event) attempt.Attempt {
	a.Event, a.Sent, a.Writes, a.FinishedAt = event, true, 1, a.StartedAt.Add(time.Second)
	a.Response = []byte("{\"status\": 200,\n\t\"body\": \"<&>\"}")
	return a
}

// next is the payment at its next version, with a status.
func next(p payment.Payment, status payment.Status) payment.Payment {
	p.Status, p.UpdatedAt = status, p.UpdatedAt.Add(time.Millisecond)
	p.Version++
	return p
}

func create(tb testing.TB, journal Journal, payments ...payment.Payment) {
	tb.Helper()
	for _, p := range payments {
		earlier, err := journal.Create(tb.Context(), changeOf(p), keyOf(p))
		require.NoError(tb, err)
		require.Nil(tb, earlier)
	}
}

func requirePayment(t require.TestingT, journal Journal, want payment.Payment) {
	got, err := journal.Payment(context.Background(), want.ID)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func requireAttempts(t require.TestingT, journal Journal, paymentID string, want ...attempt.Attempt) {
	got, err := journal.Attempts(context.Background(), paymentID)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func ids(payments []payment.Payment) []string {
	all := make([]string, 0, len(payments))
	for _, p := range payments {
		all = append(all, p.ID)
	}
	return all
}

// changeOf is a change without entries.
func changeOf(p payment.Payment, attempts ...attempt.Attempt) payment.Change {
	return payment.Change{Payment: p, Attempts: attempts}
}
