package callback_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/callback"
	"payrouter/host/inbound"
)

// raw sends what is no whole request to an inbox behind a real server, and reads the answer. The client keeps its end
// open, and sends nothing more.
func raw(t *testing.T, h *harness, path string, headers ...string) *http.Response {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	limits := inbound.New(inbound.Settings{Body: 50 * time.Millisecond})
	server := limits.Server(h.inbox)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(limits.Listener(listener)) }()
	t.Cleanup(func() {
		_ = server.Close()
		require.ErrorIs(t, <-ended, http.ErrServerClosed)
	})
	c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", listener.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	require.NoError(t, c.SetReadDeadline(time.Now().Add(time.Minute)))
	_, err = fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: router\r\n%s\r\n\r\nx", path, strings.Join(headers, "\r\n"))
	require.NoError(t, err)
	in := bufio.NewReader(c)
	answer, err := http.ReadResponse(in, nil)
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, answer.Body)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.True(t, answer.Close)
	_, err = in.ReadByte()
	require.ErrorIs(t, err, io.EOF)
	return answer
}

func pathOf(t *testing.T, address string) string {
	t.Helper()
	at, err := url.Parse(address)
	require.NoError(t, err)
	return at.Path
}

func TestACallbackThatIsSlowOrLongIsRefusedByItsHeader(t *testing.T) {
	t.Parallel()
	h := newHarness(t, callback.Settings{MaxBody: 4096})
	ours := pathOf(t, h.addresses.Account("a"))
	for name, row := range map[string]struct {
		path    string
		headers []string
		status  int
		retry   string
	}{
		"a body that does not come": {ours, []string{"Content-Length: 100"}, 408, "5"},
		"a body that is too long":   {ours, []string{"Content-Length: 4097"}, 413, ""},
		"one that waits to be asked for": {
			ours, []string{"Content-Length: 4097", "Expect: 100-continue"}, 413, "",
		},
		"a stranger": {"/callbacks/a/guessed", []string{"Content-Length: 100"}, 404, ""},
		"a stranger who waits": {
			"/callbacks/a/guessed", []string{"Content-Length: 100", "Expect: 100-continue"}, 404, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			answer := raw(t, h, row.path, row.headers...)
			require.Equal(t, row.status, answer.StatusCode)
			require.Equal(t, row.retry, answer.Header.Get("Retry-After"))
		})
	}
	require.Empty(t, h.store.kept)
	require.Empty(t, h.plugin.seen)
	requireNoToken(t, h)
}

// untouched fails where a stranger gets as far as its body.
type untouched struct{ t *testing.T }

func (u untouched) Read([]byte) (int, error) {
	u.t.Error("a stranger's body is read")
	return 0, io.EOF
}

func TestAStrangerCostsNothing(t *testing.T) {
	t.Parallel()
	h := newHarness(t, callback.Settings{ArrivalsPerSecond: 1})
	held := 0
	settings := h.settings
	settings.Accounts = func() (map[string]callback.Account, func()) {
		held++
		return h.settings.Accounts()
	}
	inbox := callback.NewInbox(h.store, h.engine, settings)
	for _, path := range []string{"/callbacks/a/guessed", "/callbacks/b/guessed", "/callbacks/a/pay_1.guessed"} {
		for range 100 {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, untouched{t})
			w := httptest.NewRecorder()
			inbox.ServeHTTP(w, r)
			require.Equal(t, http.StatusNotFound, w.Code)
		}
	}
	require.Zero(t, held, "accounts are not looked up")
	require.Empty(t, h.log.String())
	require.Empty(t, h.store.kept)
	require.Equal(t, 202, h.ask(t, http.MethodPost, h.addresses.Account("a"), "", "about=known", nil).status,
		"strangers take nothing of an account's rate")
}

// A provider that reports to an account that is out of service tries again, and its report is not lost.
func TestAnAccountThatIsOutOfServiceAsksToTryAgain(t *testing.T) {
	t.Parallel()
	h := newHarness(t, callback.Settings{})
	settings := h.settings
	settings.Accounts = func() (map[string]callback.Account, func()) { return nil, func() {} }
	for out, status := range map[bool]int{true: http.StatusServiceUnavailable, false: http.StatusNotFound} {
		settings.OutOfService = func(account string) bool { return out && account == "a" }
		w := httptest.NewRecorder()
		path := strings.TrimPrefix(h.addresses.Account("a"), "https://pay.example")
		callback.NewInbox(h.store, h.engine, settings).ServeHTTP(w, newRequest(t, path, "about=known"))
		require.Equal(t, status, w.Code)
		require.Equal(t, out, w.Header().Get("Retry-After") != "")
	}
}
