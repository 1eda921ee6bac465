package chaos

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"payrouter/host/operation"
	"payrouter/host/payment"
	"payrouter/host/sandbox"
	"payrouter/host/store/sqlite"
	"payrouter/test/process"
)

// tailLost is a journal that comes back as it was some seconds ago: its newest commits are gone.
const tailLost = "journal's tail lost"

// journalFiles are what a journal consists of. Its witness is no part of it.
//
//nolint:gochecknoglobals // a table
var journalFiles = []string{"payrouter.db", "payrouter.db-wal"}

// copyJournal copies a journal that is not in use.
func copyJournal(from, to string) error {
	if err := os.MkdirAll(to, 0o700); err != nil {
		return fmt.Errorf("copy the journal: %w", err)
	}
	for _, name := range append(journalFiles, "payrouter.db-shm") {
		if err := os.Remove(filepath.Join(to, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("copy the journal: %w", err)
		}
	}
	for _, name := range journalFiles {
		if err := copyFile(filepath.Join(from, name), filepath.Join(to, name)); err != nil &&
			!errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("copy the journal: %w", err)
		}
	}
	return nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// contents are what a journal holds: payments by id, and native runs by their reference.
type contents struct {
	payments map[string]payment.Payment
	runs     map[string]operation.Run
	db       *sqlite.DB
}

// readJournal reads a copy of a journal, which is then no copy any more: close it, and throw it away.
func readJournal(ctx context.Context, dir string) (c contents, err error) {
	c = contents{payments: map[string]payment.Payment{}, runs: map[string]operation.Run{}}
	if c.db, err = sqlite.Open(ctx, dir); err != nil {
		return c, fmt.Errorf("read a copy of the journal: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.db.Close())
		}
	}()
	const page = 500
	for before := ""; ; {
		list, next, err := c.db.Payments(ctx, payment.Filter{Before: before, Limit: page})
		if err != nil {
			return c, fmt.Errorf("read a copy of the journal: %w", err)
		}
		for _, p := range list {
			c.payments[p.ID] = p
		}
		if before = next; next == "" {
			break
		}
	}
	for before := ""; ; {
		list, err := c.db.Runs(ctx, operation.Filter{Before: before, Limit: page})
		if err != nil {
			return c, fmt.Errorf("read a copy of the journal: %w", err)
		}
		for _, one := range list {
			var entry RunEntry
			if err := json.Unmarshal(one.Input, &entry.Input); err != nil {
				return c, fmt.Errorf("read a copy of the journal: the input of %s: %w", one.ID, err)
			}
			c.runs[entry.reference()], before = one, one.ID
		}
		if len(list) < page {
			return c, nil
		}
	}
}

// losses are what lost tails of the journal knew.
type losses struct {
	mutex sync.Mutex // guards what follows
	// changed are payments as a lost tail had them, and gone those among them that the journal does not know any more.
	changed map[string]Entry
	gone    map[string]bool
	// noticed are payments that a provider reported something of which only a lost tail knew.
	noticed map[string]bool
	// broken are promises that the router did not keep while its journal was held.
	broken []Violation
	times  int
}

func (l *losses) add(e Entry, gone bool) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.changed == nil {
		l.changed, l.gone = map[string]Entry{}, map[string]bool{}
	}
	e.Tries = append(e.Tries, l.changed[e.ID].Tries...)
	l.changed[e.ID] = e
	if gone {
		l.gone[e.ID] = true
	}
}

// lists are the payments whose changes were lost, and those that were lost whole.
func (l *losses) lists() (rewound, gone []Entry) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for id, e := range l.changed {
		if l.gone[id] {
			gone = append(gone, e)
		} else {
			rewound = append(rewound, e)
		}
	}
	return rewound, gone
}

