package process_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/test/process"
)

// start runs a shell script in the place of a router.
func start(t *testing.T, script string, line func(string)) *process.Process {
	t.Helper()
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, log.Close()) })
	p, err := process.Start(process.Settings{
		Binary: "/bin/sh", Arguments: []string{"-c", script}, Log: log, Line: line, Detached: true,
	})
	require.NoError(t, err)
	t.Cleanup(p.Kill)
	return p
}

func TestAProcessIsKilledWhereItStands(t *testing.T) {
	t.Parallel()
	lines := make(chan string, 1)
	p := start(t, "trap '' TERM; echo ready; while true; do sleep 0.01; done", func(line string) { lines <- line })
	require.Equal(t, "ready", <-lines)
	p.Pause(t.Context(), time.Millisecond)
	select {
	case <-p.Ended():
		require.Fail(t, "it goes on after a pause")
	default:
	}
	p.Kill()
	<-p.Ended()
}

func TestAProcessThatEndsIsNeverReady(t *testing.T) {
	t.Parallel()
	address, err := process.FreeAddress(t.Context())
	require.NoError(t, err)
	require.ErrorIs(t, start(t, "exit 1", nil).Ready(t.Context(), "http://"+address, nil), process.ErrEnded)
}
