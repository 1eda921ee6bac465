package wasm_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"payrouter/host/wasm"
)

func TestMachineCodeIsKeptOnDisk(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new", "cache")
	files := func() (names []string) {
		entries, err := filepath.Glob(filepath.Join(dir, "wazero-*", "*"))
		require.NoError(t, err)
		return entries
	}
	for range 2 {
		c, err := wasm.New(dir, wasm.Options{})
		require.NoError(t, err)
		m, err := c.Compile(t.Context(), assembly{}.bytes(), wasm.Limits{})
		require.NoError(t, err)
		require.NoError(t, m.Close(t.Context()))
		require.NoError(t, c.Close(t.Context()))
		require.Len(t, files(), 1)
	}
	info, err := os.Stat(dir)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())

	// The fuel of a call is not part of the code, so other limits find the same.
	c, err := wasm.New(dir, wasm.Options{})
	require.NoError(t, err)
	m, err := c.Compile(t.Context(), assembly{}.bytes(), wasm.Limits{Fuel: 77, MemoryPages: 9})
	require.NoError(t, err)
	require.NoError(t, m.Close(t.Context()))
	require.NoError(t, c.Close(t.Context()))
	require.Len(t, files(), 1)
}

func TestCacheThatOthersMayWriteIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o770))
	_, err := wasm.New(dir, wasm.Options{})
	require.ErrorContains(t, err, "may be written by others (mode 0770): chmod 0700")

	require.NoError(t, os.Chmod(dir, 0o755))
	inner := filepath.Join(dir, "wazero-v1-amd64-linux")
	require.NoError(t, os.Mkdir(inner, 0o700))
	require.NoError(t, os.Chmod(inner, 0o777))
	_, err = wasm.New(dir, wasm.Options{})
	require.ErrorContains(t, err, "may be written by others")

	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err = wasm.New(file, wasm.Options{})
	require.Error(t, err)
}

func TestSameModuleCompiledManyTimesAtOnce(t *testing.T) {
	t.Parallel()
	c, err := wasm.New("", wasm.Options{})
	require.NoError(t, err)
	code := assembly{pages: 3}.bytes()
	modules := make([]*wasm.Module, 16)
	var done sync.WaitGroup
	for i := range modules {
		done.Go(func() {
			m, err := c.Compile(t.Context(), code, wasm.Limits{Instances: 1})
			assert.NoError(t, err)
			modules[i] = m
		})
	}
	done.Wait()
	for _, m := range modules {
		_, _, err := call(t, m, wasm.Prepare, "", wasm.Env{})
		require.NoError(t, err)
		require.NoError(t, m.Close(t.Context()))
	}
	require.NoError(t, c.Close(t.Context()))
	_, err = c.Compile(t.Context(), code, wasm.Limits{})
	require.ErrorIs(t, err, wasm.ErrClosed)
	require.NoError(t, c.Close(t.Context()), "closed twice")
}

func TestOneModuleOutlivesAnotherOfTheSameBytes(t *testing.T) {
	t.Parallel()
	c := compiler(t, wasm.Options{})
	old, err := c.Compile(t.Context(), guest(t), wasm.Limits{})
	require.NoError(t, err)
	successor, err := c.Compile(t.Context(), guest(t), wasm.Limits{})
	require.NoError(t, err)
	require.Equal(t, old.Digest(), successor.Digest())
	require.NoError(t, old.Close(t.Context()))
	for range 20 { // discards and makes instances after the other is gone
		_, _, err = call(t, successor, wasm.Prepare, "x", wasm.Env{})
		require.ErrorIs(t, err, wasm.ErrExited)
	}
	require.NoError(t, successor.Close(t.Context()))
}

func TestCompilingEndsWithItsContext(t *testing.T) {
	t.Parallel()
	c, err := wasm.New("", wasm.Options{})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = c.Compile(ctx, guest(t), wasm.Limits{})
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, c.Close(t.Context()), "nothing is left open")
}

func TestLimitsThatMakeNoSenseAreAllReported(t *testing.T) {
	t.Parallel()
	_, err := compiler(t, wasm.Options{}).Compile(t.Context(), nil,
		wasm.Limits{Fuel: -1, Instances: -2, MemoryPages: 70_000})
	for _, text := range []string{
		"limit fuel is -1", "limit instances is -2",
		"limit memory pages is 70000, at most 65536",
	} {
		require.ErrorContains(t, err, text)
	}
}

func TestOneCompilationOfTheSameBytesAtATime(t *testing.T) {
	t.Parallel()
	c := compiler(t, wasm.Options{})
	code := assembly{pages: 2}.bytes()
	m, err := c.Compile(t.Context(), code, wasm.Limits{}) // from here on the cache has it, and no context is asked
	require.NoError(t, err)
	done, err := c.Turn(t.Context(), m.Digest())
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = c.Compile(ctx, code, wasm.Limits{})
	require.ErrorIs(t, err, context.Canceled)
	done()
	again, err := c.Compile(t.Context(), code, wasm.Limits{})
	require.NoError(t, err)
	require.NoError(t, errors.Join(again.Close(t.Context()), m.Close(t.Context())))
}