// doubtful are the payments of which a lost tail knew more, or that a lost notice was about.
func (l *losses) doubtful() []string {
	rewound, _ := l.lists()
	l.mutex.Lock()
	defer l.mutex.Unlock()
	ids := slices.Collect(maps.Keys(l.noticed))
	for _, e := range rewound {
		ids = append(ids, e.ID)
	}
	return ids
}

// notices notes what a lost journal's callbacks were about on which nothing had been done yet: they are acknowledged,
// and do not come again.
func (l *losses) notices(ctx context.Context, was contents) error {
	byReference := map[string]string{}
	accounts := map[string]bool{}
	for id, p := range was.payments {
		byReference[p.Provider+" "+p.ProviderReference], accounts[p.Provider] = id, true
	}
	for account := range accounts {
		for _, vouched := range []bool{true, false} {
			const all = 100_000
			due, err := was.db.DueCallbacks(ctx, account, vouched, time.Now().AddDate(1, 0, 0), all)
			if err != nil {
				return fmt.Errorf("read the callbacks of the lost journal: %w", err)
			}
			for _, c := range due {
				id := cmp.Or(c.AddressedTo, byReference[account+" "+c.Receipt.GetProviderReference()])
				l.mutex.Lock()
				if l.noticed == nil {
					l.noticed = map[string]bool{}
				}
				l.noticed[id] = true
				l.mutex.Unlock()
			}
		}
	}
	return nil
}

func (l *losses) violated(format string, args ...any) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.broken = append(l.broken, Violation{Kind: Double, Detail: fmt.Sprintf(format, args...)})
}

// keep takes a copy of a dead router's journal where the next trouble is to put it back.
func (c *crasher) keep() error {
	if troubles[c.next%len(troubles)] != "tail" || !c.settings.with("tail") {
		return nil
	}
	c.kept = true
	return copyJournal(c.router.data(), c.keptAt())
}

func (c *crasher) keptAt() string { return filepath.Join(c.settings.Dir, "kept") }

// loseTail kills the router, puts back the copy of its journal that an earlier kill left, and starts it. The router has
// to hold the journal: nothing leaves that may move money until a person releases it. The answers in between are lost.
func (c *crasher) loseTail(ctx context.Context) error {
	c.counts.crash("tail lost")
	c.router.kill()
	process.Wait(ctx, 100*time.Millisecond) // clients take in what they have been answered
	lost := filepath.Join(c.settings.Dir, "lost")
	if err := copyJournal(c.router.data(), lost); err != nil {
		return err
	}
	if err := copyJournal(c.keptAt(), c.router.data()); err != nil {
		return err
	}
	if err := c.compare(ctx, lost, c.keptAt()); err != nil {
		return err
	}
	c.kept = false
	c.router.rewound = true
	defer func() { c.router.rewound = false }()
	if err := c.router.start(ctx, "", ""); err != nil {
		return err
	}
	c.hold(ctx)
	c.losses.mutex.Lock()
	c.losses.times++
	c.losses.mutex.Unlock()
	return nil
}

// compare finds what only the lost journal knew, and has clients go by it: what the journal does not know any more they
// do not ask for again.
func (c *crasher) compare(ctx context.Context, lost, kept string) error {
	was, err := readJournal(ctx, lost)
	if err != nil {
		return err
	}
	defer func() { _ = was.db.Close() }()
	is, err := readJournal(ctx, kept)
	if err != nil {
		return err
	}
	defer func() { _ = is.db.Close() }()
	if err := c.losses.notices(ctx, was); err != nil {
		return err
	}
	orders := map[string]bool{}
	for id, p := range was.payments {
		now, known := is.payments[id]
		if known && now.Version == p.Version {
			continue
		}
		entry := Entry{
			ID: id, Order: p.Reference, Kind: string(p.Kind), Status: string(p.Status), Provider: p.Provider,
			ProviderReference: p.ProviderReference,
		}
		attempts, err := was.db.Attempts(ctx, id)
		if err != nil {
			return fmt.Errorf("read the attempts of the lost journal: %w", err)
		}
		for _, a := range attempts {
			entry.Tries = append(entry.Tries, Tried{
				Provider: a.Provider, Role: string(a.Role), Operation: a.Operation, Idempotency: string(a.Idempotency),
				Reference: a.Reference, Event: "unanswered", Sent: true,
			})
		}
		c.losses.add(entry, !known)
		orders[p.Reference] = known
	}
	c.clients.rewind(orders)
	runs := map[string]bool{}
	for reference, one := range was.runs {
		if now, known := is.runs[reference]; !known || now.Version != one.Version {
			runs[reference] = known
		}
	}
	c.natives.rewind(runs)
	return nil
}

