package sqlite

import (
	"database/sql"
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
	for i, version := range versions {
		require.Equal(t, int64(i+1), version)
		require.Equal(t, int64(i), committed[i], "the version before still stands")
	}
}
