//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package sqlite

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// A process that is being started has every file of its parent open until it runs its own program.
func TestClosedJournalIsOpenedWhileAProcessIsStarted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db := openAt(t, dir)
	inherited, err := syscall.Dup(int(db.dir.lock.Fd()))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, syscall.Close(inherited)) })
	require.NoError(t, db.Close())
	require.NoError(t, openAt(t, dir).Close())
}
