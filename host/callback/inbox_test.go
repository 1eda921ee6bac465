package callback_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	abi "payrouter/abi/v1"
	"payrouter/host/attempt"
	"payrouter/host/callback"
	"payrouter/host/egress"
	"payrouter/host/payment"
	"payrouter/host/store/sqlite"
	"payrouter/host/store/sqlite/sqlitetest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

const (
	addressSecret = "addresses-secret-made-up-for-tests-0123456789"
	webhookSecret = "webhook-secret-made-up-for-tests"
)

// reader is a plugin whose callbacks are forms: about (ours), theirs, key, say, and a Signature over the body.
type reader struct {
	mutex sync.Mutex
	seen  []*abi.Callback
	fails bool
	// secret is which one it names; empty is "webhook".
	secret string
}

func (r *reader) Receive(_ context.Context, c *abi.Callback) (*abi.Receipt, int64, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.seen = append(r.seen, c)
	if r.fails {
		return nil, 0, errors.New("trapped")
	}
	receipt := &abi.Receipt{Reply: &abi.CallbackReply{Status: 202, ContentType: "text/x-heard", Body: []byte("*ok*")}}
	form, err := url.ParseQuery(string(c.GetBody()) + "&" + c.GetQuery())
	if err != nil || form.Get("about")+form.Get("theirs") == "" {
		receipt.Trust = abi.Receipt_TRUST_IGNORE
		return receipt, 0, nil
	}
	receipt.Trust = abi.Receipt_TRUST_LOOK_UP
	receipt.Reference, receipt.ProviderReference, receipt.DedupeKey = form.Get("about"), form.Get("theirs"), form.Get(
		"key")
	for _, h := range c.GetHeaders() {
		if h.GetName() != "Signature" {
			continue
		}
		receipt.Trust, receipt.SignatureValue = abi.Receipt_TRUST_SIGNED, h.GetValue()
		receipt.Signature = &abi.Signature{
			Algorithm: abi.Signature_ALGORITHM_HMAC_SHA256, Secret: "webhook" + r.secret,
			Encoding: abi.Signature_ENCODING_HEX,
			Parts:    []*abi.SignedPart{{Part: &abi.SignedPart_Body{Body: true}}},
		}
		receipt.Outcome = &abi.Outcome{Verdict: abi.Verdict_VERDICT_ACCEPTED, Status: abi.Status_STATUS_SUCCEEDED}
	}
	return receipt, 0, nil
}

// engine replaces the payments' engine: it knows some by reference, and answers as a test sets it.
type engine struct {
	mutex    sync.Mutex
	payments map[string]string
	err      error
	// found is the state of every payment.
	found   payment.Payment
	words   []payment.Report
	lookups []payment.Report
	alerts  []string
	// during happens while a provider is asked.
	during func()
}

func (e *engine) Alert(_ context.Context, paymentID, callbackID, alert string) error {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	e.alerts = append(e.alerts, paymentID+" "+callbackID+": "+alert)
	return nil
}

func (e *engine) Find(_ context.Context, _ string, r payment.Report) (payment.Payment, error) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	for _, reference := range []string{r.Reference, r.ProviderReference} {
		if id, known := e.payments[reference]; known {
			p := e.found
			p.ID = id
			return p, nil
		}
	}
	return payment.Payment{}, fmt.Errorf("find: %w", payment.ErrNotFound)
}

func (e *engine) Report(ctx context.Context, provider string, r payment.Report) (payment.Payment, error) {
	p, err := e.Find(ctx, provider, r)
	if err != nil {
		return p, err
	}
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if e.during != nil {
		e.during()
	}
	if r.Outcome != nil {
		e.words = append(e.words, r)
	} else {
		e.lookups = append(e.lookups, r)
	}
	return p, e.err
}

func (e *engine) know(reference, id string) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	e.payments[reference] = id
}

func (e *engine) say(err error) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	e.err = err
}

func (e *engine) counts() (words, lookups int) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	return len(e.words), len(e.lookups)
}

// store can be made to fail, and records its calls.
type store struct {
	*sqlite.DB
	mutex   sync.Mutex
	fails   bool
	kept    []callback.Callback
	settled map[string]callback.Callback
}

func (s *store) KeepCallback(ctx context.Context, c callback.Callback) error {
	s.mutex.Lock()
	fails := s.fails
	s.kept = append(s.kept, c)
	s.mutex.Unlock()
	if fails {
		return attempt.ErrJournal
	}
	return s.DB.KeepCallback(ctx, c)
}

