package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/attempt"
	"payrouter/host/payment"
)

// held is a batch of one that does not end before it is let go, so that others queue behind it.
type held struct {
	started, release chan struct{}
	done             chan error
}

func hold(ctx context.Context, db *DB) held {
	h := held{started: make(chan struct{}), release: make(chan struct{}), done: make(chan error, 1)}
	go func() {
		h.done <- db.writer.do(ctx, func(transaction) error {
			close(h.started)
			<-h.release
			return nil
		})
	}()
	<-h.started
	return h
}

func TestWritesThatWaitShareOneCommit(t *testing.T) {
	t.Parallel()
	db := openNew(t)
	const many = 20
	w := &writer{
		db: db.writer.db, stmts: db.writer.stmts, clock: db.clock, next: 1, committed: func(int64, time.Time) {},
		batch: maxBatch,
		queue: make(chan *write, many), stop: make(chan struct{}),
	}
	used := map[*sql.Tx]int{}
	batch := make([]*write, many)
	for i := range batch {
		batch[i] = &write{answer: make(chan error, 1), apply: func(tx transaction) error {
			used[tx.tx]++
			return nil
		}}
		w.queue <- batch[i]
	}
	w.ended.Go(w.run)
	for _, change := range batch {
		require.NoError(t, <-change.answer)
	}
	require.NoError(t, w.close())
	require.Len(t, used, 1)
}

func TestBatchIsBounded(t *testing.T) {
	t.Parallel()
	w := &writer{batch: 3, queue: make(chan *write, 9)}
	for range 9 {
		w.queue <- &write{}
	}
	require.Len(t, w.gather(&write{}), 3)
	require.Len(t, w.queue, 7)
}

func TestCallerMayLeaveTheQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &writer{queue: make(chan *write), stop: make(chan struct{})} // the queue has no reader
		ctx, cancel := context.WithCancel(t.Context())
		gone := make(chan error, 1)
		go func() { gone <- w.do(ctx, probe) }()
		synctest.Wait()
		require.Empty(t, gone)
		cancel()
		synctest.Wait()
		require.Len(t, gone, 1)
		err := <-gone
		require.ErrorIs(t, err, context.Canceled)
		require.NotErrorIs(t, err, attempt.ErrJournal)
	})
}

func TestCallerWhoHasGoneDoesNotQueue(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	queue := make(chan *write)
	stop := make(chan struct{})
	taken := make(chan int)
	go func() {
		count := 0
		for {
			select {
			case change := <-queue:
				count++
				change.answer <- nil
			case <-stop:
				taken <- count
				return
			}
		}
	}()
	for range 100 { // of several that are ready, chance chooses
		runtime.Gosched()
		_ = (&writer{queue: queue, stop: make(chan struct{})}).do(ctx, probe)
	}
	close(stop)
	require.Zero(t, <-taken)
}

func TestCallerWhoseWriteIsUnderWayLearnsWhatBecameOfIt(t *testing.T) {
	t.Parallel()
	db := openNew(t)
	ctx, cancel := context.WithCancel(t.Context())
	first := hold(ctx, db)
	cancel()
	select {
	case err := <-first.done:
		require.Fail(t, "answered before it was committed", "%v", err)
	default:
	}
	close(first.release)
	require.NoError(t, <-first.done)
}

func TestCloseWaitsForTheBatchAndRefusesTheQueue(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db := openAt(t, dir)
	underWay := make(chan error, 1)
	started, release := make(chan struct{}), make(chan struct{})
	p, key := sample(1)
	made := drafted(t, p, key)
	go func() {
		underWay <- db.writer.do(t.Context(), func(tx transaction) error {
			close(started)
			<-release
			return tx.create(made, key)
		})
	}()
	<-started
	queued := make(chan error, 1)
	go func() { queued <- create(t, db, 2) }()
	closed := make(chan error, 1)
	go func() { closed <- db.Close() }()
	require.ErrorIs(t, <-queued, attempt.ErrJournal)
	close(release)
	require.NoError(t, <-underWay)
	require.NoError(t, <-closed)

	again := openAt(t, dir)
	defer again.Close()
	requireStands(t, again, 1)
	requireGone(t, again, 2)
}

