package api_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.yaml.in/yaml/v3"

	"payrouter/abi/guest"
	"payrouter/abi/jsontext"
	abi "payrouter/abi/v1"
	"payrouter/host/access"
	"payrouter/host/api"
	"payrouter/host/attempt"
	"payrouter/host/audit"
	"payrouter/host/egress"
	"payrouter/host/payment"
	"payrouter/host/payment/paymenttest"
	"payrouter/host/routing"
	"payrouter/host/store/sqlite"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// till is a connector whose provider speaks JSON: {"id","status"} or {"error"}.
type till struct{}

// watched is a journal that calls creating before it journals a new payment.
type watched struct {
	*sqlite.DB
	creating func()
}

func (w watched) Create(ctx context.Context, change payment.Change, key attempt.Key) (*attempt.Key, error) {
	w.creating()
	return w.DB.Create(ctx, change, key)
}

func (till) Manifest() *abi.Manifest {
	return &abi.Manifest{
		Name: "till", Version: "1.0.0", Title: "Till", MaxSteps: 1,
		Flows: []*abi.Flow{{Kind: abi.Kind_KIND_COLLECT, Currencies: []string{"EUR"}, Actions: []*abi.Action{
			{Role: abi.Role_ROLE_CREATE, Operation: "create"}, {Role: abi.Role_ROLE_LOOKUP, Operation: "lookup"},
		}}},
		Operations: []*abi.Operation{
			{
				Name: "create", Idempotency: abi.Idempotency_IDEMPOTENCY_NONE, DeclineIsFinal: true,
				Reference: &abi.ReferenceForm{Alphabet: "0123456789abcdef", Length: 24},
			},
			{
				Name: "lookup", Idempotency: abi.Idempotency_IDEMPOTENCY_SAFE, FindsByReference: true,
				DeclineIsFinal: true,
			},
			{
				Name: "Books/List", Summary: "Lists.", Idempotency: abi.Idempotency_IDEMPOTENCY_SAFE,
				DeclineIsFinal: true, Paged: true,
				Documented: abi.Documented_DOCUMENTED_PARTIAL,
				InputSchema: `{"type":"object","properties":{"from":{"$ref":"#/$defs/day"}},` +
					`"additionalProperties":false,"$defs":{"day":{"type":"string"}}}`,
				OutputSchema: `{"type":"object","properties":{"seed":{"type":"string","writeOnly":true}}}`,
			},
			{
				Name: "pay", Summary: "Pays.", Idempotency: abi.Idempotency_IDEMPOTENCY_NONE, DeclineIsFinal: true,
				Documented:  abi.Documented_DOCUMENTED_FULL,
				InputSchema: `{"type":"object","properties":{"amount":{"type":"string"}},"required":["amount"]}`,
			},
		},
		Envelope: []*abi.Proof{{Pointer: "/error"}},
		Failures: []*abi.FailureRule{{
			ProviderCode: "fraud", Meaning: abi.Meaning_MEANING_DECLINED_HARD,
			Code: "fraud_suspected", Source: "test",
		}},
	}
}

func (till) Digest() string { return strings.Repeat("cd", 32) }
func (till) Number() int64  { return 1 }

func (till) Prepare(_ context.Context, call *abi.Call) (*abi.Step, int64, error) {
	body := jsontext.NewObject().String("reference", call.GetReference()).String("of", call.GetCreateReference()).JSON()
	return guest.NewRequest(http.MethodPost, guest.Literal("/"),
		guest.Literal(call.GetOperation())).JSON(body).Send(nil), 1, nil
}

func (till) Interpret(_ context.Context, in *abi.Interpretation) (*abi.Step, int64, error) {
	answer, err := jsontext.Parse(in.GetResponse().GetBody())
	if err != nil {
		return guest.Unreadable("no JSON"), 1, nil
	}
	if code := answer.Text("error"); code != "" {
		return guest.Rejected(code, "said "+code), 1, nil
	}
	if output := answer.Get("output"); output.Exists() {
		outcome := guest.Accepted(abi.Status_STATUS_UNSPECIFIED, "")
		outcome.Output, outcome.Cursor = output.JSON(), answer.Text("cursor")
		return guest.Done(outcome), 1, nil
	}
	status, known := map[string]abi.Status{
		"open": abi.Status_STATUS_REQUIRES_ACTION, "paid": abi.Status_STATUS_SUCCEEDED,
		"failed": abi.Status_STATUS_FAILED,
	}[answer.Text("status")]
	if !known {
		return guest.Unreadable("no status"), 1, nil
	}
	outcome := guest.Accepted(status, answer.Text("id"))
	if status == abi.Status_STATUS_REQUIRES_ACTION {
		outcome.NextAction = guest.RedirectTo("https://pay.example/" + answer.Text("id"))
	}
	return guest.Done(outcome), 1, nil
}

// provider is a real server on loopback. It counts the creates of each reference.
type provider struct {
	url     string
	mutex   sync.Mutex
	creates map[string]int
}

func newProvider(t *testing.T, answer http.HandlerFunc) *provider {
	t.Helper()
	p := &provider{creates: map[string]int{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		if body, err := jsontext.Parse(text); err == nil && r.URL.Path == "/create" {
			p.mutex.Lock()
			p.creates[body.Text("reference")]++
			p.mutex.Unlock()
		}
		answer(w, r)
	}))
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

