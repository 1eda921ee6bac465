package webhook_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/invalid"
	"payrouter/host/payment"
	"payrouter/host/webhook"
)

func TestAddressesThatAreNotTaken(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	strict := webhook.NewEndpoints(h.db.Webhooks(), h.db.Webhooks(), webhook.EndpointsSettings{Now: h.clock.now})
	for address, why := range map[string]string{
		"":                                  "https://",
		"http://shop.example/hook":          "https://",
		"ftp://shop.example/hook":           "https://",
		"https://":                          "no host",
		"https://:443/hook":                 "no host",
		"https://me:word@shop.example/hook": "user name",
		"https://shop.example/hook#part":    "fragment",
		"https://shop.example/\x7f":         "percent-encoded",
		"https://shop.example/a b":          "percent-encoded",
		"https://shop.example/%zz":          "cannot be read",
		"//shop.example/hook":               "https://",
		"https://shop.example/" + strings.Repeat("a", 2048): "2048",
	} {
		_, err := strict.Create(t.Context(), "shop", webhook.Edit{URL: &address})
		var invalid *invalid.Error
		require.ErrorAs(t, err, &invalid, address)
		require.Equal(t, "/url", invalid.Field)
		require.Contains(t, invalid.Reason, why, address)
	}
	good := "https://shop.example:8443/hook?token=1"
	e, err := strict.Create(t.Context(), "shop", webhook.Edit{URL: &good})
	require.NoError(t, err)
	plain := "http://shop.example/hook"
	_, err = strict.Change(t.Context(), "shop", e.ID, webhook.Edit{URL: &plain})
	require.ErrorContains(t, err, "https://")
	_, err = h.endpoints.Create(t.Context(), "shop", webhook.Edit{URL: &plain})
	require.NoError(t, err, "with AllowHTTP")

	wrong := []payment.EntryType{payment.PaymentCreated, "payment.made_up"}
	_, err = strict.Change(t.Context(), "shop", e.ID, webhook.Edit{Types: &wrong})
	require.ErrorContains(t, err, "types/1")
}

func TestEndpointsAreTheirMerchantsAlone(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	e := h.endpoint(t, "https://shop.example/hook")
	others, err := h.endpoints.List(t.Context(), "other")
	require.NoError(t, err)
	require.Empty(t, others)
	_, err = h.endpoints.Get(t.Context(), "other", e.ID)
	require.ErrorIs(t, err, webhook.ErrNotFound)
	_, err = h.endpoints.Change(t.Context(), "other", e.ID, webhook.Edit{})
	require.ErrorIs(t, err, webhook.ErrNotFound)
	_, err = h.endpoints.Rotate(t.Context(), "other", e.ID, 0)
	require.ErrorIs(t, err, webhook.ErrNotFound)
	_, err = h.endpoints.Deliveries(t.Context(), "other", e.ID, webhook.Filter{})
	require.ErrorIs(t, err, webhook.ErrNotFound)
	event := h.event(t, "shop", payment.PaymentCreated)
	_, err = h.endpoints.Redeliver(t.Context(), "other", e.ID, event.ID)
	require.ErrorIs(t, err, webhook.ErrNotFound)
	foreign := h.event(t, "other", payment.PaymentCreated)
	_, err = h.endpoints.Redeliver(t.Context(), "shop", e.ID, foreign.ID)
	require.ErrorIs(t, err, webhook.ErrNotFound)
	require.ErrorIs(t, h.endpoints.Delete(t.Context(), "other", e.ID), webhook.ErrNotFound)

	standing, err := h.endpoints.Get(t.Context(), "shop", e.ID)
	require.NoError(t, err)
	require.Equal(t, e, standing)
	require.NoError(t, h.endpoints.Delete(t.Context(), "shop", e.ID))
	require.ErrorIs(t, h.endpoints.Delete(t.Context(), "shop", e.ID), webhook.ErrNotFound)
}

func TestMerchantsHaveSoManyEndpoints(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	address := "https://shop.example/hook"
	endpoints := webhook.NewEndpoints(h.db.Webhooks(), h.db.Webhooks(),
		webhook.EndpointsSettings{Most: 2, Now: h.clock.now})
	for range 2 {
		_, err := endpoints.Create(t.Context(), "shop", webhook.Edit{URL: &address})
		require.NoError(t, err)
	}
	_, err := endpoints.Create(t.Context(), "shop", webhook.Edit{URL: &address})
	require.ErrorIs(t, err, webhook.ErrTooMany)
	_, err = endpoints.Create(t.Context(), "other", webhook.Edit{URL: &address})
	require.NoError(t, err)
}

func TestSecretsAreFreshAndLong(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	seen := map[webhook.Secret]bool{}
	e := h.endpoint(t, "https://shop.example/hook")
	for range 10 {
		require.False(t, seen[e.Secret])
		seen[e.Secret] = true
		text, found := strings.CutPrefix(string(e.Secret), "whsec_")
		require.True(t, found)
		key, err := base64.StdEncoding.DecodeString(text)
		require.NoError(t, err)
		require.Len(t, key, 32)
		before := e.Secret
		e, err = h.endpoints.Rotate(t.Context(), "shop", e.ID, time.Hour)
		require.NoError(t, err)
		require.Equal(t, before, e.Previous)
	}
}

func TestOldSecretsEndInTime(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	e := h.endpoint(t, "https://shop.example/hook")
	for asked, given := range map[time.Duration]time.Duration{
		-time.Hour: 0, 0: 0, time.Hour: time.Hour,
		10_000 * time.Hour: 30 * 24 * time.Hour,
	} {
		rotated, err := h.endpoints.Rotate(t.Context(), "shop", e.ID, asked)
		require.NoError(t, err)
		require.Equal(t, h.clock.now().Add(given), rotated.PreviousUntil)
	}
}
