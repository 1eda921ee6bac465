package load_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/test/bench/load"
)

func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// So many requests are sent as were asked for, however many callers there are, and each is another's.
func TestCallersSendAsManyRequests(t *testing.T) {
	t.Parallel()
	var seen atomic.Int64
	address := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/item/") {
			seen.Add(1)
		}
	})
	used := time.Duration(0)
	callers := &load.Callers{
		Request: load.Get(address, "/item/1", "/item/2"), Accept: load.Found,
		CPU: func() time.Duration {
			used += 10 * time.Millisecond
			return used
		},
	}
	defer callers.Close()
	result, err := callers.Run(t.Context(), 3, load.Until{Requests: 10})
	require.NoError(t, err)
	require.Equal(t, int64(10), seen.Load())
	require.Equal(t, 10, result.Requests)
	require.Equal(t, 10, callers.Sent())
	require.InDelta(t, 1.0, result.CPU, 1e-9)
}

// A figure of answers that are none would be a lie.
func TestAnAnswerThatIsNotAcceptedEndsTheRun(t *testing.T) {
	t.Parallel()
	address := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	callers := &load.Callers{Request: load.Create(address, "x"), Accept: load.Created}
	defer callers.Close()
	_, err := callers.Run(t.Context(), 2, load.Until{Length: time.Hour})
	require.ErrorContains(t, err, "a payment was answered 503")
	require.Error(t, load.Created(http.StatusCreated, `{"status":"failed"}`))
	require.NoError(t, load.Created(http.StatusCreated, `{"status":"requires_action"}`))
	require.Error(t, load.Found(http.StatusNotFound, ""))
}
