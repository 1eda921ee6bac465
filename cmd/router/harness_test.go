package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/api"
	"payrouter/host/sandbox"
	"payrouter/host/store/sqlite/sqlitetest"
)

// harness is a router as it ships, the simulated providers that it talks to over real sockets, and a merchant.
type harness struct {
	t       *testing.T
	sandbox *sandbox.Server
	// simulated and router are base URLs.
	simulated, router string
	// admin is the router's, for administration; empty where that is router's.
	admin  string
	client *http.Client
	log    *transcript
	data   string
	// stop has the router stop, as a signal would; ended gets its result.
	stop  context.CancelFunc
	ended chan error
}

// plan is what a harness is built with; the zero value is the shipped configuration.
type plan struct {
	environ []string
	command serveCommand
	sandbox sandbox.Options
	// bare is a harness whose routing file names none of the shipped accounts.
	bare bool
	// now is the router's clock; nil is the system's.
	now func() time.Time
	// data is a folder with a journal; empty is a new one.
	data string
	// beside is a harness whose simulated providers and data are used, after its router has stopped.
	beside *harness
}

// quick makes tests wait less, and faults more patiently borne than in production.
var quick = []string{
	"ROUTER_PROVIDERS__PAYGRAM_EU__RETRY__BASE_DELAY=1ms",
	"ROUTER_PROVIDERS__PAYGRAM_ASIA__RETRY__BASE_DELAY=1ms",
	"ROUTER_PROVIDERS__CRYPTOGRAM__RETRY__BASE_DELAY=1ms",
	"ROUTER_PROVIDERS__PAYPLAY__RETRY__BASE_DELAY=1ms",
	"ROUTER_PROVIDERS__EXCHANGER__RETRY__BASE_DELAY=1ms",
	"ROUTER_PROVIDERS__PAYGRT__RETRY__BASE_DELAY=1ms",
}

func build(t *testing.T, with plan) *harness {
	t.Helper()
	dir, compiled := plugins(t)
	w := &harness{t: t, log: &transcript{}, data: t.TempDir(), ended: make(chan error, 1)}
	logger := slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	switch {
	case with.command.Sandbox: // the router has its own
		require.NoError(t, sqlitetest.Lay(w.data))
	case with.beside != nil:
		w.sandbox, w.simulated, w.data = with.beside.sandbox, with.beside.simulated, with.beside.data
	default:
		w.openSandbox(with.sandbox)
		require.NoError(t, sqlitetest.Lay(w.data))
	}
	if with.data != "" {
		w.data = with.data
	}
	if with.now == nil {
		with.now = time.Now
	}
	if budget := &with.command.Budget; budget.PluginCPU == 0 && budget.AccountCPU == 0 {
		budget.PluginCPU, budget.AccountCPU = -1, -1 // tests ask faster than callers, and some stop the clock
	}
	transport := &http.Transport{}
	w.client = &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}

	command := with.command
	command.Listen, command.Plugins, command.Compiled, command.Data = "127.0.0.1:0", dir, compiled, w.data
	command.Routing, _ = ownRouting(t)
	if with.command.Routing != "" {
		command.Routing = with.command.Routing
	}
	if with.command.Plugins != "" {
		command.Plugins = with.command.Plugins
	}
	command.Grace, command.RecoverEvery = time.Minute, time.Hour
	command.KeepPlugins, command.RecordCalls = cmp.Or(command.KeepPlugins, 1), cmp.Or(command.RecordCalls, 100)
	if command.WaitTimeout == 0 {
		command.WaitTimeout = 2 * time.Minute
	}
	ctx, stop := context.WithCancel(context.Background())
	w.stop = stop
	listens := make(chan [2]string, 1)
	environ := with.environ
	if command.Sandbox {
		command.SandboxListen = "127.0.0.1:0"
	} else if !with.bare {
		environ = append(append(sandbox.Environment(w.simulated), quick...), with.environ...)
	}
	go func() {
		w.ended <- command.Run(&host{
			ctx: ctx, stdout: io.Discard, environ: environ, now: with.now, log: logger,
			listening: func(public, admin string) { listens <- [2]string{public, admin} },
		})
	}()
	select {
	case at := <-listens:
		w.router, w.admin = at[0], at[1]
	case err := <-w.ended:
		stop()
		require.NoError(t, err)
		t.Fatal("the router stopped before it listened")
	}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		stop()
		require.NoError(t, w.end())
	})
	return w
}

// end waits for the router's end.
func (w *harness) end() error {
	err := <-w.ended
	w.ended <- err
	return err
}

