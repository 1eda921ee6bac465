package sqlite

import (
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/attempt"
	"payrouter/host/clocktest"
	"payrouter/host/store"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// The journal's clock follows the run time, whatever the wall clock shows, and takes little of a stop.
func TestClock(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		stopped time.Duration
		shows   time.Duration
		jumped  time.Duration
	}{
		"a short stop counts":                      {stopped: 10 * time.Minute, shows: 10 * time.Minute},
		"an hour counts":                           {stopped: time.Hour, shows: time.Hour},
		"of a long stop an hour counts":            {stopped: 1000 * time.Hour, shows: time.Hour},
		"a wall clock set back counts for nothing": {stopped: -1000 * time.Hour, jumped: -1000 * time.Hour},
		"one a little behind is no jump":           {stopped: -time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wall := &steadyClock{at: noon.Add(row.stopped)}
			c := startClock(wall.now, slog.New(slog.DiscardHandler), 5*time.Hour, noon)
			m := c.moment()
			require.Equal(t, 5*time.Hour+row.shows, m.clock)
			if row.jumped == 0 {
				require.Empty(t, m.jumps)
				return
			}
			require.Equal(t, []time.Duration{row.jumped}, m.jumps)
			c.written(m)
			require.Empty(t, c.moment().jumps, "each is told once")
		})
	}
}

func TestClockAdvancesByTheMonotonicClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		wall := &clocktest.Clock{}
		c := startClock(wall.Now, slog.New(slog.DiscardHandler), 0, time.Time{})
		step := func(jump, pass time.Duration) []time.Duration {
			wall.Jump(jump)
			time.Sleep(pass)
			m := c.moment()
			c.written(m)
			return m.jumps
		}
		require.Empty(t, step(0, time.Hour))
		require.Empty(t, step(59*time.Second, time.Second), "a small step is none")
		require.Equal(t, []time.Duration{1000*time.Hour + 59*time.Second}, step(1000*time.Hour, time.Minute))
		require.Equal(t, []time.Duration{-2000 * time.Hour}, step(-2000*time.Hour, time.Minute))
		m := c.moment()
		require.Equal(t, time.Hour+time.Second+2*time.Minute, m.clock)
		require.Equal(t, -2000*time.Hour, c.lastJump().By)
	})
}

func TestClockOutlivesACrashOfAnIdleRouter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		db := openAt(t, dir)
		time.Sleep(3 * time.Hour)
		synctest.Wait()
		crashed := openAt(t, copyFiles(t, dir))
		require.Greater(t, crashed.Clock(), 3*time.Hour-2*persistEvery)
		require.NoError(t, crashed.Close())
		require.NoError(t, db.Close())
		db = openAt(t, dir)
		require.GreaterOrEqual(t, db.Clock(), 3*time.Hour-time.Millisecond)
		require.NoError(t, db.Close())
	})
}

// What a wall clock that was ahead has planned is due once that clock is set right.
func TestWhatAWallClockPlannedThatWasAheadIsDueOnceItIsSetBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		wall := &clocktest.Clock{}
		db := openAt(t, t.TempDir(), Now(wall.Now), Logger(slog.New(slog.NewTextHandler(&log, nil))))
		defer db.Close()
		wall.Jump(1000 * time.Hour)
		c := hint("cb_1")
		c.Due = wall.Wall()
		require.NoError(t, db.KeepCallback(t.Context(), c))
		time.Sleep(5 * time.Second)
		synctest.Wait() // a sample of this instant must not see the jump
		wall.Jump(-1000 * time.Hour)
		require.Empty(t, dueCallbacks(t, db, false, wall.Wall()))

		time.Sleep(2 * sampleEvery)
		synctest.Wait()

		require.Len(t, dueCallbacks(t, db, false, wall.Wall()), 1)
		require.Contains(t, log.String(), "the wall clock was set ahead by 1000h")
		require.Contains(t, log.String(), "the wall clock was set back by 1000h")
		standing, err := db.Standing(t.Context())
		require.NoError(t, err)
		require.Equal(t, -1000*time.Hour, standing.Jump.By)
		require.Equal(t, []store.StandingEventType{store.ClockJumped, store.ClockJumped, store.JournalOpened},
			eventTypes(standing))
	})
}

func eventTypes(s store.Standing) (types []store.StandingEventType) {
	for _, e := range s.Events {
		types = append(types, e.Type)
	}
	return types
}

