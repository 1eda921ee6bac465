package sqlite

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
	"payrouter/host/callback"
)

func hint(id string) callback.Callback {
	at := time.UnixMilli(1_772_366_400_000).UTC()
	return callback.Callback{
		ID: id, Account: "a", Identity: "i-" + id, AddressedTo: "pay_1", ReceivedAt: at, LastAt: at,
		Method: http.MethodPost, Query: "x=1",
		Header: http.Header{"X-Some": {"1", "2"}}, Body: []byte{0xff, 0}, State: callback.Pending, Due: at,
		Receipt: &abi.Receipt{Trust: abi.Receipt_TRUST_LOOK_UP, ProviderReference: "theirs"},
	}
}

func word(id string) callback.Callback {
	c := hint(id)
	c.Vouched = true
	return c
}

func dueCallbacks(t *testing.T, db *DB, vouched bool, now time.Time) []callback.Callback {
	t.Helper()
	due, err := db.DueCallbacks(t.Context(), "a", vouched, now, 0)
	require.NoError(t, err)
	for n := range due {
		require.LessOrEqual(t, due[n].LastClock, db.Clock())
		due[n].LastClock = 0 // the store's own
	}
	return due
}

func TestCallbacksSurviveACrashAsTheyCame(t *testing.T) {
	t.Parallel()
	db := openNew(t)
	first, second, other := hint("cb_2"), hint("cb_1"), hint("cb_3")
	second.ReceivedAt = second.ReceivedAt.Add(time.Second)
	second.LastAt, second.Due = second.ReceivedAt, second.ReceivedAt
	other.Account, other.Body = "b", nil
	for _, c := range []callback.Callback{second, first, other, word("cb_4")} {
		require.NoError(t, db.KeepCallback(t.Context(), c))
	}
	after := openAt(t, copyFiles(t, db.dir.path))
	defer func() { require.NoError(t, after.Close()) }()

	require.Equal(t, []callback.Callback{first, second}, dueCallbacks(t, after, false, second.Due))
	require.Equal(t, []callback.Callback{first}, dueCallbacks(t, after, false, first.Due))
	require.Equal(t, []callback.Callback{word("cb_4")}, dueCallbacks(t, after, true, first.Due))
}

// Whether a look-up began after a callback came is compared by this: the wall clock may be set in between.
func TestACallbacksLastTimeByTheJournalsClockIsThatOfItsRepetition(t *testing.T) {
	t.Parallel()
	now := hint("").ReceivedAt
	db := openAt(t, t.TempDir(), Now(func() time.Time { return now }))
	defer func() { require.NoError(t, db.Close()) }()
	for range 2 {
		now = now.Add(time.Minute)
		require.NoError(t, db.KeepCallback(t.Context(), hint("cb_1")))
		due, err := db.DueCallbacks(t.Context(), "a", false, now, 0)
		require.NoError(t, err)
		require.Len(t, due, 1)
		require.Equal(t, db.Clock().Truncate(time.Millisecond), due[0].LastClock)
	}
}

func TestARepeatedCallbackIsTheSameOne(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		what    string
		c       callback.Callback
		state   callback.State
		takenUp bool
	}{
		{"a hint that waits", hint("cb_1"), callback.Pending, true},
		{"a word that waits", word("cb_1"), callback.Pending, true},
		{"a hint that was settled is a new reason to look", hint("cb_1"), callback.Settled, true},
		{"a hint that nothing came of", hint("cb_1"), callback.Dismissed, true},
		{"a word that was settled has nothing to add", word("cb_1"), callback.Settled, false},
		{"a word that nothing came of", word("cb_1"), callback.Dismissed, true},
	} {
		t.Run(row.what, func(t *testing.T) {
			t.Parallel()
			db := openNew(t)
			require.NoError(t, db.KeepCallback(t.Context(), row.c))
			done := row.c
			done.State, done.Tries = row.state, 3
			done.Due = time.Time{}
			if row.state == callback.Pending {
				done.Due = row.c.Due.Add(24 * time.Hour) // it waits for its next try
			}
			require.NoError(t, db.SettleCallback(t.Context(), done, time.Time{}))
			repeated := row.c
			repeated.ID = "cb_9"
			repeated.LastAt, repeated.Due = row.c.LastAt.Add(time.Hour), row.c.Due.Add(time.Hour)

			require.NoError(t, db.KeepCallback(t.Context(), repeated))

			due := dueCallbacks(t, db, row.c.Vouched, repeated.Due)
			if !row.takenUp {
				require.Empty(t, due)
				return
			}
			require.Len(t, due, 1)
			require.Equal(t, "cb_1", due[0].ID)
			require.Equal(t, repeated.Due, due[0].Due)
			require.Zero(t, due[0].Tries, "its tries count anew")
			require.Equal(t, 1, due[0].Repeats)
			require.Equal(t, row.c.ReceivedAt, due[0].ReceivedAt)
			require.Equal(t, repeated.LastAt, due[0].LastAt)
		})
	}
}

