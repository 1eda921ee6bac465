package simulation

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"modernc.org/sqlite"

	"payrouter/host/attempt"
	"payrouter/host/callback"
	"payrouter/host/payment"
	dbs "payrouter/host/store/sqlite"
)

// journal is a router's, in SQLite, with every call held until the scheduler lets it through. Once the router is dead
// it does nothing any more.
type journal struct {
	life *life
	db   *dbs.DB
}

var errDead = fmt.Errorf("%w: the router has crashed", attempt.ErrJournal)

func (j *journal) hold(name string) error {
	if err := j.life.hold(context.Background(), "journal: "+name, nil); err != nil {
		return err
	}
	return nil
}

// wrote notes what a write came to.
func (j *journal) wrote(name string, err error) {
	w := j.life.w
	if err == nil || !errors.Is(err, attempt.ErrJournal) {
		return
	}
	w.note("%s is refused: %v", name, err)
	w.disk.refused()
}

func (j *journal) Create(ctx context.Context, change payment.Change, key attempt.Key) (*attempt.Key, error) {
	name := "create " + change.Payment.ID
	if err := j.hold(name); err != nil {
		return nil, err
	}
	earlier, err := j.db.Create(ctx, change, key)
	j.wrote(name, err)
	if err == nil && earlier == nil {
		j.life.w.ledger.created(change, key)
	}
	return earlier, err
}

func (j *journal) Save(ctx context.Context, change payment.Change) error {
	name := fmt.Sprintf("save %s version %d", change.Payment.ID, change.Payment.Version)
	if err := j.hold(name); err != nil {
		return err
	}
	err := j.db.Save(ctx, change)
	j.wrote(name, err)
	switch {
	case err == nil:
		j.life.w.ledger.saved(change)
	case !errors.Is(err, attempt.ErrJournal):
		j.life.w.violated("%s: the journal had to refuse it: %v", name, err)
	}
	return err
}

func (j *journal) Answer(ctx context.Context, key attempt.Key) (attempt.Key, error) {
	name := "answer to key " + key.Value
	if err := j.hold(name); err != nil {
		return attempt.Key{}, err
	}
	standing, err := j.db.Answer(ctx, key)
	j.wrote(name, err)
	return standing, err
}

func (j *journal) KeepCallback(ctx context.Context, c callback.Callback) error {
	name := "keep callback " + c.ID
	if err := j.hold(name); err != nil {
		return err
	}
	err := j.db.KeepCallback(ctx, c)
	j.wrote(name, err)
	if err == nil {
		j.life.w.ledger.kept(c)
	}
	return err
}

func (j *journal) SettleCallback(ctx context.Context, c callback.Callback, again time.Time) error {
	name := "settle callback " + c.ID
	if err := j.hold(name); err != nil {
		return err
	}
	err := j.db.SettleCallback(ctx, c, again)
	j.wrote(name, err)
	if err == nil {
		j.life.w.ledger.concluded(c)
	}
	return err
}

func (j *journal) Payment(ctx context.Context, id string) (payment.Payment, error) {
	if err := j.hold("read " + id); err != nil {
		return payment.Payment{}, err
	}
	return j.db.Payment(ctx, id)
}

func (j *journal) Payments(ctx context.Context, filter payment.Filter) ([]payment.Payment, string, error) {
	if err := j.hold("list payments"); err != nil {
		return nil, "", err
	}
	return j.db.Payments(ctx, filter)
}

func (j *journal) Unfinished(ctx context.Context, after string, limit int) ([]payment.Payment, error) {
	if err := j.hold("list what is unfinished after " + after); err != nil {
		return nil, err
	}
	return j.db.Unfinished(ctx, after, limit)
}

func (j *journal) Waiting(ctx context.Context) ([]string, error) {
	if err := j.hold("list providers at which payments wait"); err != nil {
		return nil, err
	}
	return j.db.Waiting(ctx)
}

func (j *journal) PaymentByReference(ctx context.Context, provider, reference string) (payment.Payment, error) {
	if err := j.hold("find " + provider + " " + reference); err != nil {
		return payment.Payment{}, err
	}
	return j.db.PaymentByReference(ctx, provider, reference)
}

func (j *journal) PaymentByProviderReference(ctx context.Context, provider, reference string) (payment.Payment, error) {
	if err := j.hold("find theirs " + provider + " " + reference); err != nil {
		return payment.Payment{}, err
	}
	return j.db.PaymentByProviderReference(ctx, provider, reference)
}

func (j *journal) KeepRuleset(ctx context.Context, id string, written []byte) error {
	name := "keep ruleset " + id
	if err := j.hold(name); err != nil {
		return err
	}
	err := j.db.KeepRuleset(ctx, id, written)
	j.wrote(name, err)
	return err
}

func (j *journal) Ruleset(ctx context.Context, id string) ([]byte, error) {
	if err := j.hold("read ruleset " + id); err != nil {
		return nil, err
	}
	return j.db.Ruleset(ctx, id)
}

