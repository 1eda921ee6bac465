package journal

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/attempt"
	"payrouter/host/payment"
	"payrouter/host/store/sqlite"
)

func sample() template {
	at := time.UnixMilli(1_772_366_400_000).UTC()
	p := payment.Payment{
		ID: "pay_00000000000000000000000001", Merchant: "shop", Status: payment.RequiresAction, Version: 2,
		CreatedAt: at, UpdatedAt: at, Provider: "cryptogram", ProviderReference: "one",
		NextCheck: at, Order: payment.Order{Kind: payment.Collect, Amount: "49.90", Currency: "EUR"},
	}
	entry := func(id string, kind payment.EntryType) payment.Entry {
		return payment.Entry{
			ID: id, PaymentID: p.ID, Merchant: p.Merchant, Type: kind, At: at, Snapshot: []byte(`{"id":"` + p.ID + `"}`),
		}
	}
	return template{
		payment: p,
		attempts: []attempt.Attempt{{
			ID: "att_1", Owner: p.OwnerID(), Number: 1, Provider: "cryptogram", Operation: "create", Reference: "r",
			SendBefore: at, StartedAt: at, Event: "accepted", FinishedAt: at,
		}},
		entries: []payment.Entry{entry("evt_1", payment.PaymentCreated), entry("evt_2", payment.PaymentRequiresAction)},
		key: attempt.Key{
			Merchant: "shop", Value: "k", Fingerprint: "f", Owner: p.OwnerID(), Status: 201, Body: []byte(p.ID),
		},
	}
}

// A large journal has as many payments as it was asked for, over a year, of which none waits for anything: a router
// that starts on it has nothing to do.
func TestALargeJournalIsAtRest(t *testing.T) {
	t.Parallel()
	const count = 300
	dir, until := t.TempDir(), time.UnixMilli(1_800_000_000_000)
	ids, err := sample().fill(t.Context(), dir, count, until)
	require.NoError(t, err)
	require.Len(t, ids, count)

	db, err := sqlite.Open(t.Context(), dir)
	require.NoError(t, err)
	defer db.Close()
	all, _, err := db.Payments(t.Context(), payment.Filter{Limit: 2 * count})
	require.NoError(t, err)
	require.Len(t, all, count)
	statuses := map[payment.Status]int{}
	for _, p := range all {
		statuses[p.Status]++
		require.False(t, p.CreatedAt.Before(until.Add(-spread)) || p.CreatedAt.After(until), p.CreatedAt)
	}
	require.Equal(t, map[payment.Status]int{
		payment.Canceled: 3, payment.Failed: 9, payment.Expired: 18, payment.Succeeded: 270,
	}, statuses)
	waiting, err := db.Waiting(t.Context())
	require.NoError(t, err)
	require.Empty(t, waiting)
	unfinished, err := db.Unfinished(t.Context(), "", 1)
	require.NoError(t, err)
	require.Empty(t, unfinished)

	p, err := db.Payment(t.Context(), ids[7])
	require.NoError(t, err)
	require.Equal(t, referenceOf(7), p.Reference)
	key, err := db.Key(t.Context(), "shop", p.Reference)
	require.NoError(t, err)
	require.Equal(t, attempt.Key{
		Merchant: "shop", Value: p.Reference, Fingerprint: "f", Owner: p.OwnerID(), Status: 201, Body: []byte(p.ID),
		CreatedAt: p.CreatedAt,
	}, *key)
	entries, err := db.Timeline(t.Context(), p.ID)
	require.NoError(t, err)
	require.Len(t, entries, 2)
	require.JSONEq(t, `{"id":"`+p.ID+`"}`, string(entries[1].Snapshot))
}
