package sqlite

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/attempt"
	"payrouter/host/operation"
	"payrouter/host/payment"
	"payrouter/host/webhook"
)

// The directory testdata/former has a journal that the release before the change log wrote, and what that release read
// from it, as JSON.

// former is a data directory with that journal.
func former(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, databaseName), unzipped(t, "payrouter.db.gz"), 0o600))
	return dir
}

func unzipped(t *testing.T, name string) []byte {
	t.Helper()
	file, err := os.Open(filepath.Join("testdata", "former", name))
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	zipped, err := gzip.NewReader(file)
	require.NoError(t, err)
	text, err := io.ReadAll(zipped)
	require.NoError(t, err)
	return text
}

// requireDumped: the journal says what the former release read.
func requireDumped(t *testing.T, dir string) {
	t.Helper()
	db := openAt(t, dir)
	text, err := json.MarshalIndent(dump(t, db), "", "\t")
	require.NoError(t, err)
	require.NoError(t, db.Close())
	require.Equal(t, string(unzipped(t, "journal.json.gz")), string(text))
}

func TestAJournalOfTheFormerReleaseSaysTheSame(t *testing.T) {
	t.Parallel()
	dir := former(t)
	requireDumped(t, dir)
	requireDumped(t, dir)
}

// There and back again: each table of the former release has its rows as it wrote them.
func TestADowngradeLeavesTheFormerReleasesRows(t *testing.T) {
	t.Parallel()
	dir := former(t)
	change(t, dir, `UPDATE payment SET doc = json_set(doc, '$.of_a_former_release', 1) WHERE merchant = 'shop'`)
	rows := tablesOf(t, dir)
	require.Len(t, rows["payment"], 19)
	requireDumped(t, dir)
	require.NoError(t, Downgrade(t.Context(), dir, slog.New(slog.DiscardHandler)))
	for name, before := range rows {
		require.Equal(t, before, tablesOf(t, dir)[name], name)
	}
	require.ErrorContains(t, Downgrade(t.Context(), dir, slog.New(slog.DiscardHandler)), "at version 10")
	requireDumped(t, dir)
}

func change(t *testing.T, dir, text string) {
	t.Helper()
	pool, err := openPool(t.Context(), filepath.Join(dir, databaseName), 1)
	require.NoError(t, err)
	_, err = pool.ExecContext(t.Context(), text)
	require.NoError(t, err)
	require.NoError(t, pool.Close())
}

// tablesOf is the text of all rows that belong to payments.
func tablesOf(t *testing.T, dir string) map[string][]string {
	t.Helper()
	pool, err := openPool(t.Context(), filepath.Join(dir, databaseName), 1)
	require.NoError(t, err)
	defer func() { require.NoError(t, pool.Close()) }()
	all := map[string][]string{}
	for _, table := range []string{
		"payment", "run", "attempt", "event", "idempotency_key", "claim", "spent_key", "webhook_delivery",
	} {
		rows, err := pool.QueryContext(t.Context(), "SELECT * FROM "+table)
		require.NoError(t, err)
		defer func() { require.NoError(t, rows.Close()) }()
		columns, err := rows.Columns()
		require.NoError(t, err)
		for rows.Next() {
			values, into := make([]any, len(columns)), make([]any, len(columns))
			for i := range values {
				into[i] = &values[i]
			}
			require.NoError(t, rows.Scan(into...))
			all[table] = append(all[table], fmt.Sprintf("%q", values))
		}
		require.NoError(t, rows.Err())
		slices.Sort(all[table])
	}
	return all
}

// A conversion that ends anywhere goes on at the next start, and so does a way back.
func TestAConversionThatIsCutOffGoesOn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db := openAt(t, dir)
	var made []payment.Payment
	for n := range 2*convertBatch + 7 {
		p, key := sample(n)
		_, err := db.Create(t.Context(), changeOf(p), key)
		require.NoError(t, err)
		made = append(made, p)
	}
	require.NoError(t, db.Close())
	require.NoError(t, Downgrade(t.Context(), dir, slog.New(slog.DiscardHandler)))

	for n := range 3 {
		ctx, cut := context.WithCancel(t.Context())
		parts := 0
		_, err := Open(ctx, dir, WhileMigrating(func(int64) {
			if parts++; parts > n {
				cut()
			}
		}))
		require.ErrorIs(t, err, context.Canceled, n)
		cut()
		if n > 0 { // which has the tables of this release
			found, err := Check(t.Context(), Journal(dir), "")
			require.NoError(t, err)
			require.Equal(t, map[string]int{"created": len(made)}, found.Payments)
		}
	}
	db = openAt(t, dir)
	for _, p := range made {
		found, err := db.Payment(t.Context(), p.ID)
		require.NoError(t, err)
		require.Equal(t, p, found)
	}
	require.NoError(t, db.Close())
}

