package api_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/host/access"
	"payrouter/host/api"
)

func eventsOf(t *testing.T, body []byte) (events []api.Event, more bool) {
	t.Helper()
	var page struct {
		Data []api.Event `json:"data"`
		More bool        `json:"more"`
	}
	require.NoError(t, json.Unmarshal(body, &page))
	return page.Data, page.More
}

func TestATimelineShowsThePaymentAsItWasAtEachEvent(t *testing.T) {
	t.Parallel()
	p := newProvider(t, says(`{"id":"a-1","status":"open"}`))
	s := open(t, t.TempDir(), p.url, api.Settings{})
	defer s.close(t)
	made := s.ask(http.MethodPost, "/v1/payments",
		`{"amount":"49.90","currency":"EUR","payer":{"email":"jo@example.org","name":"Jo Bloggs"}}`, "Idempotency-Key",
		"k").Body.String()

	answer := s.ask(http.MethodGet, "/v1/payments/"+idOf(t, made)+"/events", "")

	require.Equal(t, http.StatusOK, answer.Code)
	require.NotContains(t, answer.Body.String(), "jo@example.org")
	require.NotContains(t, answer.Body.String(), "Bloggs")
	events, _ := eventsOf(t, answer.Body.Bytes())
	var types []string
	for _, e := range events {
		types = append(types, e.Type)
		var then api.Payment
		require.NoError(t, json.Unmarshal(e.Payment, &then))
		require.Equal(t, "payment."+then.Status, e.Type)
	}
	require.Equal(t, []string{"payment.created", "payment.processing", "payment.requires_action"}, types)
	require.JSONEq(t, made, string(events[2].Payment), "the last event has the payment as it is")
	require.Equal(t, http.StatusNotFound,
		s.ask(http.MethodGet, "/v1/payments/pay_00000000000000000000000000/events", "").Code)
}

func TestAMerchantCatchesUpWithItsEventsAlone(t *testing.T) {
	t.Parallel()
	p := newProvider(t, says(`{"id":"a-*","status":"open"}`))
	s := open(t, t.TempDir(), p.url, api.Settings{})
	defer s.close(t)
	headers := s.keyed(t, api.Settings{}, map[string][]access.Right{
		"shop": access.Shop.Rights(), "stall": access.Shop.Rights(),
	})
	as := func(merchant string) []string { return headers[merchant] }
	for _, key := range []string{"shop", "stall", "shop"} {
		answer := s.ask(http.MethodPost, "/v1/payments", orderOf("49.90"),
			append(as(key), "Idempotency-Key", t.Name()+string(rune('a'+len(p.creates))))...)
		require.Equal(t, http.StatusCreated, answer.Code)
	}

	var seen []api.Event
	after := "0"
	for more := true; more; {
		var page []api.Event
		answer := s.ask(http.MethodGet, "/v1/events?limit=4&after="+after, "", as("shop")...)
		require.Equal(t, http.StatusOK, answer.Code)
		page, more = eventsOf(t, answer.Body.Bytes())
		require.NotEmpty(t, page)
		seen = append(seen, page...)
		last, err := json.Marshal(page[len(page)-1].Sequence)
		require.NoError(t, err)
		after = string(last)
	}
	require.Len(t, seen, 6)
	payments := map[string]bool{}
	for i, e := range seen {
		payments[e.PaymentID] = true
		if i > 0 {
			require.Greater(t, e.Sequence, seen[i-1].Sequence)
		}
	}
	require.Len(t, payments, 2)
	for _, bad := range []string{"after=-1", "after=x", "limit=0", "limit=501", "other=1"} {
		require.Equal(t, http.StatusUnprocessableEntity,
			s.ask(http.MethodGet, "/v1/events?"+bad, "", as("shop")...).Code, bad)
	}
	require.Equal(t, http.StatusUnauthorized, s.ask(http.MethodGet, "/v1/events", "").Code)
}

func TestOnlyAnOperatorSettlesByHand(t *testing.T) {
	t.Parallel()
	p := newProvider(t, hangsUp)
	s := open(t, t.TempDir(), p.url, api.Settings{})
	defer s.close(t)
	headers := s.keyed(t, api.Settings{}, map[string][]access.Right{
		"shop": access.Shop.Rights(), "desk": access.Operator.Rights(),
	})
	shop, desk := headers["shop"], headers["desk"]
	made := s.ask(http.MethodPost, "/v1/payments", orderOf("49.90"),
		append(shop, "Idempotency-Key", "k")...).Body.String()
	require.Contains(t, made, `"status":"unknown"`)
	path := "/v1/payments/" + idOf(t, made) + "/resolve"
	const resolution = `{"status":"succeeded","reason":"ticket 4711","provider_reference":"a-1"}`

	require.Equal(t, http.StatusForbidden, s.ask(http.MethodPost, path, resolution, shop...).Code)
	for _, bad := range []string{
		`{"status":"succeeded"}`, `{"status":"processing","reason":"x"}`,
		`{"status":"failed","reason":""}`,
	} {
		require.Equal(t, http.StatusUnprocessableEntity, s.ask(http.MethodPost, path, bad, desk...).Code, bad)
	}
	resolved := s.ask(http.MethodPost, path, resolution, desk...)
	require.Equal(t, http.StatusOK, resolved.Code, resolved.Body.String())
	require.Contains(t, resolved.Body.String(), `"status":"succeeded"`)
	require.Equal(t, http.StatusConflict, s.ask(http.MethodPost, path, resolution, desk...).Code)

	events, _ := eventsOf(t, s.ask(http.MethodGet, "/v1/payments/"+idOf(t, made)+"/events", "", shop...).Body.Bytes())
	last := events[len(events)-1]
	require.Equal(t, []string{"payment.succeeded", "operator", "desk", "ticket 4711"},
		[]string{last.Type, last.Cause, last.Operator, last.Reason})
}