func TestOnlyWhatChangesSomethingIsACommit(t *testing.T) {
	t.Parallel()
	db := openNew(t)
	before := db.witness.seen()
	for range 10 {
		_, err := db.PurgeKeys(t.Context(), time.Hour, 0)
		require.NoError(t, err)
	}
	require.Equal(t, before, db.witness.seen())
	require.NoError(t, create(t, db, 1))
	require.Equal(t, before+1, db.witness.seen())
	require.NoError(t, create(t, db, 1), "a repetition of its key")
	require.Equal(t, before+1, db.witness.seen())
}

func TestWitnessIsWrittenAtMostOnceInAWhileAndNeverAhead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "witness")
		w := newWitness(path, time.Second, slog.New(slog.DiscardHandler))
		w.start()
		at := func() int64 {
			synctest.Wait()
			seen, err := readTestimony(path)
			require.NoError(t, err)
			if seen == nil {
				return 0
			}
			return seen.Commit
		}
		require.Zero(t, at())
		for n := range int64(5) {
			w.saw(testimony{Journal: "j", Session: "s", Commit: n + 1})
			if n == 0 {
				require.EqualValues(t, 1, at())
			}
		}
		require.EqualValues(t, 1, at())
		time.Sleep(time.Second - 1)
		require.EqualValues(t, 1, at())
		time.Sleep(time.Nanosecond)
		require.EqualValues(t, 5, at())
		w.saw(testimony{Journal: "j", Session: "s", Commit: 6})
		require.NoError(t, w.close())
		require.EqualValues(t, 6, at(), "a stop leaves nothing unwritten")
	})
}

// watchedLog is a log that a test reads while it is written.
type watchedLog struct {
	mutex sync.Mutex
	text  strings.Builder
}

func (r *watchedLog) Write(line []byte) (int, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.text.Write(line)
}

func (r *watchedLog) String() string {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.text.String()
}

func TestWitnessThatCannotBeWrittenIsWrittenOnceItCan(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log watchedLog
		dir := filepath.Join(t.TempDir(), "volume")
		w := newWitness(filepath.Join(dir, "witness"), time.Second, slog.New(slog.NewTextHandler(&log, nil)))
		w.start()
		w.saw(testimony{Journal: "j", Session: "s", Commit: 1})
		time.Sleep(10 * time.Second)
		synctest.Wait()
		require.NotEmpty(t, w.standing().Problem)
		require.Equal(t, 1, strings.Count(log.String(), "write the witness"), "it is told once")
		require.NoError(t, os.Mkdir(dir, 0o700))
		time.Sleep(time.Second)
		synctest.Wait()
		require.Empty(t, w.standing().Problem)
		require.EqualValues(t, 1, w.standing().Commit)
		require.NoError(t, w.close())
	})
}

