package audit_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/audit"
	"payrouter/host/store/sqlite"
)

var at = time.Date(2026, 5, 3, 12, 0, 0, 0, time.UTC)

func open(t *testing.T) *sqlite.DB {
	t.Helper()
	db, err := sqlite.Open(t.Context(), t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func newLog(store audit.Store, lines *strings.Builder) *audit.Log {
	return audit.New(store, func() time.Time { return at }, slog.New(slog.NewTextHandler(lines, nil)))
}

// failing is a store that a disk fails under.
type failing struct {
	audit.Store
	begin, end error
}

func (f failing) BeginAct(ctx context.Context, e audit.Entry) (int64, error) {
	if f.begin != nil {
		return 0, f.begin
	}
	return f.Store.BeginAct(ctx, e)
}

func (f failing) EndAct(ctx context.Context, sequence int64, outcome audit.Outcome, after json.RawMessage,
	problem string,
) error {
	if f.end != nil {
		return f.end
	}
	return f.Store.EndAct(ctx, sequence, outcome, after, problem)
}

func TestAnActIsRecordedBeforeItBegins(t *testing.T) {
	t.Parallel()
	db := open(t)
	log := newLog(db, &strings.Builder{})
	by := audit.Actor{Key: "key_1", Name: "anna", Merchant: "desk", Address: "192.0.2.1"}
	active := map[string]bool{"active": true}
	require.NoError(t, log.Do(t.Context(), by, "key.revoke", "key_2", active, func() (any, error) {
		begun, err := log.List(t.Context(), audit.Filter{})
		require.NoError(t, err)
		require.Len(t, begun, 1)
		require.Equal(t, audit.Begun, begun[0].Outcome)
		return map[string]bool{"active": false}, nil
	}))
	refusal := errors.New("it serves")
	require.ErrorIs(t, log.Do(t.Context(), by, "plugin.drain", "paygram", nil, func() (any, error) {
		return "never shown", refusal
	}), refusal)
	log.Note(t.Context(), "secrets.reload", "", nil, []string{"token"}, nil)
	log.Note(t.Context(), "secrets.reload", "", nil, nil, errors.New("the file is empty"))

	entries, err := log.List(t.Context(), audit.Filter{})
	require.NoError(t, err)
	router := audit.Actor{Name: "router"}
	require.Equal(t, []audit.Entry{
		{
			Sequence: 1, At: at, Actor: by, Act: "key.revoke", Object: "key_2", Before: []byte(`{"active":true}`),
			After: []byte(`{"active":false}`), Outcome: audit.Done,
		},
		{
			Sequence: 2, At: at, Actor: by, Act: "plugin.drain", Object: "paygram", Outcome: audit.Refused,
			Problem: "it serves",
		},
		{Sequence: 3, At: at, Actor: router, Act: "secrets.reload", After: []byte(`["token"]`), Outcome: audit.Done},
		{
			Sequence: 4, At: at, Actor: router, Act: "secrets.reload", Outcome: audit.Refused,
			Problem: "the file is empty",
		},
	}, entries)
	for name, filter := range map[string]audit.Filter{
		"after": {After: 3}, "by act and key": {Act: "plugin.drain", Key: "key_1"}, "a page": {Limit: 1},
	} {
		found, err := log.List(t.Context(), filter)
		require.NoError(t, err)
		require.Len(t, found, 1, name)
	}
	require.Error(t, db.EndAct(t.Context(), 1, audit.Refused, nil, ""), "an entry that ended never changes")
}

func TestWhatCannotBeRecordedIsNotDone(t *testing.T) {
	t.Parallel()
	db := open(t)
	full := errors.New("the disk is full")
	log := newLog(failing{Store: db, begin: full}, &strings.Builder{})
	err := log.Do(t.Context(), audit.Actor{}, "key.make", "", nil, func() (any, error) {
		t.Error("it was done")
		return nil, nil //nolint:nilnil // never
	})
	require.ErrorIs(t, err, full)

	var lines strings.Builder
	log = newLog(failing{Store: db, end: full}, &lines)
	require.NoError(t, log.Do(t.Context(), audit.Actor{}, "key.make", "", nil, func() (any, error) { return 1, nil }),
		"it is done, and its entry stays begun")
	require.Contains(t, lines.String(), "the disk is full")
	entries, err := log.List(t.Context(), audit.Filter{})
	require.NoError(t, err)
	require.Equal(t, audit.Begun, entries[0].Outcome)
}
