package sqlite

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMigrationIsToldOfBeforeItIsCommitted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var versions, committed []int64
	db, err := Open(t.Context(), dir, WhileMigrating(func(version int64) {
		versions = append(versions, version)
		other, err := sql.Open("sqlite", filepath.Join(dir, databaseName))
		if err != nil {
			return
		}
		defer func() { _ = other.Close() }()
		var stands int64
		if other.QueryRow(`SELECT coalesce(max(version_id), 0) FROM goose_db_version`).Scan(&stands) == nil {
			committed = append(committed, stands)
		}
	}))
	require.NoError(t, err)
	require.NoError(t, db.Close())

	entries, err := migrations.ReadDir("migration")
	require.NoError(t, err)
	require.Len(t, versions, len(entries))
	require.Equal(t, append([]int64{0}, versions[:len(versions)-1]...), committed, "the version before still stands")
	for i, entry := range entries {
		require.Equal(t, fmt.Sprintf("%03d", versions[i]), entry.Name()[:3])
	}
}
