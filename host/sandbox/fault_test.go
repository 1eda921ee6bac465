package sandbox_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/sandbox"
	"payrouter/host/sandbox/sandboxtest"
)

// recharges is how many recharges the provider made.
func recharges(w *sandboxtest.World) int {
	return len(w.Ledger("paygrt"))
}

func TestFaultsAsAClientSeesThem(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		fault  sandbox.Fault
		booked int
		check  func(*testing.T, sandboxtest.Reply)
	}{
		"delay": {
			sandbox.Fault{Kind: sandbox.FaultDelay, Delay: time.Millisecond},
			1,
			func(t *testing.T, r sandboxtest.Reply) {
				t.Helper()
				require.Equal(t, "0", r.At(t, "status"))
			},
		},
		"reset before processing": {sandbox.Fault{Kind: sandbox.FaultResetBefore}, 0, isReset},
		"reset after processing":  {sandbox.Fault{Kind: sandbox.FaultResetAfter}, 1, isReset},
		"too many requests": {
			sandbox.Fault{Kind: sandbox.FaultStatus, Status: 429, RetryAfter: "3"},
			0,
			func(t *testing.T, r sandboxtest.Reply) {
				t.Helper()
				require.Equal(t, 429, r.Status)
				require.Equal(t, "3", r.Header.Get("Retry-After"))
			},
		},
		"a server error before processing": {
			sandbox.Fault{Kind: sandbox.FaultStatus, Status: 500},
			0,
			func(t *testing.T, r sandboxtest.Reply) {
				t.Helper()
				require.Equal(t, 500, r.Status)
				require.Empty(t, r.Header.Get("Retry-After"))
			},
		},
		"a server error after processing": {
			sandbox.Fault{Kind: sandbox.FaultStatus, Status: 502, After: true},
			1,
			func(t *testing.T, r sandboxtest.Reply) {
				t.Helper()
				require.Equal(t, 502, r.Status)
			},
		},
		"a body cut short": {sandbox.Fault{Kind: sandbox.FaultTruncated}, 1, func(t *testing.T, r sandboxtest.Reply) {
			t.Helper()
			require.Equal(t, 200, r.Status)
			require.ErrorIs(t, r.Err, io.ErrUnexpectedEOF)
			require.NotEmpty(t, r.Text)
		}},
		"garbage": {sandbox.Fault{Kind: sandbox.FaultGarbage}, 1, func(t *testing.T, r sandboxtest.Reply) {
			t.Helper()
			require.Equal(t, 200, r.Status)
			require.Contains(t, r.Text, "<html>")
		}},
		"an empty body": {sandbox.Fault{Kind: sandbox.FaultEmpty}, 1, func(t *testing.T, r sandboxtest.Reply) {
			t.Helper()
			require.NoError(t, r.Err)
			require.Equal(t, 200, r.Status)
			require.Empty(t, r.Text)
		}},
		"maintenance": {sandbox.Fault{Kind: sandbox.FaultMaintenance}, 0, func(t *testing.T, r sandboxtest.Reply) {
			t.Helper()
			require.Equal(t, 503, r.Status)
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := sandboxtest.Serve(t, sandbox.Options{})
			tt.fault.Count = 1
			require.NoError(t, w.Order("paygrt", tt.fault))
			tt.check(t, w.Recharge("r1", "10", "AT"))
			require.Equal(t, tt.booked, recharges(w))
			require.Equal(t, "0", w.Recharge("r2", "10", "AT").At(t, "status"), "it struck once")
			count := w.Requests("paygrt")[0]
			require.Equal(t, []int{2, 1 + tt.booked}, []int{count.Received, count.Processed})
		})
	}
}

func isReset(t *testing.T, r sandboxtest.Reply) {
	t.Helper()
	require.ErrorIs(t, r.Err, syscall.ECONNRESET)
}

// A hang is watched on a bare connection: nothing comes, and nothing closes.
func TestFaultHangKeepsTheConnectionOpenUntilTheCallerGoes(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]bool{"unprocessed": false, "processed": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := sandboxtest.Serve(t, sandbox.Options{})
			require.NoError(t, w.Order("paygrt", sandbox.Fault{Kind: sandbox.FaultHang, After: after}))
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			req, err := http.NewRequestWithContext(ctx, "POST", w.URL+"/paygrt/v1/recharges/M1", strings.NewReader(
				sandboxtest.Form("api_ref_id", "h", "recharge_number", "99", "recharge_amount", "1", "operator_code", "AT")))
			require.NoError(t, err)
			req.Header = sandboxtest.FormHeader("api-key", sandbox.DefaultCredentials().Paygrt)
			_, err = w.Client.Do(req)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Equal(t, after, recharges(w) == 1)
		})
	}
}

