package wasm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// pool hands out instances, each to one owner at a time, the last one given back first. It makes them when they are
// asked for, and never has more than its size. The owner of an instance returns it through release, once.
type pool struct {
	make   func() (g *instance, fuel int64, err error)
	budget *budget
	most   int64         // bytes that an instance's memory may have
	slots  chan struct{} // has one for every instance in use
	over   chan struct{} // closed when no more are handed out

	mu     sync.Mutex
	closed bool
	idle   []*instance
	stats  Stats

	closing chan struct{} // has one while a close waits for the last instance
	held    int           // slots that close took; owned by whoever is in closing
}

func newPool(limits *Limits, budget *budget, create func() (*instance, int64, error)) *pool {
	p := &pool{
		make: create, budget: budget, most: int64(limits.MemoryPages) * PageSize,
		slots: make(chan struct{}, limits.Instances), over: make(chan struct{}), closing: make(chan struct{}, 1),
	}
	budget.add(p)
	return p
}

// acquire waits for an instance that is free, or for room to make one. It returns the fuel that making one took, also
// where that failed.
func (p *pool) acquire(ctx context.Context) (*instance, int64, error) {
	if err := p.wait(ctx); err != nil {
		return nil, 0, err
	}
	g, err := p.charge(ctx)
	if err != nil {
		<-p.slots
		return nil, 0, err
	}
	if g != nil {
		return g, 0, nil
	}
	return p.create()
}

// charge takes an idle instance, or nil where there is none, and the memory that it may grow to.
func (p *pool) charge(ctx context.Context) (*instance, error) {
	var end context.CancelFunc
	for {
		g, err := p.pop()
		if err != nil {
			return nil, err
		}
		need := p.most
		if g != nil {
			need -= g.charged
		}
		taken, given := p.budget.try(need)
		if taken {
			return g, nil
		}
		if g != nil { // for whoever can have it: it must not be held during a wait
			p.push(g)
		}
		if p.budget.evict(p) {
			continue
		}
		if end == nil {
			ctx, end = context.WithTimeoutCause(ctx, mostWait, errMemory)
			defer end()
		}
		if err := p.budget.wait(ctx, given, p.over); err != nil {
			return nil, err
		}
	}
}

// pop takes the instance that was given back last; nil where none is idle.
func (p *pool) pop() (*instance, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, ErrClosed
	}
	last := len(p.idle) - 1
	if last < 0 {
		return nil, nil //nolint:nilnil // documented
	}
	g := p.idle[last]
	p.idle[last] = nil
	p.idle = p.idle[:last]
	return g, nil
}

// push makes an instance idle.
func (p *pool) push(g *instance) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = append(p.idle, g)
}

// evict closes the instance that has been idle longest, and reports whether there was one.
func (p *pool) evict() bool {
	p.mu.Lock()
	if p.closed || len(p.idle) == 0 {
		p.mu.Unlock()
		return false
	}
	g := p.idle[0]
	p.idle = slices.Delete(p.idle, 0, 1)
	p.stats.Instances--
	p.stats.Recycled++
	p.mu.Unlock()
	_ = g.close() // closing a module without files cannot fail
	p.budget.give(g.charged)
	return true
}

// errMemory is why a wait for memory ended by itself.
var errMemory = errors.New("none was given back in time")

func (p *pool) wait(ctx context.Context) error {
	select {
	case p.slots <- struct{}{}:
		return nil
	default:
	}
	select {
	case p.slots <- struct{}{}:
		return nil
	case <-p.over:
		return ErrClosed
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrBusy, context.Cause(ctx))
	}
}

// create makes an instance for a slot that is taken, and frees the slot where it cannot.
func (p *pool) create() (*instance, int64, error) {
	made := false
	defer func() {
		if !made {
			p.budget.give(p.most)
			<-p.slots
		}
	}()
	g, fuel, err := p.make()
	if err != nil {
		return nil, fuel, err
	}
	made = true
	p.mu.Lock()
	p.stats.Made++
	p.stats.Instances++
	p.mu.Unlock()
	return g, fuel, nil
}

// replace closes an instance, whose owner gets a new one in its place, or an error and none, and the
// fuel that making it took.
func (p *pool) replace(g *instance) (*instance, int64, error) {
	p.mu.Lock()
	p.stats.Instances--
	p.stats.Recycled++
	p.mu.Unlock()
	_ = g.close() // closing a module without files cannot fail
	return p.create()
}

// release takes an instance back. One that is not sound is closed and never seen again; so is one that is worn.
func (p *pool) release(g *instance, sound bool) {
	defer func() { <-p.slots }()
	worn := sound && g.worn()
	p.mu.Lock()
	p.stats.Calls++
	if g.failed {
		g.failed = false
		p.stats.Discarded++
	}
	if sound && !worn {
		p.mu.Unlock()
		p.rest(g)
		return
	}
	p.stats.Instances--
	if worn {
		p.stats.Recycled++
	} else {
		p.stats.Discarded++
	}
	p.mu.Unlock()
	_ = g.close() // closing a module without files cannot fail
	p.budget.give(p.most)
}

// rest makes an instance idle, which counts with the memory that it has from now on.
func (p *pool) rest(g *instance) {
	g.charged = int64(g.memory.Size())
	spare := p.most - g.charged
	p.push(g)
	p.budget.give(spare)
}

// close waits for every instance to come back, and closes them. A wait that ctx ended may be taken up again.
func (p *pool) close(ctx context.Context) error {
	p.mu.Lock()
	if !p.closed {
		p.closed = true
		close(p.over)
	}
	p.mu.Unlock()

	select {
	case p.closing <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-p.closing }()
	for p.held < cap(p.slots) {
		select {
		case p.slots <- struct{}{}:
			p.held++
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	p.mu.Lock()
	idle := p.idle
	p.idle, p.stats.Instances = nil, 0
	p.mu.Unlock()
	var errs []error
	for _, g := range idle {
		errs = append(errs, g.close())
		p.budget.give(g.charged)
	}
	p.budget.remove(p)
	return errors.Join(errs...)
}

// snapshot is the pool's figures.
func (p *pool) snapshot() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	stats := p.stats
	stats.Idle = len(p.idle)
	return stats
}

// keep takes back an instance that has served no call.
func (p *pool) keep(g *instance) {
	p.rest(g)
	<-p.slots
}
