package regularfile_test

import (
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/host/regularfile"
)

func TestRegularFilesAreReadUpToTheLimit(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	require.NoError(t, os.WriteFile(file, []byte("0123456789"), 0o600))
	require.NoError(t, os.Symlink(file, link))
	for _, path := range []string{file, link} {
		content, err := regularfile.Read(path, 10)
		require.NoError(t, err)
		require.Equal(t, "0123456789", string(content))
		_, err = regularfile.Read(path, 9)
		require.ErrorIs(t, err, regularfile.ErrTooLarge)
		require.ErrorContains(t, err, path)
	}
}

// Each of them made the watch of the plugin folder wait for ever, or fill the memory.
func TestWhatIsNoFileIsRefusedWithoutWaiting(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pipe, sparse, folder := filepath.Join(dir, "pipe"), filepath.Join(dir, "sparse"), filepath.Join(dir, "folder")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	require.NoError(t, os.WriteFile(sparse, nil, 0o600))
	require.NoError(t, os.Truncate(sparse, 3<<29))
	require.NoError(t, os.Mkdir(folder, 0o700))
	dangling := filepath.Join(dir, "dangling")
	require.NoError(t, os.Symlink(filepath.Join(dir, "none"), dangling))
	for path, reason := range map[string]error{
		pipe: regularfile.ErrNotRegular, folder: regularfile.ErrNotRegular, os.DevNull: regularfile.ErrNotRegular,
		sparse: regularfile.ErrTooLarge, dangling: os.ErrNotExist,
	} {
		_, err := regularfile.Read(path, 1<<20)
		require.ErrorIs(t, err, reason, path)
	}
}

// The size that the system reports of a file of /proc is 0.
func TestReportedSizeAdmitsNothing(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("/proc is Linux's")
	}
	_, err := regularfile.Read("/proc/self/maps", 16)
	require.ErrorIs(t, err, regularfile.ErrTooLarge)
}
