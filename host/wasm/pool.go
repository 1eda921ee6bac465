package wasm

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// pool hands out instances, each to one owner at a time, the last one given back first. It makes them when they are
// asked for, and never has more than its size. The owner of an instance returns it through release, once.
type pool struct {
	make  func() (*instance, error)
	slots chan struct{} // has one for every instance in use
	over  chan struct{} // closed when no more are handed out

	mu     sync.Mutex
	closed bool
	idle   []*instance
	stats  Stats

	closing chan struct{} // has one while a close waits for the last instance
	held    int           // slots that close took; owned by whoever is in closing
}

func newPool(size int, create func() (*instance, error)) *pool {
	return &pool{
		make: create, slots: make(chan struct{}, size), over: make(chan struct{}), closing: make(chan struct{}, 1),
	}
}

// acquire waits for an instance that is free, or for room to make one.
func (p *pool) acquire(ctx context.Context) (*instance, error) {
	if err := p.wait(ctx); err != nil {
		return nil, err
	}
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		<-p.slots
		return nil, ErrClosed
	}
	if last := len(p.idle) - 1; last >= 0 {
		g := p.idle[last]
		p.idle[last] = nil
		p.idle = p.idle[:last]
		p.mu.Unlock()
		return g, nil
	}
	p.mu.Unlock()
	return p.create()
}

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
func (p *pool) create() (*instance, error) {
	made := false
	defer func() {
		if !made {
			<-p.slots
		}
	}()
	g, err := p.make()
	if err != nil {
		return nil, err
	}
	made = true
	p.mu.Lock()
	p.stats.Made++
	p.stats.Instances++
	p.mu.Unlock()
	return g, nil
}

// replace closes an instance, whose owner gets a new one in its place, or an error and none.
func (p *pool) replace(g *instance) (*instance, error) {
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
		p.idle = append(p.idle, g)
		p.mu.Unlock()
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
	}
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
	p.mu.Lock()
	p.idle = append(p.idle, g)
	p.mu.Unlock()
	<-p.slots
}
