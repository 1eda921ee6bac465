package simulation

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing/synctest"
	"time"

	"payrouter/host/clocktest"
	"payrouter/host/sandbox"
)

// world is one run: what is about to happen, what has happened, and the dice. Fields without a word about it are the
// scheduler's goroutine's.
type world struct {
	seed  uint64
	dice  *rand.Rand
	clock *clocktest.Clock
	began time.Time
	// faultsOver: no more faults strike, and everything has to settle.
	faultsOver bool
	// strayed: the router's wall clock has been wrong by days.
	strayed bool
	steps   int
	// fired counts the faults that struck, by kind.
	fired map[string]int
	trace strings.Builder

	agenda []*event
	bell   chan struct{}

	mutex sync.Mutex // guards arrived, notes, violations and the disk's hits
	// arrived are events that the scheduler has not seen yet, in no order.
	arrived []*event
	// notes are lines for the trace, of one step, in no order.
	notes      []string
	violations []string

	ledger    *ledger
	network   *network
	life      *life
	lives     int
	dir       string
	providers *sandbox.Server
	// void are providers that know nothing.
	void       *sandbox.Server
	people     *people
	disk       disk
	generation map[string]int
	// running are goroutines that the world has started.
	running sync.WaitGroup
}

// event is something that happens when the scheduler lets it.
type event struct {
	// name distinguishes it from everything else that comes up in the same step; the same in every replay.
	name string
	// at is when it may happen at the earliest, by the bubble's clock. The zero time is at once.
	at time.Time
	// enter, where there is one, draws what there is to draw, when the scheduler sees the event for the first time.
	enter  func(e *event)
	happen func()
	// life is whose goroutine waits for it; nil where none does.
	life *life
}

// announce hands the scheduler an event, from any goroutine.
func (w *world) announce(e *event) {
	w.mutex.Lock()
	w.arrived = append(w.arrived, e)
	w.mutex.Unlock()
	select {
	case w.bell <- struct{}{}:
	default:
	}
}

// plan has something happen after a while.
func (w *world) plan(after time.Duration, name string, happen func()) {
	w.agenda = append(w.agenda, &event{name: name, at: time.Now().Add(after), happen: happen})
}

// hold keeps the caller waiting until its event happens, or ctx ends.
func (w *world) hold(ctx context.Context, l *life, name string, enter func(e *event)) error {
	open := make(chan struct{})
	w.announce(&event{name: name, enter: enter, happen: func() { close(open) }, life: l})
	select {
	case <-open:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// note adds a line to the trace, from any goroutine. Lines of one step are sorted.
func (w *world) note(format string, args ...any) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.notes = append(w.notes, fmt.Sprintf(format, args...))
}

// violated records a broken promise, from any goroutine.
func (w *world) violated(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	w.note("VIOLATION %s", text)
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.violations = append(w.violations, text)
}

func (w *world) broken() bool {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return len(w.violations) > 0
}

// fire counts a fault that struck.
func (w *world) fire(kind string) {
	w.fired[kind]++
	w.logf("fault: %s", kind)
}

// logf adds a line to the trace.
func (w *world) logf(format string, args ...any) {
	_, _ = fmt.Fprintf(&w.trace, "%14s  ", time.Since(w.began))
	_, _ = fmt.Fprintf(&w.trace, format, args...)
	w.trace.WriteByte('\n')
}

// between draws a duration.
func (w *world) between(least, most time.Duration) time.Duration {
	return least + time.Duration(w.dice.Int64N(int64(most-least)+1))
}

// chance is true so often in a hundred, and never once calm has returned.
func (w *world) chance(percent int) bool { return w.dice.IntN(100) < percent && !w.faultsOver }

// look waits until no one can go on without the scheduler, takes up what has arrived, and checks what has changed.
func (w *world) look() {
	synctest.Wait()
	w.mutex.Lock()
	arrived, notes := w.arrived, w.notes
	w.arrived, w.notes = nil, nil
	w.mutex.Unlock()
	slices.Sort(notes)
	for _, line := range notes {
		w.logf("%s", line)
	}
	slices.SortFunc(arrived, func(a, b *event) int { return strings.Compare(a.name, b.name) })
	for _, e := range arrived {
		if e.enter != nil {
			e.enter(e)
		}
		w.agenda = append(w.agenda, e)
	}
	w.safety()
}

// step lets one event happen. If none may yet, it lets time pass until one may, a new one comes up, or a time has come.
func (w *world) step(until time.Time) {
	w.look()
	now := time.Now()
	var ready []int
	next := until
	for i, e := range w.agenda {
		switch {
		case !e.at.After(now):
			ready = append(ready, i)
		case e.at.Before(next):
			next = e.at
		}
	}
	if len(ready) == 0 {
		w.pass(next.Sub(now))
		return
	}
	w.steps++
	i := ready[w.dice.IntN(len(ready))]
	e := w.agenda[i]
	w.agenda = slices.Delete(w.agenda, i, i+1)
	w.logf("%s", e.name)
	e.happen()
	// Two steps never fall on one instant, so that no two timers do that were set in different ones.
	w.pause(1 + time.Duration(w.dice.Int64N(int64(time.Millisecond))))
}

// pass lets time pass, until something comes up.
func (w *world) pass(most time.Duration) {
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-w.bell:
	case <-timer.C:
	}
}

func (w *world) pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	<-timer.C
}

// random is a source of bytes for others' goroutines, by seed and name.
func (w *world) random(name string) io.Reader {
	return &lockedReader{source: rand.NewChaCha8(sha256.Sum256(fmt.Append(nil, w.seed, "/", name)))}
}

type lockedReader struct {
	mutex  sync.Mutex
	source io.Reader
}

func (r *lockedReader) Read(b []byte) (int, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.source.Read(b)
}

// untilShows is the time of the bubble's clock at which the router's wall clock shows a time, if it is not set before.
func (w *world) untilShows(t time.Time) time.Time { return t.Add(-w.clock.Ahead()) }