func (p *provider) created() (payments, requests int) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for _, count := range p.creates {
		requests += count
	}
	return len(p.creates), requests
}

// says answers the same each time, but for "*": that is another number in each answer, as ids of objects are.
func says(text string) http.HandlerFunc {
	var answers atomic.Int64
	return func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, strings.ReplaceAll(text, "*", strconv.FormatInt(answers.Add(1), 10)))
	}
}

func hangsUp(w http.ResponseWriter, _ *http.Request) {
	connection, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		_ = connection.Close()
	}
}

// shop is the API over real parts, in one directory.
type shop struct {
	dir     string
	journal *sqlite.DB
	engine  *paymenttest.Stack
	handler http.Handler
	// merchants are headers with the key of each, where the shop needs keys.
	merchants map[string][]string
}

// open opens the shop; close it with crash.
func open(t *testing.T, dir, url string, settings api.Settings) *shop {
	t.Helper()
	return openWith(t, dir, url, settings, func() {})
}

// openWith opens a shop that calls creating before it journals a payment.
func openWith(t *testing.T, dir, url string, settings api.Settings, creating func()) *shop {
	t.Helper()
	journal, err := sqlite.Open(t.Context(), dir)
	require.NoError(t, err)
	client, err := egress.New(egress.Settings{
		Provider: "till-eu", BaseURL: url, AllowPrivate: true, Timeout: 10 * time.Second,
		Retry: egress.RetrySettings{MaxTries: 1}, Breaker: egress.BreakerSettings{Failures: 1 << 20, MinTries: 1 << 20},
	})
	require.NoError(t, err)
	t.Cleanup(client.Close)
	var node yaml.Node
	require.NoError(t, yaml.Unmarshal([]byte("- {name: all, to: [till-eu]}"), &node))
	document, err := routing.Parse("routing.yaml", node.Content[0], nil, nil)
	require.NoError(t, err)
	rules, err := routing.Compile(document,
		[]routing.Provider{{Name: "till-eu", Plugin: "till", Flows: till{}.Manifest().GetFlows()}}, "v1")
	require.NoError(t, err)
	connected := paymenttest.Connect(till{})
	fleet := &payment.Fleet{Rules: rules, Fleet: attempt.Fleet{Accounts: map[string]*attempt.Account{
		"till-eu": {
			Name: "till-eu", Plugin: func(string) attempt.Connector { return connected }, Egress: client,
			Settings: []byte("{}"),
		},
	}}}
	s := &shop{dir: dir, journal: journal, engine: paymenttest.New(watched{journal, creating}, fleet, paymenttest.Settings{
		Snapshot: api.Snapshot, Answer: api.Answer, Runs: journal, RunAnswer: api.RunAnswer,
	})}
	settings.Ready = journal.Healthy
	settings.Operations, settings.Accounts = s.engine.Operations, s.engine.Reader
	s.handler = api.New(s.engine.Engine, settings)
	return s
}

// keyed has the shop need API keys: one for each merchant, with its rights. They are given as headers.
func (s *shop) keyed(t *testing.T, settings api.Settings, rights map[string][]access.Right) map[string][]string {
	t.Helper()
	keys, err := access.Load(t.Context(), s.journal, access.Settings{})
	require.NoError(t, err)
	headers := map[string][]string{}
	for merchant, given := range rights {
		_, token, err := keys.Make(t.Context(), access.CommandLine(),
			access.Request{Merchant: merchant, Name: merchant, Rights: given})
		require.NoError(t, err)
		headers[merchant] = []string{"Authorization", "Bearer " + token}
	}
	settings.Keys, settings.Ready = keys, s.journal.Healthy
	settings.Audit = audit.New(s.journal, time.Now, slog.New(slog.DiscardHandler))
	settings.Operations, settings.Accounts = s.engine.Operations, s.engine.Reader
	s.handler = api.New(s.engine.Engine, settings)
	return headers
}

// crash takes the journal away from under whatever is on its way, as the end of the process does: nothing that was not
// written will be.
func (s *shop) crash(t *testing.T) {
	t.Helper()
	require.NoError(t, s.journal.Close())
	ctx, stop := context.WithCancel(context.Background())
	stop()
	_ = s.engine.Shutdown(ctx)
}

func (s *shop) close(t *testing.T) {
	t.Helper()
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	require.NoError(t, s.engine.Shutdown(ctx))
	require.NoError(t, s.journal.Close())
}

// ask serves a request; headers are names and values in turn.
func (s *shop) ask(method, path, body string, headers ...string) *httptest.ResponseRecorder {
	request := httptest.NewRequest(method, path, strings.NewReader(body))
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Add(headers[i], headers[i+1])
	}
	recorder := httptest.NewRecorder()
	s.handler.ServeHTTP(recorder, request)
	return recorder
}

// askOnce is ask, with headers that take the place of those it would set.
func (s *shop) askOnce(method, path, body string, headers ...string) *httptest.ResponseRecorder {
	request := httptest.NewRequest(method, path, strings.NewReader(body))
	request.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Content-Type" {
			request.Header.Del(headers[i])
		}
		request.Header.Add(headers[i], headers[i+1])
	}
	recorder := httptest.NewRecorder()
	s.handler.ServeHTTP(recorder, request)
	return recorder
}

func orderOf(amount string) string {
	return fmt.Sprintf(`{"amount":"%s","currency":"EUR"}`, amount)
}
