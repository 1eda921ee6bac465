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
)

// booked is how many recharges the provider made.
func (w *world) booked() int {
	return len(w.Ledger("paygrt"))
}

func TestFaultsAsAClientSeesThem(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		fault  sandbox.Fault
		booked int
		check  func(*testing.T, reply)
	}{
		"delay": {sandbox.Fault{Kind: sandbox.FaultDelay, Delay: time.Millisecond}, 1, func(t *testing.T, r reply) {
			t.Helper()
			require.Equal(t, "0", r.at(t, "status"))
		}},
		"reset before processing": {sandbox.Fault{Kind: sandbox.FaultResetBefore}, 0, isReset},
		"reset after processing":  {sandbox.Fault{Kind: sandbox.FaultResetAfter}, 1, isReset},
		"too many requests": {
			sandbox.Fault{Kind: sandbox.FaultStatus, Status: 429, RetryAfter: "3"},
			0,
			func(t *testing.T, r reply) {
				t.Helper()
				require.Equal(t, 429, r.status)
				require.Equal(t, "3", r.header.Get("Retry-After"))
			},
		},
		"a server error before processing": {
			sandbox.Fault{Kind: sandbox.FaultStatus, Status: 500},
			0,
			func(t *testing.T, r reply) {
				t.Helper()
				require.Equal(t, 500, r.status)
				require.Empty(t, r.header.Get("Retry-After"))
			},
		},
		"a server error after processing": {
			sandbox.Fault{Kind: sandbox.FaultStatus, Status: 502, After: true},
			1,
			func(t *testing.T, r reply) {
				t.Helper()
				require.Equal(t, 502, r.status)
			},
		},
		"a body cut short": {sandbox.Fault{Kind: sandbox.FaultTruncated}, 1, func(t *testing.T, r reply) {
			t.Helper()
			require.Equal(t, 200, r.status)
			require.ErrorIs(t, r.err, io.ErrUnexpectedEOF)
			require.NotEmpty(t, r.text)
		}},
		"garbage": {sandbox.Fault{Kind: sandbox.FaultGarbage}, 1, func(t *testing.T, r reply) {
			t.Helper()
			require.Equal(t, 200, r.status)
			require.Contains(t, r.text, "<html>")
		}},
		"an empty body": {sandbox.Fault{Kind: sandbox.FaultEmpty}, 1, func(t *testing.T, r reply) {
			t.Helper()
			require.NoError(t, r.err)
			require.Equal(t, 200, r.status)
			require.Empty(t, r.text)
		}},
		"maintenance": {sandbox.Fault{Kind: sandbox.FaultMaintenance}, 0, func(t *testing.T, r reply) {
			t.Helper()
			require.Equal(t, 503, r.status)
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := serve(t, sandbox.Options{})
			tt.fault.Count = 1
			require.NoError(t, w.Order("paygrt", tt.fault))
			tt.check(t, w.recharge("r1", "10", "AT"))
			require.Equal(t, tt.booked, w.booked())
			require.Equal(t, "0", w.recharge("r2", "10", "AT").at(t, "status"), "it struck once")
			count := w.Requests("paygrt")[0]
			require.Equal(t, []int{2, 1 + tt.booked}, []int{count.Received, count.Processed})
		})
	}
}

func isReset(t *testing.T, r reply) {
	t.Helper()
	require.ErrorIs(t, r.err, syscall.ECONNRESET)
}

// A hang is watched on a bare connection: nothing comes, and nothing closes.
func TestFaultHangKeepsTheConnectionOpenUntilTheCallerGoes(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]bool{"unprocessed": false, "processed": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := serve(t, sandbox.Options{})
			require.NoError(t, w.Order("paygrt", sandbox.Fault{Kind: sandbox.FaultHang, After: after}))
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			req, err := http.NewRequestWithContext(ctx, "POST", w.url+"/paygrt/v1/recharges/M1", strings.NewReader(
				form("api_ref_id", "h", "recharge_number", "99", "recharge_amount", "1", "operator_code", "AT")))
			require.NoError(t, err)
			req.Header = formHeader("api-key", sandbox.DefaultCredentials().Paygrt)
			_, err = w.client.Do(req)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Equal(t, after, w.booked() == 1)
		})
	}
}

