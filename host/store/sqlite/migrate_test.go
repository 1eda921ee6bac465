package sqlite

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/attempt"
	"payrouter/host/operation"
	"payrouter/host/payment"
)

func TestMigrationsAreNumberedWithoutAGap(t *testing.T) {
	t.Parallel()
	entries, err := migrations.ReadDir("migration")
	require.NoError(t, err)
	require.NotEmpty(t, entries)
	for i, entry := range entries {
		require.Regexp(t, fmt.Sprintf(`^%03d_[a-z_]+\.sql$`, i+1), entry.Name())
	}
}

func TestDatabaseOfALaterReleaseIsLeftAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db := openAt(t, dir)
	require.NoError(t, create(t, db, 1))
	_, err := db.writer.db.ExecContext(t.Context(),
		`INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, 1)`)
	require.NoError(t, err)
	require.NoError(t, db.Close())

	_, err = Open(t.Context(), dir)
	require.ErrorContains(t, err, "at version 99")
	_, err = Open(t.Context(), dir)
	require.ErrorContains(t, err, "at version 99", "the refused open gave the directory up")
}

func TestFileThatIsNoDatabaseIsRefusedAndLeftAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, databaseName)
	text := []byte(strings.Repeat("somebody's notes\n", 1000))
	require.NoError(t, os.WriteFile(file, text, 0o600))
	_, err := Open(t.Context(), dir)
	require.ErrorContains(t, err, "not a database")
	require.ErrorContains(t, err, file)
	found, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, text, found)
}

// A list that reads the whole table, or sorts what it read, is fast in every test and slow in a year.
func TestListsAreServedByAnIndex(t *testing.T) {
	t.Parallel()
	db := openNew(t)
	for name, test := range map[string]struct {
		text  string
		args  []any
		index string
	}{
		"open":                {listOpen, []any{"", 100}, "attempt_open"},
		"due":                 {listDue, []any{"paygram-eu", 1, 100}, "owner_due"},
		"stranded":            {listStranded, []any{"paygram-eu", 1, 1, 100}, "owner_due"},
		"old keys":            {listOldKeys, []any{1, 100}, "owner_settled"},
		"a spent key":         {findSpent, []any{[]byte("hash")}, "PRIMARY KEY"},
		"a key":               {findKey, []any{1}, "PRIMARY KEY (hash=?)"},
		"a named payment":     {listNamedPayments, []any{1}, "PRIMARY KEY (hash=?)"},
		"owners of an object": {findOwners, []any{1}, "PRIMARY KEY (hash=?)"},
		"a payment":           {findPayment, []any{"pay_1"}, "sqlite_autoindex_owner_1"},
		"a run":               {findRun, []any{"op_1"}, "sqlite_autoindex_owner_1"},
		"unfinished runs":     {listUnfinishedRuns, []any{"", 100}, "owner_unfinished"},
		"changes":             {changesOf, []any{"pay_1"}, "sqlite_autoindex_owner_1"},
		"events":              {listEntries, []any{0, 100}, "INTEGER PRIMARY KEY"},
		"a merchant's events": {listTheirEvents, []any{"shop", 0, 100}, "change_of_merchant"},
		"an endpoint's next":  {listNext, []any{"shop", 0, 100}, "change_of_merchant"},
	} {
		requirePlan(t, db, name, test.index, test.text, test.args)
	}
	for name, test := range map[string]struct {
		filter operation.Filter
		index  string
	}{
		"runs":               {operation.Filter{}, "run_by_id"},
		"runs of a provider": {operation.Filter{Provider: "payplay", Operation: "pay"}, "run_by_id"},
		"a merchant's runs":  {operation.Filter{Merchant: "desk"}, "run_of_merchant_by_id"},
	} {
		text, args := runQuery(test.filter)
		requirePlan(t, db, name, test.index, text, args)
	}
	for name, test := range listPlans() {
		q := listQuery(test.filter)
		for _, end := range q.ends() {
			requirePlan(t, db, name, test.index, end.text, append(end.args, 1))
		}
		text, args := q.page("pay_1", 1)
		if len(test.filter.Status) > 1 { // whose few rows are sorted
			require.Contains(t, planOf(t, db, text, args...), test.index)
			continue
		}
		requirePlan(t, db, name, test.index, text, args)
	}
}

