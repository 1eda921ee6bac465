package storm

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/test/process"
)

// A loop that waits for answers before it asks again would not notice that the router stood still.
func TestTheWaitForATurnCounts(t *testing.T) {
	t.Parallel()
	const stall = 300 * time.Millisecond
	var first sync.Once
	var served atomic.Int64
	router := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		first.Do(func() { process.Wait(r.Context(), stall) })
		served.Add(1)
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write([]byte(`{"status":"requires_action"}`))
	}))
	defer router.Close()
	const length = 50 * time.Millisecond
	l := newLoad(strings.TrimPrefix(router.URL, "http://"), "test", 200, length, 1)

	require.NoError(t, l.fire(t.Context()))

	require.Len(t, l.shots, 10)
	require.EqualValues(t, 10, served.Load())
	for i := range l.shots {
		require.Empty(t, l.shots[i].failure())
		require.GreaterOrEqual(t, l.shots[i].took, stall-length)
	}
	phase := phaseOf(l, 20*time.Millisecond)
	require.Zero(t, phase.Failed)
	require.InDelta(t, 2.0, phase.CPU, 1e-9, "20 ms over 10 payments")
}

func TestARequestFailsUnlessItsProviderTookThePayment(t *testing.T) {
	t.Parallel()
	for want, one := range map[string]shot{
		"answered 503":             {status: 503, body: []byte(`{}`)},
		"answered with no payment": {status: 201, body: []byte(`oops`)},
		`stands at "failed"`:       {status: 201, body: []byte(`{"status":"failed"}`)},
		"broken pipe":              {err: http.ErrAbortHandler},
	} {
		if one.err != nil {
			want = one.err.Error()
		}
		require.Contains(t, one.failure(), want)
	}
	require.Empty(t, (&shot{status: 201, body: []byte(`{"status":"requires_action"}`)}).failure())
}
