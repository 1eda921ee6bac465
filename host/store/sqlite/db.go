// Package sqlite keeps the journal in one SQLite file, in a directory that this process alone uses.
package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"time"

	"payrouter/host/payment"
)

// DB is an open journal. It implements payment.Journal, and every method is safe for concurrent use. Its creator owns
// it and calls Close; from then on every other method fails with attempt.ErrJournal.
//
// Concurrent writes are committed together: one wait for the disk serves all of them, and each is answered after it. A
// caller's context counts until its write is in such a batch; from then on the caller waits for the result.
//
// If a commit fails, none of its writes is kept, and every caller in the batch gets attempt.ErrJournal. A crash at that
// moment, before anything else is written, may leave the refused batch in the file: it may have reached the disk before
// the disk reported the failure. So an error means that a write is not acknowledged, and a caller must not act on it.
//
// Text that is not valid UTF-8 is stored with U+FFFD in place of invalid bytes; byte slices are stored unchanged.
type DB struct {
	dir      *directory
	writer   *writer
	reads    *sql.DB
	read     prepared
	clock    *clock
	standing *standing
	witness  *witness
	log      *slog.Logger
	// lookedAt is how many rows a page of a list looks at, longest how long a read may take.
	lookedAt int
	longest  time.Duration
	close    func() error
}

var _ payment.Journal = (*DB)(nil)

// Open opens the journal in a data directory, which is made where it is missing, and brings its schema up to date. It
// is an error where another process holds the directory or everybody may write to it (*DirectoryError), where SQLite is
// too old to be trusted or does not take a setting that durability needs, where a later release has written there, and
// where the journal was made in another mode (*ModeError). A journal that is older than its witness opens held: see
// Hold.
func Open(ctx context.Context, dir string, options ...Option) (*DB, error) {
	return open(ctx, dir, maxBatch, options...)
}

// Option is something about opening that few want.
type Option func(*choices)

type choices struct {
	migrating func(version int64)
	now       func() time.Time
	log       *slog.Logger
	witness   string
	// witnessEvery is how far apart two writes of the witness are, at least.
	witnessEvery time.Duration
	mode         Mode
	checkpointAt int
	lookedAt     int
	longestRead  time.Duration
}

// readingFor is for tests: they do not wait for long.
func readingFor(longest time.Duration) Option {
	return func(c *choices) { c.longestRead = longest }
}

// lookingAt is for tests: they have small journals.
func lookingAt(rows int) Option {
	return func(c *choices) { c.lookedAt = rows }
}

// checkpointingAt is for tests: they have small logs.
func checkpointingAt(pages int) Option {
	return func(c *choices) { c.checkpointAt = pages }
}

// Now is the clock that the journal's own advances by: its monotonic reading, where it has one. Without this option, or
// with nil, it is the system's.
func Now(now func() time.Time) Option {
	return func(c *choices) {
		if now != nil {
			c.now = now
		}
	}
}

// Logger logs jumps of the wall clock, holds, and failures to write the witness. Without this option they are not
// logged.
func Logger(log *slog.Logger) Option {
	return func(c *choices) { c.log = log }
}

// WitnessAt is the path of the witness file; empty is one in the data directory. Its folder must exist.
func WitnessAt(path string) Option {
	return func(c *choices) { c.witness = path }
}

// InMode marks a journal that is not marked yet, and refuses one that is marked otherwise. Without this option any
// journal is taken.
func InMode(mode Mode) Option {
	return func(c *choices) { c.mode = mode }
}

// WhileMigrating has a function called for each migration to a version, after its changes and before its commit, and
// for each part of the payments that is converted to the change log. It may hold it there, or end the process.
func WhileMigrating(observe func(version int64)) Option {
	return func(c *choices) { c.migrating = observe }
}