// What this release writes, several events in one change among it, goes back and comes again.
func TestWhatThisReleaseWritesGoesBackAndComesAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db := openAt(t, dir)
	require.NoError(t, db.Webhooks().Create(t.Context(), webhook.Endpoint{
		ID: "we_1", Merchant: "default", URL: "https://shop.example", CreatedAt: time.Now(),
	}, 9))
	const payments = 40
	entry := func(p payment.Payment, n int) payment.Entry {
		return payment.Entry{
			ID: fmt.Sprintf("evt_%s_%d", p.ID, n), PaymentID: p.ID, Merchant: p.Merchant, Type: payment.PaymentUpdated,
			At: p.CreatedAt, Snapshot: fmt.Appendf(nil, "{ %d }", n),
		}
	}
	all := make([]payment.Payment, payments)
	for n := range payments {
		p, key := sample(n)
		p.Merchant, key.Merchant = "default", "default"
		p.Provider, p.ProviderReference = "payplay", fmt.Sprint("theirs ", n)
		made := payment.Change{
			Payment: p, Attempts: []attempt.Attempt{openAttempt(p)}, Entries: []payment.Entry{entry(p, 1), entry(p, 2)},
			Claim: &attempt.Claim{Account: "payplay", Object: "Withdrawal", Reference: p.ProviderReference, Owner: p.OwnerID()},
		}
		_, err := db.Create(t.Context(), made, key)
		require.NoError(t, err)
		all[n] = p
	}
	for n, p := range all {
		if n%3 == 0 {
			continue
		}
		over := openAttempt(p)
		over.Event, over.Response = attempt.Accepted, []byte(`{"status": 200}`)
		p.Version, p.Status, p.Attempts = 2, payment.RequiresAction, 1
		p.NextCheck = p.CreatedAt.Add(time.Minute)
		// Further claims: of an account that sorts before, and of the same object again.
		claim := attempt.Claim{
			Account: "cryptogram", Object: "Withdrawal", Reference: p.ProviderReference, Owner: p.OwnerID(),
		}
		if n%2 == 0 {
			claim.Account = "payplay"
		}
		require.NoError(t, db.Save(t.Context(), payment.Change{
			Payment: p, Attempts: []attempt.Attempt{over}, Entries: []payment.Entry{entry(p, 3)},
			Answer: &attempt.Answer{Status: 201, Body: fmt.Appendf(nil, "{ %d }\n", n)}, Claim: &claim,
		}))
		p.Version++
		if n%5 == 0 {
			p.Status = payment.Succeeded
		}
		later := []payment.Entry{entry(p, 4), entry(p, 5)}
		require.NoError(t, db.Save(t.Context(), payment.Change{Payment: p, Entries: later}))
	}
	purged, err := db.PurgeKeys(t.Context(), -1, 2)
	require.NoError(t, err)
	require.Equal(t, 2, purged)
	spread(t, db, time.Now())
	before := dump(t, db)
	require.Len(t, before.Deliveries, 100)
	require.NoError(t, db.Close())
	for range 2 {
		require.NoError(t, Downgrade(t.Context(), dir, slog.New(slog.DiscardHandler)))
		db = openAt(t, dir)
		require.Equal(t, before, dump(t, db))
		require.NoError(t, db.Close())
	}
}

// A payment that does not come back as it was stops the conversion, and stays with the former release.
func TestAConversionThatLosesSomethingIsRefused(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"no JSON":                       `UPDATE payment SET doc = 'x' WHERE id = (SELECT max(id) FROM payment)`,
		"an event of another payment":   `UPDATE event SET doc = json_set(doc, '$.payment_id', 'pay_x') WHERE seq = 7`,
		"an attempt of another payment": `UPDATE attempt SET doc = json_set(doc, '$.payment_id', 'pay_x')`,
		"a number twice":                `UPDATE attempt SET doc = json_set(doc, '$.number', 1)`,
		"another payment's id":          `UPDATE payment SET doc = json_set(doc, '$.id', 'pay_x')`,
	} {
		dir := former(t)
		change(t, dir, text)
		_, err := Open(t.Context(), dir)
		require.ErrorContains(t, err, "migrate", name)
		require.NotContains(t, err.Error(), "shop.example", name)
		_, err = Open(t.Context(), dir)
		require.ErrorContains(t, err, "migrate", name+", again")
	}
}

