package simulation

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"payrouter/host/clocktest"
	"payrouter/host/payment"
	"payrouter/host/sandbox"
	"payrouter/test/chaos"
)

// The measures of a run.
const (
	// placing is how long orders come in, storm how long faults strike.
	placing = 20 * time.Second
	storm   = 90 * time.Second
	// deadline is how long after the storm everything may take to settle. The router's clock may have been set back by
	// minutes, and asks every fifteen minutes about what is an hour old.
	deadline = 3 * time.Hour
	// tooMany steps mean that something goes round in circles.
	tooMany = 60_000
)

// runs counts runs, for the names of their directories.
var runs atomic.Int64

// outcome is what a run came to.
type outcome struct {
	seed       uint64
	trace      string
	violations []string
	fired      map[string]int
	statuses   map[string]int
	unknown    map[string]int
	payments   int
	steps      int
	crashes    int
	simulated  time.Duration
	// settling is how long it took after the storm.
	settling time.Duration
}

// simulate makes one run of a seed.
func simulate(t *testing.T, k *kit, seed uint64, scratch string) (o outcome) {
	t.Helper()
	dir := filepath.Join(scratch, fmt.Sprint("run-", runs.Add(1)))
	defer func() { _ = os.RemoveAll(dir) }()
	synctest.Test(t, func(t *testing.T) {
		o = newWorld(seed, dir).run(k)
	})
	return o
}

func newWorld(seed uint64, dir string) *world {
	w := &world{
		seed: seed, dice: rand.New(rand.NewPCG(seed, 1)), clock: &clocktest.Clock{}, began: time.Now(),
		fired: map[string]int{}, bell: make(chan struct{}, 1),
		dir: dir, generation: map[string]int{},
	}
	w.disk = disk{w: w, hits: map[string]int{}}
	w.people = newPeople(w)
	w.ledger = newLedger(w)
	w.network = &network{
		w: w, down: map[string]time.Time{}, blind: map[string]time.Time{},
		lookups: map[string][]lookupAnswer{}, taken: map[string][]lookupAnswer{},
	}
	return w
}

func (w *world) run(k *kit) outcome {
	stop, err := w.set(k)
	if err != nil {
		return outcome{seed: w.seed, violations: []string{fmt.Sprintf("set up: %v", err)}}
	}
	w.people.place(3+w.dice.IntN(6), placing)
	w.storm(k)
	w.until(w.began.Add(storm), func() bool { return false })
	w.heal(k)
	quiet := time.Now()
	w.until(quiet.Add(deadline), func() bool { return w.quiet() && w.ledger.settled() })
	settling := time.Since(quiet)
	w.last()
	o := w.outcome()
	o.settling = settling
	w.end(stop)
	o.violations = w.violations
	o.trace = w.trace.String()
	return o
}

// set makes the world as it is in the beginning.
func (w *world) set(k *kit) (stop func(), err error) {
	if w.providers, err = sandbox.New(sandbox.Options{Now: time.Now, Seed: w.seed + 1, Deliver: w.people}); err != nil {
		return nil, err
	}
	if w.void, err = sandbox.New(sandbox.Options{Now: time.Now, Seed: w.seed + 2}); err != nil {
		return nil, err
	}
	for _, p := range k.routes.Providers {
		report := sandbox.Callback{URL: addresses().Account(p.Name), Secret: webhookToken, PageSecret: pageWebhookToken}
		if err := w.providers.Report(p.Plugin, report); err != nil {
			return nil, err
		}
	}
	first := filepath.Join(w.dir, "1")
	if err := copyJournal(k.template, first); err != nil {
		return nil, err
	}
	return func() { w.providers.Close(); w.void.Close() }, w.start(k, first)
}

// storm plans what goes wrong by itself.
func (w *world) storm(k *kit) {
	often := func(kind string, most int, strike func()) {
		for n := range w.dice.IntN(most + 1) {
			if leftOut(kind) {
				continue
			}
			w.plan(w.between(time.Second, storm-10*time.Second), fmt.Sprintf("%s (%d)", kind, n), strike)
		}
	}
	often(crash, 3, func() { w.restart(k) })
	often(failedCommit, 1, func() { w.breakDisk(failedCommit) })
	often(diskFull, 1, func() { w.breakDisk(diskFull) })
	often(clockForward, 1, func() { w.fire(clockForward); w.clock.Jump(w.between(5*time.Second, 5*time.Minute)) })
	often(clockBack, 1, func() { w.fire(clockBack); w.clock.Jump(-w.between(5*time.Second, 5*time.Minute)) })
	often(daysForward, 1, func() { w.strayDays(daysForward) })
	often(daysBack, 1, func() { w.strayDays(daysBack) })
	often(forged, 4, w.people.forge)
	sites := w.providers.Providers()
	often(down, 2, func() {
		w.network.down[sites[w.dice.IntN(len(sites))]] = time.Now().Add(w.between(5*time.Second, 40*time.Second))
	})
	often(swapped, 6, func() {
		name := sites[w.dice.IntN(len(sites))]
		if w.ledger.underway(name) {
			w.fire(swapped)
		}
		w.swap(name)
	})
}

// strayDays sets the router's wall clock wrong by days. Somebody puts it right, sooner or later.
func (w *world) strayDays(kind string) {
	w.fire(kind)
	w.strayed = true
	by := w.between(24*time.Hour, 30*24*time.Hour).Truncate(time.Second)
	if kind == daysBack {
		by = -by
	}
	w.clock.Jump(by)
	w.plan(w.between(time.Second, 20*time.Minute), "the clock is put right after: "+kind, func() {
		w.clock.Jump(-by)
		w.plan(3*time.Second, "the router has seen that the clock was set", w.ledger.planned)
	})
}

