package atomicfile_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/host/atomicfile"
)

func TestContentIsReplacedAndNothingIsLeftBeside(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	for _, content := range []string{"first, and longer", "second"} {
		require.NoError(t, atomicfile.Write(path, []byte(content), 0o600))
		found, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, content, string(found))
	}
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
	requireAlone(t, path)
}

func TestAFailureLeavesTheOldContent(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "folder")
	require.NoError(t, os.MkdirAll(filepath.Join(path, "within"), 0o700))
	require.Error(t, atomicfile.Write(path, []byte("content"), 0o600), "a folder is in its place")
	requireAlone(t, path)
	require.Error(t, atomicfile.Write(filepath.Join(path, "missing", "file"), nil, 0o600))
}

func requireAlone(t *testing.T, path string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, entries, 1)
}

func TestCreateLeavesAFileThatIsThereAlone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, atomicfile.Create(path, []byte("first"), 0o600))
	require.ErrorIs(t, atomicfile.Create(path, []byte("second"), 0o600), fs.ErrExist)
	found, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "first", string(found))
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, entries, 1)
}

func TestADraftReplacesNothingUntilItIsCommitted(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, atomicfile.Write(path, []byte("first"), 0o600))
	for content, end := range map[string]func(*atomicfile.Draft) error{
		"first": (*atomicfile.Draft).Discard, "second": (*atomicfile.Draft).Commit,
	} {
		before, err := os.ReadFile(path)
		require.NoError(t, err)
		draft, err := atomicfile.NewDraft(path, []byte("second"), 0o600)
		require.NoError(t, err)
		found, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, string(before), string(found))
		require.NoError(t, end(draft))
		found, err = os.ReadFile(path)
		require.NoError(t, err)
		if content == "second" {
			require.Equal(t, content, string(found))
		} else {
			require.Equal(t, string(before), string(found))
		}
		requireAlone(t, path)
	}
}
