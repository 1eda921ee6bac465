package sqlite

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/host/attempt"
)

func TestDiskThatCannotBeWrittenRefusesAllAndRecoversByItself(t *testing.T) {
	t.Parallel()
	db := openNew(t)
	require.NoError(t, create(t, db, 0))
	mend := breakLog(t, db)

	const many = 40
	errs := make([]error, many)
	var all sync.WaitGroup
	for n := 1; n < many; n++ {
		all.Go(func() { errs[n] = create(t, db, n) })
	}
	all.Wait()
	for n := 1; n < many; n++ {
		require.ErrorIs(t, errs[n], attempt.ErrJournal)
	}
	require.ErrorIs(t, db.Healthy(), attempt.ErrJournal)
	requireStands(t, db, 0)
	for n := 1; n < many; n++ {
		requireGone(t, db, n)
	}

	mend()
	require.NoError(t, db.Healthy(), "nobody had to write for it")
	for n := 1; n < many; n++ {
		require.NoError(t, create(t, db, n), "the same key may be used again")
		requireStands(t, db, n)
	}
	found := openAt(t, copyFiles(t, db.dir.path))
	defer found.Close()
	for n := range many {
		requireStands(t, found, n)
	}
}

func TestFirstWriteThatSucceedsMakesItHealthy(t *testing.T) {
	t.Parallel()
	db := openNew(t)
	mend := breakLog(t, db)
	require.ErrorIs(t, create(t, db, 1), attempt.ErrJournal)
	mend()
	require.NoError(t, create(t, db, 1))
	db.writer.mu.Lock()
	defer db.writer.mu.Unlock()
	require.NoError(t, db.writer.failure)
}

// breakLog lets every write to the log fail, as a disk does that went bad, until mend is called. Reads go on.
func breakLog(t *testing.T, db *DB) (mend func()) {
	t.Helper()
	log := db.dir.database() + "-wal"
	unwritable, err := syscall.Open(log, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	require.NoError(t, err)
	defer syscall.Close(unwritable)
	kept := map[int]int{}
	for _, fd := range openFiles(t, log) {
		if fd == unwritable {
			continue
		}
		kept[fd], err = syscall.Dup(fd)
		require.NoError(t, err)
		require.NoError(t, syscall.Dup3(unwritable, fd, syscall.O_CLOEXEC))
	}
	require.NotEmpty(t, kept)
	return sync.OnceFunc(func() {
		for fd, original := range kept {
			require.NoError(t, syscall.Dup3(original, fd, syscall.O_CLOEXEC))
			require.NoError(t, syscall.Close(original))
		}
	})
}

func openFiles(t *testing.T, path string) []int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	var found []int
	for _, entry := range entries {
		target, err := os.Readlink(filepath.Join("/proc/self/fd", entry.Name()))
		if err != nil || target != path {
			continue // closed meanwhile, or another file
		}
		fd, err := strconv.Atoi(entry.Name())
		require.NoError(t, err)
		found = append(found, fd)
	}
	return found
}

func TestFullDiskRefusesAndRecoversByItself(t *testing.T) {
	t.Parallel()
	db := openNew(t)
	require.NoError(t, create(t, db, 0))
	limitPages(t, db, pages(t, db))

	// The pages that are there may still have room for a few.
	n, err := 1, error(nil)
	for ; err == nil; n++ {
		require.Less(t, n, 1000)
		err = create(t, db, n)
	}
	refused := n - 1
	require.ErrorIs(t, err, attempt.ErrJournal)
	require.ErrorContains(t, err, "full")
	require.ErrorIs(t, db.Healthy(), attempt.ErrJournal)
	for n := range refused {
		requireStands(t, db, n)
	}
	requireGone(t, db, refused)

	limitPages(t, db, 1<<30)
	require.NoError(t, db.Healthy())
	require.NoError(t, create(t, db, refused))
	requireStands(t, db, refused)
}

func TestErrorsOfTheEngineCarryNoPayersData(t *testing.T) {
	t.Parallel()
	db := openNew(t)
	limitPages(t, db, pages(t, db))
	p, key := sample(1)
	p.Payer.Email = "somebody@example.org"
	for n := range 1_000 { // which cannot be compressed
		p.Description += fmt.Sprintf("somebody's own words %x ", sha256.Sum256([]byte{byte(n), byte(n >> 8)}))
	}
	_, err := db.Create(t.Context(), changeOf(p), key)
	require.ErrorIs(t, err, attempt.ErrJournal)
	require.NotContains(t, err.Error(), "somebody")
}

func pages(t *testing.T, db *DB) int {
	t.Helper()
	var count int
	require.NoError(t, db.writer.db.QueryRowContext(t.Context(), "PRAGMA page_count").Scan(&count))
	return count
}

func limitPages(t *testing.T, db *DB, count int) {
	t.Helper()
	_, err := db.writer.db.ExecContext(t.Context(), fmt.Sprintf("PRAGMA max_page_count = %d", count))
	require.NoError(t, err)
}