func TestClosingTheSandboxEndsWhatHangs(t *testing.T) {
	t.Parallel()
	for _, f := range []sandbox.Fault{{Kind: sandbox.FaultHang}, {Kind: sandbox.FaultDelay, Delay: time.Hour}} {
		w := sandboxtest.Serve(t, sandbox.Options{})
		require.NoError(t, w.Order("paygrt", f))
		answered := make(chan sandboxtest.Reply, 1)
		go func() { answered <- w.Recharge("h", "1", "AT") }()
		require.Eventually(t, func() bool { return len(w.Requests("paygrt")) == 1 }, time.Minute, time.Millisecond)
		w.Close()
		require.ErrorIs(t, (<-answered).Err, io.EOF)
	}
}

func TestADelayedRequestIsProcessedEvenIfItsCallerLeft(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	require.NoError(t, w.Order("paygrt", sandbox.Fault{Kind: sandbox.FaultDelay, Delay: 150 * time.Millisecond}))
	w.Client.Timeout = 30 * time.Millisecond
	require.Error(t, w.Recharge("late", "1", "AT").Err)
	require.Zero(t, recharges(w))
	require.Eventually(t, func() bool { return recharges(w) == 1 }, time.Minute, time.Millisecond)
}

func TestADelayAfterProcessingBooksAtOnce(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	require.NoError(t, w.Order("paygrt", sandbox.Fault{Kind: sandbox.FaultDelay, Delay: time.Hour, After: true}))
	go w.Recharge("late", "1", "AT")
	require.Eventually(t, func() bool { return recharges(w) == 1 }, time.Minute, time.Millisecond)
	w.Close()
}

func TestFaultsStrikeTheirOperationInOrderAndAreCounted(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	require.NoError(t,
		w.Order("paygrt", sandbox.Fault{Operation: "recharge", Kind: sandbox.FaultStatus, Status: 500, Count: 2}))
	require.NoError(t,
		w.Order("paygrt", sandbox.Fault{Operation: "recharge", Kind: sandbox.FaultStatus, Status: 503, Count: 1}))
	require.Equal(t, 200, w.Paygrt("GET", "/v1/operators/M1").Status, "another operation is spared")
	require.Equal(t, 201, w.Cryptogram("POST", "", sandboxtest.CryptogramCheckout).Status,
		"another provider is spared")
	for _, want := range []int{500, 500, 503, 200} {
		require.Equal(t, want, w.Recharge("r", "1", "AT").Status)
	}
}

func TestAProviderGoesDownAndComesUp(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	require.NoError(t, w.Down("paygrt"))
	for range 3 {
		isReset(t, w.Recharge("r", "1", "AT"))
	}
	require.NoError(t, w.Up("paygrt"))
	require.Equal(t, "0", w.Recharge("r", "1", "AT").At(t, "status"))
	require.Equal(t, 1, recharges(w))
}

func TestFaultsThatMakeNoSenseAreRefused(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	tests := map[string]struct {
		fault sandbox.Fault
		want  string
	}{
		"an unknown kind":       {sandbox.Fault{Kind: "explode"}, `"explode" is not one of delay, empty, garbage`},
		"no status":             {sandbox.Fault{Kind: sandbox.FaultStatus}, "status 0"},
		"a status that is none": {sandbox.Fault{Kind: sandbox.FaultStatus, Status: 99}, "status 99"},
		"no delay":              {sandbox.Fault{Kind: sandbox.FaultDelay}, "a delay of nothing"},
		"a negative delay":      {sandbox.Fault{Kind: sandbox.FaultEmpty, Delay: -1}, "is negative"},
		"a negative count":      {sandbox.Fault{Kind: sandbox.FaultEmpty, Count: -1}, "count -1"},
		"a header in a header": {
			sandbox.Fault{Kind: sandbox.FaultStatus, Status: 429, RetryAfter: "1\r\nX: y"},
			"retry_after",
		},
	}
	for name, tt := range tests {
		err := w.Order("paygrt", tt.fault)
		require.ErrorIs(t, err, sandbox.ErrInvalid, name)
		require.ErrorContains(t, err, tt.want, name)
	}
	err := w.Order("paygrt", sandbox.Fault{Kind: sandbox.FaultEmpty, Operation: "refund"})
	require.ErrorIs(t, err, sandbox.ErrUnknown)
	require.ErrorContains(t, err, "balance, operators, recharge, status")
	require.ErrorIs(t, w.Down("nobody"), sandbox.ErrUnknown)
}

// The request line is enough for a raw client: the reset must be a RST, not a FIN.
func TestResetIsARealReset(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	require.NoError(t, w.Down("paygrt"))
	conn, err := net.Dial("tcp", strings.TrimPrefix(w.URL, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, "GET /paygrt/v1/operators/M1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
	require.NoError(t, err)
	_, err = io.ReadAll(conn)
	require.ErrorIs(t, err, syscall.ECONNRESET)
}
