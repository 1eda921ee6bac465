package payment_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"payrouter/abi/guest"
	"payrouter/abi/jsontext"
	abi "payrouter/abi/v1"
	"payrouter/host/approval"
	"payrouter/host/attempt"
	"payrouter/host/egress"
	"payrouter/host/payment"
	"payrouter/host/payment/paymenttest"
	"payrouter/host/routing"
	"payrouter/host/store/sqlite"
	"payrouter/host/store/sqlite/sqlitetest"
)

// probe is a connector whose create has whatever idempotency a test asks for. Its provider speaks JSON: {"id","status"}
// or {"error"}.
type probe struct {
	name string
	// kind is of the payments that it takes; unspecified means collect.
	kind abi.Kind
	// number is its generation's; 0 means 1.
	number      int64
	idempotency abi.Idempotency
	// revocable: a decline is not final.
	revocable bool
	// blind: a look-up finds nothing by our reference.
	blind       bool
	settleAfter time.Duration
	required    []string
	precisions  []*abi.Precision
	// expires: the provider ends what is not paid in time.
	expires bool
	prepare func(call *abi.Call) (*abi.Step, error)
}

func (p *probe) Manifest() *abi.Manifest {
	form := &abi.ReferenceForm{Alphabet: "abcdefghijklmnopqrstuvwxyz0123456789", Length: 24}
	return &abi.Manifest{
		Name: p.name, Version: "1.0.0", Title: "Probe", MaxSteps: 3,
		Secrets: []*abi.Secret{{Name: "token", Summary: "its token"}},
		Flows: []*abi.Flow{{
			Kind: cmp.Or(p.kind, abi.Kind_KIND_COLLECT), Currencies: []string{"EUR", "PRB"}, Required: p.required,
			Precisions: p.precisions, Expires: p.expires,
			Actions: []*abi.Action{
				{Role: abi.Role_ROLE_CREATE, Operation: "create"},
				{Role: abi.Role_ROLE_LOOKUP, Operation: "lookup"},
				{Role: abi.Role_ROLE_CANCEL, Operation: "cancel"},
				{Role: abi.Role_ROLE_CONFIRM, Operation: "confirm"},
				{Role: abi.Role_ROLE_UPDATE, Operation: "update"},
			},
		}},
		Operations: []*abi.Operation{
			{
				Name: "create", Idempotency: p.idempotency, DeclineIsFinal: !p.revocable, Reference: form,
				SettleAfterMs: p.settleAfter.Milliseconds(),
			},
			{Name: "quote", Idempotency: abi.Idempotency_IDEMPOTENCY_SAFE, DeclineIsFinal: true},
			{
				Name: "lookup", Idempotency: abi.Idempotency_IDEMPOTENCY_SAFE, FindsByReference: !p.blind,
				DeclineIsFinal: true,
			},
			{Name: "cancel", Idempotency: abi.Idempotency_IDEMPOTENCY_SAFE, DeclineIsFinal: true},
			{Name: "confirm", Idempotency: abi.Idempotency_IDEMPOTENCY_NONE, DeclineIsFinal: true},
			{Name: "update", Idempotency: abi.Idempotency_IDEMPOTENCY_SAFE, DeclineIsFinal: true},
		},
		Envelope: []*abi.Proof{{Pointer: "/error"}},
		Failures: []*abi.FailureRule{
			{HttpStatus: 429, Meaning: abi.Meaning_MEANING_REFUSED, Code: "rate_limited", Source: "test"},
			{
				HttpStatus: 403, ProviderCode: "403", Meaning: abi.Meaning_MEANING_DECLINED_SOFT,
				Code: "authentication_failed", Source: "test",
			},
			{
				ProviderCode: "token", Meaning: abi.Meaning_MEANING_DECLINED_SOFT, Code: "authentication_failed",
				Source: "test", Final: true,
			},
			{ProviderCode: "busy", Meaning: abi.Meaning_MEANING_REFUSED, Code: "provider_unavailable", Source: "test"},
			{ProviderCode: "limit", Meaning: abi.Meaning_MEANING_DECLINED_SOFT, Code: "limit_exceeded", Source: "test"},
			{
				ProviderCode: "fraud", Meaning: abi.Meaning_MEANING_DECLINED_HARD, Code: "fraud_suspected",
				Source: "test",
			},
			{ProviderCode: "duplicate", Meaning: abi.Meaning_MEANING_DUPLICATE, Code: "duplicate", Source: "test"},
			{ProviderCode: "absent", Meaning: abi.Meaning_MEANING_NOT_FOUND, Code: "not_found", Source: "test"},
		},
	}
}

