package usage_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/host/usage"
)

func TestAValueIsThereFromItsFirstUserToItsLast(t *testing.T) {
	t.Parallel()
	var pool usage.Pool[string, *int]
	made := 0
	construct := func() (*int, error) {
		made++
		return new(int), nil
	}
	first, err := pool.LoadOrNew("a", construct)
	require.NoError(t, err)
	second, err := pool.LoadOrNew("a", construct)
	require.NoError(t, err)
	require.Same(t, first, second)
	require.True(t, pool.Acquire("a"))
	found, ok := pool.AcquireAny(func(v *int) bool { return v == first })
	require.True(t, ok)
	require.Same(t, first, found)
	require.Equal(t, 1, made)

	for range 3 {
		_, last := pool.Release("a")
		require.False(t, last)
	}
	require.Equal(t, 1, pool.Len())
	value, last := pool.Release("a")
	require.True(t, last)
	require.Same(t, first, value)
	require.Zero(t, pool.Len())

	require.False(t, pool.Acquire("a"))
	_, ok = pool.AcquireAny(func(*int) bool { return true })
	require.False(t, ok)
	require.Panics(t, func() { pool.Release("a") })
	_, err = pool.LoadOrNew("a", construct)
	require.NoError(t, err)
	require.Equal(t, 2, made)
}

func TestAnErrorOfConstructLeavesNothing(t *testing.T) {
	t.Parallel()
	var pool usage.Pool[string, int]
	broken := errors.New("broken")
	_, err := pool.LoadOrNew("a", func() (int, error) { return 0, broken })
	require.Equal(t, broken, err)
	require.Zero(t, pool.Len())
}

func TestOneOfManyClosesTheValue(t *testing.T) {
	t.Parallel()
	var pool usage.Pool[string, int]
	var closed atomic.Int32
	var users sync.WaitGroup
	for range 100 {
		users.Go(func() {
			if _, err := pool.LoadOrNew("a", func() (int, error) { return 1, nil }); err != nil {
				return
			}
			if _, last := pool.Release("a"); last {
				closed.Add(1)
			}
		})
	}
	users.Wait()
	require.Positive(t, closed.Load())
	require.Zero(t, pool.Len())
}