// dumped is all that a journal says of its payments and runs.
type dumped struct {
	Payments   []payment.Payment
	Runs       []operation.Run
	Input      map[string][]byte
	Attempts   map[string][]attempt.Attempt
	Timeline   map[string][]dumpedEntry
	Keys       map[string]*attempt.Key
	Due        map[string][]string
	Unfinished []string
	Owners     map[string]string
	Deliveries []webhook.Delivery
	Open       []attempt.ID
}

type dumpedEntry struct {
	payment.Entry

	Number   int64
	Snapshot []byte
}

func dump(t *testing.T, db *DB) (d dumped) {
	t.Helper()
	ctx := context.Background()
	var err error
	d.Payments, _, err = db.Payments(ctx, payment.Filter{Limit: 1000})
	require.NoError(t, err)
	d.Runs, err = db.Runs(ctx, operation.Filter{Limit: 1000})
	require.NoError(t, err)
	d.Attempts, d.Timeline, d.Keys = map[string][]attempt.Attempt{}, map[string][]dumpedEntry{}, map[string]*attempt.Key{}
	d.Input, d.Owners = map[string][]byte{}, map[string]string{}
	ids := []string{"op_none"}
	for _, p := range d.Payments {
		ids = append(ids, p.ID)
		for _, object := range []string{"IssueInvoice", "CreateCryptoOrder", "CreatePayment", "Withdrawal", "Recharge"} {
			d.Owners[p.Provider+" "+object+" "+p.ProviderReference], err = db.Owner(ctx, p.Provider, object, p.ProviderReference)
			require.NoError(t, err)
		}
	}
	for _, run := range d.Runs {
		ids = append(ids, run.ID)
		d.Input[run.ID] = run.Input
		d.Input[run.ID+" output"] = run.Output
	}
	for _, id := range ids {
		d.Attempts[id], err = db.Attempts(ctx, id)
		require.NoError(t, err)
		entries, err := db.Timeline(ctx, id)
		require.NoError(t, err)
		for _, e := range entries {
			d.Timeline[id] = append(d.Timeline[id], dumpedEntry{e, e.Sequence, e.Snapshot})
		}
	}
	for _, merchant := range []string{"", "default", "shop", "another"} {
		entries, err := db.Entries(ctx, merchant, 20, 30)
		require.NoError(t, err)
		for _, e := range entries {
			name := "after 20 of " + merchant
			d.Timeline[name] = append(d.Timeline[name], dumpedEntry{e, e.Sequence, e.Snapshot})
		}
	}
	for _, merchant := range []string{"default", "shop", "another"} {
		for _, value := range append(slices.Clone(ids),
			"key-a1", "key-a2", "key-a3", "key-b1", "key-b2", "key-b3", "key-c1", "key-c2", "key-c3", "key-d1", "key-d2",
			"key-d3", "key-e1", "key-e2", "key-e3", "key-f1", "key-g1", "run1", "run2",
		) {
			d.Keys[merchant+" "+value], err = db.Key(ctx, merchant, value)
			require.NoError(t, err)
		}
	}
	d.Due = map[string][]string{}
	waiting, err := db.Waiting(ctx)
	require.NoError(t, err)
	for _, provider := range waiting {
		due, err := db.Due(ctx, provider, time.Date(2026, 12, 1, 1, 20, 0, 0, time.UTC), 0)
		require.NoError(t, err)
		for _, p := range due {
			d.Due[provider] = append(d.Due[provider], p.ID)
		}
	}
	unfinished, err := db.Unfinished(ctx, "", 0)
	require.NoError(t, err)
	for _, p := range unfinished {
		d.Unfinished = append(d.Unfinished, p.ID)
	}
	open, err := db.OpenAttempts(ctx, "", 0)
	require.NoError(t, err)
	for _, a := range open {
		d.Open = append(d.Open, a.ID)
	}
	endpoints, err := db.Webhooks().List(ctx, "default")
	require.NoError(t, err)
	for _, e := range endpoints {
		deliveries, err := db.Webhooks().Deliveries(ctx, e.ID, webhook.Filter{Limit: 100})
		require.NoError(t, err)
		d.Deliveries = append(d.Deliveries, deliveries...)
	}
	return d
}
