package sqlite

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"payrouter/host/attempt"
	"payrouter/host/store"
)

const (
	findJournal = `SELECT identity, mode, commits, clock, wall, held, doubted_before, doubted_clock FROM journal`
	findAny     = `SELECT EXISTS (SELECT 1 FROM owner)`
	// A session's token is in each of its events, and its first commit is the one that wrote that it opened.
	listSessions      = `SELECT session, commits FROM journal_event WHERE type = 'opened' ORDER BY seq`
	listJournalEvents = `SELECT type, at, commits, actor, reason FROM journal_event ORDER BY seq DESC LIMIT ?`

	countCommit        = `UPDATE journal SET commits = ?, clock = ?, wall = ?`
	insertJournalEvent = `INSERT INTO journal_event (type, at, clock, commits, session, actor, reason) VALUES (?, ?, ` +
		`?, ?, ?, ?, ?)`
	setMode    = `UPDATE journal SET mode = ? WHERE mode IS NULL`
	setHeld    = `UPDATE journal SET held = ?`
	setDoubted = `UPDATE journal SET doubted_before = ?, doubted_clock = ?`
)

func standingWrites() []string {
	return []string{
		countCommit, insertJournalEvent, setMode, setHeld, setDoubted, wakeCallbacks, wakeDeliveries,
		wakeEndpoints,
	}
}

// note keeps something that happened to the journal itself.
func (t transaction) note(kind store.StandingEventType, actor, reason string) error {
	b := t.batch
	_, err := t.exec(insertJournalEvent, string(kind), textOf(b.moment.wall), b.moment.ms(), b.number, b.session, actor,
		reason)
	return err
}

// standing is how far a journal may be relied on, as its file has it, and as its witness shows.
type standing struct {
	identity string
	mode     string
	// commits and wall are the last commit's; wall is zero for a journal that was never opened.
	commits int64
	clock   time.Duration
	wall    time.Time

	// releasing is one at a time.
	releasing sync.Mutex

	mutex         sync.Mutex
	hold          *store.Hold
	doubtedBefore time.Time
	// doubtedClock is doubtedBefore by the journal's own clock, in whole milliseconds, rounded up.
	doubtedClock time.Duration
}

// readStanding reads it from an open database.
func readStanding(ctx context.Context, db *sql.DB) (*standing, error) {
	s := &standing{}
	var mode, wall, held, doubted sql.NullString
	var ms int64
	var doubtedMs sql.NullInt64
	if err := db.QueryRowContext(ctx, findJournal).Scan(&s.identity, &mode, &s.commits, &ms, &wall, &held, &doubted,
		&doubtedMs); err != nil {
		return nil, fmt.Errorf("read how the journal stands: %w", err)
	}
	s.doubtedClock = time.Duration(doubtedMs.Int64) * time.Millisecond
	s.mode, s.clock = mode.String, time.Duration(ms)*time.Millisecond
	var err error
	for _, moment := range []struct {
		text string
		into *time.Time
	}{{wall.String, &s.wall}, {doubted.String, &s.doubtedBefore}} {
		if moment.text == "" {
			continue
		}
		if *moment.into, err = time.Parse(timeText, moment.text); err != nil {
			return nil, fmt.Errorf("read how the journal stands: %w", err)
		}
	}
	if held.Valid {
		s.hold = &store.Hold{}
		if err := json.Unmarshal([]byte(held.String), s.hold); err != nil {
			return nil, fmt.Errorf("read why the journal is held: %w", err)
		}
	}
	return s, nil
}

func readSessions(ctx context.Context, db *sql.DB) ([]session, error) {
	const what = "list the starts of the journal"
	rows, err := db.QueryContext(ctx, listSessions)
	return collect(ctx, what, rows, err, func() (s session, err error) {
		if err := rows.Scan(&s.token, &s.began); err != nil {
			return session{}, unread(ctx, what, err)
		}
		return s, nil
	})
}

// Mode is what a journal's payments are: a router never mixes them.
type Mode string

// The modes.
const (
	// Sandbox: every account is a simulated provider's.
	Sandbox Mode = "sandbox"
	// Real: accounts are real providers'.
	Real Mode = "real"
)

// A ModeError is a journal that was made in another mode.
type ModeError struct {
	// Dir is the data directory, Journal the mode that it was made in, and Asked the one that it was opened in.
	Dir            string
	Journal, Asked Mode
}

func (e *ModeError) Error() string {
	mend := "start the router without --sandbox, or give the sandbox a --data folder of its own"
	if e.Journal == Sandbox {
		mend = "start the router with --sandbox, or give the real one a --data folder of its own"
	}
	return fmt.Sprintf(
		"data directory %s: its journal was made for %s payments, and this router is to take %s ones: %s", e.Dir,
		e.Journal, e.Asked, mend)
}

// evidence is the comparison of a journal with its witness at its opening.
type evidence struct {
	// hold is why the journal must be held; nil where nothing speaks for that.
	hold *store.Hold
	// current: the witness shows that the journal is no older than itself.
	current bool
}

// examine compares a journal with its witness.
func (s *standing) examine(path string, sessions []session, now time.Time) (evidence, error) {
	held := func(reason string) evidence { return evidence{hold: &store.Hold{Since: now.UTC(), Reason: reason}} }
	seen, err := readTestimony(path)
	switch {
	case errors.Is(err, errTestimony):
		return held(err.Error() + ", so that nothing shows whether the journal is the latest"), nil
	case err != nil:
		return evidence{}, err
	case seen == nil:
		return evidence{}, nil
	}
	if missing := seen.missing(s.identity, sessions, s.commits); missing != "" {
		return held(missing), nil
	}
	return evidence{current: true}, nil
}

