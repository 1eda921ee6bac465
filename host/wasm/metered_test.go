package wasm_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/wasm"
)

// traps reports whether a module traps in prepare, when it is compiled with what a directory has of it. The compiler
// is of a program that adjust makes; nil makes it this one.
func traps(t *testing.T, dir string, code []byte, adjust func(*wasm.Compiler)) bool {
	t.Helper()
	c, err := wasm.New(dir, wasm.Options{})
	require.NoError(t, err)
	if adjust != nil {
		adjust(c)
	}
	m, err := c.Compile(t.Context(), code, wasm.Limits{})
	require.NoError(t, err)
	_, _, err = call(t, m, wasm.Prepare, "", wasm.Env{})
	if err != nil {
		require.ErrorIs(t, err, wasm.ErrTrapped)
	}
	require.NoError(t, m.Close(context.Background()))
	require.NoError(t, c.Close(context.Background()))
	return err != nil
}

// What is kept of a module is used by the program that kept it, as long as it is whole.
func TestRewrittenModulesAreKept(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("no program is identified here")
	}
	honest, trapping := assembly{}.bytes(), assembly{prepare: routine{kind: typeCall, code: []byte{0x00}}}.bytes()
	digest := digestOf(t, honest)
	// other is what another module becomes, in place of the honest one: it shows what is used.
	other := func(t *testing.T, dir string) (path string, content []byte) {
		t.Helper()
		c, err := wasm.New(dir, wasm.Options{})
		require.NoError(t, err)
		require.NoError(t, c.Keep(digest, trapping))
		require.NoError(t, c.Close(t.Context()))
		path = filepath.Join(dir, "metered", digest)
		content, err = os.ReadFile(path)
		require.NoError(t, err)
		return path, content
	}
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o700))
	require.False(t, traps(t, dir, honest, nil))
	path := filepath.Join(dir, "metered", digest)
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	_, content := other(t, dir)
	require.True(t, traps(t, dir, honest, nil), "what is kept is used")
	for name, damage := range map[string]func() []byte{
		"a bit of the checksum": func() []byte { content[0] ^= 1; return content },
		"a bit of the code":     func() []byte { content[len(content)-1] ^= 1; return content },
		"cut off":               func() []byte { return content[:len(content)-1] },
		"a few bytes":           func() []byte { return content[:9] },
		"a checksum alone":      func() []byte { return content[:32] },
		"empty":                 func() []byte { return nil },
	} {
		_, content = other(t, dir)
		content = slices.Clone(content)
		require.NoError(t, os.WriteFile(path, damage(), 0o600))
		require.False(t, traps(t, dir, honest, nil), name)
		mended, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, whole, mended, name)
	}

	other(t, dir)
	require.False(t, traps(t, dir, honest, func(c *wasm.Compiler) { c.SetBuild("another") }), "of another program")
	require.NoError(t, os.WriteFile(path, whole, 0o600))
	require.NoError(t, os.Rename(path, filepath.Join(dir, "metered", digestOf(t, trapping))))
	require.True(t, traps(t, dir, trapping, nil), "of another module")
	left, err := filepath.Glob(filepath.Join(dir, "metered", "*.tmp"))
	require.NoError(t, err)
	require.Empty(t, left)
}

// Another build of the router may rewrite otherwise: what identifies one is what the linker wrote into it.
func TestAProgramIsIdentifiedByItsBuild(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("no program is identified here")
	}
	program, err := os.Executable()
	require.NoError(t, err)
	id, err := exec.CommandContext(t.Context(), "go", "tool", "buildid", program).Output()
	require.NoError(t, err)
	found, err := hex.DecodeString(wasm.BuildID())
	require.NoError(t, err)
	require.NotEmpty(t, found)
	require.Equal(t, string(bytes.TrimSpace(id)), string(bytes.TrimRight(found, "\x00")), "but for its padding")
}

// Modules that were replaced, and drafts that a crash left, do not fill the disk.
func TestTheOldestRewrittenModulesAreRemoved(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("no program is identified here")
	}
	const most = 64
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o700))
	metered := filepath.Join(dir, "metered")
	require.NoError(t, os.Mkdir(metered, 0o700))
	now := time.Now()
	for i := range most + 10 {
		path := filepath.Join(metered, fmt.Sprintf("%03d.1.tmp", i))
		require.NoError(t, os.WriteFile(path, nil, 0o600))
		require.NoError(t, os.Chtimes(path, time.Time{}, now.Add(-time.Duration(1+i)*time.Hour)))
	}
	code := assembly{}.bytes()
	require.False(t, traps(t, dir, code, nil))
	left, err := os.ReadDir(metered)
	require.NoError(t, err)
	require.Len(t, left, most)
	require.FileExists(t, filepath.Join(metered, digestOf(t, code)))
	require.FileExists(t, filepath.Join(metered, "062.1.tmp"))
	require.NoFileExists(t, filepath.Join(metered, "063.1.tmp"))
}

// Compilers of several programs share a directory: whoever reads a file gets all of it, or makes it again.
func TestRewrittenModulesAreKeptByManyAtOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o700))
	codes := [][]byte{assembly{}.bytes(), assembly{globals: 3}.bytes(), assembly{pages: 2}.bytes()}
	t.Run("at once", func(t *testing.T) {
		for i := range 12 {
			t.Run(strconv.Itoa(i), func(t *testing.T) {
				t.Parallel()
				program := func(c *wasm.Compiler) { c.SetBuild(strconv.Itoa(i % 2)) }
				require.False(t, traps(t, dir, codes[i%len(codes)], program))
			})
		}
	})
	left, err := os.ReadDir(filepath.Join(dir, "metered"))
	require.NoError(t, err)
	require.Len(t, left, len(codes))
}

// A guest that is compiled from what was kept is restored like the one that was rewritten.
func TestAKeptModuleHasItsImage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o700))
	for _, code := range [][]byte{assembly{}.bytes(), assembly{globals: 3}.bytes(), guest(t)} {
		var stats []wasm.Stats
		for range 2 {
			c, err := wasm.New(dir, wasm.Options{})
			require.NoError(t, err)
			m, err := c.Compile(t.Context(), code, wasm.Limits{})
			require.NoError(t, err)
			for range 3 {
				_, _, err = pristine(t, m, wasm.Describe, "")
				require.NoError(t, err)
			}
			stats = append(stats, m.Stats())
			require.NoError(t, m.Close(context.Background()))
			require.NoError(t, c.Close(context.Background()))
		}
		require.Equal(t, stats[0], stats[1])
	}
}

// A directory that cannot be written to keeps nothing, and nothing is refused for it.
func TestModulesAreCompiledWhereNothingCanBeKept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "metered"), nil, 0o600))
	require.False(t, traps(t, dir, assembly{}.bytes(), nil))
}

func digestOf(t *testing.T, code []byte) string {
	t.Helper()
	found, err := wasm.Inspect(code)
	require.NoError(t, err)
	return found.Digest
}
