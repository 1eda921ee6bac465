package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"payrouter/host/attempt"
	"payrouter/host/store"
)

// maxBatch is how many writes share a commit at most. It bounds what one failing commit refuses.
const maxBatch = 256

var errClosed = fmt.Errorf("%w: it is closed", attempt.ErrJournal)

// writer owns the only connection that writes. Its goroutine takes the writes that wait, runs them in one transaction,
// and answers them after its commit.
type writer struct {
	db    *sql.DB
	stmts prepared
	batch int
	clock *clock
	// session names this opening of the journal.
	session string
	// committed is called after each commit that changed anything, with its number.
	committed func(number int64, at time.Time)
	// commits is the number of the last commit that changed anything, and persisted what the clock showed at it. They
	// are the goroutine's.
	commits   int64
	persisted time.Duration
	// next is the number of the next change; it is the goroutine's, too.
	next int64
	// queue has no buffer: a write is either with its caller or in the batch.
	queue chan *write
	// rest are what is done between two batches.
	rest  chan func(db *sql.DB)
	stop  chan struct{}
	ended sync.WaitGroup

	mu sync.Mutex
	// failure is why the last batch failed; nil when it did not.
	failure error
}

// write is one caller's change.
type write struct {
	// apply either makes the whole change or returns why not: an error that wraps attempt.ErrJournal fails the whole
	// batch, any other undoes this write alone. It may be called twice; what the first call found and did does not
	// stand.
	apply  func(transaction) error
	answer chan error
}

// start takes db over as far as statements go; who opened it closes it, after the writer.
func (w *writer) start(ctx context.Context) (err error) {
	all := slices.Concat(writes(), webhookWrites(), standingWrites(), accessWrites())
	if w.stmts, err = prepare(ctx, w.db, all); err != nil {
		return err
	}
	w.queue, w.rest, w.stop = make(chan *write), make(chan func(*sql.DB)), make(chan struct{})
	w.ended.Go(w.run)
	return nil
}

// close writes down what the clock shows, as far as the disk takes it.
func (w *writer) close() error {
	close(w.stop)
	w.ended.Wait()
	_, _ = w.attempt(nil, transaction.together, true)
	return nil
}

// do queues a change and waits until it is durable or refused. ctx counts only while it is queued.
func (w *writer) do(ctx context.Context, apply func(transaction) error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("queue a write: %w", err)
	}
	change := &write{apply: apply, answer: make(chan error, 1)}
	select {
	case w.queue <- change:
		return <-change.answer
	case <-ctx.Done():
		return fmt.Errorf("wait for a place in the journal's queue: %w", ctx.Err())
	case <-w.stop:
		return errClosed
	}
}

func (w *writer) run() {
	ticker := time.NewTicker(sampleEvery)
	defer ticker.Stop()
	for {
		select {
		case <-w.stop:
			return
		case first := <-w.queue:
			w.commit(w.gather(first))
		case do := <-w.rest:
			do(w.db)
		case <-ticker.C:
			w.sample()
		}
	}
}

// between does something on the writer's connection between two batches, and waits for its end. It does nothing where
// stop is closed first.
func (w *writer) between(stop <-chan struct{}, do func(db *sql.DB)) {
	done := make(chan struct{})
	select {
	case w.rest <- func(db *sql.DB) { defer close(done); do(db) }:
		<-done
	case <-stop:
	}
}

// sample reads the clocks while there are no writes, and stores what must not be lost of them.
func (w *writer) sample() {
	m := w.clock.moment()
	if len(m.jumps) == 0 && m.clock-w.persisted < persistEvery {
		return
	}
	_, err := w.attempt(nil, transaction.together, true)
	w.note(err)
}

// note keeps why the last batch failed.
func (w *writer) note(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failure = err
}

// gather takes the writes that wait now. Callers of the last batch are often about to write again: it yields the
// processor once, which doubles the batches and waits for no clock.
func (w *writer) gather(first *write) []*write {
	batch := []*write{first}
	for yielded := false; len(batch) < w.batch; {
		select {
		case next := <-w.queue:
			batch, yielded = append(batch, next), false
		default:
			if yielded {
				return batch
			}
			runtime.Gosched()
			yielded = true
		}
	}
	return batch
}

func (w *writer) commit(batch []*write) {
	refusals, err := w.transact(batch)
	w.note(err)
	for i, change := range batch {
		if err != nil {
			change.answer <- err
			continue
		}
		change.answer <- refusals[i]
	}
}

// transact runs a batch in one transaction. The error is the engine's: nothing of the batch stands. The refusals are
// those of single writes, nil for each that stands.
//
// To keep writes apart, SQLite copies every page that each of them touches, and hardly a write is ever refused. So they
// are first run as if none would be; where one is, everything is undone and run again, each apart from the others.
func (w *writer) transact(batch []*write) (refusals []error, err error) {
	refusals, err = w.attempt(batch, transaction.together, false)
	if errors.Is(err, errUndone) {
		return w.attempt(batch, transaction.apart, false)
	}
	return refusals, err
}

// errUndone: a write was refused where that cannot be undone alone.
var errUndone = errors.New("a write of several was refused")

