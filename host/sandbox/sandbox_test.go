package sandbox_test

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"payrouter/host/sandbox"
	"payrouter/host/sandbox/paygrt"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// clock is a hand-set clock.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Set(text string) {
	now, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		panic(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = now
}

// world is a served sandbox and a client of it.
type world struct {
	*sandbox.Server
	t      *testing.T
	url    string
	client *http.Client
	clock  *clock
}

// serve starts a sandbox on loopback, with a clock at noon of 2026-03-02 and repeatable identifiers.
func serve(t *testing.T, o sandbox.Options) *world {
	t.Helper()
	c := &clock{}
	c.Set("2026-03-02T12:00:00.1234567Z")
	o.Now = c.Now
	if o.Seed == 0 {
		o.Seed = 7
	}
	s, err := sandbox.New(o)
	require.NoError(t, err)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	var work sync.WaitGroup
	work.Go(func() { served <- s.Serve(t.Context(), ln) })
	client := &http.Client{Transport: &http.Transport{}, Timeout: 10 * time.Second}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	t.Cleanup(func() { // t.Context has ended by now
		client.CloseIdleConnections()
		work.Wait()
		require.NoError(t, <-served)
	})
	return &world{s, t, "http://" + ln.Addr().String(), client, c}
}

// reply is an answer read to its end.
type reply struct {
	status int
	header http.Header
	text   string
	err    error
}

// json decodes the body; numbers stay text.
func (r reply) json(t *testing.T) map[string]any {
	t.Helper()
	require.NoError(t, r.err)
	var value map[string]any
	d := json.NewDecoder(strings.NewReader(r.text))
	d.UseNumber()
	require.NoError(t, d.Decode(&value), r.text)
	return value
}

// at walks down an answer's objects and lists.
func (r reply) at(t *testing.T, path ...any) any {
	t.Helper()
	var value any = r.json(t)
	for _, step := range path {
		switch step := step.(type) {
		case string:
			value = value.(map[string]any)[step]
		case int:
			value = value.([]any)[step]
		}
	}
	if n, ok := value.(json.Number); ok {
		return n.String()
	}
	return value
}

func (w *world) do(method, path string, header http.Header, body string) reply {
	w.t.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, reader)
	require.NoError(w.t, err)
	maps.Copy(req.Header, header)
	resp, err := w.client.Do(req)
	if err != nil {
		return reply{err: err}
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, string(text), err}
}

func jsonHeader(extra ...string) http.Header {
	h := http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json"}}
	for i := 0; i < len(extra); i += 2 {
		h.Set(extra[i], extra[i+1])
	}
	return h
}

func formHeader(extra ...string) http.Header {
	h := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	for i := 0; i < len(extra); i += 2 {
		h.Set(extra[i], extra[i+1])
	}
	return h
}

func form(pairs ...string) string {
	values := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		values.Set(pairs[i], pairs[i+1])
	}
	return values.Encode()
}

// compact takes the blanks out of a document's example.
func compact(t *testing.T, text string) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, json.Compact(&out, []byte(text)))
	return out.String()
}

// inbox is a real server that keeps the callbacks it gets.
type inbox struct {
	url  string
	got  chan *http.Request
	body chan string
}

func receive(t *testing.T) *inbox {
	t.Helper()
	in := &inbox{got: make(chan *http.Request, 16), body: make(chan string, 16)}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
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
	in.url = "http://" + ln.Addr().String() + "/hook"
	return in
}

// next waits for a callback.
func (in *inbox) next(t *testing.T) (*http.Request, string) {
	t.Helper()
	select {
	case r := <-in.got:
		return r, <-in.body
	case <-time.After(10 * time.Second):
		require.FailNow(t, "no callback came")
		return nil, ""
	}
}

func TestIdentifiersRepeatWithASeedAndDifferWithout(t *testing.T) {
	t.Parallel()
	issue := func(seed uint64) string {
		w := serve(t, sandbox.Options{Seed: seed})
		return w.paygram("IssueInvoice", `{"currencyCode":11,"amount":1}`).at(t, "invoiceCode").(string)
	}
	first, again, other := issue(42), issue(42), issue(43)
	require.Equal(t, first, again)
	require.NotEqual(t, first, other)
}

func TestEveryProviderIsServedUnderItsPrefixAndNothingElse(t *testing.T) {
	t.Parallel()
	w := serve(t, sandbox.Options{})
	got := w.do("GET", "/stripe/v1/charges", nil, "")
	require.Equal(t, 404, got.status)
	require.Contains(t, got.at(t, "detail"), strings.Join(w.Providers(), ", "))
	for _, name := range w.Providers() {
		require.NotContains(t, w.do("GET", "/"+name+"/nowhere", nil, "").text, "no provider stands", name)
	}
}

func TestABodyWithoutEndIsRefused(t *testing.T) {
	t.Parallel()
	w := serve(t, sandbox.Options{})
	got := w.do("POST", "/paygrt/v1/recharges/M1", formHeader(), strings.Repeat("a", 2<<20))
	require.Equal(t, 413, got.status)
	require.Empty(t, w.Ledger(""))
}

