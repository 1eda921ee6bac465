package sqlite

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMigrationsAreNumberedFromOneWithoutGaps(t *testing.T) {
	t.Parallel()
	entries, err := migrations.ReadDir("migration")
	require.NoError(t, err)
	require.NotEmpty(t, entries)
	for i, entry := range entries {
		require.Regexp(t, fmt.Sprintf(`^%03d_[a-z_]+\.sql$`, i+1), entry.Name())
	}
}

func TestDatabaseOfALaterReleaseIsLeftAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db := openAt(t, dir)
	require.NoError(t, create(t, db, 1))
	_, err := db.writer.db.ExecContext(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, 1)`)
	require.NoError(t, err)
	require.NoError(t, db.Close())

	_, err = Open(t.Context(), dir)
	require.ErrorContains(t, err, "at version 99")
	_, err = Open(t.Context(), dir)
	require.ErrorContains(t, err, "at version 99", "the refused open gave the directory up")
}

func TestFileThatIsNoDatabaseIsRefusedAndLeftAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, databaseName)
	text := []byte(strings.Repeat("somebody's notes\n", 1000))
	require.NoError(t, os.WriteFile(file, text, 0o600))
	_, err := Open(t.Context(), dir)
	require.ErrorContains(t, err, "not a database")
	require.ErrorContains(t, err, file)
	found, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, text, found)
}

// A list that reads the whole table, or sorts what it read, is fast in every test and slow in a year.
func TestListsAreServedByAnIndex(t *testing.T) {
	t.Parallel()
	db := openNew(t)
	for name, test := range map[string]struct {
		text  string
		args  []any
		index string
	}{
		"unfinished": {listUnfinished, []any{"", 100}, "payment_unfinished"},
		"open":       {listOpen, []any{"", 100}, "attempt_open"},
		"attempts":   {listAttempts, []any{"pay_1"}, "sqlite_autoindex_attempt_2"},
	} {
		requirePlan(t, db, name, test.index, test.text, test.args)
	}
	for name, test := range listPlans() {
		text, args := listQuery(test.filter)
		requirePlan(t, db, name, test.index, text, args)
	}
}

func requirePlan(t *testing.T, db *DB, name, index, text string, args []any) {
	t.Helper()
	rows, err := db.reads.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+text, args...)
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var id, parent, unused int
		var step string
		require.NoError(t, rows.Scan(&id, &parent, &unused, &step))
		require.Contains(t, step, index, name)
		require.NotContains(t, step, "TEMP B-TREE", name)
	}
	require.NoError(t, rows.Err())
}