// begin writes down that a router starts with the journal, and what its witness shows.
func (db *DB) begin(ctx context.Context, mode Mode, shown evidence, empty bool) error {
	s, now := db.standing, db.clock.now().UTC()
	fresh := s.hold == nil && shown.hold != nil
	if fresh {
		s.hold = shown.hold
	}
	if doubtful := !empty && (s.hold != nil || !shown.current); doubtful {
		s.doubtedBefore, s.doubtedClock = now, wholeMs(db.Clock())
	}
	if s.mode == "" {
		s.mode = string(mode)
	}
	err := db.writer.do(ctx, func(t transaction) error {
		if err := t.note(store.JournalOpened, "", ""); err != nil {
			return err
		}
		if fresh {
			if err := t.note(store.JournalHeld, "", s.hold.Reason); err != nil {
				return err
			}
			text, err := json.Marshal(s.hold)
			if err != nil {
				return fmt.Errorf("encode why the journal is held: %w", err)
			}
			if _, err := t.exec(setHeld, string(text)); err != nil {
				return err
			}
		}
		if !s.doubtedBefore.IsZero() {
			if _, err := t.exec(setDoubted, textOf(s.doubtedBefore), s.doubtedClock.Milliseconds()); err != nil {
				return err
			}
		}
		if mode == "" {
			return nil
		}
		_, err := t.exec(setMode, string(mode))
		return err
	})
	if err != nil {
		return fmt.Errorf("open the journal: %w", err)
	}
	if s.hold == nil {
		db.witness.speak(true)
		return db.witness.write()
	}
	db.log.Error("the journal is held: nothing leaves that may move money, until it is released",
		slog.String("why", s.hold.Reason),
		slog.Time("since", s.hold.Since))
	return nil
}

// Hold is nil, or the reason why no request may leave that may move money: an error that wraps attempt.ErrHeld.
func (db *DB) Hold() error {
	s := db.standing
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.hold == nil {
		return nil
	}
	return fmt.Errorf(
		"%w: %s. Compare what the providers have with it, then run: router journal release --reason \"…\"",
		attempt.ErrHeld, s.hold.Reason)
}

// wholeMs rounds up: what was made within the same millisecond is in doubt, too.
func wholeMs(clock time.Duration) time.Duration {
	return (clock + time.Millisecond - 1).Truncate(time.Millisecond)
}

// Doubtful reports whether more may have been sent, of what was made when the journal's own clock showed a time, than
// the journal shows. What has no such time is from an earlier release, and older than any doubt.
func (db *DB) Doubtful(made time.Duration) bool {
	s := db.standing
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return !s.doubtedBefore.IsZero() && made <= s.doubtedClock
}

// Clock is what the journal's own clock shows.
func (db *DB) Clock() time.Duration {
	return db.clock.moment().clock
}

// Release ends a hold at a person's word, who is named with the reason in the journal and in the log. From then on the
// witness follows this journal. A journal that is not held is store.ErrNotHeld. Where the witness cannot be written,
// the hold stays.
func (db *DB) Release(ctx context.Context, actor, reason string) error {
	s := db.standing
	s.releasing.Lock()
	defer s.releasing.Unlock()
	if db.Hold() == nil {
		return store.ErrNotHeld
	}
	// The witness goes first: a crash in between leaves the journal held.
	db.witness.speak(true)
	if err := db.witness.write(); err != nil {
		db.witness.speak(false)
		return fmt.Errorf("release the journal: %w: %w", attempt.ErrJournal, err)
	}
	now, doubted := db.clock.now().UTC(), wholeMs(db.Clock())
	err := db.writer.do(ctx, func(t transaction) error {
		if _, err := t.exec(setHeld, nil); err != nil {
			return err
		}
		if _, err := t.exec(setDoubted, textOf(now), doubted.Milliseconds()); err != nil {
			return err
		}
		return t.note(store.JournalReleased, actor, reason)
	})
	if err != nil {
		return fmt.Errorf("release the journal: %w", err)
	}
	db.log.Warn("the journal is released", slog.String("by", actor), slog.String("reason", reason))
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.hold, s.doubtedBefore, s.doubtedClock = nil, now, doubted
	return nil
}

// shownEvents is how many events Standing gives.
const shownEvents = 50

// Standing returns how far the journal can be relied on.
func (db *DB) Standing(ctx context.Context) (store.Standing, error) {
	const what = "list what happened to the journal"
	events, err := readAll(ctx, db, what, listJournalEvents, []any{shownEvents}, scanStandingEvent)
	if err != nil {
		return store.Standing{}, err
	}
	s := db.standing
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return store.Standing{
		Identity: s.identity, Mode: s.mode, Commits: db.witness.seen(), Hold: s.hold, DoubtedBefore: s.doubtedBefore,
		Clock:   db.Clock(),
		Witness: db.witness.standing(), Jump: db.clock.lastJump(), Events: events,
	}, nil
}

func scanStandingEvent(rows *sql.Rows) (e store.StandingEvent, err error) {
	var at sql.NullString
	if err := rows.Scan(&e.Type, &at, &e.Commit, &e.Actor, &e.Reason); err != nil {
		return e, err
	}
	return e, readTime(at, &e.At)
}

// newSession names an opening of a journal.
func newSession() string { return rand.Text() }