// It is asked every few seconds, while nearly all payments that have not ended wait for their payers.
func TestUnfinishedPaymentsAreFoundThroughIndexesOfWhatIsUnfinished(t *testing.T) {
	t.Parallel()
	steps := planOf(t, openNew(t), listUnfinished, "", 100)
	require.Equal(t, 2, strings.Count(steps, "owner_unfinished (status=? AND id>?)"))
	require.Contains(t, steps, "SCAN a USING INDEX attempt_open")
	requireIndexed(t, steps)
}

// requireIndexed: no table is read whole.
func requireIndexed(t *testing.T, steps string) {
	t.Helper()
	for step := range strings.Lines(steps) {
		require.NotRegexp(t, `^SCAN [a-z_]+\n`, strings.NewReplacer("SCAN chain", "", "SCAN waiting", "").Replace(step))
	}
}

// planOf is how SQLite goes about a query, in lines.
func planOf(t *testing.T, db *DB, text string, args ...any) string {
	t.Helper()
	rows, err := db.reads.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+text, args...)
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	var steps strings.Builder
	for rows.Next() {
		var id, parent, unused int
		var step string
		require.NoError(t, rows.Scan(&id, &parent, &unused, &step))
		steps.WriteString(step + "\n")
	}
	require.NoError(t, rows.Err())
	return steps.String()
}

func TestDeliveriesToForgetAreFoundThroughAnIndex(t *testing.T) {
	t.Parallel()
	db := openNew(t)
	_, chosen, found := strings.Cut(strings.TrimSuffix(purgeDeliveries, ")"), "IN (")
	require.True(t, found)
	requirePlan(t, db, "deliveries to forget", "webhook_delivery_done", chosen, []any{"2026", 100})
}

// undo takes the migrations from a number on back, the last first.
func undo(t *testing.T, db *DB, from int) {
	t.Helper()
	require.NoError(t, revert(t.Context(), db.writer.db, slog.New(slog.DiscardHandler)))
	entries, err := migrations.ReadDir("migration")
	require.NoError(t, err)
	for _, entry := range slices.Backward(entries[from-1:]) {
		text, err := migrations.ReadFile("migration/" + entry.Name())
		require.NoError(t, err)
		_, down, found := strings.Cut(string(text), "-- +goose Down\n")
		require.True(t, found, entry.Name())
		_, err = db.writer.db.ExecContext(t.Context(), down)
		require.NoError(t, err, entry.Name())
	}
}

// What the first release wrote is found by what the second looks for.
func TestSecondMigrationFillsWhatTheFirstReleaseKeptInDocuments(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db := openAt(t, dir)
	require.NoError(t, create(t, db, 1))
	p, _ := sample(1)
	p = processing(p)
	p.Provider, p.ProviderReference = "payplay", "theirs"
	attempt := openAttempt(p)
	attempt.Reference = "ours"
	require.NoError(t, db.Save(t.Context(), changeOf(p, attempt)))
	require.NoError(t, create(t, db, 2))
	paid, _ := sample(2)
	paid.Version, paid.Status = 2, payment.Succeeded
	require.NoError(t, db.Save(t.Context(), changeOf(paid)))
	undo(t, db, 9)
	for _, text := range []string{
		`DROP INDEX idempotency_key_settled`, `ALTER TABLE idempotency_key DROP COLUMN settled_clock`,
		`DROP INDEX attempt_by_reference`,
		`ALTER TABLE attempt DROP COLUMN reference`, `DROP INDEX payment_due`,
		`DROP INDEX payment_by_provider_reference`,
		`ALTER TABLE payment DROP COLUMN next_check`, `ALTER TABLE payment DROP COLUMN provider_reference`,
		`DROP TABLE callback`, `DROP TABLE webhook_delivery`,
		`DROP TABLE webhook_endpoint`, `DROP TABLE event`, `DROP TABLE run`, `DROP TABLE journal`,
		`DROP TABLE journal_event`, `DROP TABLE spent_key`, `DROP TABLE claim`,
		`DELETE FROM goose_db_version WHERE version_id > 1`,
	} {
		_, err := db.writer.db.ExecContext(t.Context(), text)
		require.NoError(t, err, text)
	}
	require.NoError(t, db.Close())

	require.NoError(t, os.Remove(filepath.Join(dir, witnessName)), "no earlier release wrote one")

	clock := &steadyClock{at: time.Now()}
	db = openAt(t, dir, Now(clock.now))
	defer func() { require.NoError(t, db.Close()) }()
	for _, find := range []func() (payment.Payment, error){
		func() (payment.Payment, error) { return db.PaymentByReference(t.Context(), "payplay", "ours") },
		func() (payment.Payment, error) {
			return db.PaymentByProviderReference(t.Context(), "payplay", "theirs")
		},
	} {
		found, err := find()
		require.NoError(t, err)
		require.Equal(t, p, found)
	}
	due, err := db.Due(t.Context(), "payplay", p.UpdatedAt, 0)
	require.NoError(t, err)
	require.Equal(t, []payment.Payment{p}, due)
	// Whenever it was settled by the wall clock, its lifetime begins with the journal's clock.
	clock.advance(time.Hour)
	for _, row := range []struct {
		lifetime time.Duration
		purged   int
	}{{time.Hour, 0}, {time.Hour - time.Millisecond, 1}} {
		purged, err := db.PurgeKeys(t.Context(), row.lifetime, 0)
		require.NoError(t, err)
		require.Equal(t, row.purged, purged)
	}
}