// A journal is held where its witness saw more than it has, or another journal.
func TestJournalBehindItsWitnessIsHeld(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		// disturb is done to a stopped journal, of which an older copy was made when it had one payment less.
		disturb func(t *testing.T, dir, older string)
		held    string
	}{
		"as it was": {func(*testing.T, string, string) {}, ""},
		"an older copy put back": {
			func(t *testing.T, dir, older string) { t.Helper(); putBack(t, older, dir) },
			"an older copy was put back",
		},
		"the log's tail is lost": {func(t *testing.T, dir, _ string) {
			t.Helper()
			db := openAt(t, dir)
			defer db.Close()
			before := copyFiles(t, dir)
			require.NoError(t, create(t, db, 7))
			require.NoError(t, db.witness.write())
			putBack(t, before, dir+"-lost")
			testimony, err := os.ReadFile(Witness(dir))
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(Witness(dir+"-lost"), testimony, 0o600))
		}, "the disk lost writes"},
		"the journal is gone": {func(t *testing.T, dir, _ string) {
			t.Helper()
			require.NoError(t, os.Remove(Journal(dir)))
		}, "another journal was put in its place"},
		"another journal": {func(t *testing.T, dir, _ string) {
			t.Helper()
			other := t.TempDir()
			require.NoError(t, openAt(t, other).Close())
			putBack(t, other, dir)
		}, "another journal was put in its place"},
		"the witness is damaged": {func(t *testing.T, dir, _ string) {
			t.Helper()
			require.NoError(t, os.WriteFile(Witness(dir), []byte("{"), 0o600))
		}, "is damaged"},
		"a copy went on elsewhere, further than the journal": {func(t *testing.T, dir, older string) {
			t.Helper()
			require.NoError(t, os.RemoveAll(filepath.Join(older, witnessName)))
			elsewhere := openAt(t, older)
			for n := range 20 {
				require.NoError(t, create(t, elsewhere, 100+n))
			}
			require.NoError(t, elsewhere.Close())
			putBack(t, older, dir)
		}, "an older copy was put back"},
		"the witness is gone": {func(t *testing.T, dir,
			_ string,
		) {
			t.Helper()
			require.NoError(t, os.Remove(Witness(dir)))
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "data")
			db := openAt(t, dir)
			require.NoError(t, create(t, db, 1))
			older := copyFiles(t, dir)
			require.NoError(t, create(t, db, 2))
			require.NoError(t, db.Close())
			row.disturb(t, dir, older)
			if _, err := os.Stat(dir + "-lost"); err == nil {
				dir += "-lost"
			}

			var log strings.Builder
			db = openAt(t, dir, Logger(slog.New(slog.NewTextHandler(&log, nil))))
			err := db.Hold()
			if row.held == "" {
				require.NoError(t, err)
				require.NoError(t, db.Close())
				return
			}
			require.ErrorIs(t, err, attempt.ErrHeld)
			require.ErrorContains(t, err, row.held)
			require.ErrorContains(t, err, "router journal release")
			require.Contains(t, log.String(), "the journal is held")
			require.NoError(t, create(t, db, 50), "it is written to all the same: callbacks come")
			witness, err := os.ReadFile(Witness(dir))
			require.NoError(t, err)
			require.NoError(t, db.Close())
			after, err := os.ReadFile(Witness(dir))
			require.NoError(t, err)
			require.Equal(t, witness, after, "the witness stays what it was")

			db = openAt(t, dir)
			require.ErrorIs(t, db.Hold(), attempt.ErrHeld, "a restart ends no hold")
			require.True(t, db.Doubtful(0))
			require.NoError(t, db.Release(t.Context(), "ann", "compared with the statements"))
			require.NoError(t, db.Hold())
			require.ErrorIs(t, db.Release(t.Context(), "ann", "again"), store.ErrNotHeld)
			require.True(t, db.Doubtful(0), "what was made before is in doubt for good")
			require.False(t, db.Doubtful(db.Clock()+time.Millisecond))
			standing, err := db.Standing(t.Context())
			require.NoError(t, err)
			require.Equal(t, store.JournalReleased, standing.Events[0].Type)
			require.Equal(t, "ann", standing.Events[0].Actor)
			require.Equal(t, "compared with the statements", standing.Events[0].Reason)
			require.NoError(t, db.Close())

			db = openAt(t, dir)
			require.NoError(t, db.Hold(), "nor does it begin one anew")
			require.True(t, db.Doubtful(0))
			require.NoError(t, db.Close())
		})
	}
}

// putBack replaces a stopped journal's files by a copy's, and leaves the witness.
func putBack(t *testing.T, from, dir string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(dir, 0o700))
	for _, name := range []string{databaseName, databaseName + "-wal", databaseName + "-shm"} {
		require.NoError(t, os.RemoveAll(filepath.Join(dir, name)))
		text, err := os.ReadFile(filepath.Join(from, name))
		if os.IsNotExist(err) || strings.HasSuffix(name, "-shm") {
			continue
		}
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), text, 0o600))
	}
}

func TestReleaseNeedsTheWitnessWritten(t *testing.T) {
	t.Parallel()
	dir, volume := t.TempDir(), filepath.Join(t.TempDir(), "volume")
	require.NoError(t, os.Mkdir(volume, 0o700))
	path := filepath.Join(volume, "witness")
	other, err := json.Marshal(testimony{Journal: "another", Session: "s", Commit: 5})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, other, 0o600))
	db := openAt(t, dir, WitnessAt(path))
	defer db.Close()
	require.ErrorIs(t, db.Hold(), attempt.ErrHeld)
	require.NoError(t, os.Rename(volume, volume+"-away"))
	require.ErrorIs(t, db.Release(t.Context(), "ann", "r"), attempt.ErrJournal)
	require.ErrorIs(t, db.Hold(), attempt.ErrHeld)
	require.NoError(t, os.Rename(volume+"-away", volume))
	require.NoError(t, db.Release(t.Context(), "ann", "r"))
	require.NoFileExists(t, Witness(dir), "the witness is where it was said to be")
}

func TestWitnessThatCannotBeWrittenAtTheStartIsRefused(t *testing.T) {
	t.Parallel()
	dir, missing := t.TempDir(), filepath.Join(t.TempDir(), "missing", "witness")
	_, err := Open(t.Context(), dir, WitnessAt(missing))
	require.ErrorContains(t, err, "write the witness "+missing)
	require.NoError(t, openAt(t, dir).Close(), "the refused open gave the directory up")
}