// attempt runs a batch in a transaction. A transaction with a change gets the next number, and the clock is written
// with it; always makes it count as changed.
func (w *writer) attempt(
	batch []*write, run func(transaction, func(transaction) error) (refusal, err error), always bool,
) (refusals []error, err error) {
	// A batch belongs to no caller, so no caller's context may end it.
	ctx := context.Background()
	tx, err := w.db.BeginTx(ctx, nil)
	if err != nil {
		return nil, failed("begin", err)
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it does nothing, and after an error there is nothing to add
	state := &batchState{
		moment: w.clock.moment(), number: w.commits + 1, next: w.next, session: w.session, changed: always,
	}
	t := transaction{ctx: ctx, tx: tx, stmts: w.stmts, batch: state}
	for _, by := range state.moment.jumps {
		if err := t.jumped(by); err != nil {
			return nil, err
		}
	}
	refusals = make([]error, len(batch))
	for i, change := range batch {
		if refusals[i], err = run(t, change.apply); err != nil {
			return nil, err
		}
	}
	if state.changed {
		if _, err := t.exec(countCommit, state.number, state.moment.ms(), textOf(state.moment.wall)); err != nil {
			return nil, err
		}
	}
	if err := tx.Commit(); err != nil {
		return nil, failed("commit", err)
	}
	w.next = state.next
	if state.changed {
		w.clock.written(state.moment)
		w.commits, w.persisted = state.number, state.moment.clock
		w.committed(state.number, state.moment.wall)
	}
	return refusals, nil
}

// batchState is what the writes of a batch share.
type batchState struct {
	moment moment
	// number is the commit's, if it changes anything.
	number int64
	// next is the number of the next change.
	next    int64
	session string
	changed bool
}

func (w *writer) healthy() error {
	select {
	case <-w.stop:
		return errClosed
	default:
	}
	w.mu.Lock()
	failure := w.failure
	w.mu.Unlock()
	if failure == nil {
		return nil
	}
	return w.do(context.Background(), probe)
}

const (
	savepoint  = `SAVEPOINT change`
	rollbackTo = `ROLLBACK TO change`
	release    = `RELEASE change`

	// The probe needs new pages, as a new payment does: a full disk takes an update in place for a long while.
	fillProbe  = `INSERT INTO probe (junk) VALUES (zeroblob(65536))`
	emptyProbe = `DELETE FROM probe`
)

func probe(t transaction) error {
	if _, err := t.exec(fillProbe); err != nil {
		return err
	}
	_, err := t.exec(emptyProbe)
	return err
}

// transaction is the one that a batch runs in. It lives as long as the batch, which is why it may hold a context.
type transaction struct {
	ctx   context.Context //nolint:containedctx // see above
	tx    *sql.Tx
	stmts prepared
	batch *batchState
}

// clock is what the journal's clock shows, in milliseconds.
func (t transaction) clock() int64 { return t.batch.moment.ms() }

// before is what the journal's clock showed a lifetime ago: negative where the journal is not that old.
func (t transaction) before(lifetime time.Duration) int64 { return t.clock() - lifetime.Milliseconds() }

// together runs one write of several that are all undone where one is refused.
func (t transaction) together(apply func(transaction) error) (refusal, err error) {
	err = apply(t)
	if err != nil && !errors.Is(err, attempt.ErrJournal) {
		err = errUndone
	}
	return nil, err
}

// apart runs one write of several so that its refusal undoes nothing of the others.
func (t transaction) apart(apply func(transaction) error) (refusal, err error) {
	if _, err := t.exec(savepoint); err != nil {
		return nil, err
	}
	next := t.batch.next
	refusal = apply(t)
	if errors.Is(refusal, attempt.ErrJournal) {
		// SQLite may have rolled the whole transaction back by itself: nothing more may be run in it.
		return nil, refusal
	}
	if refusal != nil {
		t.batch.next = next
		if _, err := t.exec(rollbackTo); err != nil {
			return nil, err
		}
	}
	_, err = t.exec(release)
	return refusal, err
}

// exec runs one of the prepared statements and returns how many rows it changed.
func (t transaction) exec(text string, args ...any) (int64, error) {
	//nolint:sqlclosecheck // the transaction's end closes it
	result, err := t.tx.StmtContext(t.ctx, t.stmts[text]).ExecContext(t.ctx, args...)
	if err != nil {
		return 0, refused(verb(text), err)
	}
	rows, err := result.RowsAffected()
	if err != nil {
		return 0, failed(verb(text), err)
	}
	switch text {
	case savepoint, rollbackTo, release: // they change no row, and repeat the count of the statement before
	default:
		t.batch.changed = t.batch.changed || rows > 0
	}
	return rows, nil
}

// find reads one row and reports whether there is one.
func (t transaction) find(text string, args []any, into ...any) (bool, error) {
	//nolint:sqlclosecheck // the transaction's end closes it
	err := t.tx.StmtContext(t.ctx, t.stmts[text]).QueryRowContext(t.ctx, args...).Scan(into...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, failed(verb(text), err)
	}
	return true, nil
}

// refused distinguishes a conflict with another row from a failure of the engine.
func refused(what string, err error) error {
	if cause, ok := errors.AsType[*sqlite.Error](err); ok {
		switch cause.Code() {
		case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
			return fmt.Errorf("%s: %w: %w", what, store.ErrTaken, err)
		}
	}
	return failed(what, err)
}

func failed(what string, err error) error {
	return fmt.Errorf("%w: %s: %w", attempt.ErrJournal, what, err)
}
