package sqlite

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEveryConnectionIsSetForDurability(t *testing.T) {
	t.Parallel()
	db := openNew(t)
	requireSettings(t, db.writer.db, pragmas...)
	requireSettings(t, db.reads, append(pragmas, queryOnly)...)
}

// requireSettings holds all of a pool's connections at once, so that each is looked at.
func requireSettings(t *testing.T, pool *sql.DB, settings ...pragma) {
	t.Helper()
	for range pool.Stats().MaxOpenConnections {
		conn, err := pool.Conn(t.Context())
		require.NoError(t, err)
		defer conn.Close()
		for _, p := range settings {
			var reads string
			require.NoError(t, conn.QueryRowContext(t.Context(), "PRAGMA "+p.name).Scan(&reads))
			require.Equal(t, p.reads, reads, p.name)
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
		"3.51.2": false, "3.51": false, "3.50.9": false, "3.9.9": false, "2.99.99": false, "": false, "3.x.9": false, "new": false,
	} {
		err := checkVersion(version)
		if sound {
			require.NoError(t, err, version)
			continue
		}
		require.ErrorContains(t, err, oldestSQLite, version)
	}
}
