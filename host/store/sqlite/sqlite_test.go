package sqlite

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"payrouter/host/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestContract(t *testing.T) {
	t.Parallel()
	storetest.Run(t, storetest.Engine{
		Open: func(t testing.TB) storetest.Journal { return openAt(t, t.TempDir()) },
		Crash: func(t testing.TB, running storetest.Journal) storetest.Journal {
			return openAt(t, copyFiles(t, running.(*DB).dir.path))
		},
	})
}

func openAt(t testing.TB, dir string) *DB {
	t.Helper()
	db, err := Open(t.Context(), dir)
	require.NoError(t, err)
	return db
}

// copyFiles copies what a crash leaves of a journal that nobody writes to just now: the database and its log, not what was in
// shared memory.
func copyFiles(t testing.TB, dir string) string {
	t.Helper()
	to := t.TempDir()
	for _, name := range []string{databaseName, databaseName + "-wal"} {
		from, err := os.Open(filepath.Join(dir, name))
		require.NoError(t, err)
		defer from.Close()
		file, err := os.Create(filepath.Join(to, name))
		require.NoError(t, err)
		_, err = io.Copy(file, from)
		require.NoError(t, err)
		require.NoError(t, file.Close())
	}
	return to
}