func TestClosingTheSandboxEndsWhatHangs(t *testing.T) {
	t.Parallel()
	for _, f := range []sandbox.Fault{{Kind: sandbox.FaultHang}, {Kind: sandbox.FaultDelay, Delay: time.Hour}} {
		w := serve(t, sandbox.Options{})
		require.NoError(t, w.Order("paygrt", f))
		answered := make(chan reply, 1)
		go func() { answered <- w.recharge("h", "1", "AT") }()
		require.Eventually(t, func() bool { return len(w.Requests("paygrt")) == 1 }, time.Minute, time.Millisecond)
		w.Close()
		require.ErrorIs(t, (<-answered).err, io.EOF)
	}
}

func TestADelayedRequestIsProcessedEvenIfItsCallerLeft(t *testing.T) {
	t.Parallel()
	w := serve(t, sandbox.Options{})
	require.NoError(t, w.Order("paygrt", sandbox.Fault{Kind: sandbox.FaultDelay, Delay: 150 * time.Millisecond}))
	w.client.Timeout = 30 * time.Millisecond
	require.Error(t, w.recharge("late", "1", "AT").err)
	require.Zero(t, w.booked())
	require.Eventually(t, func() bool { return w.booked() == 1 }, time.Minute, time.Millisecond)
}

func TestADelayAfterProcessingBooksAtOnce(t *testing.T) {
	t.Parallel()
	w := serve(t, sandbox.Options{})
	require.NoError(t, w.Order("paygrt", sandbox.Fault{Kind: sandbox.FaultDelay, Delay: time.Hour, After: true}))
	go w.recharge("late", "1", "AT")
	require.Eventually(t, func() bool { return w.booked() == 1 }, time.Minute, time.Millisecond)
	w.Close()
}

func TestFaultsStrikeTheirOperationInOrderAndAreCounted(t *testing.T) {
	t.Parallel()
	w := serve(t, sandbox.Options{})
	require.NoError(t,
		w.Order("paygrt", sandbox.Fault{Operation: "recharge", Kind: sandbox.FaultStatus, Status: 500, Count: 2}))
	require.NoError(t,
		w.Order("paygrt", sandbox.Fault{Operation: "recharge", Kind: sandbox.FaultStatus, Status: 503, Count: 1}))
	require.Equal(t, 200, w.paygrt("GET", "/v1/operators/M1").status, "another operation is spared")
	require.Equal(t, 200, w.cryptogram("POST", "", checkout).status/100*100, "another provider is spared")
	for _, want := range []int{500, 500, 503, 200} {
		require.Equal(t, want, w.recharge("r", "1", "AT").status)
	}
}

func TestAProviderGoesDownAndComesUp(t *testing.T) {
	t.Parallel()
	w := serve(t, sandbox.Options{})
	require.NoError(t, w.Down("paygrt"))
	for range 3 {
		isReset(t, w.recharge("r", "1", "AT"))
	}
	require.NoError(t, w.Up("paygrt"))
	require.Equal(t, "0", w.recharge("r", "1", "AT").at(t, "status"))
	require.Equal(t, 1, w.booked())
}

func TestFaultsThatMakeNoSenseAreRefused(t *testing.T) {
	t.Parallel()
	w := serve(t, sandbox.Options{})
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
	w := serve(t, sandbox.Options{})
	require.NoError(t, w.Down("paygrt"))
	conn, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, "GET /paygrt/v1/operators/M1 HTTP/1.1\r\nHost: x\r\n\r\n")
	require.NoError(t, err)
	_, err = io.ReadAll(conn)
	require.ErrorIs(t, err, syscall.ECONNRESET)
}
