package sandboxtest

import (
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Inbox is a real server that keeps the callbacks it gets.
type Inbox struct {
	URL  string
	got  chan *http.Request
	body chan string
}

// Receive starts an inbox that lives as long as the test.
func Receive(t *testing.T) *Inbox {
	t.Helper()
	in := &Inbox{got: make(chan *http.Request, 16), body: make(chan string, 16)}
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	web := &http.Server{
		ReadHeaderTimeout: time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			in.got <- r
			in.body <- string(body)
			_, _ = io.WriteString(w, "ok")
		}),
	}
	var work sync.WaitGroup
	work.Go(func() { _ = web.Serve(ln) })
	t.Cleanup(func() {
		_ = web.Close()
		work.Wait()
	})
	in.URL = "http://" + ln.Addr().String() + "/hook"
	return in
}

// Next waits for a callback.
func (in *Inbox) Next(t *testing.T) (*http.Request, string) {
	t.Helper()
	select {
	case r := <-in.got:
		return r, <-in.body
	case <-time.After(10 * time.Second):
		require.FailNow(t, "no callback came")
		return nil, ""
	}
}
