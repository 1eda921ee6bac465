package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/access"
	"payrouter/host/api"
	"payrouter/host/router"
)

// begin sends the beginning of a request whose body never comes, and reads the answer, after which the router closes
// the connection.
func (w *harness) begin(line string, headers ...string) answer {
	w.t.Helper()
	c, err := (&net.Dialer{}).DialContext(w.t.Context(), "tcp", strings.TrimPrefix(w.router, "http://"))
	require.NoError(w.t, err)
	defer func() { _ = c.Close() }()
	require.NoError(w.t, c.SetReadDeadline(time.Now().Add(time.Minute)))
	_, err = fmt.Fprintf(c, "%s HTTP/1.1\r\nHost: localhost\r\n%s\r\n\r\n{", line, strings.Join(headers, "\r\n"))
	require.NoError(w.t, err)
	in := bufio.NewReader(c)
	response, err := http.ReadResponse(in, nil)
	require.NoError(w.t, err)
	text, err := io.ReadAll(response.Body)
	require.NoError(w.t, err)
	require.NoError(w.t, response.Body.Close())
	require.True(w.t, response.Close, line)
	_, err = in.ReadByte()
	require.ErrorIs(w.t, err, io.EOF, line)
	return answer{response.StatusCode, response.Header, text}
}

// Three hundred such connections used to stay open for ever, without a key.
func TestABodyThatDoesNotComeHoldsNoAnswer(t *testing.T) {
	t.Parallel()
	data, tokens := keysIn(t, map[string][]access.Right{"shop": access.Rights(), "none": {access.Audit}})
	patient := connectionFlags{BodyTimeout: time.Hour}
	w := build(t, plan{data: data, command: serveCommand{Connections: patient}})
	const promised, kind = "Content-Length: 100", "Content-Type: application/json"
	known, poor := "Authorization: Bearer "+tokens["shop"], "Authorization: Bearer "+tokens["none"]
	const long, asks, xml = "Content-Length: 900000000", "Expect: 100-continue", "Content-Type: text/xml"
	type headers = []string
	for what, row := range map[string]struct {
		line    string
		headers headers
		problem string
		status  int
	}{
		"without a key":    {"POST /v1/payments", headers{promised, kind}, "unauthorized", 401},
		"without a right":  {"POST /v1/payments", headers{promised, kind, poor}, "forbidden", 403},
		"no such path":     {"POST /v1/nothing", headers{promised, known}, "unknown-path", 404},
		"wrong method":     {"PATCH /v1/payments", headers{promised, known}, "wrong-method", 405},
		"too long":         {"POST /v1/payments", headers{long, known, kind}, "body-too-large", 413},
		"not JSON":         {"POST /v1/payments", headers{promised, known, xml}, "unsupported-media-type", 415},
		"chunked, no key":  {"POST /v1/payments", headers{"Transfer-Encoding: chunked"}, "unauthorized", 401},
		"asks, no key":     {"POST /v1/payments", headers{promised, asks}, "unauthorized", 401},
		"asks, too long":   {"POST /v1/payments", headers{long, known, kind, asks}, "body-too-large", 413},
		"a module":         {"PUT /v1/plugins/paygram", headers{long, known}, "body-too-large", 413},
		"strange callback": {"POST /callbacks/payplay/guessed", headers{promised}, "", 404},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			one := *w
			one.t = t
			a := one.begin(row.line, row.headers...)
			require.Equal(t, row.status, a.status)
			if row.problem != "" {
				require.Equal(t, row.problem, problem(t, a).Type)
			}
			path := strings.Fields(row.line)[1]
			if row.problem != "" {
				require.Eventually(t, func() bool {
					return strings.Contains(w.log.String(), fmt.Sprintf("path=%s status=%d", path, row.status))
				}, time.Minute, time.Millisecond, "it is logged with its status")
			}
		})
	}
}

func TestABodyThatIsTooSlowIsAnswered(t *testing.T) {
	t.Parallel()
	w := build(t, plan{command: serveCommand{Connections: connectionFlags{BodyTimeout: 50 * time.Millisecond}}})
	a := w.begin("POST /v1/payments", "Content-Length: 100", "Content-Type: application/json", "Idempotency-Key: k")
	require.Equal(t, "body-too-slow", problem(t, a).Type)
	require.Equal(t, http.StatusRequestTimeout, a.status)
	require.NotEmpty(t, a.header.Get("Retry-After"))
	require.Eventually(t, func() bool { return strings.Contains(w.log.String(), "path=/v1/payments status=408") },
		time.Minute, time.Millisecond)
	require.Empty(t, w.list("").Data)
}

// The limits are the client's: a payment whose provider takes longer than any of them goes on.
func TestNoLimitOfAConnectionEndsAPayment(t *testing.T) {
	t.Parallel()
	short := 50 * time.Millisecond
	w := build(t, plan{command: serveCommand{
		WaitTimeout: short,
		Connections: connectionFlags{BodyTimeout: short, WriteTimeout: short, IdleTimeout: short},
	}})
	w.control("POST", "paygram/faults", `{"operation":"IssueInvoice","kind":"delay","delay":"500ms","count":1}`)
	a := w.ask("POST", w.router+"/v1/payments", byPayGram, "Idempotency-Key", w.key())
	require.Contains(t, []int{http.StatusCreated, http.StatusAccepted}, a.status, string(a.body))
	p := read[api.Payment](t, a)
	require.Eventually(t, func() bool { return w.get(p.ID).Status == "requires_action" }, time.Minute,
		10*time.Millisecond)
}

func TestConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	w := build(t, plan{command: serveCommand{Connections: connectionFlags{MaxConnections: 1}}})
	require.Equal(t, http.StatusOK, w.ask("GET", w.router+"/healthz", "").status) // keeps its connection
	second := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.router+"/healthz", nil)
	require.NoError(t, err)
	_, err = second.Do(request)
	require.Error(t, err)
	require.Contains(t, w.log.String(), "connections are refused")
	w.client.CloseIdleConnections()
	require.Eventually(t, func() bool {
		answer, err := second.Do(request)
		return err == nil && answer.Body.Close() == nil
	}, time.Minute, 10*time.Millisecond)
}

// Each hint is another text about the same payment, and signed by nobody.
func TestAStormOfHintsCausesFewLookUps(t *testing.T) {
	t.Parallel()
	w := build(t, plan{command: serveCommand{PublicURL: "https://pay.example", ReconcileEvery: time.Hour}})
	addresses, err := router.Addresses("https://pay.example", w.data, nil)
	require.NoError(t, err)
	address := w.router + strings.TrimPrefix(addresses.Account("cryptogram"), "https://pay.example")
	p := w.create(byCryptogram)
	before := w.sandbox.Requests("cryptogram")
	hint := func(n int) {
		body := fmt.Sprintf(`{"resource":"CommercePayment","id":%q,"n":%d}`, p.ProviderReference, n)
		require.Equal(t, http.StatusOK, w.ask("POST", address, body).status)
	}
	const hints = 300
	for n := range hints {
		hint(n)
	}
	w.drive("cryptogram", p.ProviderReference, "pay")
	hint(hints)
	require.Eventually(t, func() bool { return w.get(p.ID).Status == "succeeded" }, 2*time.Minute, 10*time.Millisecond)
	asked := 0
	for _, count := range w.sandbox.Requests("cryptogram") {
		asked += count.Received
	}
	for _, count := range before {
		asked -= count.Received
	}
	require.Positive(t, asked)
	// At once, after 1, 5 and 15 s, and then once a minute: a machine that takes minutes over this asks no more often.
	require.LessOrEqual(t, asked, 10, "%d hints", hints)
}
