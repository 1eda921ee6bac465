package api_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/api"
)

// syncingVariable makes this test binary a router on a data directory whose disk fails to sync on request: its value is
// the directory, a blank, and the provider's address.
const syncingVariable = "PAYROUTER_TEST_SYNCING"

// TestServeForSyncing is no test of its own: it is the process that TestAFailedSync watches and fails the disk of.
func TestServeForSyncing(t *testing.T) {
	dir, url, found := strings.Cut(os.Getenv(syncingVariable), " ")
	if !found {
		t.Skip("it serves another test")
	}
	s := open(t, dir, url, api.Settings{})
	defer s.close(t)
	server := httptest.NewServer(s.handler)
	defer server.Close()
	_, _ = os.Stdout.WriteString("serving " + server.URL + "\n")
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// A disk may take writes and fail to sync them: what was written then is nowhere for sure. Nothing leaves on the
// strength of it.
func TestAFailedSyncSendsNothingAndServiceComesBackByItself(t *testing.T) {
	t.Parallel()
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("strace is not installed: nothing fails a sync here (apt-get install strace)")
	}
	p := newProvider(t, says(`{"id":"a-1","status":"open"}`))
	dir := t.TempDir()
	url, pid := serveElsewhere(t, dir, p.url)
	post := func(key string) (int, string) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/v1/payments",
			strings.NewReader(orderOf("49.90")))
		require.NoError(t, err)
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Idempotency-Key", key)
		return do(t, request)
	}
	ready := func() int {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/readyz", nil)
		require.NoError(t, err)
		status, _ := do(t, request)
		return status
	}
	require.Equal(t, http.StatusOK, ready())

	mend := failSyncs(t, strace, pid, dir)
	status, body := post("k")
	require.Equal(t, http.StatusServiceUnavailable, status, body)
	require.Contains(t, body, "journal-unavailable")
	require.Equal(t, http.StatusServiceUnavailable, ready())
	_, sent := p.created()
	require.Zero(t, sent)

	mend()
	require.Equal(t, http.StatusOK, ready(), "nobody had to write for it")
	status, body = post("k")
	require.Equal(t, http.StatusCreated, status, body)
	_, sent = p.created()
	require.Equal(t, 1, sent)
}

// serveElsewhere starts a router in a process of its own, until the test ends.
func serveElsewhere(t *testing.T, dir, provider string) (url string, pid int) {
	t.Helper()
	command := exec.CommandContext(context.WithoutCancel(t.Context()), os.Args[0], "-test.run", "^TestServeForSyncing$",
		"-test.v")
	command.Env = append(os.Environ(), syncingVariable+"="+dir+" "+provider)
	command.Stderr = t.Output()
	in, err := command.StdinPipe()
	require.NoError(t, err)
	out, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	lines := bufio.NewReader(out)
	for !strings.HasPrefix(url, "serving ") {
		url, err = lines.ReadString('\n')
		require.NoError(t, err)
	}
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		_, _ = io.Copy(io.Discard, lines)
	}()
	t.Cleanup(func() {
		require.NoError(t, in.Close())
		<-drained
		require.NoError(t, command.Wait())
	})
	return strings.TrimSpace(strings.TrimPrefix(url, "serving ")), command.Process.Pid
}

// failSyncs lets every sync of a process's journal fail, until mend is called.
func failSyncs(t *testing.T, strace string, pid int, dir string) (mend func()) {
	t.Helper()
	logs, err := filepath.Glob(filepath.Join(dir, "*-wal"))
	require.NoError(t, err)
	require.Len(t, logs, 1)
	watched := exec.CommandContext(t.Context(), strace, "-f", "-P", logs[0], "-e", "trace=fsync,fdatasync", "-e",
		"inject=fsync,fdatasync:error=EIO", "-p", strconv.Itoa(pid))
	said, err := watched.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, watched.Start())
	lines := bufio.NewReader(said)
	for line := ""; !strings.Contains(line, "attached"); {
		if line, err = lines.ReadString('\n'); err != nil || strings.Contains(line, "ptrace") {
			_ = watched.Process.Kill()
			_ = watched.Wait()
			t.Skipf("this system does not let strace attach: %s", line)
		}
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(io.Discard, lines)
	}()
	return func() {
		require.NoError(t, watched.Process.Signal(syscall.SIGTERM))
		<-read
		_ = watched.Wait() // it ends by the signal that it was sent
	}
}

func do(t *testing.T, request *http.Request) (status int, body string) {
	t.Helper()
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	require.NoError(t, err)
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return response.StatusCode, string(text)
}
