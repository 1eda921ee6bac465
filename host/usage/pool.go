// Package usage counts the users of things that are shared: connections, compiled plugins.
//
// It hides the counting: a thing exists from its first user to its last, and the release by the last user returns it
// to be closed. (Caddy's UsagePool is the model.)
package usage

import "sync"

// Pool holds shared values by key, each with the number of its users. The zero value is ready. It is safe for
// concurrent use. Values are neither made nor closed while another call waits, except in LoadOrNew.
type Pool[K comparable, V any] struct {
	mutex   sync.Mutex
	members map[K]*member[V]
}

type member[V any] struct {
	value V
	users int
}

// LoadOrNew returns the value of a key with one more user. Where there is none, it is made by construct, whose error
// is returned as it is. construct must not call the pool.
func (p *Pool[K, V]) LoadOrNew(key K, construct func() (V, error)) (V, error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if found := p.members[key]; found != nil {
		found.users++
		return found.value, nil
	}
	value, err := construct()
	if err != nil {
		return value, err
	}
	if p.members == nil {
		p.members = map[K]*member[V]{}
	}
	p.members[key] = &member[V]{value: value, users: 1}
	return value, nil
}

// Acquire counts one more user of a key. It reports whether the key is there.
func (p *Pool[K, V]) Acquire(key K) bool {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	found := p.members[key]
	if found != nil {
		found.users++
	}
	return found != nil
}

// AcquireAny counts one more user of some value that matches, and returns it. match must not call the pool.
func (p *Pool[K, V]) AcquireAny(match func(V) bool) (value V, found bool) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for _, m := range p.members {
		if match(m.value) {
			m.users++
			return m.value, true
		}
	}
	return value, false
}

// Release counts one user less. Where that was the last one, the key is gone, and the caller closes the value. It
// panics where the key is not there: a user was released twice.
func (p *Pool[K, V]) Release(key K) (value V, last bool) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	found := p.members[key]
	if found == nil {
		panic("usage: released more often than acquired")
	}
	if found.users--; found.users > 0 {
		return found.value, false
	}
	delete(p.members, key)
	return found.value, true
}

// Len counts the keys.
func (p *Pool[K, V]) Len() int {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return len(p.members)
}
