package sqlite

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDirectoryAndFilesAreItsOwnersAlone(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new", "data")
	db := openAt(t, dir)
	defer db.Close()
	require.NoError(t, create(t, db, 1))
	requireMode(t, 0o700, dir)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 5, "database, log, shared memory, lock, witness")
	for _, entry := range entries {
		requireMode(t, 0o600, filepath.Join(dir, entry.Name()))
	}
}

func TestDatabaseThatOthersCouldReadIsClosedToThem(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, openAt(t, dir).Close())
	require.NoError(t, os.Chmod(filepath.Join(dir, databaseName), 0o644))
	db := openAt(t, dir)
	defer db.Close()
	requireMode(t, 0o600, filepath.Join(dir, databaseName))
	requireMode(t, 0o600, filepath.Join(dir, databaseName+"-wal"))
}

func TestDirectoryThatEverybodyMayWriteToIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o777))
	_, err := Open(t.Context(), dir)
	var refused *DirectoryError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, dir, refused.Dir)
	require.ErrorContains(t, err, "chmod 0700")
}

func TestDirectoryThatIsAFileIsRefused(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := Open(t.Context(), file)
	var refused *DirectoryError
	require.ErrorAs(t, err, &refused)
}

func TestOneProcessHoldsADirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := openAt(t, dir)
	_, err := Open(t.Context(), dir)
	var refused *DirectoryError
	require.ErrorAs(t, err, &refused)
	require.ErrorIs(t, err, errHeld)
	require.EqualError(t, err, fmt.Sprintf("data directory %s: is in use by process %d: lock is held: "+
		"stop that one first, or give this one a directory of its own", dir, os.Getpid()))

	require.NoError(t, create(t, first, 1), "the first goes on")
	require.NoError(t, first.Close())
	second := openAt(t, dir)
	defer second.Close()
	requireStands(t, second, 1)
}

func TestDirectoryMayHaveAnyName(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a?b=c#d %20%zz;é&'")
	db := openAt(t, dir)
	defer db.Close()
	require.NoError(t, create(t, db, 1))
	require.FileExists(t, filepath.Join(dir, databaseName+"-wal"))
}

func requireMode(t *testing.T, want os.FileMode, path string) {
	t.Helper()
	found, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, want, found.Mode().Perm(), path)
}