func requirePlan(t *testing.T, db *DB, name, index, text string, args []any) {
	t.Helper()
	steps := planOf(t, db, text, args...)
	require.Contains(t, steps, index, name)
	requireIndexed(t, steps)
	if !strings.Contains(text, "RECURSIVE chain") { // which sorts a payment's few changes
		require.NotContains(t, steps, "TEMP B-TREE", name)
	}
}

// Payments that named an object before there were claims have it: of several the first. The object's type is the
// operation that made it.
func TestSeventhMigrationClaimsWhatPaymentsName(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db := openAt(t, dir)
	name := func(n int, reference string, attempts ...attempt.Attempt) payment.Payment {
		require.NoError(t, create(t, db, n))
		p, _ := sample(n)
		p = processing(p)
		p.Provider, p.ProviderReference = "exchanger", reference
		for i := range attempts {
			made := openAttempt(p)
			made.ID, made.Number, made.Provider = attempt.ID(fmt.Sprintf("att_%d_%d", n, i)), i+1, "exchanger"
			made.Role, made.Operation, made.Idempotency = attempts[i].Role, attempts[i].Operation, attempts[i].Idempotency
			attempts[i] = made
		}
		require.NoError(t, db.Save(t.Context(), changeOf(p, attempts...)))
		return p
	}
	order := []attempt.Attempt{
		{Role: "create", Operation: "get_calc", Idempotency: "safe"},
		{Role: "create", Operation: "create_bid", Idempotency: "none"},
		{Role: "create", Operation: "get_exchanges", Idempotency: "safe"},
		{Role: "lookup", Operation: "bid_info", Idempotency: "none"},
	}
	first := name(1, "77", slices.Clone(order)...)
	name(2, "77", slices.Clone(order)...)
	bare := name(3, "78")
	undo(t, db, 9)
	for _, text := range []string{`DROP TABLE claim`, `DELETE FROM goose_db_version WHERE version_id >= 7`} {
		_, err := db.writer.db.ExecContext(t.Context(), text)
		require.NoError(t, err, text)
	}
	require.NoError(t, db.Close())

	db = openAt(t, dir)
	defer func() { require.NoError(t, db.Close()) }()
	for object, owner := range map[[2]string]string{
		{"create_bid", "77"}: first.ID, {"get_calc", "77"}: "",
		{string(bare.Kind), "78"}: bare.ID,
	} {
		found, err := db.Owner(t.Context(), "exchanger", object[0], object[1])
		require.NoError(t, err)
		require.Equal(t, owner, found, object)
	}
}

// Alerts of earlier releases are texts: the migration reads out of them what the router decides by.
func TestAlertsOfEarlierReleasesGetTheirCodes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db := openAt(t, dir)
	texts := map[string]payment.AlertCode{
		"": "",
		"unknown for long: neither a look-up nor a callback has told":              "overdue",
		"provider paygram-uk is not configured: nobody can be asked":               "unconfigured",
		"an answer by paygrt contradicts the payment, and was not believed: 1 EUR": "contradiction",
		"PayGram holds 3 EUR of it":                                                "report",
	}
	codes := map[string]payment.AlertCode{}
	n := 0
	for text, code := range texts {
		n++
		p, key := sample(n)
		p.Alert = text
		_, err := db.Create(t.Context(), changeOf(p), key)
		require.NoError(t, err)
		codes[p.ID] = code
	}
	undo(t, db, 9)
	_, err := db.writer.db.ExecContext(t.Context(), `DELETE FROM goose_db_version WHERE version_id >= 8`)
	require.NoError(t, err)
	require.NoError(t, db.Close())

	db = openAt(t, dir)
	defer func() { require.NoError(t, db.Close()) }()
	for id, code := range codes {
		p, err := db.Payment(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, code, p.AlertCode, p.Alert)
	}
}