// restart crashes the router, and has another take over a while later.
func (w *world) restart(k *kit) {
	if w.life == nil {
		return
	}
	w.fire(crash)
	w.crash()
	w.plan(w.between(100*time.Millisecond, 15*time.Second), "the router starts again", func() { w.revive(k) })
}

func (w *world) revive(k *kit) {
	if w.life != nil {
		return
	}
	if err := w.start(k, filepath.Join(w.dir, fmt.Sprint(w.lives+1))); err != nil {
		w.violated("start again: %v", err)
	}
	w.people.worry()
}

func (w *world) breakDisk(how string) {
	if w.disk.broken != "" {
		return
	}
	w.disk.fail(how)
	w.plan(w.between(500*time.Millisecond, 8*time.Second), how+" is over", func() { w.disk.fail("") })
}

// until lets things happen until a time, or until all is done; a broken promise ends it.
func (w *world) until(end time.Time, done func() bool) {
	for time.Now().Before(end) {
		w.look()
		if w.steps > tooMany {
			w.violated("%d steps do not suffice", tooMany)
		}
		if w.broken() || done() {
			return
		}
		w.step(end)
	}
}

// heal ends every fault, and brings everything to an end that people and providers do.
func (w *world) heal(k *kit) {
	w.logf("calm returns")
	w.faultsOver = true
	clear(w.network.down)
	w.disk.fail("")
	w.revive(k)
	now := time.Now()
	for _, e := range w.agenda {
		if e.at.After(now) && !strings.HasPrefix(e.name, "router ") {
			e.at = now
		}
	}
	w.plan(time.Second, "people and providers finish", w.finish)
}

// finish is repeated while new open bookings come up.
func (w *world) finish() {
	w.people.finish()
	w.plan(time.Minute, "people and providers finish", w.finish)
}

// quiet reports whether nothing is waited for but the router's own timers.
func (w *world) quiet() bool {
	return !slices.ContainsFunc(w.agenda, func(e *event) bool {
		return e.life != nil || (!strings.HasPrefix(e.name, "router ") && e.name != "people and providers finish")
	})
}

// last asks for every order once more, and audits.
func (w *world) last() {
	if w.broken() {
		return
	}
	for _, o := range w.people.orders {
		last := answer{status: http.StatusConflict}
		// A look at the payment may be under way: it does not last.
		for tries := 0; last.status == http.StatusConflict && tries < 20 && !w.broken(); tries++ {
			answered := false
			w.people.request(o, http.MethodPost, "/v1/payments", o.body, 0, func(a answer) { last, answered = a, true })
			w.until(time.Now().Add(time.Minute), func() bool { return answered })
			w.until(time.Now().Add(5*time.Second), func() bool { return last.status != http.StatusConflict })
		}
		if last.status != http.StatusCreated {
			w.violated("lost payment: after everything, %s is answered %d: %s", o.reference, last.status, last.body)
			return
		}
		w.people.received(o, last)
	}
	w.look()
	violations, _ := chaos.Audit(w.ledger.ledgers())
	for _, v := range violations {
		if v.Kind != chaos.Unsettled || !w.expiresDaysLater(v.Payment) {
			w.violated("%s: %s %s: %s", v.Kind, v.Order, v.Payment, v.Detail)
		}
	}
	if w.life != nil {
		w.ledger.compare(w.life.journal.db)
	}
	w.look()
}

// expiresDaysLater reports a payment that was made while the wall clock was days ahead: its provider was asked to
// expire it days later than the calm lasts.
func (w *world) expiresDaysLater(id string) bool {
	p, known := w.ledger.payments[id]
	return known && p.Status == payment.RequiresAction && p.CreatedAt.After(w.clock.Wall())
}

func (w *world) outcome() outcome {
	o := outcome{
		seed: w.seed, fired: w.fired, statuses: map[string]int{}, payments: len(w.ledger.payments), steps: w.steps,
		crashes: w.lives - 1, simulated: time.Since(w.began),
	}
	_, o.unknown = chaos.Audit(w.ledger.ledgers())
	for _, p := range w.ledger.payments {
		o.statuses[string(p.Status)]++
	}
	for kind, hits := range w.disk.hits {
		o.fired[kind] += hits
	}
	return o
}

// end takes the world down, and waits for everybody in it.
func (w *world) end(stop func()) {
	if w.life != nil {
		l := w.life
		w.life = nil
		l.dead.Store(true)
		l.mutex.Lock()
		for _, c := range l.wires {
			_ = c.Close()
		}
		l.mutex.Unlock()
		w.release()
		l.bury()
	}
	stop()
	gone := make(chan struct{})
	go func() {
		w.running.Wait()
		close(gone)
	}()
	for {
		synctest.Wait()
		w.release()
		select {
		case <-gone:
			return
		case <-time.After(time.Second):
		}
	}
}

// release lets everybody go on who waits, to nowhere.
func (w *world) release() {
	w.mutex.Lock()
	waiting := append(w.agenda, w.arrived...)
	w.agenda, w.arrived = nil, nil
	w.mutex.Unlock()
	for _, e := range waiting {
		if e.life != nil {
			e.happen()
		}
	}
}
