package sqlite

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"payrouter/host/attempt"
	"payrouter/host/payment"
	"payrouter/host/store/storetest"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(victimDir); dir != "" {
		os.Exit(victim(dir))
	}
	goleak.VerifyTestMain(m)
}

func TestContract(t *testing.T) {
	t.Parallel()
	storetest.Run(t, storetest.Engine{
		Open: func(tb testing.TB, now func() time.Time) storetest.Journal {
			tb.Helper()
			db, err := Open(tb.Context(), tb.TempDir(), Now(now), lookingAt(7))
			require.NoError(tb, err)
			return db
		},
		Crash: func(tb testing.TB, running storetest.Journal) storetest.Journal {
			tb.Helper()
			return openAt(t, copyFiles(t, running.(*DB).dir.path))
		},
	})
}

// openAt opens a journal that the caller closes.
func openAt(tb testing.TB, dir string, options ...Option) *DB {
	tb.Helper()
	db, err := Open(tb.Context(), dir, options...)
	require.NoError(tb, err)
	return db
}

// steadyClock stands still, and has no monotonic reading: what a test adds has passed.
type steadyClock struct {
	mutex sync.Mutex
	at    time.Time
}

func (c *steadyClock) now() time.Time {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.at
}

func (c *steadyClock) advance(by time.Duration) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.at = c.at.Add(by)
}

// openNew opens an empty journal that closes with the test.
func openNew(tb testing.TB, options ...Option) *DB {
	tb.Helper()
	db := openAt(tb, tb.TempDir(), options...)
	tb.Cleanup(func() { require.NoError(tb, db.Close()) })
	return db
}

// copyFiles copies what a crash leaves of a journal without writes: the database and its log, and not the shared
// memory.
func copyFiles(tb testing.TB, dir string) string {
	tb.Helper()
	to := tb.TempDir()
	for _, name := range []string{databaseName, databaseName + "-wal"} {
		bytes, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(tb, err)
		require.NoError(tb, os.WriteFile(filepath.Join(to, name), bytes, 0o600))
	}
	return to
}

func sample(n int) (payment.Payment, attempt.Key) {
	at := time.UnixMilli(1_772_366_400_000 + int64(n)).UTC()
	p := payment.Payment{
		ID: fmt.Sprintf("pay_%026d", n), Merchant: "shop", Status: payment.Created, Version: 1, CreatedAt: at,
		UpdatedAt: at,
		Order: payment.Order{
			Kind: payment.Collect, Amount: "49.90", Currency: "EUR",
			Reference: fmt.Sprintf("order-%d", n),
		},
	}
	return p, attempt.Key{Merchant: p.Merchant, Value: p.ID, Fingerprint: "f", Owner: p.OwnerID(), CreatedAt: at}
}

func create(tb testing.TB, db *DB, n int) error {
	tb.Helper()
	p, key := sample(n)
	_, err := db.Create(tb.Context(), changeOf(p), key)
	return err
}

func requireStands(tb testing.TB, db *DB, n int) {
	tb.Helper()
	want, _ := sample(n)
	got, err := db.Payment(tb.Context(), want.ID)
	require.NoError(tb, err)
	require.Equal(tb, want, got)
}

func requireGone(tb testing.TB, db *DB, n int) {
	tb.Helper()
	p, key := sample(n)
	_, err := db.Payment(tb.Context(), p.ID)
	require.ErrorIs(tb, err, payment.ErrNotFound)
	found, err := db.Key(tb.Context(), key.Merchant, key.Value)
	require.NoError(tb, err)
	require.Nil(tb, found)
}

func changeOf(p payment.Payment, attempts ...attempt.Attempt) payment.Change {
	return payment.Change{Payment: p, Attempts: attempts}
}

// A read that never ends would keep the log from beginning anew.
func TestAReadEndsInTime(t *testing.T) {
	t.Parallel()
	db := openNew(t, readingFor(50*time.Millisecond))
	const endless = `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n WHERE i < 0`
	_, err := readAll(t.Context(), db, "count without end", endless, nil, scanNumber)
	require.ErrorIs(t, err, attempt.ErrJournal)
	require.ErrorContains(t, err, "longer than 50ms")
	require.NoError(t, create(t, db, 1))
	requireStands(t, db, 1)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = readAll(ctx, db, "count without end", endless, nil, scanNumber)
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, attempt.ErrJournal, "the caller went away")
}
