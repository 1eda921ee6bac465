package api_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/access"
	"payrouter/host/api"
	"payrouter/host/store/sqlite"
	"payrouter/host/webhook"
)

// newHooked is a shop with webhooks, and keys of two merchants.
func newHooked(t *testing.T) (*shop, *webhook.Sender) {
	t.Helper()
	s := open(t, t.TempDir(), newProvider(t, says(`{"id":"a-1","status":"paid"}`)).url, api.Settings{})
	t.Cleanup(func() { s.close(t) })
	s.merchants = s.keyed(t, api.Settings{Webhooks: endpointsOf(s.journal)}, map[string][]access.Right{
		"shop": access.Shop.Rights(), "other": access.Shop.Rights(),
	})
	return s, webhook.NewSender(s.journal.Webhooks(), webhook.Settings{AllowPrivate: true})
}

func endpointsOf(journal *sqlite.DB) *webhook.Endpoints {
	return webhook.NewEndpoints(journal.Webhooks(), journal.Webhooks(),
		webhook.EndpointsSettings{AllowHTTP: true, Most: 2})
}

func (s *shop) as(merchant, method, path, body string) *httptest.ResponseRecorder {
	return s.ask(method, path, body, append(s.merchants[merchant], "Idempotency-Key", "k")...)
}

func decode[T any](t *testing.T, answer *httptest.ResponseRecorder, status int) T {
	t.Helper()
	require.Equal(t, status, answer.Code, answer.Body.String())
	var value T
	require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &value))
	return value
}

const endpoints = "/v1/webhook-endpoints"

func TestASecretIsShownOnceAndNeverAgain(t *testing.T) {
	t.Parallel()
	s, _ := newHooked(t)
	answer := s.as("shop", http.MethodPost, endpoints,
		`{"url":"https://shop.example/hook","types":["payment.succeeded"],"description":"ours"}`)
	require.Equal(t, "no-store", answer.Header().Get("Cache-Control"))
	made := decode[api.WebhookEndpoint](t, answer, http.StatusCreated)
	require.True(t, strings.HasPrefix(made.Secret, "whsec_"))
	require.True(t, made.Enabled)
	at := endpoints + "/" + made.ID

	answer = s.as("shop", http.MethodPost, at+"/rotate-secret", `{"overlap_seconds":60}`)
	require.Equal(t, "no-store", answer.Header().Get("Cache-Control"))
	rotated := decode[api.WebhookEndpoint](t, answer, http.StatusOK)
	require.True(t, strings.HasPrefix(rotated.Secret, "whsec_"))
	require.NotEqual(t, made.Secret, rotated.Secret)
	require.WithinDuration(t, time.Now().Add(time.Minute), rotated.PreviousSecretUntil, 30*time.Second)
	for body, overlap := range map[string]time.Duration{
		"": 24 * time.Hour, `{}`: 24 * time.Hour, `{"overlap_seconds":0}`: 0,
	} {
		rotated := decode[api.WebhookEndpoint](t, s.as("shop", http.MethodPost, at+"/rotate-secret", body),
			http.StatusOK)
		require.WithinDuration(t, time.Now().Add(overlap), rotated.PreviousSecretUntil, time.Minute, "after %q", body)
	}

	for _, answer := range []*httptest.ResponseRecorder{
		s.as("shop", http.MethodGet, endpoints, ""), s.as("shop", http.MethodGet, at, ""),
		s.as("shop", http.MethodPatch, at, `{"description":"theirs"}`),
	} {
		require.Equal(t, http.StatusOK, answer.Code)
		require.NotContains(t, answer.Body.String(), "whsec_")
	}
	got := decode[api.WebhookEndpoint](t, s.as("shop", http.MethodGet, at, ""), http.StatusOK)
	require.Equal(t, "theirs", got.Description)
	require.Equal(t, []string{"payment.succeeded"}, got.Types)
}

