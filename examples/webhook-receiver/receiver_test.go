package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"
)

const secret = "whsec_bWFkZS11cC1mb3ItdGVzdHMtb25seS0zMi1ieXRlcw=="

func body(sequence int, status string) string {
	return fmt.Sprintf(`{"type":"payment.%s","timestamp":"2026-03-01T12:00:00Z","data":{"sequence":%d,"cause":"answer",
		"payment":{"id":"pay_1","status":"%s","amount":"49.90","currency":"EUR","reference":"order-1"}}}`,
		status, sequence, status)
}

// send signs a message with a secret, as of a time, and may spoil it then.
func send(t *testing.T, to http.Handler, id, text, with string, at time.Time, spoil func(*http.Request)) int {
	t.Helper()
	signer, err := standardwebhooks.NewWebhook(with)
	require.NoError(t, err)
	signature, err := signer.Sign(id, at, []byte(text))
	require.NoError(t, err)
	request := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(text))
	request.Header.Set(standardwebhooks.HeaderWebhookID, id)
	request.Header.Set(standardwebhooks.HeaderWebhookTimestamp, fmt.Sprint(at.Unix()))
	request.Header.Set(standardwebhooks.HeaderWebhookSignature, signature)
	if spoil != nil {
		spoil(request)
	}
	recorder := httptest.NewRecorder()
	to.ServeHTTP(recorder, request)
	return recorder.Code
}

func TestRepeatedAndLateMessagesChangeNothing(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	r, err := newReceiver(secret, &out)
	require.NoError(t, err)
	now := time.Now()
	for _, m := range []struct {
		id, text string
	}{
		{"evt_2", body(2, "processing")},
		{"evt_3", body(3, "succeeded")},
		{"evt_3", body(3, "succeeded")},
		{"evt_1", body(1, "created")},
	} {
		require.Equal(t, http.StatusNoContent, send(t, r, m.id, m.text, secret, now, nil))
	}
	require.Equal(t,
		"payment.processing: pay_1 is processing (49.90 EUR, order-1)\npayment.succeeded: pay_1 is succeeded (49.90 "+
			"EUR, order-1)\n", out.String())
}

func TestOnlyGoodSignaturesAreBelieved(t *testing.T) {
	t.Parallel()
	const another = "whsec_YW5vdGhlci1tYWRlLXVwLXNlY3JldC0zMi1ieXRlcyE="
	now, fresh := time.Now(), body(1, "succeeded")
	for _, row := range []struct {
		what   string
		with   string
		at     time.Time
		spoil  func(*http.Request)
		status int
	}{
		{"another's secret", another, now, nil, http.StatusUnauthorized},
		{"an old message", secret, now.Add(-time.Hour), nil, http.StatusUnauthorized},
		{"one from the future", secret, now.Add(time.Hour), nil, http.StatusUnauthorized},
		{
			"no signature", secret, now, func(r *http.Request) { r.Header.Del("webhook-signature") },
			http.StatusUnauthorized,
		},
		{
			"another id", secret, now, func(r *http.Request) { r.Header.Set("webhook-id", "evt_9") },
			http.StatusUnauthorized,
		},
		{"another body", secret, now, func(r *http.Request) {
			r.Body = http.NoBody
		}, http.StatusUnauthorized},
		{
			"another method", secret, now, func(r *http.Request) { r.Method = http.MethodGet },
			http.StatusMethodNotAllowed,
		},
		{"during a rotation", secret, now, func(r *http.Request) {
			r.Header.Set("webhook-signature", "v1,b2xk "+r.Header.Get("webhook-signature"))
		}, http.StatusNoContent},
	} {
		var out strings.Builder
		r, err := newReceiver(secret, &out)
		require.NoError(t, err)
		require.Equal(t, row.status, send(t, r, "evt_1", fresh, row.with, row.at, row.spoil), row.what)
		require.Equal(t, row.status == http.StatusNoContent, out.Len() > 0, row.what)
	}
}

func TestMessagesAreBounded(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	r, err := newReceiver(secret, &out)
	require.NoError(t, err)
	require.Equal(t, http.StatusBadRequest,
		send(t, r, "evt_1", strings.Repeat(" ", maxBody+1), secret, time.Now(), nil))
	require.Equal(t, http.StatusBadRequest, send(t, r, "evt_1", "no JSON", secret, time.Now(), nil))
	_, err = newReceiver("whsec_not base64", &out)
	require.Error(t, err)
}
