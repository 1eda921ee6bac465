package sandbox_test

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/sandbox"
	"payrouter/host/sandbox/sandboxtest"
)

// lines is a log that may be read while it is written.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func TestACallbackThatIsNotTakenIsSentOnceMoreButForExchangers(t *testing.T) {
	t.Parallel()
	for provider, want := range map[string]int32{"paygrt": 2, "exchanger": 1} {
		t.Run(provider, func(t *testing.T) {
			t.Parallel()
			var calls atomic.Int32
			deaf := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				calls.Add(1)
				w.WriteHeader(http.StatusBadGateway)
			}))
			defer deaf.Close()
			log := &lines{}
			w := sandboxtest.Serve(t, sandbox.Options{Log: slog.New(slog.NewTextHandler(log, nil))})
			require.NoError(t, w.Report(provider, sandbox.Callback{URL: deaf.URL}))
			if provider == "paygrt" {
				w.Recharge("1", "1", "AT")
			} else {
				w.Bid("api_id", "1")
			}
			require.NoError(t, w.Drive(provider, "1", "pay", ""))
			require.Eventually(t, func() bool { return bytes.Contains([]byte(log.String()), []byte("was not taken")) },
				time.Minute, time.Millisecond)
			require.Equal(t, want, calls.Load())
		})
	}
}

func TestACallbackThatReachesNobodyIsLoggedWithoutItsURL(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, ln.Close()) // nobody listens there now
	log := &lines{}
	w := sandboxtest.Serve(t, sandbox.Options{Log: slog.New(slog.NewTextHandler(log, nil))})
	require.NoError(t, w.Report("paygrt", sandbox.Callback{URL: "http://" + ln.Addr().String() + "/unguessable"}))
	w.Recharge("1", "1", "AT")
	require.NoError(t, w.Drive("paygrt", "1", "pay", ""))
	require.Eventually(t, func() bool { return log.String() != "" }, time.Minute, time.Millisecond)
	require.Contains(t, log.String(), "connection refused")
	require.NotContains(t, log.String(), "unguessable")
}

func TestClosingEndsACallbackThatHangs(t *testing.T) {
	t.Parallel()
	entered := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then does the server notice that the caller goes
		close(entered)
		<-r.Context().Done()
	}))
	defer slow.Close()
	w := sandboxtest.Serve(t, sandbox.Options{})
	require.NoError(t, w.Report("exchanger", sandbox.Callback{URL: slow.URL}))
	w.Bid()
	require.NoError(t, w.Drive("exchanger", "100001", "pay", ""))
	<-entered
	w.Close()
	w.Close()
}
