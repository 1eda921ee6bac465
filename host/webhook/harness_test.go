package webhook_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"payrouter/host/attempt"
	"payrouter/host/payment"
	"payrouter/host/store/sqlite"
	"payrouter/host/store/sqlite/sqlitetest"
	"payrouter/host/webhook"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type clock struct {
	mutex sync.Mutex
	at    time.Time
}

func (c *clock) now() time.Time {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.at
}

func (c *clock) advance(by time.Duration) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.at = c.at.Add(by)
}

// harness is a journal with all that sends from it.
type harness struct {
	db        *sqlite.DB
	clock     *clock
	endpoints *webhook.Endpoints
	sender    *webhook.Sender
	events    int
}

func newHarness(t *testing.T) *harness {
	t.Helper()
	at := &clock{at: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	db := sqlitetest.Open(t, sqlite.Now(at.now))
	h := &harness{db: db, clock: at}
	h.endpoints = webhook.NewEndpoints(db.Webhooks(), db.Webhooks(),
		webhook.EndpointsSettings{AllowHTTP: true, Now: h.clock.now})
	h.sender = h.newSender(webhook.Settings{})
	return h
}

// newSender may reach this machine, goes by the harness's clock, and adds nothing to a pause.
func (h *harness) newSender(settings webhook.Settings) *webhook.Sender {
	settings.AllowPrivate, settings.Now, settings.Chance = true, h.clock.now, func() float64 { return 0 }
	return webhook.NewSender(h.db.Webhooks(), settings)
}

func (h *harness) endpoint(t *testing.T, address string, types ...payment.EntryType) webhook.Endpoint {
	t.Helper()
	e, err := h.endpoints.Create(t.Context(), "shop", webhook.Edit{URL: &address, Types: &types})
	require.NoError(t, err)
	return e
}

// event is written with a new payment; it has no sequence number yet.
func (h *harness) event(t *testing.T, merchant string, what payment.EntryType) payment.Entry {
	t.Helper()
	return h.eventsOf(t, merchant, what)[0]
}

func (h *harness) eventsOf(t *testing.T, merchant string, types ...payment.EntryType) []payment.Entry {
	t.Helper()
	h.events++
	at := h.clock.now()
	p := payment.Payment{
		ID: fmt.Sprintf("pay_%026d", h.events), Merchant: merchant, Status: payment.Created, Version: 1, CreatedAt: at,
		UpdatedAt: at,
		Order:     payment.Order{Kind: payment.Collect, Amount: "49.90", Currency: "EUR"},
	}
	change := payment.Change{Payment: p}
	for i, what := range types {
		change.Entries = append(change.Entries, payment.Entry{
			ID: fmt.Sprintf("evt_%013d%013d", h.events, i), PaymentID: p.ID, Merchant: merchant, Type: what, At: at,
			ChangeCause: payment.ChangeCause{Cause: payment.ByAnswer},
			Snapshot:    json.RawMessage(`{"id":"` + p.ID + `","amount":"49.90"}`),
		})
	}
	earlier, err := h.db.Create(t.Context(), change,
		attempt.Key{Merchant: merchant, Value: p.ID, Fingerprint: "f", Owner: p.OwnerID(), CreatedAt: at})
	require.NoError(t, err)
	require.Nil(t, earlier)
	return change.Entries
}

func (h *harness) round(t *testing.T) {
	t.Helper()
	require.NoError(t, h.sender.Round(t.Context()))
}

func (h *harness) delivery(t *testing.T, e webhook.Endpoint, event payment.Entry) webhook.Delivery {
	t.Helper()
	all, err := h.endpoints.Deliveries(t.Context(), "shop", e.ID, webhook.Filter{})
	require.NoError(t, err)
	for _, d := range all {
		if d.EventID == event.ID {
			return d
		}
	}
	require.Fail(t, "no delivery of "+event.ID)
	return webhook.Delivery{}
}

func (h *harness) standing(t *testing.T, e webhook.Endpoint) webhook.Endpoint {
	t.Helper()
	e, err := h.endpoints.Get(t.Context(), "shop", e.ID)
	require.NoError(t, err)
	return e
}

// visit is one request that a receiver got.
type visit struct {
	header http.Header
	body   []byte
}

func (v visit) event() string { return v.header.Get("webhook-id") }

// receiver is a merchant's server.
type receiver struct {
	*httptest.Server

	mutex  sync.Mutex
	visits []visit
}

// newReceiver answers each visit with a function; nil is 204.
func newReceiver(t *testing.T, answer func(w http.ResponseWriter, r *http.Request, event string)) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		if err != nil {
			return
		}
		r.mutex.Lock()
		r.visits = append(r.visits, visit{request.Header, body})
		r.mutex.Unlock()
		if answer == nil {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		answer(w, request, request.Header.Get("webhook-id"))
	}))
	t.Cleanup(r.Close)
	return r
}

func status(code int) func(http.ResponseWriter, *http.Request, string) {
	return func(w http.ResponseWriter, _ *http.Request, _ string) { w.WriteHeader(code) }
}

// seen are the visits since the last call.
func (r *receiver) seen() []visit {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	visits := r.visits
	r.visits = nil
	return visits
}