func TestABadOptionIsNamed(t *testing.T) {
	t.Parallel()
	_, err := sandbox.New(sandbox.Options{Paygrt: paygrt.Options{Balance: "much"}})
	require.EqualError(t, err, `options of paygrt: opening balance: not an amount: "much"`)
}

func TestMaintenanceIsSaidInEachProvidersWay(t *testing.T) {
	t.Parallel()
	w := serve(t, sandbox.Options{})
	for provider, tt := range map[string]struct {
		ask    func() reply
		status int
		text   string
	}{
		"paygram": {
			func() reply { return w.paygram("IssueInvoice", invoiceRequest) }, 200,
			`{"message":"Server updating","type":0,"success":false,"responseCode":550}`,
		},
		"cryptogram": {
			func() reply { return w.cryptogram("POST", "", checkout) }, 503,
			`{"message":"Service Unavailable"}`,
		},
		"payplay": {
			func() reply { return w.payplay("GET", "/private-api/balances", "") }, 503,
			`{"message":"Service Unavailable"}`,
		},
		"exchanger": {func() reply { return w.bid() }, 200, `{"error":2,"error_text":"maintenance","data":[]}`},
		"paygrt":    {func() reply { return w.recharge("r", "1", "AT") }, 503, `{"Message":"Service Unavailable"}`},
	} {
		require.NoError(t, w.Order(provider, sandbox.Fault{Kind: sandbox.FaultMaintenance}))
		got := tt.ask()
		require.Equal(t, tt.status, got.status, provider)
		require.Equal(t, tt.text, got.text, provider)
	}
	require.Empty(t, w.Ledger(""), "nothing was processed")
}

func TestLinksOpenForThePayer(t *testing.T) {
	t.Parallel()
	w := serve(t, sandbox.Options{})
	id := w.cryptogram("POST", "", checkout).at(t, "id").(string)
	order := w.order("o", "12.12", "EUR")
	w.bid()
	require.NoError(t, w.Drive("cryptogram", id, "pick", ""))
	for path, want := range map[string]string{
		"/cryptogram/payments/" + id:      "10 USD",
		"/payplay/crypto-orders/" + order: "12.12 EUR",
		w.exchangerPage("100001"):         "100 USDT",
	} {
		got := w.do("GET", path, nil, "")
		require.Equal(t, 200, got.status, path)
		require.Contains(t, got.text, want)
		require.Contains(t, got.text, "/pay\">", "a button that pays")
	}
	for path, status := range map[string]int{
		"/cryptogram/payments/none": 401, "/payplay/crypto-orders/none": 401,
		"/paygram/pay/none": 200, "/exchanger/hst_none/": 200,
	} {
		got := w.do("GET", path, nil, "")
		require.Equal(t, status, got.status, path)
		require.NotContains(t, got.text, "<form", path)
	}
}

func (w *world) exchangerPage(id string) string {
	w.t.Helper()
	return strings.TrimPrefix(w.exchanger("bid_info", "id", id).at(w.t, "data", "url").(string), w.url)
}

func TestEventsAreWhatAProviderCanDo(t *testing.T) {
	t.Parallel()
	w := serve(t, sandbox.Options{})
	events, err := w.Events("paygram")
	require.NoError(t, err)
	require.NotContains(t, events, "expire", "no such status there")
	_, err = w.Events("nobody")
	require.ErrorIs(t, err, sandbox.ErrUnknown)
	for _, provider := range w.Providers() {
		events, err := w.Events(provider)
		require.NoError(t, err)
		for _, event := range events {
			require.ErrorIs(t, w.Drive(provider, "nothing", event, ""), sandbox.ErrUnknown, event)
		}
	}
}

func TestEnvironmentPointsEveryAccountAtTheSandbox(t *testing.T) {
	t.Parallel()
	env := sandbox.Environment("http://127.0.0.1:9/")
	c := sandbox.DefaultCredentials()
	for _, want := range []string{
		"ROUTER_PROVIDERS__PAYGRAM_EU__BASE_URL=http://127.0.0.1:9/paygram",
		"ROUTER_PROVIDERS__PAYGRAM_ASIA__BASE_URL=http://127.0.0.1:9/paygram",
		"ROUTER_PROVIDERS__CRYPTOGRAM__BASE_URL=http://127.0.0.1:9/cryptogram",
		"ROUTER_PROVIDERS__PAYPLAY__BASE_URL=http://127.0.0.1:9/payplay",
		"ROUTER_PROVIDERS__EXCHANGER__BASE_URL=http://127.0.0.1:9/exchanger",
		"ROUTER_PROVIDERS__PAYGRT__BASE_URL=http://127.0.0.1:9/paygrt",
		"ROUTER_PROVIDERS__PAYGRT__ALLOW_PRIVATE=true",
		"PAYGRAM_EU_TOKEN=" + c.PayGramEU, "PAYGRAM_ASIA_TOKEN=" + c.PayGramAsia, "CRYPTOGRAM_TOKEN=" + c.Cryptogram,
		"PAYPLAY_API_KEY=" + c.PayPlay, "EXCHANGER_API_LOGIN=" + c.ExchangerLogin, "EXCHANGER_API_KEY=" +
			c.ExchangerKey,
		"PAYGRT_API_KEY=" + c.Paygrt,
	} {
		require.Contains(t, env, want)
	}
	require.Len(t, env, 6*2+7)
}
