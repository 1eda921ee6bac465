package sqlite

import (
	"database/sql"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEveryConnectionIsSetForDurability(t *testing.T) {
	t.Parallel()
	db := openNew(t)
	must := map[string]string{
		"journal_mode": "wal", "synchronous": "2", "fullfsync": "1", "foreign_keys": "1",
		"temp_store": "2", "query_only": "0",
	}
	requireSettings(t, db.writer.db, must)
	must["query_only"] = "1"
	requireSettings(t, db.reads, must)
}

func TestSettingsAreReadBack(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"journal_mode", "synchronous", "foreign_keys"} {
		require.True(t, slices.ContainsFunc(pragmas, func(p pragma) bool { return p.name == name }), name)
	}
}

// requireSettings holds all of a pool's connections at once, so that each is looked at.
func requireSettings(t *testing.T, pool *sql.DB, must map[string]string) {
	t.Helper()
	for range pool.Stats().MaxOpenConnections {
		conn, err := pool.Conn(t.Context())
		require.NoError(t, err)
		defer conn.Close()
		for name, want := range must {
			var reads string
			require.NoError(t, conn.QueryRowContext(t.Context(), "PRAGMA "+name).Scan(&reads))
			require.Equal(t, want, reads, name)
		}
	}
}

func TestReadersCannotWrite(t *testing.T) {
	t.Parallel()
	_, err := openNew(t).reads.ExecContext(t.Context(), fillProbe)
	require.ErrorContains(t, err, "readonly")
}

func TestSettingThatDoesNotHoldIsRefused(t *testing.T) {
	t.Parallel()
	_, err := openPool(t.Context(), filepath.Join(t.TempDir(), "db"), 1, pragma{"synchronous", "NORMAL", "2"})
	require.ErrorContains(t, err, "synchronous was set to NORMAL and is 1")
}

func TestSQLiteThatCorruptsIsRefused(t *testing.T) {
	t.Parallel()
	for version, sound := range map[string]bool{
		"3.51.3": true, "3.51.4": true, "3.52.0": true, "3.100.0": true, "4.0.0": true, "3.51.3.1": true,
		"3.51.2": false, "3.51": false, "3.50.9": false, "3.9.9": false, "2.99.99": false, "": false, "3.x.9": false,
		"new": false,
	} {
		err := checkVersion(version)
		if sound {
			require.NoError(t, err, version)
			continue
		}
		require.ErrorContains(t, err, oldestSQLite, version)
	}
}