func (p *probe) Digest() string { return fmt.Sprintf("%064x", p.Number()) }
func (p *probe) Number() int64  { return cmp.Or(p.number, 1) }

func (p *probe) Prepare(_ context.Context, call *abi.Call) (*abi.Step, int64, error) {
	if p.prepare != nil {
		step, err := p.prepare(call)
		return step, 7, err
	}
	body := jsontext.NewObject().String("reference", call.GetReference()).String("of", call.GetCreateReference()).
		Number("amount", call.GetPayment().GetAmount()).String("description", call.GetPayment().GetDescription()).JSON()
	return guest.NewRequest(http.MethodPost, guest.Literal("/"),
		guest.Literal(call.GetOperation())).Bearer("token").JSON(body).Send(nil), 7, nil
}

func (p *probe) Interpret(_ context.Context, in *abi.Interpretation) (*abi.Step, int64, error) {
	answer, err := jsontext.Parse(in.GetResponse().GetBody())
	if code := answer.Text("error"); code != "" || in.GetResponse().GetStatus() == http.StatusTooManyRequests {
		return guest.Rejected(code, "said "+code), 3, nil
	}
	if in.GetResponse().GetStatus() == http.StatusForbidden {
		return guest.Rejected("403", "forbidden"), 3, nil
	}
	if answer.Text("trap") != "" {
		return nil, 3, fmt.Errorf("trapped")
	}
	if err != nil || !answer.IsObject() {
		return guest.Unreadable("not a JSON object"), 3, nil
	}
	if next := answer.Text("next"); next != "" {
		return guest.NewRequest(http.MethodPost, guest.Literal("/"+next)).Bearer("token").Send(nil), 3, nil
	}
	status, known := map[string]abi.Status{
		"open": abi.Status_STATUS_REQUIRES_ACTION, "working": abi.Status_STATUS_PROCESSING,
		"paid":   abi.Status_STATUS_SUCCEEDED,
		"failed": abi.Status_STATUS_FAILED, "canceled": abi.Status_STATUS_CANCELED,
		"expired": abi.Status_STATUS_EXPIRED,
		"unclear": abi.Status_STATUS_UNKNOWN,
	}[answer.Text("status")]
	if !known {
		return guest.Unreadable("no status"), 3, nil
	}
	outcome := guest.Accepted(status, answer.Text("id"))
	outcome.EchoedReference = answer.Text("reference")
	if amount, ok := answer.Decimal("amount"); ok {
		outcome.Amount = guest.Money(amount, cmp.Or(answer.Text("currency"), "EUR"))
	}
	if received, ok := answer.Decimal("received"); ok {
		outcome.Received = guest.Money(received, cmp.Or(answer.Text("received_currency"), "EUR"))
	}
	if status == abi.Status_STATUS_FAILED {
		outcome.Failure = &abi.Failure{ProviderCode: "fraud", Message: "failed later"}
	}
	if status == abi.Status_STATUS_REQUIRES_ACTION {
		outcome.NextAction = guest.RedirectTo("https://pay.example/" + answer.Text("id"))
	}
	return guest.Done(outcome), 3, nil
}

// asked is a request that a provider saw.
type asked struct {
	operation, reference, of, description, authorization string
}

// provider is a real server on loopback that a test makes behave or misbehave, request by request.
type provider struct {
	url     string
	mutex   sync.Mutex
	asked   []asked
	answers []http.HandlerFunc
	usual   http.HandlerFunc
}