func TestJournalWithoutAWitnessIsDoubtedWhereItHoldsPayments(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db := openAt(t, dir)
	require.False(t, db.Doubtful(0), "there is nothing to doubt")
	require.NoError(t, create(t, db, 1))
	require.NoError(t, db.Close())
	require.NoError(t, os.Remove(Witness(dir)))
	db = openAt(t, dir)
	require.NoError(t, db.Hold())
	require.True(t, db.Doubtful(0))
	require.NoError(t, db.Close())
}

func TestAJournalIsOfOneMode(t *testing.T) {
	t.Parallel()
	for made, other := range map[Mode]Mode{Sandbox: Real, Real: Sandbox} {
		dir := t.TempDir()
		require.NoError(t, openAt(t, dir).Close(), "no mode marks nothing")
		require.NoError(t, openAt(t, dir, InMode(made)).Close())
		require.NoError(t, openAt(t, dir, InMode(made)).Close())
		_, err := Open(t.Context(), dir, InMode(other))
		var refused *ModeError
		require.ErrorAs(t, err, &refused)
		require.Equal(t, ModeError{Dir: dir, Journal: made, Asked: other}, *refused)
		require.ErrorContains(t, err, "--sandbox")
		require.NoError(t, openAt(t, dir, InMode(made)).Close(), "the refused open left it as it was")
	}
}

func TestBackupIsTheJournalAtOneMoment(t *testing.T) {
	t.Parallel()
	dir, to := t.TempDir(), filepath.Join(t.TempDir(), "backup.db")
	db := openAt(t, dir, InMode(Real))
	require.NoError(t, create(t, db, 1))
	require.NoError(t, db.KeepRuleset(t.Context(), "rules", []byte("of the payment")))

	made, err := Backup(t.Context(), dir, to)

	require.NoError(t, err)
	require.Equal(t, map[string]int{"created": 1}, made.Payments)
	require.Equal(t, db.witness.seen(), made.Commits)
	require.Equal(t, Real, made.Mode)
	requireMode(t, 0o600, to)
	entries, err := os.ReadDir(filepath.Dir(to))
	require.NoError(t, err)
	require.Len(t, entries, 1)
	_, err = Backup(t.Context(), dir, to)
	require.ErrorContains(t, err, "there already")
	require.NoError(t, create(t, db, 2), "the router goes on")
	require.NoError(t, db.Close())

	found, err := Check(t.Context(), to, Witness(dir))
	require.NoError(t, err)
	require.True(t, found.Witnessed)
	require.Contains(t, found.Missing, "an older copy was put back")
	found, err = Check(t.Context(), Journal(dir), Witness(dir))
	require.NoError(t, err)
	require.Empty(t, found.Missing)
	require.Equal(t, map[string]int{"created": 2}, found.Payments)
	stopped, err := Backup(t.Context(), dir, to+"-2")
	require.NoError(t, err, "nor need a router run")
	require.Equal(t, found.Commits, stopped.Commits)

	restored := t.TempDir()
	require.NoError(t, os.Rename(to, Journal(restored)))
	db = openAt(t, restored, InMode(Real))
	defer db.Close()
	requireStands(t, db, 1)
	requireGone(t, db, 2)
	rules, err := db.Ruleset(t.Context(), "rules")
	require.NoError(t, err)
	require.Equal(t, "of the payment", string(rules))
}

func TestWhatIsNoSoundJournalIsToldSo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, err := Backup(t.Context(), dir, filepath.Join(dir, "backup.db"))
	require.ErrorContains(t, err, "has no journal")
	_, err = Check(t.Context(), Journal(dir), "")
	require.Error(t, err)
	require.NoError(t, os.WriteFile(Journal(dir), []byte(strings.Repeat("somebody's notes\n", 1000)), 0o600))
	_, err = Check(t.Context(), Journal(dir), "")
	require.ErrorContains(t, err, "not a database")

	made := t.TempDir()
	db := openAt(t, made)
	for n := range 50 {
		require.NoError(t, create(t, db, n))
	}
	require.NoError(t, db.Close())
	text, err := os.ReadFile(Journal(made))
	require.NoError(t, err)
	for i := len(text) / 2; i < len(text); i++ {
		text[i] ^= 0x55
	}
	require.NoError(t, os.WriteFile(Journal(made), text, 0o600))
	_, err = Check(t.Context(), Journal(made), "")
	require.Error(t, err)
	_, err = Backup(t.Context(), made, filepath.Join(dir, "backup.db"))
	require.Error(t, err)
	require.NoFileExists(t, filepath.Join(dir, "backup.db"))
}