func TestWebhookEndpointsAreEditedAndDeleted(t *testing.T) {
	t.Parallel()
	s, _ := newHooked(t)
	made := decode[api.WebhookEndpoint](t,
		s.as("shop", http.MethodPost, endpoints, `{"url":"https://shop.example/hook"}`), http.StatusCreated)
	at := endpoints + "/" + made.ID
	edited := decode[api.WebhookEndpoint](t,
		s.as("shop", http.MethodPatch, at,
			`{"url":"https://shop.example/new","types":["payment.failed"],"enabled":false}`), http.StatusOK)
	require.Equal(t, "https://shop.example/new", edited.URL)
	require.Equal(t, []string{"payment.failed"}, edited.Types)
	require.False(t, edited.Enabled)
	require.Equal(t, "by the merchant", edited.DisabledReason)
	edited = decode[api.WebhookEndpoint](t, s.as("shop", http.MethodPatch, at, `{"types":[],"enabled":true}`),
		http.StatusOK)
	require.True(t, edited.Enabled)
	require.Empty(t, edited.Types)

	for _, foreign := range []*httptest.ResponseRecorder{
		s.as("other", http.MethodGet, at, ""), s.as("other", http.MethodPatch, at, `{}`),
		s.as("other", http.MethodDelete, at, ""),
		s.as("other", http.MethodPost, at+"/rotate-secret", ""), s.as("other", http.MethodGet, at+"/deliveries", ""),
		s.as("other", http.MethodPost, at+"/deliveries/evt_1/redeliver", ""),
	} {
		p := decode[api.Problem](t, foreign, http.StatusNotFound)
		require.Equal(t, "urn:payrouter:problem:webhook-not-found", p.Type)
	}
	require.Equal(t, http.StatusNoContent, s.as("shop", http.MethodDelete, at, "").Code)
	require.Equal(t, http.StatusNotFound, s.as("shop", http.MethodGet, at, "").Code)
}

func TestWebhookRequestsThatAreRefused(t *testing.T) {
	t.Parallel()
	s, _ := newHooked(t)
	for body, pointer := range map[string]string{
		`{"url":"ftp://shop.example/"}`:                             "/url",
		`{"url":"https://shop.example/","types":["payment.wrong"]}`: "/types/0",
		`{"url":"https://shop.example/","typos":[]}`:                "/typos",
	} {
		p := decode[api.Problem](t, s.as("shop", http.MethodPost, endpoints, body), http.StatusUnprocessableEntity)
		require.Equal(t, pointer, p.Errors[0].Pointer)
	}
	for range 2 {
		require.Equal(t, http.StatusCreated,
			s.as("shop", http.MethodPost, endpoints, `{"url":"https://shop.example/"}`).Code)
	}
	p := decode[api.Problem](t, s.as("shop", http.MethodPost, endpoints, `{"url":"https://shop.example/"}`),
		http.StatusConflict)
	require.Equal(t, "urn:payrouter:problem:webhook-too-many", p.Type)
	require.Equal(t, http.StatusUnauthorized, s.ask(http.MethodGet, endpoints, "").Code)
	wrong := s.as("shop", http.MethodPut, endpoints+"/we_1", `{}`)
	require.Equal(t, http.StatusMethodNotAllowed, wrong.Code)
	require.Equal(t, "DELETE, GET, PATCH", wrong.Header().Get("Allow"))
}

func TestDeliveriesAreListedAndMadeAgain(t *testing.T) {
	t.Parallel()
	s, sender := newHooked(t)
	var got []string
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter,
		r *http.Request,
	) {
		got = append(got, r.Header.Get("webhook-id"))
	}))
	t.Cleanup(receiver.Close)
	made := decode[api.WebhookEndpoint](t,
		s.as("shop", http.MethodPost, endpoints, `{"url":"`+receiver.URL+`","types":["payment.succeeded"]}`),
		http.StatusCreated)
	at := endpoints + "/" + made.ID + "/deliveries"
	require.Equal(t, http.StatusCreated, s.as("shop", http.MethodPost, "/v1/payments", orderOf("49.90")).Code)
	require.NoError(t, sender.Round(t.Context()))
	require.Len(t, got, 1)

	type page struct {
		Data []api.WebhookDelivery `json:"data"`
		More bool                  `json:"more"`
	}
	listed := decode[page](t, s.as("shop", http.MethodGet, at+"?state=delivered&limit=1", ""), http.StatusOK)
	require.Len(t, listed.Data, 1)
	require.False(t, listed.More)
	d := listed.Data[0]
	require.Equal(t, got[0], d.EventID)
	require.Equal(t, "payment.succeeded", d.Type)
	require.Equal(t, http.StatusOK, d.Status)
	require.True(t, d.NextTry.IsZero())

	again := decode[api.WebhookDelivery](t, s.as("shop", http.MethodPost, at+"/"+d.EventID+"/redeliver", ""),
		http.StatusAccepted)
	require.Equal(t, "pending", again.State)
	require.False(t, again.NextTry.IsZero())
	require.NoError(t, sender.Round(t.Context()))
	require.Equal(t, []string{d.EventID, d.EventID}, got)
	require.Equal(t, http.StatusOK, s.as("shop", http.MethodPatch, endpoints+"/"+made.ID, `{"enabled":false}`).Code)
	p := decode[api.Problem](t, s.as("shop", http.MethodPost, at+"/"+d.EventID+"/redeliver", ""), http.StatusConflict)
	require.Equal(t, "urn:payrouter:problem:webhook-disabled", p.Type)
}
