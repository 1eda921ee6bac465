package sqlite

import (
	"context"
	"database/sql"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// logFrames is what a journal's log has.
func logFrames(t *testing.T, db *DB) logged {
	t.Helper()
	found, err := readLog(t.Context(), db.reads, lookAtLog)
	require.NoError(t, err)
	return found
}

// fill writes payments until there are so many.
func fill(t *testing.T, db *DB, from, until int) {
	t.Helper()
	for n := from; n < until; n++ {
		require.NoError(t, create(t, db, n))
	}
}

// A look at the log moves nothing. (An older SQLite would take the word for a checkpoint.)
func TestALookAtTheLogMovesNothing(t *testing.T) {
	t.Parallel()
	db := openNew(t)
	fill(t, db, 0, 20)
	require.Positive(t, logFrames(t, db).pages)
	require.Zero(t, logFrames(t, db).moved)
}

func TestTheLogIsMovedBesideTheCommits(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db, err := Open(t.Context(), dir, checkpointingAt(50))
	require.NoError(t, err)
	defer db.Close()
	n := 0
	require.Eventually(t, func() bool {
		fill(t, db, n, n+10)
		n += 10
		found := logFrames(t, db)
		return n >= 500 && found.pages < 200
	}, time.Minute, time.Millisecond, "the log begins anew")
	for i := range n {
		requireThere(t, db, i)
	}
}

// A read that takes long keeps the log from being begun anew. People learn of it, commits go on, and the log is small
// again after it.
func TestALargeLogIsShown(t *testing.T) {
	t.Parallel()
	var log watchedLog
	db, err := Open(t.Context(), t.TempDir(), checkpointingAt(20), Logger(slog.New(slog.NewTextHandler(&log, nil))))
	require.NoError(t, err)
	defer db.Close()
	fill(t, db, 0, 1)
	reading, err := db.reads.BeginTx(t.Context(), &sql.TxOptions{ReadOnly: true})
	require.NoError(t, err)
	var payments int
	require.NoError(t, reading.QueryRowContext(t.Context(), "SELECT count(*) FROM owner").Scan(&payments))
	n := 1
	require.Eventually(t, func() bool {
		fill(t, db, n, n+10)
		n += 10
		return strings.Contains(log.String(), "the journal's log is large")
	}, time.Minute, time.Millisecond)

	require.NoError(t, reading.Rollback())
	require.Eventually(t, func() bool {
		fill(t, db, n, n+1)
		n++
		return logFrames(t, db).pages < 100
	}, time.Minute, time.Millisecond)
}

func requireThere(t *testing.T, db *DB, n int) {
	t.Helper()
	p, _ := sample(n)
	_, err := db.Payment(context.Background(), p.ID)
	require.NoError(t, err)
}
