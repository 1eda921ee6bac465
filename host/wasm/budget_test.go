package wasm_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"payrouter/host/wasm"
)

// An instance that serves counts with all that its memory may become, so that a call of another module waits until it
// is done; idle ones count with what they have, and make room for others.
func TestMemoryOfAllGuestsIsBounded(t *testing.T) {
	t.Parallel()
	const most = 10 // pages of one guest
	c := compiler(t, wasm.Options{Running: 8, Memory: 25 * wasm.PageSize})
	var modules []*wasm.Module
	for i := range 3 {
		m, err := c.Compile(t.Context(), assembly{pages: 5, version: 1, globals: i}.bytes(),
			wasm.Limits{MemoryPages: most, Instances: 4})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, m.Close(context.Background())) })
		modules = append(modules, m)
	}
	idle := func() (n int) {
		for _, m := range modules {
			n += m.Stats().Idle
		}
		return n
	}
	require.Equal(t, 3, idle(), "15 pages")

	first := occupied(t, modules[0])
	defer first()
	require.Equal(t, 2, idle(), "20 pages")
	second := occupied(t, modules[1])
	require.Equal(t, 1, idle(), "25 pages")
	ended, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("the caller went away"))
	_, err := modules[2].Call(ended, wasm.Describe, nil, wasm.Env{}, nil)
	require.ErrorIs(t, err, wasm.ErrBusy)
	require.ErrorContains(t, err,
		"no instance free: guests may have 1638400 bytes of memory together: the caller went away")
	require.Zero(t, idle(), "its own was closed too, and is not enough")

	var waited sync.WaitGroup
	waited.Go(func() {
		_, _, err := call(t, modules[2], wasm.Describe, "", wasm.Env{})
		assert.NoError(t, err)
	})
	second()
	waited.Wait()
	require.Equal(t, int64(2), modules[2].Stats().Made)
}

// A memory that comes back does so whatever became of the instance: whole after a trap, a restart and a close.
func TestMemoryOfAllGuestsComesBack(t *testing.T) {
	t.Parallel()
	c := compiler(t, wasm.Options{Running: 8, Memory: 10 * wasm.PageSize})
	traps := assembly{prepare: routine{code: code(0x00)}}.bytes()
	for range 3 {
		m, err := c.Compile(t.Context(), traps, wasm.Limits{MemoryPages: 10, Calls: 2})
		require.NoError(t, err)
		for range 3 {
			_, _, err = call(t, m, wasm.Prepare, "", wasm.Env{})
			require.ErrorIs(t, err, wasm.ErrTrapped)
			_, _, err = pristine(t, m, wasm.Prepare, "")
			require.ErrorIs(t, err, wasm.ErrTrapped)
			_, _, err = call(t, m, wasm.Describe, "", wasm.Env{})
			require.NoError(t, err)
		}
		require.NoError(t, m.Close(t.Context()))
	}
}

func TestMemoryOfOneGuestFitsThatOfAll(t *testing.T) {
	t.Parallel()
	c := compiler(t, wasm.Options{Running: 8, Memory: 10 * wasm.PageSize})
	_, err := c.Compile(t.Context(), assembly{}.bytes(), wasm.Limits{MemoryPages: 11})
	require.EqualError(t, err, "compile module: one guest may have 720896 bytes of memory, all together 655360")
}
