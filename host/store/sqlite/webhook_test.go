package sqlite

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/attempt"
	"payrouter/host/payment"
	"payrouter/host/webhook"
)

func endpointOf(n int) webhook.Endpoint {
	p, _ := sample(n)
	return webhook.Endpoint{
		ID: fmt.Sprintf("we_%026d", n), Merchant: p.Merchant, URL: "https://shop.example/hook",
		Secret: "whsec_bWFkZSB1cA==", CreatedAt: p.CreatedAt,
	}
}

// addEvents makes the nth payment, with so many events.
func addEvents(tb testing.TB, db *DB, n, events int) {
	tb.Helper()
	p, key := sample(n)
	change := changeOf(p)
	for i := range events {
		change.Entries = append(change.Entries, payment.Entry{
			ID: fmt.Sprintf("evt_%013d%013d", n, i), PaymentID: p.ID, Merchant: p.Merchant,
			Type: payment.PaymentUpdated, At: p.CreatedAt,
			ChangeCause: payment.ChangeCause{Cause: payment.ByPoll}, Snapshot: json.RawMessage(`{"id": 1}`),
		})
	}
	_, err := db.Create(tb.Context(), change, key)
	require.NoError(tb, err)
}

func spread(tb testing.TB, db *DB, now time.Time) {
	tb.Helper()
	for more := true; more; {
		var err error
		more, err = db.Webhooks().Spread(tb.Context(), now)
		require.NoError(tb, err)
	}
}

func TestWebhookEndpointsComeBackAsTheyWere(t *testing.T) {
	t.Parallel()
	db := openNew(t)
	at := endpointOf(1).CreatedAt
	full := webhook.Endpoint{
		ID: "we_2", Merchant: "shop", URL: "https://shop.example/", Description: "d",
		Types: []payment.EntryType{payment.PaymentFailed}, Secret: "whsec_Yg==",
		Previous: "whsec_YQ==", PreviousUntil: at.Add(1), CreatedAt: at, DisabledAt: at.Add(2), DisabledReason: "r",
		HeldUntil:    at.Add(3),
		FailingSince: at.Add(4), DeliveredAt: at.Add(5),
	}
	want := []webhook.Endpoint{endpointOf(1), full}
	for _, e := range want {
		require.NoError(t, db.Webhooks().Create(t.Context(), e, 9))
	}
	got, err := db.Webhooks().List(t.Context(), "shop")
	require.NoError(t, err)
	require.Equal(t, want, got)

	changed, err := db.Webhooks().Change(t.Context(), "shop", "we_2", func(e *webhook.Endpoint) error {
		*e = webhook.Endpoint{
			ID: e.ID, Merchant: e.Merchant, URL: "https://shop.example/2", Secret: "whsec_Yw==",
			CreatedAt: e.CreatedAt,
		}
		return nil
	})
	require.NoError(t, err)
	got, err = db.Webhooks().List(t.Context(), "shop")
	require.NoError(t, err)
	require.Equal(t, changed, got[1])

	refusal := errors.New("no")
	_, err = db.Webhooks().Change(t.Context(), "shop", "we_2", func(e *webhook.Endpoint) error {
		e.URL = "https://elsewhere.example/"
		return refusal
	})
	require.ErrorIs(t, err, refusal)
	got, err = db.Webhooks().List(t.Context(), "shop")
	require.NoError(t, err)
	require.Equal(t, changed, got[1], "what is refused is not written")
}

func TestEachTryIsClaimedByOne(t *testing.T) {
	t.Parallel()
	db := openNew(t)
	e := endpointOf(1)
	require.NoError(t, db.Webhooks().Create(t.Context(), e, 9))
	addEvents(t, db, 1, 200)
	now := e.CreatedAt
	spread(t, db, now)
	claims := make(chan int64, 1000)
	var claimers sync.WaitGroup
	for range 8 {
		claimers.Go(func() {
			for {
				jobs, err := db.Webhooks().Claim(t.Context(),
					webhook.Wish{Now: now, Until: now.Add(time.Minute), Limit: 7, PerEndpoint: 7})
				if err != nil {
					panic(err)
				}
				for _, job := range jobs {
					claims <- job.Delivery.Sequence
				}
				left, err := db.Webhooks().Claim(t.Context(),
					webhook.Wish{Now: now, Until: now.Add(time.Minute), Limit: 1, PerEndpoint: 1})
				if err != nil {
					panic(err)
				}
				for _, job := range left {
					claims <- job.Delivery.Sequence
				}
				if pending, err := db.Webhooks().readyTries(t.Context(), e, now, 1); err != nil || len(pending) == 0 {
					return
				}
			}
		})
	}
	claimers.Wait()
	close(claims)
	var all []int64
	for sequence := range claims {
		all = append(all, sequence)
	}
	slices.Sort(all)
	require.Len(t, all, 200)
	require.Len(t, slices.Compact(all), 200)
}