// newProvider answers with answers in turn, and then as usual.
func newProvider(t *testing.T, usual http.HandlerFunc, answers ...http.HandlerFunc) *provider {
	t.Helper()
	p := &provider{usual: usual, answers: answers}
	server := httptest.NewServer(http.HandlerFunc(p.serve))
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

func (p *provider) serve(w http.ResponseWriter, r *http.Request) {
	text, _ := io.ReadAll(r.Body)
	body, _ := jsontext.Parse(text)
	p.mutex.Lock()
	p.asked = append(p.asked,
		asked{
			strings.TrimPrefix(r.URL.Path, "/"), body.Text("reference"), body.Text("of"), body.Text("description"),
			r.Header.Get("Authorization"),
		})
	answer := p.usual
	if len(p.answers) > 0 {
		answer, p.answers = p.answers[0], p.answers[1:]
	}
	p.mutex.Unlock()
	answer(w, r)
}

func (p *provider) requests() []asked {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return append([]asked(nil), p.asked...)
}

// says answers the same each time, but for "*": that is another number in each answer, as ids of objects are.
func says(text string) http.HandlerFunc {
	var answers atomic.Int64
	return func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, strings.ReplaceAll(text, "*", strconv.FormatInt(answers.Add(1), 10)))
	}
}

func fails(status int, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text)
	}
}

// resets books what it was asked, and breaks the connection with a reset.
func resets(w http.ResponseWriter, _ *http.Request) {
	connection, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	_ = connection.(*net.TCPConn).SetLinger(0)
	_ = connection.Close()
}

// hangsUp ends the connection without an answer.
func hangsUp(w http.ResponseWriter, _ *http.Request) {
	connection, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	_ = connection.Close()
}

// truncates promises more than it sends.
func truncates(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "500")
	_, _ = io.WriteString(w, `{"id":"t-1","status":"paid"`)
}

// silence never answers: it lasts as long as the client has patience.
func silence(_ http.ResponseWriter, r *http.Request) {
	<-r.Context().Done()
}

// house is an engine over real parts: a journal on disk, connections to loopback.
type harness struct {
	engine  *paymenttest.Stack
	journal *sqlite.DB
	log     *strings.Builder
}

type probed struct {
	name      string
	connector paymenttest.Plugin
	url       string
	breaker   egress.BreakerSettings
	tries     int
	timeout   time.Duration
}

func newHarness(t *testing.T, settings paymenttest.Settings, accounts ...probed) *harness {
	t.Helper()
	return furnish(t, openJournal(t, settings), settings, accounts...)
}

// openJournal opens an empty journal that goes by the settings' clock.
func openJournal(t *testing.T, settings paymenttest.Settings) *sqlite.DB {
	t.Helper()
	if settings.Now == nil {
		settings.Now = time.Now
	}
	return sqlitetest.Open(t, sqlite.Now(settings.Now))
}

// runsHarness is a house whose engine keeps runs.
func runsHarness(t *testing.T, settings paymenttest.Settings, accounts ...probed) *harness {
	t.Helper()
	journal := openJournal(t, settings)
	settings.Runs = journal
	return furnish(t, journal, settings, accounts...)
}

func furnish(t *testing.T, journal *sqlite.DB, settings paymenttest.Settings, accounts ...probed) *harness {
	t.Helper()
	return furnishWith(t, journal, journal, settings, accounts...)
}

// furnishWith has the engine use a journal that stands before the harness's own.
func furnishWith(t *testing.T, journal *sqlite.DB, before payment.Journal, settings paymenttest.Settings,
	accounts ...probed,
) *harness {
	t.Helper()
	h := &harness{journal: journal, log: &strings.Builder{}}
	if settings.Logger == nil {
		settings.Logger = slog.New(slog.NewTextHandler(h.log, nil))
	}
	if settings.Hold == nil {
		settings.Hold = journal.Hold
	}
	if settings.Doubtful == nil {
		settings.Doubtful = journal.Doubtful
	}
	if settings.Clock == nil {
		settings.Clock = journal.Clock
	}
	engine := paymenttest.New(before, newFleet(t, accounts...), settings)
	h.engine = engine
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		require.NoError(t, engine.Shutdown(ctx))
	})
	return h
}

// secretToken is what every probe's provider is authenticated with.
const secretToken = "probe-token-made-up-0123456789"

