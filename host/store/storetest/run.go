package storetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"payrouter/host/attempt"
	"payrouter/host/operation"
	"payrouter/host/payment"
	"payrouter/host/store"
)

// sampleRun is the nth run of a merchant, made n seconds after the epoch.
func sampleRun(n int) operation.Run {
	at := epoch().Add(time.Duration(n) * time.Second)
	return operation.Run{
		ID: fmt.Sprintf("op_%026d", n), Merchant: "shop", Provider: "paygram-eu", Plugin: "paygram",
		Operation: "Withdraw", Idempotency: "none",
		Status: operation.Processing, Input: []byte("{ \"amount\" : \"1.10\" }"), CreatedAt: at, UpdatedAt: at,
		Version: 1,
	}
}

func keyOfRun(run operation.Run) attempt.Key {
	return attempt.Key{
		Merchant: run.Merchant, Value: "key of " + run.ID, Fingerprint: "of " + run.ID,
		Owner: run.OwnerID(), CreatedAt: run.CreatedAt,
	}
}

// nextRun is the run at its next version, with a status.
func nextRun(run operation.Run, status operation.Status) operation.Run {
	run.Status, run.UpdatedAt = status, run.UpdatedAt.Add(time.Millisecond)
	run.Version++
	return run
}

func runChange(run operation.Run, attempts ...attempt.Attempt) operation.Change {
	return operation.Change{Run: run, Attempts: attempts}
}

// attemptOfRun is a run's nth attempt, open.
func attemptOfRun(run operation.Run, n int) attempt.Attempt {
	return attemptOf(payment.Payment{ID: run.ID, CreatedAt: run.CreatedAt}, n)
}

func createRun(tb testing.TB, journal Journal, runs ...operation.Run) {
	tb.Helper()
	for _, run := range runs {
		earlier, err := journal.CreateRun(tb.Context(), run, keyOfRun(run))
		require.NoError(tb, err)
		require.Nil(tb, earlier)
	}
}