func open(ctx context.Context, dir string, batch int, options ...Option) (_ *DB, err error) {
	chosen := choices{
		checkpointAt: checkpointAt, migrating: func(int64) {}, log: slog.New(slog.DiscardHandler), witnessEvery: witnessEvery,
		now:      time.Now, //nolint:forbidigo // the clock's one place
		lookedAt: lookedAt, longestRead: longestRead,
	}
	for _, choose := range options {
		choose(&chosen)
	}
	db := &DB{log: chosen.log, lookedAt: chosen.lookedAt, longest: chosen.longestRead}
	var closers []func() error
	closeAll := func() error {
		var errs []error
		for i := range closers {
			errs = append(errs, closers[len(closers)-1-i]())
		}
		return errors.Join(errs...)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, closeAll())
		}
	}()

	if db.dir, err = openDirectory(dir); err != nil {
		return nil, err
	}
	closers = append(closers, db.dir.close)

	writes, err := openPool(ctx, db.dir.database(), 1, pragmas...)
	if err != nil {
		return nil, err
	}
	closers = append(closers, writes.Close)
	if err := migrate(ctx, writes, chosen.migrating); err != nil {
		return nil, fmt.Errorf("migrate %s: %w", db.dir.database(), err)
	}
	if err := convert(ctx, writes, chosen.log, chosen.migrating); err != nil {
		return nil, fmt.Errorf("migrate %s: %w", db.dir.database(), err)
	}

	db.reads, err = openPool(ctx, db.dir.database(), max(4, runtime.GOMAXPROCS(0)),
		append(slices.Clip(pragmas), queryOnly)...)
	if err != nil {
		return nil, err
	}
	closers = append(closers, db.reads.Close)
	if db.read, err = prepare(ctx, db.reads, slices.Concat(reads(), webhookReads(), accessReads())); err != nil {
		return nil, err
	}
	shown, empty, err := db.look(ctx, writes, chosen)
	if err != nil {
		return nil, err
	}
	checkpoints, err := newCheckpointer(ctx, db.dir.database(), chosen.checkpointAt, db.log)
	if err != nil {
		return nil, err
	}
	var last int64
	if err := writes.QueryRowContext(ctx, lastNumber).Scan(&last); err != nil {
		return nil, errors.Join(fmt.Errorf("read the last change: %w", err), checkpoints.db.Close())
	}
	session := newSession()
	closers = append(closers, db.witness.close)
	db.witness.start()
	db.writer = &writer{
		db: writes, batch: batch, clock: db.clock, session: session, commits: db.standing.commits,
		persisted: db.standing.clock, next: last + 1,
		committed: func(number int64, at time.Time) {
			checkpoints.notify()
			db.witness.saw(testimony{Journal: db.standing.identity, Session: session, Commit: number, At: at})
		},
	}
	if err := db.writer.start(ctx); err != nil {
		return nil, errors.Join(err, checkpoints.db.Close())
	}
	checkpoints.start(db.writer)
	closers = append(closers, db.writer.close, checkpoints.close)
	if err := db.begin(ctx, chosen.mode, shown, empty); err != nil {
		return nil, err
	}

	db.close = sync.OnceValue(closeAll)
	return db, nil
}

// look reads how a journal stands, and what its witness shows, before anything is written to it. empty: it has no
// payment and no run.
func (db *DB) look(ctx context.Context, from *sql.DB, chosen choices) (shown evidence, empty bool, err error) {
	if db.standing, err = readStanding(ctx, from); err != nil {
		return evidence{}, false, err
	}
	if made := Mode(db.standing.mode); chosen.mode != "" && made != "" && made != chosen.mode {
		return evidence{}, false, &ModeError{Dir: db.dir.path, Journal: made, Asked: chosen.mode}
	}
	db.clock = startClock(chosen.now, db.log, db.standing.clock, db.standing.wall)
	sessions, err := readSessions(ctx, from)
	if err != nil {
		return evidence{}, false, err
	}
	path := cmp.Or(chosen.witness, db.dir.witness())
	if shown, err = db.standing.examine(path, sessions, chosen.now()); err != nil {
		return evidence{}, false, err
	}
	db.witness = newWitness(path, chosen.witnessEvery, db.log)
	db.witness.speak(false)
	var any bool
	if err := from.QueryRowContext(ctx, findAny).Scan(&any); err != nil {
		return evidence{}, false, fmt.Errorf("read how the journal stands: %w", err)
	}
	return shown, !any, nil
}

// Close waits for the batch under way, refuses the writes still queued, and gives the directory up. More calls change
// nothing.
func (db *DB) Close() error { return db.close() }

// Healthy is nil while writes succeed. After one that failed for the engine's reasons, each call tries a small write,
// and returns nil again once that or another write has succeeded.
func (db *DB) Healthy() error { return db.writer.healthy() }

// prepared are statements by their text.
type prepared map[string]*sql.Stmt

// prepare makes statements; they go with their database.
func prepare(ctx context.Context, db *sql.DB, texts []string) (prepared, error) {
	all := make(prepared, len(texts))
	for _, text := range texts {
		stmt, err := db.PrepareContext(ctx, text) //nolint:sqlclosecheck // closing the database closes it
		if err != nil {
			return nil, fmt.Errorf("prepare %q: %w", text, err)
		}
		all[text] = stmt
	}
	return all, nil
}

// close is for statements that are not needed as long as their database is.
func (p prepared) close() {
	for _, stmt := range p {
		_ = stmt.Close()
	}
}