func newFleet(t *testing.T, accounts ...probed) *payment.Fleet {
	t.Helper()
	fleet := &payment.Fleet{Fleet: attempt.Fleet{Accounts: map[string]*attempt.Account{}}}
	var names []string
	var providers []routing.Provider
	for _, a := range accounts {
		client, err := egress.New(egress.Settings{
			Provider: a.name, BaseURL: a.url, Secrets: map[string]string{"token": secretToken}, AllowPrivate: true,
			Timeout: cmp.Or(a.timeout, 300*time.Millisecond),
			Retry: egress.RetrySettings{
				MaxTries: max(a.tries, 1), BaseDelay: time.Millisecond,
				MaxDelay: time.Millisecond, RetryAfterCap: time.Millisecond,
			}, Breaker: a.breaker,
		})
		require.NoError(t, err)
		t.Cleanup(client.Close)
		connected := paymenttest.Connect(a.connector)
		fleet.Accounts[a.name] = &attempt.Account{
			Name:   a.name,
			Plugin: func(string) attempt.Connector { return connected }, Egress: client, Settings: []byte("{}"),
		}
		names = append(names, a.name)
		providers = append(providers,
			routing.Provider{
				Name: a.name, Plugin: a.connector.Manifest().GetName(),
				Flows: a.connector.Manifest().GetFlows(),
			})
	}
	fleet.Rules = ruleset(t, providers, fmt.Sprintf("- {name: all, to: [%s]}", strings.Join(names, ", ")))
	return fleet
}

func ruleset(t *testing.T, providers []routing.Provider, text string) *routing.Ruleset {
	t.Helper()
	rules, err := rulesOf(providers, text)
	require.NoError(t, err)
	return rules
}

func rulesOf(providers []routing.Provider, text string) (*routing.Ruleset, error) {
	return approvingRules(providers, text, "[]")
}

// approvingRules has approvals beside the rules.
func approvingRules(providers []routing.Provider, text, approvals string) (*routing.Ruleset, error) {
	var node, approval yaml.Node
	err := errors.Join(yaml.Unmarshal([]byte(text), &node), yaml.Unmarshal([]byte(approvals), &approval))
	if err != nil {
		return nil, err
	}
	document, err := routing.Parse("routing.yaml", node.Content[0], nil, approval.Content[0])
	if err != nil {
		return nil, err
	}
	return routing.Compile(document, providers, "v1")
}

func orderOf(amount string) payment.Order {
	return payment.Order{Kind: payment.Collect, Amount: amount, Currency: "EUR", Country: "DE", Description: "a thing"}
}

// author is a merchant on a router without keys.
func author(merchant string) approval.Author { return approval.Author{Merchant: merchant} }

func (h *harness) create(t *testing.T, key string) payment.Payment {
	t.Helper()
	receipt, err := h.engine.Create(t.Context(), author("shop"),
		attempt.Key{Value: key, Fingerprint: "f"}, orderOf("10.00"),
		time.Minute)
	require.NoError(t, err)
	require.False(t, receipt.Waiting)
	return receipt.Value
}

// decided is the decision on a payment of 10.00, as it is stored.
func (h *harness) decided(id attempt.OwnerID) routing.Stored {
	return h.engine.Fleet().Rules.Store(h.engine.Explain("shop", id, orderOf("10.00")))
}

// trace is the whole decision on a payment; it has to be complete.
func (h *harness) trace(t *testing.T, p payment.Payment) routing.Decision {
	t.Helper()
	whole, err := h.engine.Decision(t.Context(), p.Merchant, p.ID)
	require.NoError(t, err)
	require.Empty(t, whole.Incomplete)
	return whole
}

func (h *harness) attempts(t *testing.T, id string) []attempt.Attempt {
	t.Helper()
	attempts, err := h.engine.Attempts(t.Context(), "shop", id)
	require.NoError(t, err)
	return attempts
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	require.NoError(t, err)
	return string(text)
}

func changeOf(p payment.Payment, attempts ...attempt.Attempt) payment.Change {
	return payment.Change{Payment: p, Attempts: attempts}
}
