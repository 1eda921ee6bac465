package wasm

import (
	"container/list"
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"
)

// gate lets at most so many guests run at once, whichever modules they are of. While all of its room is taken, the
// module that has used the least CPU goes first, and of one module's calls those that are urgent: a module that uses
// much delays its own calls, and another's by no more than the calls that run already.
//
// This is start-time fair queueing: a module's use counts from the use of the last one that was let in, so that a
// module that was idle has no claim on what others have used meanwhile.
//
// Nothing interrupts a guest. While one runs whose module makes long calls, there is room for one more, of a module
// that makes brief ones: it waits for none of another's long calls.
type gate struct {
	mu   sync.Mutex
	free int
	// long are the running calls of modules that make long ones.
	long int
	// beside: a brief call runs in the room that there is while long ones run.
	beside bool
	// virtual is the use that the last module had when it was let in.
	virtual time.Duration
	// waiting are the modules with calls that wait.
	waiting map[*share]struct{}
	arrived int64
}

// share is a module's part of the gate. All of it is guarded by the gate's mutex.
type share struct {
	// used is the CPU time that its calls have used, and those that run are expected to use.
	used time.Duration
	// last is what its last call used, which is expected of the next.
	last time.Duration
	// longest is the most that a call of late used; 0 before the first.
	longest time.Duration
	// running of its calls, most at once.
	running, most int
	// urgent and other calls that wait, each a *ticket, in their order.
	urgent, other list.List
}

// ticket is a call that waits. All of it but granted is guarded by the gate's mutex.
type ticket struct {
	share  *share
	number int64
	// place is where it waits, among queue; nil once it does not.
	place *list.Element
	queue *list.List
	// granted is closed when the call is let in; expected is what it is expected to use.
	granted  chan struct{}
	admitted admission
}

// admission is a call's part of the room.
type admission struct {
	// expected is what the call is expected to use.
	expected time.Duration
	// long: it counts as one that takes long. beside: it runs beside such a one.
	long, beside bool
}

// BriefCall is the most CPU that a call uses which holds up no other: honest plugins use a tenth of it.
const BriefCall = 5 * time.Millisecond

// forgets is by which part the longest call of a module is forgotten with each that is shorter.
const forgets = 16

func newGate(room int) *gate {
	return &gate{free: room, waiting: map[*share]struct{}{}}
}

// enter waits until a call of a share may run, and returns its admission, which leave ends, once. The error is
// ErrClosed where over is closed first, and wraps ErrBusy where ctx ends first.
func (g *gate) enter(ctx context.Context, over <-chan struct{}, of *share, urgent bool) (admission, error) {
	g.mu.Lock()
	if of.running == 0 && of.first() == nil {
		of.used = max(of.used, g.virtual)
	}
	if g.room(of) && of.first() == nil {
		// Whoever else waits may not run now: room that is free is given away at once.
		its := g.admit(of)
		g.fill()
		g.mu.Unlock()
		return its, nil
	}
	g.arrived++
	t := &ticket{share: of, number: g.arrived, granted: make(chan struct{}), queue: &of.other}
	if urgent {
		t.queue = &of.urgent
	}
	t.place = t.queue.PushBack(t)
	g.waiting[of] = struct{}{}
	g.mu.Unlock()

	select {
	case <-t.granted:
		return t.admitted, nil
	case <-over:
		return admission{}, g.giveUp(t, ErrClosed)
	case <-ctx.Done():
		return admission{}, g.giveUp(t, fmt.Errorf("%w: %w", ErrBusy, context.Cause(ctx)))
	}
}

// giveUp takes a call out of the gate that waits no more, and returns the reason.
func (g *gate) giveUp(t *ticket, reason error) error {
	g.mu.Lock()
	waits := t.place != nil
	if waits {
		g.remove(t)
	}
	g.mu.Unlock()
	if !waits { // it was let in at the same moment
		g.leave(t.share, t.admitted, 0)
	}
	return reason
}

// leave ends a call that used so much CPU.
func (g *gate) leave(of *share, its admission, used time.Duration) {
	if g.end(of, its, used) {
		// The call that was let in is the next to run on this thread then. Otherwise its room would be idle until the
		// scheduler comes to it, which under load are many goroutines later: half of the room was lost so.
		runtime.Gosched()
	}
}

// end makes room, and reports whether a call that waited has it.
func (g *gate) end(of *share, its admission, used time.Duration) (given bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	of.used += used - its.expected
	if used > 0 {
		of.last = used
		of.longest = max(used, of.longest-of.longest/forgets)
	}
	of.running--
	if its.long {
		g.long--
	}
	if its.beside {
		g.beside = false
	} else {
		g.free++
	}
	return g.fill()
}

// fill lets calls in that wait, as long as there is room for one, and reports whether there was.
func (g *gate) fill() (given bool) {
	for next := g.next(); next != nil; next = g.next() {
		g.remove(next)
		next.admitted = g.admit(next.share)
		close(next.granted)
		given = true
	}
	return given
}

// room reports whether a call of a share may run now.
func (g *gate) room(of *share) bool {
	return of.running < of.most && (g.free > 0 || g.long > 0 && !g.beside && of.brief())
}

// brief reports whether a share's calls of late used little.
func (of *share) brief() bool { return of.longest > 0 && of.longest <= BriefCall }

// admit takes room for a call. What it is expected to use counts at once, so that one module's calls do not take all of
// the room before the first of them ends.
func (g *gate) admit(of *share) admission {
	its := admission{expected: max(of.last, 1), long: !of.brief(), beside: g.free == 0}
	if its.beside {
		g.beside = true
	} else {
		g.free--
	}
	if its.long {
		g.long++
	}
	of.running++
	g.virtual = max(g.virtual, of.used)
	of.used += its.expected
	return its
}

// next is the call that is let in next, nil where none may be: of the module with the least use, or of equal ones that
// whose call came first.
func (g *gate) next() *ticket {
	var best *ticket
	for of := range g.waiting {
		first := of.first()
		if !g.room(of) {
			continue
		}
		if best == nil || of.used < best.share.used || of.used == best.share.used && first.number < best.number {
			best = first
		}
	}
	return best
}

// remove takes a call out of those that wait.
func (g *gate) remove(t *ticket) {
	t.queue.Remove(t.place)
	t.place = nil
	if t.share.first() == nil {
		delete(g.waiting, t.share)
	}
}

// first is the share's next call; nil where none waits.
func (t *share) first() *ticket {
	for _, queue := range []*list.List{&t.urgent, &t.other} {
		if front := queue.Front(); front != nil {
			return front.Value.(*ticket) //nolint:forcetypeassert // the lists have tickets
		}
	}
	return nil
}
