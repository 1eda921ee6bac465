package sqlite

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

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
		Open: func(t testing.TB) storetest.Journal { return openAt(t, t.TempDir()) },
		Crash: func(t testing.TB, running storetest.Journal) storetest.Journal {
			return openAt(t, copyFiles(t, running.(*DB).dir.path))
		},
	})
}

// openAt opens a journal that the caller closes.
func openAt(t testing.TB, dir string) *DB {
	t.Helper()
	db, err := Open(t.Context(), dir)
	require.NoError(t, err)
	return db
}

// openNew opens an empty journal that closes with the test.
func openNew(t testing.TB) *DB {
	t.Helper()
	db := openAt(t, t.TempDir())
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// copyFiles copies what a crash leaves of a journal that nobody writes to just now: the database and its log, and not what was
// in shared memory.
func copyFiles(t testing.TB, dir string) string {
	t.Helper()
	to := t.TempDir()
	for _, name := range []string{databaseName, databaseName + "-wal"} {
		bytes, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(to, name), bytes, 0o600))
	}
	return to
}

func sample(n int) (payment.Payment, payment.Key) {
	at := time.UnixMilli(1_772_366_400_000 + int64(n)).UTC()
	p := payment.Payment{
		ID: fmt.Sprintf("pay_%026d", n), Merchant: "shop", Status: payment.Created, Version: 1, CreatedAt: at, UpdatedAt: at,
		Order: payment.Order{Kind: payment.Collect, Amount: "49.90", Currency: "EUR", Reference: fmt.Sprintf("order-%d", n)},
	}
	return p, payment.Key{Merchant: p.Merchant, Value: p.ID, Fingerprint: "f", PaymentID: p.ID, CreatedAt: at}
}

func create(t testing.TB, db *DB, n int) error {
	t.Helper()
	p, key := sample(n)
	_, err := db.Create(t.Context(), changeOf(p), key)
	return err
}

func requireStands(t testing.TB, db *DB, n int) {
	t.Helper()
	want, _ := sample(n)
	got, err := db.Payment(t.Context(), want.ID)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func requireGone(t testing.TB, db *DB, n int) {
	t.Helper()
	p, key := sample(n)
	_, err := db.Payment(t.Context(), p.ID)
	require.ErrorIs(t, err, payment.ErrNotFound)
	found, err := db.Key(t.Context(), key.Merchant, key.Value)
	require.NoError(t, err)
	require.Nil(t, found)
}

func changeOf(p payment.Payment, attempts ...payment.Attempt) payment.Change {
	return payment.Change{Payment: p, Attempts: attempts}
}