func (w *harness) openSandbox(options sandbox.Options) {
	server, err := sandbox.New(options)
	require.NoError(w.t, err)
	listener, err := (&net.ListenConfig{}).Listen(w.t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(w.t, err)
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx, listener) }()
	w.t.Cleanup(func() {
		stop()
		require.NoError(w.t, <-served)
	})
	w.sandbox, w.simulated = server, "http://"+listener.Addr().String()
}

// answer is an HTTP answer, read to its end.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// ask sends a request; headers are names and values in turn.
func (w *harness) ask(method, url, body string, headers ...string) answer {
	w.t.Helper()
	a, err := w.try(w.t.Context(), method, url, body, headers...)
	require.NoError(w.t, err)
	return a
}

func (w *harness) try(ctx context.Context, method, url, body string, headers ...string) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	return w.do(request)
}

// send sends a request as it is.
func (w *harness) send(request *http.Request) answer {
	w.t.Helper()
	a, err := w.do(request)
	require.NoError(w.t, err)
	return a
}

func (w *harness) do(request *http.Request) (answer, error) {
	response, err := w.client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	read, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, read}, err
}

func (w *harness) key() string {
	return "key-" + rand.Text()
}

// create takes a payment, which has to be created.
func (w *harness) create(body string) api.Payment {
	w.t.Helper()
	a := w.ask("POST", w.router+"/v1/payments", body, "Idempotency-Key", w.key())
	require.Equal(w.t, 201, a.status, string(a.body))
	p := read[api.Payment](w.t, a)
	require.Equal(w.t, "/v1/payments/"+p.ID, a.header.Get("Location"))
	return p
}

// act posts to one of a payment's acts; it has to be done.
func (w *harness) act(p api.Payment, act, body string) api.Payment {
	w.t.Helper()
	a := w.ask("POST", w.router+"/v1/payments/"+p.ID+"/"+act, body)
	require.Equal(w.t, 200, a.status, string(a.body))
	return read[api.Payment](w.t, a)
}

// refused posts to one of a payment's acts, which has to be refused.
func (w *harness) refused(p api.Payment, act, body string) api.Problem {
	w.t.Helper()
	return problem(w.t, w.ask("POST", w.router+"/v1/payments/"+p.ID+"/"+act, body))
}

func (w *harness) get(id string) api.Payment {
	w.t.Helper()
	a := w.ask("GET", w.router+"/v1/payments/"+id, "")
	require.Equal(w.t, 200, a.status, string(a.body))
	return read[api.Payment](w.t, a)
}

func (w *harness) attempts(id string) []api.Attempt {
	w.t.Helper()
	a := w.ask("GET", w.router+"/v1/payments/"+id+"/attempts", "")
	require.Equal(w.t, 200, a.status, string(a.body))
	return read[struct {
		Data []api.Attempt `json:"data"`
	}](w.t, a).Data
}

// drive moves a payment on at its provider, by the sandbox's controls; what is its provider's reference or ours.
func (w *harness) drive(provider, what, event string) {
	w.t.Helper()
	w.control("POST", provider+"/payments/"+what+"/"+event, "")
}

// configure changes what a simulated provider does where its document leaves a choice.
func (w *harness) configure(provider, options string) {
	w.t.Helper()
	w.control("PATCH", provider+"/options", options)
}

func (w *harness) control(method, path, body string) {
	w.t.Helper()
	a := w.ask(method, w.simulated+"/_sandbox/"+path, body)
	require.Equal(w.t, 200, a.status, string(a.body))
}

// bookings are what a provider has booked.
func (w *harness) bookings(provider string) []sandbox.Booking {
	return w.sandbox.Ledger(provider)
}

// requests counts what a provider was asked for under an operation.
func (w *harness) requests(provider, operation string) int {
	received := 0
	for _, count := range w.sandbox.Requests(provider) {
		if count.Operation == operation {
			received += count.Received
		}
	}
	return received
}

// read decodes a body that holds nothing but what T has.
func read[T any](t *testing.T, a answer) T {
	t.Helper()
	var value T
	decoder := json.NewDecoder(bytes.NewReader(a.body))
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(&value), string(a.body))
	return value
}

// problem reads an answer that has to be an RFC 9457 problem.
func problem(t *testing.T, a answer) api.Problem {
	t.Helper()
	require.Equal(t, "application/problem+json", a.header.Get("Content-Type"), string(a.body))
	p := read[api.Problem](t, a)
	require.Equal(t, a.status, p.Status)
	require.GreaterOrEqual(t, p.Status, 400)
	require.NotEmpty(t, p.Title)
	require.Regexp(t, `^urn:payrouter:problem:[a-z-]+$`, p.Type)
	p.Type = strings.TrimPrefix(p.Type, "urn:payrouter:problem:")
	return p
}

// transcript is a log that may be read while it is written.
type transcript struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (l *transcript) Write(line []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.text.Write(line)
}

func (l *transcript) String() string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.text.String()
}