func TestWhatCameWhileACallbackWasActedOnIsNotLost(t *testing.T) {
	t.Parallel()
	db := openNew(t)
	read := hint("cb_1")
	require.NoError(t, db.KeepCallback(t.Context(), read))
	require.NoError(t, db.KeepCallback(t.Context(), read))
	read.State, read.Due, read.Tries = callback.Settled, time.Time{}, 2
	again := read.LastAt.Add(time.Minute)

	require.NoError(t, db.SettleCallback(t.Context(), read, again))

	require.Empty(t, dueCallbacks(t, db, false, again.Add(-1)))
	due := dueCallbacks(t, db, false, again)
	require.Len(t, due, 1)
	require.Equal(t, callback.Pending, due[0].State)
	require.Zero(t, due[0].Tries)
	require.Equal(t, 1, due[0].Repeats)
}

// A word whose payment knows it has nothing to add, however often it comes; one that waits for its payment must not
// wait longer for having been repeated at the wrong moment.
func TestAWordThatWasRepeatedWhileItWasActedOn(t *testing.T) {
	t.Parallel()
	for state, due := range map[callback.State]int{callback.Settled: 0, callback.Pending: 1, callback.Dismissed: 1} {
		t.Run(string(state), func(t *testing.T) {
			t.Parallel()
			db := openNew(t)
			read := word("cb_1")
			require.NoError(t, db.KeepCallback(t.Context(), read))
			require.NoError(t, db.KeepCallback(t.Context(), read))
			now := read.LastAt.Add(time.Minute)
			read.State, read.Due, read.Tries = state, time.Time{}, 2
			if state == callback.Pending {
				read.Due = now.Add(time.Hour)
			}
			require.NoError(t, db.SettleCallback(t.Context(), read, now))
			require.Len(t, dueCallbacks(t, db, true, now), due)
		})
	}
}

func TestCallbacksThatAreDoneWithAreForgotten(t *testing.T) {
	t.Parallel()
	clock := &steadyClock{at: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	db := openAt(t, t.TempDir(), Now(clock.now))
	defer db.Close()
	done, pending := hint("cb_1"), hint("cb_2")
	done.State, done.Due = callback.Ignored, time.Time{}
	done.LastAt = done.LastAt.Add(-1000 * time.Hour) // the wall clock's word: no lifetime counts in it
	require.NoError(t, db.KeepCallback(t.Context(), done))
	require.NoError(t, db.KeepCallback(t.Context(), pending))
	clock.advance(time.Minute)
	require.NoError(t, db.KeepCallback(t.Context(), done), "a repetition begins its lifetime anew")
	clock.advance(time.Hour)
	for _, row := range []struct {
		lifetime time.Duration
		purged   int
	}{{time.Hour, 0}, {time.Hour - time.Millisecond, 1}, {0, 0}} {
		purged, err := db.PurgeCallbacks(t.Context(), row.lifetime, 0)
		require.NoError(t, err)
		require.Equal(t, row.purged, purged)
	}
	require.Len(t, dueCallbacks(t, db, false, pending.Due), 1)
}

func TestDueCallbacksAreServedByAnIndex(t *testing.T) {
	t.Parallel()
	requirePlan(t, openNew(t), "due callbacks", "callback_due", listDueCallbacks, []any{"a", 0, "2026", 100})
}