// heldFor is how long a held router is watched: longer than what was journalled may take to leave, and than its
// recovery waits.
const heldFor = sendWithin + 1500*time.Millisecond

// hold watches a router whose journal has to be held, and releases it as an operator does.
func (c *crasher) hold(ctx context.Context) {
	var standing struct {
		Held *struct {
			Reason string `json:"reason"`
		} `json:"held"`
	}
	if err := c.read(ctx, "/v1/journal", &standing); err != nil || standing.Held == nil {
		c.losses.violated("a journal that is older than its witness was not held (%v)", err)
		return
	}
	before := mayMoveMoney(c.sandbox)
	order := strings.Replace(c.clients.talks[0].body, `"reference":"`, `"reference":"while-held-`, 1)
	answer := c.clients.send(ctx, http.MethodPost, "/v1/payments",
		fmt.Sprintf("%q", fmt.Sprint("while-held-", c.losses.times)), order, 10*time.Second)
	if answer.status != http.StatusServiceUnavailable || !strings.Contains(string(answer.body), "journal-held") {
		c.losses.violated("a router that holds its journal answered a new order with %d: %.200s", answer.status,
			answer.body)
	}
	process.Wait(ctx, heldFor)
	if after := mayMoveMoney(c.sandbox); after > before {
		c.losses.violated("a router that holds its journal sent %d requests that may move money", after-before)
	}
	answer = c.clients.send(ctx, http.MethodPost, "/v1/journal/release", "",
		`{"reason": "compared with what the providers have"}`, 10*time.Second)
	if answer.status != http.StatusOK {
		c.losses.violated("releasing the journal was answered %d: %.200s", answer.status, answer.body)
	}
}

// movers are the calls that may move money.
//
//nolint:gochecknoglobals // a table
var movers = map[string]bool{
	sandbox.PayGram + " PayInvoice": true, sandbox.PayGram + " Withdraw": true, sandbox.PayPlay + " withdraw": true,
	sandbox.Exchanger + " create_bid": true,
	sandbox.Paygrt + " recharge":      true,
}

func mayMoveMoney(providers *sandbox.Server) (received int) {
	for _, count := range providers.Requests("") {
		if movers[count.Provider+" "+count.Operation] {
			received += count.Received
		}
	}
	return received
}

// rewind adapts clients to a journal that lost its tail. known reports whether the journal still has an order: one that
// it does not have is never requested again, since that would be another payment. That is the effect of putting back an
// older journal.
func (c *clients) rewind(known map[string]bool) {
	for _, t := range c.talks {
		still, lost := known[t.view.Order]
		if !lost {
			continue
		}
		t.mutex.Lock()
		t.lost = t.lost || !still
		t.rewound = true
		t.first, t.version, t.status = 0, 0, ""
		t.mutex.Unlock()
	}
}

// isLost reports whether the order must not be requested again.
func (t *talk) isLost() bool {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return t.lost
}

func (n *natives) rewind(known map[string]bool) {
	for _, t := range n.talks {
		t.mutex.Lock()
		if still, lost := known[t.view.Reference]; lost {
			t.lost = t.lost || !still
			t.view.Excused = true
		}
		t.mutex.Unlock()
	}
}