func TestClaimsKeepToTheirLimits(t *testing.T) {
	t.Parallel()
	db := openNew(t)
	for n := range 3 {
		require.NoError(t, db.Webhooks().Create(t.Context(), endpointOf(n), 9))
	}
	addEvents(t, db, 1, 10)
	now := endpointOf(1).CreatedAt
	spread(t, db, now)
	jobs, err := db.Webhooks().Claim(t.Context(), webhook.Wish{
		Now: now, Until: now.Add(time.Minute), Limit: 5, PerEndpoint: 4,
		Busy: map[string]int{endpointOf(0).ID: 4, endpointOf(1).ID: 2},
	})
	require.NoError(t, err)
	count := map[string]int{}
	for _, job := range jobs {
		count[job.Endpoint.ID]++
		require.Equal(t, job.Endpoint.ID, job.Delivery.EndpointID)
		require.Equal(t, job.Entry.Sequence, job.Delivery.Sequence)
		require.Equal(t, job.Entry.ID, job.Delivery.EventID)
		require.JSONEq(t, `{"id": 1}`, string(job.Entry.Snapshot))
		require.EqualValues(t, 1, job.Delivery.Claim)
		require.Equal(t, 1, job.Delivery.Tries)
		require.Equal(t, now.Add(time.Minute), job.Delivery.Due)
	}
	require.Equal(t, map[string]int{endpointOf(1).ID: 2, endpointOf(2).ID: 3}, count)
}

// An endpoint's place and the deliveries up to it are one write: a crash leaves both or none, and no event is passed
// over.
func TestCrashLosesNoEventOnItsWayToAnEndpoint(t *testing.T) {
	t.Parallel()
	db := openNew(t)
	e := endpointOf(1)
	require.NoError(t, db.Webhooks().Create(t.Context(), e, 9))
	addEvents(t, db, 1, spreadBatch+3)
	more, err := db.Webhooks().Spread(t.Context(), e.CreatedAt)
	require.NoError(t, err)
	require.True(t, more)

	after := openAt(t, copyFiles(t, db.dir.path))
	defer func() { require.NoError(t, after.Close()) }()
	spread(t, after, e.CreatedAt)
	all, err := after.Webhooks().Deliveries(t.Context(), e.ID, webhook.Filter{Limit: 10_000})
	require.NoError(t, err)
	require.Len(t, all, spreadBatch+3)
	for i, d := range all {
		require.EqualValues(t, spreadBatch+3-i, d.Sequence)
	}
}

func TestFailedCommitMovesNoEndpointOn(t *testing.T) {
	t.Parallel()
	db := openNew(t)
	e := endpointOf(1)
	require.NoError(t, db.Webhooks().Create(t.Context(), e, 9))
	addEvents(t, db, 1, spreadBatch)
	limitPages(t, db, pages(t, db))
	_, err := db.Webhooks().Spread(t.Context(), e.CreatedAt)
	require.ErrorIs(t, err, attempt.ErrJournal)
	limitPages(t, db, 1<<30)
	spread(t, db, e.CreatedAt)
	all, err := db.Webhooks().Deliveries(t.Context(), e.ID, webhook.Filter{Limit: 10_000})
	require.NoError(t, err)
	require.Len(t, all, spreadBatch)
}

// Looking for work happens all day: none of it may read a table that grows.
func TestWorkForWebhooksIsFoundThroughIndexes(t *testing.T) {
	t.Parallel()
	db := openNew(t)
	for text, args := range map[string][]any{
		listEndpoints:    {"shop"},
		listBehind:       nil,
		listNext:         {"shop", 1, 9},
		listReady:        {"2026", "2026"},
		listReadyTries:   {"we_1", "2026", 9},
		listDeliveries:   {"we_1", 9, 9},
		listDeliveriesIn: {"we_1", "failed", 9, 9},
		spreadEvent:      {"we_1", 9, "evt_1", "payment.created", "2026"},
		redeliver:        {"we_1", 9, "evt_1", "payment.created", "2026"},
		findDelivery:     {"we_1", 9},
		findEvent:        {"evt_1", "shop"},
		claimTry:         {"2026", "we_1", 1, 1, "2026"},
	} {
		requireNoScan(t, db, text, args)
	}
}

func requireNoScan(t *testing.T, db *DB, text string, args []any) {
	t.Helper()
	rows, err := db.writer.db.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+text, args...)
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	for rows.Next() {
		var id, parent, unused int
		var step string
		require.NoError(t, rows.Scan(&id, &parent, &unused, &step))
		for _, scan := range []string{"SCAN d", "SCAN c", "SCAN change", "SCAN event", "SCAN webhook_delivery"} {
			require.NotContains(t, step, scan, text)
		}
	}
	require.NoError(t, rows.Err())
}
