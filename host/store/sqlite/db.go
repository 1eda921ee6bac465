// Package sqlite keeps the journal in one SQLite file, in a directory that this process alone uses.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"payrouter/host/payment"
)

// DB is an open journal. It implements payment.Journal, and every method is safe for concurrent use. Its creator owns it and
// calls Close; from then on every other method fails with payment.ErrJournal.
//
// What callers write at the same time is committed together: one wait for the disk serves all of them, and each is answered
// after it. A caller's context counts until its write is in such a batch; from then on it waits, to learn what became of it.
//
// Where a commit fails, nothing of it stands, and every caller in the batch is told so with payment.ErrJournal. A crash in
// that moment, before anything else is written, may leave the refused batch in the file after all: it may have reached the disk
// before the disk said no. So an error means that a write is not acknowledged, and what is not acknowledged must not be acted on.
//
// Text that is not valid UTF-8 is kept with U+FFFD in place of what is not; bytes are kept as they are.
type DB struct {
	dir    *directory
	writer *writer
	reads  *sql.DB
	read   prepared
	close  func() error
}

var _ payment.Journal = (*DB)(nil)

// Open opens the journal in a data directory, which is made where it is missing, and brings its schema up to date. It is an
// error where another process holds the directory or everybody may write to it (*DirectoryError), where SQLite is too old to be
// trusted or does not take a setting that durability needs, and where a later release has written there.
func Open(ctx context.Context, dir string, options ...Option) (*DB, error) {
	return open(ctx, dir, maxBatch, options...)
}

// Option is something about opening that few want.
type Option func(*choices)

type choices struct {
	migrating func(version int64)
}

// WhileMigrating is told of each migration to a version, when all of it is done and none of it is committed. It may hold it there, or end
// the process.
func WhileMigrating(told func(version int64)) Option {
	return func(c *choices) { c.migrating = told }
}

func open(ctx context.Context, dir string, batch int, options ...Option) (_ *DB, err error) {
	chosen := choices{migrating: func(int64) {}}
	for _, choose := range options {
		choose(&chosen)
	}
	db := &DB{}
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

	db.reads, err = openPool(ctx, db.dir.database(), max(4, runtime.GOMAXPROCS(0)), append(slices.Clip(pragmas), queryOnly)...)
	if err != nil {
		return nil, err
	}
	closers = append(closers, db.reads.Close)
	if db.read, err = prepare(ctx, db.reads, slices.Concat(reads(), webhookReads())); err != nil {
		return nil, err
	}
	if db.writer, err = startWriter(ctx, writes, batch); err != nil {
		return nil, err
	}
	closers = append(closers, db.writer.close)

	db.close = sync.OnceValue(closeAll)
	return db, nil
}

// Close waits for the batch under way, refuses the writes still queued, and gives the directory up. More calls change nothing.
func (db *DB) Close() error { return db.close() }

// Healthy is nil while writes succeed. After one that failed for the engine's reasons, each call tries to write a little, and
// is nil again once that, or anybody's write, has succeeded.
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
