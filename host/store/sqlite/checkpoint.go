package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"
)

const (
	// checkpointAt is how many pages of the log (32 MiB) are moved to the database at once: a page that many payments
	// share goes there once for all of them.
	checkpointAt = 8000
	// largeLog is how many pages the log may have, as a multiple of that, before people are warned: SQLite begins it
	// anew only at a moment in which no read needs its older part.
	largeLog = 16
	// checkpointPause is between two looks at the log, at least.
	checkpointPause = 100 * time.Millisecond

	// lookAtLog moves nothing.
	lookAtLog  = `PRAGMA wal_checkpoint(NOOP)`
	checkpoint = `PRAGMA wal_checkpoint(PASSIVE)`
)

// checkpointer moves what is committed from the log to the database, beside the commits. A commit that does so itself,
// as SQLite has it by default, keeps its callers waiting for thousands of pages and a second sync.
type checkpointer struct {
	// db is one connection, and the checkpointer's own.
	db     *sql.DB
	writer *writer
	at     int
	log    *slog.Logger
	// committed has one while there is a commit that was not looked at.
	committed chan struct{}
	stop      chan struct{}
	ended     sync.WaitGroup
	// warned: the log is large, and was reported.
	warned bool
}

// logged is what the log has, in pages.
type logged struct{ pages, moved int }

func newCheckpointer(ctx context.Context, file string, at int, log *slog.Logger) (*checkpointer, error) {
	db, err := openPool(ctx, file, 1, append(slices.Clip(pragmas), queryOnly)...) // which may move the log
	if err != nil {
		return nil, err
	}
	return &checkpointer{
		db: db, at: at, log: log, committed: make(chan struct{}, 1), stop: make(chan struct{}),
	}, nil
}

// start begins to work beside a writer. close ends it.
func (c *checkpointer) start(w *writer) {
	c.writer = w
	c.ended.Go(c.run)
}

func (c *checkpointer) close() error {
	close(c.stop)
	c.ended.Wait()
	return c.db.Close()
}

// notify is called after each commit. It does not wait.
func (c *checkpointer) notify() {
	select {
	case c.committed <- struct{}{}:
	default:
	}
}

func (c *checkpointer) run() {
	pause := time.NewTicker(checkpointPause)
	defer pause.Stop()
	for {
		select {
		case <-c.stop:
			return
		case <-c.committed:
		}
		if err := c.work(); err != nil {
			c.log.Error("the journal's log is not moved to its database", slog.Any("error", err))
		}
		select {
		case <-c.stop:
			return
		case <-pause.C:
		}
	}
}

// work moves the log where there is enough of it. Most of it goes on this connection, while the writer commits; the
// rest, which was committed meanwhile, goes between two commits, so that the next one may begin the log anew.
func (c *checkpointer) work() error {
	ctx := context.Background()
	found, err := readLog(ctx, c.db, lookAtLog)
	if err != nil || found.pages-found.moved < c.at {
		return err
	}
	if _, err := readLog(ctx, c.db, checkpoint); err != nil {
		return err
	}
	c.writer.between(c.stop, func(db *sql.DB) { found, err = readLog(ctx, db, checkpoint) })
	if err != nil {
		return err
	}
	large := found.pages > largeLog*c.at
	if large && !c.warned {
		c.log.Warn("the journal's log is large: a read, or a backup, has been under way for long",
			slog.Int("pages", found.pages), slog.Int("moved", found.moved))
	}
	c.warned = large
	return nil
}

func readLog(ctx context.Context, db *sql.DB, statement string) (found logged, err error) {
	var busy int
	if err := db.QueryRowContext(ctx, statement).Scan(&busy, &found.pages, &found.moved); err != nil {
		return found, fmt.Errorf("checkpoint: %w", err)
	}
	return found, nil
}