func (s *store) SettleCallback(ctx context.Context, c callback.Callback, again time.Time) error {
	s.mutex.Lock()
	s.settled[c.ID] = c
	s.mutex.Unlock()
	return s.DB.SettleCallback(ctx, c, again)
}

// last is how the callback that came last stands, as far as it was acted on.
func (s *store) last() callback.Callback {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.settled[s.kept[len(s.kept)-1].ID]
}

type clock struct {
	mutex sync.Mutex
	now   time.Time
}

func (c *clock) read() time.Time {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.now
}

func (c *clock) advance(by time.Duration) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.now = c.now.Add(by)
}

type harness struct {
	inbox     *callback.Inbox
	addresses callback.Addresses
	engine    *engine
	store     *store
	plugin    *reader
	clock     *clock
	log       *strings.Builder
	settings  callback.Settings
	url       string
}

func newHarness(t *testing.T, settings callback.Settings) *harness {
	t.Helper()
	now := &clock{now: time.Now()}
	db := sqlitetest.Open(t, sqlite.Now(now.read))
	client, err := egress.New(egress.Settings{
		Provider: "a", BaseURL: "https://a.example",
		Secrets: map[string]string{"webhook": webhookSecret},
	})
	require.NoError(t, err)
	addresses, err := callback.NewAddresses("https://pay.example", []byte(addressSecret))
	require.NoError(t, err)
	h := &harness{
		addresses: addresses,
		engine:    &engine{payments: map[string]string{"known": "pay_1", "their-1": "pay_1", "second": "pay_2"}},
		store:     &store{DB: db, settled: map[string]callback.Callback{}}, plugin: &reader{}, clock: now,
		log: &strings.Builder{},
	}
	settings.Addresses, settings.Now, settings.Logger = addresses, h.clock.read, slog.New(slog.NewTextHandler(h.log,
		nil))
	settings.Accounts = func() (map[string]callback.Account, func()) {
		return map[string]callback.Account{"a": {Plugin: h.plugin, Verifier: client, Settings: []byte(`{"x":1}`)}},
			func() {}
	}
	if settings.ArrivalsPerSecond == 0 {
		settings.ArrivalsPerSecond = 1 << 20
	}
	h.settings = settings
	h.restart(t)
	return h
}

// restart makes a new inbox over what the old one left in the store.
func (h *harness) restart(t *testing.T) {
	t.Helper()
	h.inbox = callback.NewInbox(h.store, h.engine, h.settings)
	server := httptest.NewServer(h.inbox)
	t.Cleanup(server.Close)
	h.url = server.URL
}

type answered struct {
	status int
	kind   string
	body   string
}

// ask sends a callback to one of the router's addresses.
func (h *harness) ask(t *testing.T, method, address, query, body string, header http.Header) answered {
	t.Helper()
	at, err := url.Parse(address)
	require.NoError(t, err)
	r, err := http.NewRequestWithContext(t.Context(), method, h.url+at.Path+query, strings.NewReader(body))
	require.NoError(t, err)
	maps.Copy(r.Header, header)
	answer, err := http.DefaultTransport.RoundTrip(r)
	require.NoError(t, err)
	defer func() { require.NoError(t, answer.Body.Close()) }()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answered{answer.StatusCode, answer.Header.Get("Content-Type"), string(text)}
}

func (h *harness) post(t *testing.T, body string, signature ...string) {
	t.Helper()
	header := http.Header{}
	if len(signature) > 0 {
		header["Signature"] = signature
	}
	require.Equal(t, answered{202, "text/x-heard", "*ok*"},
		h.ask(t, http.MethodPost, h.addresses.Account("a"), "", body, header))
}

func signatureOf(body string) string {
	mac := hmac.New(sha256.New, []byte(webhookSecret))
	mac.Write([]byte(body))
	return hex.EncodeToString(mac.Sum(nil))
}

// later acts on what is due after a while.
func (h *harness) later(t *testing.T, by time.Duration) {
	t.Helper()
	h.clock.advance(by)
	h.inbox.Round(t.Context())
}

func (h *harness) requireCounts(t *testing.T, words, lookups int) {
	t.Helper()
	gotWords, gotLookups := h.engine.counts()
	require.Equal(t, words, gotWords, "words believed")
	require.Equal(t, lookups, gotLookups, "look-ups")
}
