package config

import (
	"context"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Watching begins without the file, goes on while it is away, and leaves nothing behind when it ends.
func TestWatchOutlivesTheFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "routing.yaml")
	ctx, stop := context.WithCancel(t.Context())
	var looks atomic.Int64
	ended := make(chan struct{})
	const every = 50 * time.Millisecond
	go func() {
		defer close(ended)
		Watch(ctx, file, every, func() { looks.Add(1) })
	}()
	looked := func() {
		t.Helper()
		from := looks.Load()
		require.Eventually(t, func() bool { return looks.Load() > from }, time.Minute, time.Millisecond)
	}
	looked()
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	looked()
	require.NoError(t, os.Remove(file))
	looked()
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	looked()
	stop()
	<-ended
}

// A hint brings a look long before the interval does, once koanf's watcher has the file.
func TestWatchLooksAtAHint(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "routing.yaml")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	ctx, stop := context.WithCancel(t.Context())
	looks, ended := make(chan struct{}, 1<<10), make(chan struct{})
	go func() {
		defer close(ended)
		Watch(ctx, file, time.Hour, func() { looks <- struct{}{} })
	}()
	for written := false; !written; {
		require.NoError(t, os.WriteFile(file, []byte("a"), 0o600)) // again, until the watcher stands
		select {
		case <-looks:
			written = true
		case <-time.After(10 * time.Millisecond):
		}
	}
	stop()
	<-ended
}
