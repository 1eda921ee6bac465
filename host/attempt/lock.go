package attempt

import (
	"context"
	"sync"
)

// locks give each payment to one goroutine at a time. The zero value is ready.
type locks struct {
	mutex sync.Mutex
	held  map[string]*lock
}

type lock struct {
	// token holds one token while the lock is free.
	token   chan struct{}
	waiters int
}

// acquire waits for the payment's token, or for the context's end. release must be called once.
func (l *locks) acquire(ctx context.Context, id string) (release func(), err error) {
	one := l.enter(id)
	select {
	case <-one.token:
		return func() {
			one.token <- struct{}{}
			l.leave(id)
		}, nil
	case <-ctx.Done():
		l.leave(id)
		return nil, ctx.Err()
	}
}

func (l *locks) enter(id string) *lock {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	one, found := l.held[id]
	if !found {
		one = &lock{token: make(chan struct{}, 1)}
		one.token <- struct{}{}
		if l.held == nil {
			l.held = map[string]*lock{}
		}
		l.held[id] = one
	}
	one.waiters++
	return one
}

func (l *locks) leave(id string) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	one := l.held[id]
	one.waiters--
	if one.waiters == 0 {
		delete(l.held, id)
	}
}