func requireRun(t require.TestingT, journal Journal, want operation.Run) {
	got, err := journal.Run(context.Background(), want.ID)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func anyRun(t *rapid.T, id string, version int64) operation.Run {
	run := operation.Run{
		ID: id, Version: version, Merchant: anyText().Draw(t, "merchant"), Provider: anyText().Draw(t, "provider"),
		Plugin:    anyText().Draw(t, "plugin"),
		Operation: anyText().Draw(t, "operation"), Idempotency: attempt.Idempotency(anyText().Draw(t, "idempotency")),
		Key: anyText().Draw(t, "key line"), Approval: anyApproval().Draw(t, "approval"),
		Status: rapid.SampledFrom(operation.Statuses()).Draw(t, "status"),
		Input:  anyJSON().Draw(t, "input"), From: anyText().Draw(t, "from"), Output: anyBytes().Draw(t, "output"),
		Cursor:            anyText().Draw(t, "cursor"),
		ProviderReference: anyText().Draw(t, "provider reference"), Failure: anyFailure().Draw(t, "failure"),
		Alert:    anyText().Draw(t, "alert"),
		Attempts: rapid.IntRange(0, 9).Draw(t, "attempts"), CreatedAt: anyTime().Draw(t, "created at"),
		UpdatedAt: anyTime().Draw(t, "updated at"),
	}
	if rapid.Bool().Draw(t, "settled") {
		run.Settled = &operation.Settlement{
			Operator: anyText().Draw(t, "operator"), Reason: anyText().Draw(t, "reason"),
			At: anyTime().Draw(t, "settled at"),
		}
	}
	return run
}

func testRuns(t *testing.T, engine Engine) {
	t.Helper()
	t.Run("whatever a run, its key and its attempts hold comes back as it was", func(t *testing.T) {
		t.Parallel()
		journal := engine.open(t)
		n := 0
		rapid.Check(t, func(t *rapid.T) {
			n++
			run := anyRun(t, fmt.Sprintf("op_%d", n), rapid.Int64Range(0, 1<<40).Draw(t, "version"))
			key := anyKey(t, payment.Payment{ID: run.ID, Merchant: run.Merchant},
				fmt.Sprintf("%d %s", n, anyText().Draw(t, "key")))
			earlier, err := journal.CreateRun(context.Background(), run, key)
			require.NoError(t, err)
			require.Nil(t, earlier)
			requireRun(t, journal, run)
			found, err := journal.Key(context.Background(), key.Merchant, key.Value)
			require.NoError(t, err)
			require.Equal(t, &key, found)

			changed := anyRun(t, run.ID, run.Version+1)
			changed.Merchant, changed.CreatedAt, changed.Input = run.Merchant, run.CreatedAt, run.Input
			if run.Status.Terminal() || changed.Status == operation.AwaitingApproval {
				changed.Status = run.Status
			}
			attempt := anyAttempt(t, payment.Payment{ID: run.ID}, 1)
			require.NoError(t, journal.SaveRun(context.Background(), runChange(changed, attempt)))
			requireRun(t, journal, changed)
			requireAttempts(t, journal, run.ID, attempt)
		})
	})

	t.Run("a run that was never made is not found, and cannot be saved", func(t *testing.T) {
		t.Parallel()
		journal := engine.open(t)
		_, err := journal.Run(t.Context(), "op_none")
		require.ErrorIs(t, err, operation.ErrNotFound)
		require.ErrorIs(t, journal.SaveRun(t.Context(), runChange(nextRun(sampleRun(1), operation.Failed))),
			operation.ErrNotFound)
	})

	t.Run("payments and runs share a merchant's keys", func(t *testing.T) {
		t.Parallel()
		journal := engine.open(t)
		p, run := sample(1), sampleRun(1)
		create(t, journal, p)
		createRun(t, journal, run)
		ofPayment, ofRun := keyOfRun(sampleRun(2)), keyOf(sample(2))
		ofPayment.Value, ofRun.Value = keyOf(p).Value, keyOfRun(run).Value

		earlier, err := journal.CreateRun(t.Context(), sampleRun(2), ofPayment)
		require.NoError(t, err)
		require.Equal(t, p.OwnerID(), earlier.Owner)
		_, err = journal.Run(t.Context(), sampleRun(2).ID)
		require.ErrorIs(t, err, operation.ErrNotFound)

		earlier, err = journal.Create(t.Context(), changeOf(sample(2)), ofRun)
		require.NoError(t, err)
		require.Equal(t, run.OwnerID(), earlier.Owner)

		stray := keyOfRun(run)
		stray.Owner = "op_other"
		_, err = journal.CreateRun(t.Context(), run, stray)
		require.Error(t, err)
	})

	t.Run("an id that is taken writes nothing", func(t *testing.T) {
		t.Parallel()
		journal := engine.open(t)
		run := sampleRun(1)
		createRun(t, journal, run)
		again, key := run, keyOfRun(run)
		again.Operation, key.Value = "Swap", "another"
		_, err := journal.CreateRun(t.Context(), again, key)
		require.ErrorIs(t, err, store.ErrTaken)
		requireRun(t, journal, run)
	})

	t.Run("only a change of the version before is made", func(t *testing.T) {
		t.Parallel()
		journal := engine.open(t)
		run := sampleRun(1)
		createRun(t, journal, run)
		for _, version := range []int64{0, 1, 3} {
			changed := nextRun(run, operation.Failed)
			changed.Version = version
			require.ErrorIs(t, journal.SaveRun(t.Context(), runChange(changed, attemptOfRun(run, 1))), payment.ErrStale,
				"version %d", version)
		}
		moved, aged := nextRun(run, operation.Failed), nextRun(run, operation.Failed)
		moved.Merchant, aged.CreatedAt = "another shop", aged.CreatedAt.Add(1)
		require.ErrorIs(t, journal.SaveRun(t.Context(), runChange(moved)), store.ErrFixed)
		require.ErrorIs(t, journal.SaveRun(t.Context(), runChange(aged)), store.ErrFixed)
		requireRun(t, journal, run)
		requireAttempts(t, journal, run.ID)
	})

	t.Run("a terminal status of a run never changes, and no run comes to await approval", func(t *testing.T) {
		t.Parallel()
		journal := engine.open(t)
		n := 0
		for _, from := range operation.Statuses() {
			for _, to := range operation.Statuses() {
				n++
				run := sampleRun(n)
				run.Status = from
				createRun(t, journal, run)
				changed := nextRun(run, to)
				err := journal.SaveRun(t.Context(), runChange(changed))
				if from.Terminal() && from != to {
					require.ErrorIs(t, err, store.ErrTerminal, "from %s to %s", from, to)
					requireRun(t, journal, run)
					continue
				}
				if to == operation.AwaitingApproval && from != to {
					require.ErrorIs(t, err, store.ErrDecided, "from %s", from)
					requireRun(t, journal, run)
					continue
				}
				require.NoError(t, err, "from %s to %s", from, to)
				requireRun(t, journal, changed)
			}
		}
	})

	t.Run("a run's attempt is closed once, and another's is refused", func(t *testing.T) {
		t.Parallel()
		journal := engine.open(t)
		run, other := sampleRun(1), sampleRun(2)
		createRun(t, journal, run, other)
		run = nextRun(run, operation.Processing)
		require.NoError(t, journal.SaveRun(t.Context(), runChange(run, attemptOfRun(run, 1))))
		open, err := journal.OpenAttempts(t.Context(), "", 0)
		require.NoError(t, err)
		require.Equal(t, []attempt.Attempt{attemptOfRun(run, 1)}, open)
		done := closed(attemptOfRun(run, 1), attempt.Unanswered)
		run = nextRun(run, operation.Unknown)
		require.NoError(t, journal.SaveRun(t.Context(), runChange(run, done)))
		altered := done
		altered.Event = attempt.NotSent
		require.ErrorIs(t, journal.SaveRun(t.Context(), runChange(nextRun(run, operation.Failed), altered)),
			store.ErrClosed)
		require.ErrorIs(t, journal.SaveRun(t.Context(), runChange(nextRun(other, operation.Failed), done)),
			store.ErrTaken)
		requireRun(t, journal, run)
		requireRun(t, journal, other)
		requireAttempts(t, journal, run.ID, done)
	})

	t.Run("the answer is written with the change, and the first one stands", func(t *testing.T) {
		t.Parallel()
		journal := engine.open(t)
		run := sampleRun(1)
		createRun(t, journal, run)
		change := runChange(nextRun(run, operation.Succeeded))
		change.Answer = &attempt.Answer{Status: 201, Body: []byte("first")}
		require.NoError(t, journal.SaveRun(t.Context(), change))
		again := keyOfRun(run)
		again.Status, again.Body = 201, []byte("second")
		standing, err := journal.Answer(t.Context(), again)
		require.NoError(t, err)
		require.Equal(t, "first", string(standing.Body))
	})

	testRunLists(t, engine)
}

func testRunLists(t *testing.T, engine Engine) {
	t.Helper()
	t.Run("runs are listed newest first, by what narrows them", func(t *testing.T) {
		t.Parallel()
		journal := engine.open(t)
		var all []operation.Run
		for n := range 6 {
			run := sampleRun(n)
			if n%2 == 1 {
				run.Provider, run.Operation = "payplay", "pay"
			}
			if n < 2 {
				run.Merchant = "stall"
			}
			run.Status = operation.Statuses()[1+n%4]
			createRun(t, journal, run)
			all = append([]operation.Run{run}, all...)
		}
		for name, row := range map[string]struct {
			filter operation.Filter
			want   []operation.Run
		}{
			"all":          {operation.Filter{}, all},
			"by merchant":  {operation.Filter{Merchant: "stall"}, all[4:]},
			"by provider":  {operation.Filter{Provider: "payplay"}, []operation.Run{all[0], all[2], all[4]}},
			"by operation": {operation.Filter{Operation: "Withdraw"}, []operation.Run{all[1], all[3], all[5]}},
			"by status": {
				operation.Filter{Status: []operation.Status{operation.Failed, operation.Unknown}},
				[]operation.Run{all[2], all[3]},
			},
			"a page":            {operation.Filter{Limit: 2}, all[:2]},
			"the page after it": {operation.Filter{Limit: 2, Before: all[1].ID}, all[2:4]},
			"all of it at once": {operation.Filter{
				Provider: "payplay", Operation: "pay",
				Status: []operation.Status{operation.Unknown}, Before: all[0].ID,
			}, []operation.Run{all[2]}},
			"none": {operation.Filter{Provider: "nobody"}, nil},
		} {
			found, err := journal.Runs(t.Context(), row.filter)
			require.NoError(t, err)
			require.Equal(t, row.want, found, name)
		}
	})

	t.Run("what is processing is found after a crash, oldest first and page by page", func(t *testing.T) {
		t.Parallel()
		journal := engine.open(t)
		var left []operation.Run
		for n, status := range append(operation.Statuses(), operation.Processing, operation.Processing) {
			run := sampleRun(n)
			if status == operation.AwaitingApproval {
				run.Status = status
			}
			createRun(t, journal, run)
			run = nextRun(run, status)
			require.NoError(t, journal.SaveRun(t.Context(), runChange(run)))
			if status == operation.Processing {
				left = append(left, run)
			}
		}
		found := engine.crash(t, journal)
		all, err := found.UnfinishedRuns(t.Context(), "", 0)
		require.NoError(t, err)
		require.Equal(t, left, all)
		page, err := found.UnfinishedRuns(t.Context(), left[0].ID, 1)
		require.NoError(t, err)
		require.Equal(t, left[1:2], page)
	})

	t.Run("a run's key is forgotten once it has ended long enough, and never before", func(t *testing.T) {
		t.Parallel()
		clock := newClock()
		journal := engine.openAt(t, clock.now)
		for n, status := range operation.Statuses() {
			run := sampleRun(n)
			if status == operation.AwaitingApproval {
				run.Status = status
			}
			createRun(t, journal, run)
			require.NoError(t, journal.SaveRun(t.Context(), runChange(nextRun(run, status))))
		}
		clock.advance(time.Hour)
		purged, err := journal.PurgeKeys(t.Context(), time.Hour, 0)
		require.NoError(t, err)
		require.Zero(t, purged)
		clock.advance(time.Millisecond)
		purged, err = journal.PurgeKeys(t.Context(), time.Hour, 0)
		require.NoError(t, err)
		require.Equal(t, 2, purged)
		again := sampleRun(9)
		key := keyOfRun(again)
		for n, status := range operation.Statuses() {
			if key.Value = keyOfRun(sampleRun(n)).Value; status.Terminal() {
				_, err = journal.CreateRun(t.Context(), again, key)
				require.ErrorIs(t, err, payment.ErrKeyExpired)
			}
		}
		for n, status := range operation.Statuses() {
			key, err := journal.Key(t.Context(), "shop", keyOfRun(sampleRun(n)).Value)
			require.NoError(t, err)
			require.Equal(t, !status.Terminal(), key != nil, status)
		}
	})
}