// drafted is a payment's first change.
func drafted(t *testing.T, p payment.Payment, key attempt.Key) *draft {
	t.Helper()
	made, err := draftOf(changeOf(p))
	require.NoError(t, err)
	require.NoError(t, made.first(key))
	return made
}

func TestRefusedWriteUndoesItselfAlone(t *testing.T) {
	t.Parallel()
	db := openNew(t)
	refusal := errors.New("no")
	batch := make([]*write, 3)
	for n := range batch {
		p, key := sample(n)
		made := drafted(t, p, key)
		batch[n] = &write{answer: make(chan error, 1), apply: func(tx transaction) error {
			if err := tx.create(made, key); err != nil || n != 1 {
				return err
			}
			return refusal
		}}
	}
	lone := &writer{
		db: db.writer.db, stmts: db.writer.stmts, clock: db.clock, next: 1, committed: func(int64, time.Time) {},
	}
	lone.commit(batch)
	require.NoError(t, <-batch[0].answer)
	require.ErrorIs(t, <-batch[1].answer, refusal)
	require.NoError(t, <-batch[2].answer)
	require.NoError(t, lone.healthy(), "a refusal is no failure of the engine")
	requireStands(t, db, 0)
	requireGone(t, db, 1)
	requireStands(t, db, 2)
}

// Keeping writes apart costs a copy of every page that they touch.
func TestWritesAreKeptApartOnlyWhereOneIsRefused(t *testing.T) {
	t.Parallel()
	db := openNew(t)
	for _, refusal := range []error{nil, errors.New("no")} {
		runs := 0
		batch := []*write{
			{answer: make(chan error, 1), apply: func(transaction) error { runs++; return nil }},
			{answer: make(chan error, 1), apply: func(transaction) error { return refusal }},
		}
		(&writer{
			db: db.writer.db, stmts: db.writer.stmts, clock: db.clock, next: 1,
			committed: func(int64, time.Time) {},
		}).commit(batch)
		require.NoError(t, <-batch[0].answer)
		require.Equal(t, refusal, <-batch[1].answer)
		if refusal == nil {
			require.Equal(t, 1, runs)
		} else {
			require.Equal(t, 2, runs)
		}
	}
}

func TestTerminalStatusesAreThePaymentsOwn(t *testing.T) {
	t.Parallel()
	for _, status := range payment.Statuses() {
		require.Equal(t, status.Terminal(), strings.Contains(terminal, "'"+string(status)+"'"), status)
	}
}

func TestEngineFailureInOneWriteRefusesTheWholeBatch(t *testing.T) {
	t.Parallel()
	db := openNew(t)
	p, key := sample(1)
	made := drafted(t, p, key)
	batch := []*write{
		{answer: make(chan error, 1), apply: func(tx transaction) error { return tx.create(made, key) }},
		{answer: make(chan error, 1), apply: func(tx transaction) error {
			// What SQLite does by itself on some failures: the transaction is over, and a statement after it would
			// stand alone.
			_, err := tx.tx.ExecContext(tx.ctx, "ROLLBACK")
			return errors.Join(err, failed("write", errors.New("disk I/O error")))
		}},
		{answer: make(chan error, 1), apply: func(tx transaction) error { return tx.create(made, key) }},
	}
	lone := &writer{
		db: db.writer.db, stmts: db.writer.stmts, clock: db.clock, next: 1, committed: func(int64, time.Time) {},
	}
	lone.commit(batch)
	for _, change := range batch {
		require.ErrorIs(t, <-change.answer, attempt.ErrJournal)
	}
	requireGone(t, db, 1)
	require.NoError(t, create(t, db, 1), "the connection is as good as before")
}