func (j *journal) Owner(ctx context.Context, account, object, reference string) (string, error) {
	if err := j.hold("find the owner of " + object + " " + reference + " at " + account); err != nil {
		return "", err
	}
	return j.db.Owner(ctx, account, object, reference)
}

func (j *journal) Due(ctx context.Context, provider string, now time.Time, limit int) ([]payment.Payment, error) {
	if err := j.hold("list what is due at " + provider); err != nil {
		return nil, err
	}
	return j.db.Due(ctx, provider, now, limit)
}

func (j *journal) Timeline(ctx context.Context, paymentID string) ([]payment.Entry, error) {
	if err := j.hold("read the timeline of " + paymentID); err != nil {
		return nil, err
	}
	return j.db.Timeline(ctx, paymentID)
}

func (j *journal) Entries(ctx context.Context, merchant string, after int64, limit int) ([]payment.Entry, error) {
	if err := j.hold("list entries"); err != nil {
		return nil, err
	}
	return j.db.Entries(ctx, merchant, after, limit)
}

func (j *journal) Attempts(ctx context.Context, paymentID string) ([]attempt.Attempt, error) {
	if err := j.hold("read the attempts of " + paymentID); err != nil {
		return nil, err
	}
	return j.db.Attempts(ctx, paymentID)
}

func (j *journal) Key(ctx context.Context, merchant, value string) (*attempt.Key, error) {
	if err := j.hold("read key " + value); err != nil {
		return nil, err
	}
	return j.db.Key(ctx, merchant, value)
}

func (j *journal) DueCallbacks(ctx context.Context, account string, vouched bool, now time.Time,
	limit int,
) ([]callback.Callback, error) {
	if err := j.hold(fmt.Sprintf("list callbacks that are due at %s, vouched for %t", account, vouched)); err != nil {
		return nil, err
	}
	return j.db.DueCallbacks(ctx, account, vouched, now, limit)
}

func (j *journal) Clock() time.Duration { return j.db.Clock() }

// PurgeKeys and PurgeCallbacks forget what is days old: no run takes so long.
func (j *journal) PurgeKeys(context.Context, time.Duration, int) (int, error) { return 0, nil }

func (j *journal) PurgeCallbacks(context.Context, time.Duration, int) (int, error) { return 0, nil }

// The disk's faults.
const (
	failedCommit = "failed commit"
	diskFull     = "disk full"
)

// disk is the disk of the router's journal. Its faults are SQLite's own: a commit that is turned into a rollback, and a
// file that may not grow. Both apply to the connection that writes, while it is not in use.
type disk struct {
	w      *world
	broken string
	// hits are the writes that a fault refused; of the world's mutex.
	hits map[string]int
}

func (d *disk) refused() {
	d.w.mutex.Lock()
	defer d.w.mutex.Unlock()
	d.hits[d.broken]++
}

// fail breaks the disk in one way; empty mends it.
func (d *disk) fail(how string) {
	d.broken = how
	if d.w.life == nil {
		return
	}
	c := connections.of(d.w.life.dir)
	c.refuses.Store(how == failedCommit)
	limit := 1 << 30
	if how == diskFull {
		limit = 1 // SQLite makes it what the file has
	}
	if _, err := c.conn.ExecContext(context.Background(), fmt.Sprintf("PRAGMA max_page_count = %d", limit),
		nil); err != nil {
		d.w.violated("limit the journal's file: %v", err)
	}
}

// writing are the connections of this process that write to journals, by their directories.
type writing struct {
	mutex sync.Mutex
	all   map[string]*connection
}

// SQLite's driver has one list of hooks for the whole process.
var connections = &writing{all: map[string]*connection{}}

func (c *writing) of(dir string) *connection {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.all[dir]
}

func (c *writing) forget(dir string) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	delete(c.all, dir)
}

// opened is SQLite's connection hook.
func (c *writing) opened(conn sqlite.ExecQuerierContext, dsn string) error {
	hooks, able := conn.(sqlite.HookRegisterer)
	if !able {
		return errors.New("the connection takes no hooks")
	}
	if strings.Contains(dsn, "query_only") {
		return nil
	}
	path, _, _ := strings.Cut(strings.TrimPrefix(dsn, "file://"), "?")
	one := &connection{conn: conn}
	hooks.RegisterCommitHook(func() int32 {
		if one.refuses.Load() {
			return 1
		}
		return 0
	})
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.all[filepath.Dir(path)] = one
	return nil
}

// connection is one that writes.
type connection struct {
	conn    sqlite.ExecQuerierContext
	refuses atomic.Bool
}

var (
	_ payment.Journal = (*journal)(nil)
	_ callback.Store  = (*journal)(nil)
)

// copyJournal copies what a crash leaves of a journal.
func copyJournal(from, to string) error {
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	for _, name := range []string{"payrouter.db", "payrouter.db-wal", "payrouter.witness"} {
		text, err := os.ReadFile(filepath.Join(from, name))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(to, name), text, 0o600)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
