package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/sandbox"
	"payrouter/host/store/sqlite/sqlitetest"
)

// fewFiles is a router whose process may open a hundred files.
func fewFiles(t *testing.T, flags ...string) *harness {
	t.Helper()
	dir, compiled := plugins(t)
	w := &harness{t: t, client: &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1}}, data: t.TempDir()}
	t.Cleanup(w.client.CloseIdleConnections)
	w.openSandbox(sandbox.Options{})
	require.NoError(t, sqlitetest.Lay(w.data))

	const files = "100"
	process := exec.CommandContext(t.Context(), "sh", append([]string{
		"-c", `ulimit -n "$0" && exec "$@"`, files, filepath.Join(built.dir, "router"),
		"serve", "--listen", "127.0.0.1:0", "--routing", "../../routing.yaml", "--plugins", dir, "--compiled", compiled,
		"--data", w.data,
	}, flags...)...)
	process.Env = append(append(os.Environ(), sandbox.Environment(w.simulated)...), quick...)
	process.Cancel = func() error { return process.Process.Signal(syscall.SIGTERM) }
	out, err := process.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, process.Start())
	t.Cleanup(func() {
		_ = process.Process.Signal(syscall.SIGTERM)
		_, _ = io.Copy(io.Discard, out)
		_ = process.Wait()
	})
	lines := bufio.NewScanner(out)
	for w.router == "" && lines.Scan() {
		if _, at, found := strings.Cut(lines.Text(), "The router listens on "); found {
			w.router, _, _ = strings.Cut(at, " ")
		}
	}
	require.NotEmpty(t, w.router)
	w.create(byPayPlay) // keeps its connection
	require.Equal(t, http.StatusOK, w.ask("GET", w.router+"/readyz", "").status)
	return w
}

// crowd opens more connections than there are files. The router may refuse some. hangUp closes them.
func (w *harness) crowd() (hangUp func()) {
	w.t.Helper()
	var callers []net.Conn
	for range 200 {
		caller, err := (&net.Dialer{}).DialContext(w.t.Context(), "tcp", strings.TrimPrefix(w.router, "http://"))
		if err == nil {
			callers = append(callers, caller)
		}
	}
	return func() {
		for _, caller := range callers {
			_ = caller.Close()
		}
	}
}

func TestConnectionsLeaveFilesForPayments(t *testing.T) {
	t.Parallel()
	w := fewFiles(t)
	defer w.crowd()()
	require.Equal(t, http.StatusOK, w.ask("GET", w.router+"/readyz", "").status)
	w.create(byPayPlay)
}

// A router whose connections take all the files of its process reports it, takes nothing, blames no provider, and goes
// on afterwards.
func TestARouterThatIsOutOfFiles(t *testing.T) {
	t.Parallel()
	w := fewFiles(t, "--max-connections", "1000")
	hangUp := w.crowd()
	defer hangUp()
	require.Eventually(t,
		func() bool {
			return w.ask("GET", w.router+"/readyz",
				"").status == http.StatusServiceUnavailable
		}, time.Minute, 10*time.Millisecond)
	require.Equal(t, "out-of-resources",
		problem(t, w.ask("POST", w.router+"/v1/payments", byPayPlay, "Idempotency-Key", w.key())).Type)

	hangUp()
	require.Eventually(t, func() bool { return w.ask("GET", w.router+"/readyz", "").status == http.StatusOK },
		time.Minute, 10*time.Millisecond)
	w.create(byPayPlay)
	require.Len(t, w.list("").Data, 2, "what was refused was not journalled")
	for _, provider := range []string{"payplay", "paygram-eu"} {
		require.True(t, w.provider(provider).Available)
	}
}
