package wasm

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// budget is the memory that all guests of a compiler may have together. An instance in use counts with the most that
// its memory can grow to, an idle one with what it has. Where a call finds too little left, idle instances are closed,
// those of other modules first; where there is none, it waits.
type budget struct {
	most int64

	mu    sync.Mutex
	used  int64
	pools []*pool
	given chan struct{} // closed when some is given back; nil where no call waits for that
}

// mostWait is how long a call waits for memory, unless its context ends before.
const mostWait = 5 * time.Second

func newBudget(most int64) *budget {
	return &budget{most: cmp.Or(most, 1<<30)}
}

// try takes memory where there is enough. Otherwise it returns what is closed when some is given back.
func (b *budget) try(n int64) (taken bool, given <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.used+n > b.most {
		if b.given == nil {
			b.given = make(chan struct{})
		}
		return false, b.given
	}
	b.used += n
	return true, nil
}

// give gives memory back.
func (b *budget) give(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used -= n
	if b.given != nil {
		close(b.given)
		b.given = nil
	}
}

// evict closes an idle instance, of another pool if there is one, and reports whether it found any.
func (b *budget) evict(asking *pool) bool {
	b.mu.Lock()
	pools := slices.Clone(b.pools)
	b.mu.Unlock()
	if own := slices.Index(pools, asking); own >= 0 {
		pools = append(slices.Delete(pools, own, own+1), asking)
	}
	return slices.ContainsFunc(pools, (*pool).evict)
}

// add and remove keep the pools whose idle instances may be closed.
func (b *budget) add(p *pool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pools = append(b.pools, p)
}

func (b *budget) remove(p *pool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pools = slices.DeleteFunc(b.pools, func(other *pool) bool { return other == p })
}

// wait waits until memory was given back, or ctx ended, or the pool is over.
func (b *budget) wait(ctx context.Context, given, over <-chan struct{}) error {
	select {
	case <-given:
		return nil
	case <-over:
		return ErrClosed
	case <-ctx.Done():
		return fmt.Errorf("%w: guests may have %d bytes of memory together: %w", ErrBusy, b.most, context.Cause(ctx))
	}
}
