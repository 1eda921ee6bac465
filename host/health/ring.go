package health

import (
	"iter"
	"time"
)

// ring is a window that slides in steps: the newest slices of time, each with its value.
type ring[T any] struct {
	step   time.Duration
	slices []slice[T]
}

// slice is a part of the window. number counts steps since the epoch, and identifies the slice at its index.
type slice[T any] struct {
	number int64
	of     T
}

// newRing divides a window into parts. Its values cover the window, and up to one part more.
func newRing[T any](window time.Duration, parts int) ring[T] {
	return ring[T]{step: window / time.Duration(parts), slices: make([]slice[T], parts+1)}
}

func (r *ring[T]) number(at time.Time) int64 {
	return at.UnixNano() / int64(r.step)
}

func (r *ring[T]) slot(number int64) *slice[T] {
	count := int64(len(r.slices))
	return &r.slices[(number%count+count)%count]
}

// at is the slice of a time; begin makes it, where there is none yet. It is nil for one that is over or was not begun.
// A clock that was set back never begins a slice in the place of a newer one.
func (r *ring[T]) at(at time.Time, begin bool) *T {
	number := r.number(at)
	slot := r.slot(number)
	if slot.number != number {
		if !begin || slot.number > number {
			return nil
		}
		*slot = slice[T]{number: number}
	}
	return &slot.of
}

// recent are the slices of the window before now that were begun, the last one included.
func (r *ring[T]) recent(now time.Time) iter.Seq[*T] {
	newest := r.number(now)
	return func(yield func(*T) bool) {
		for i := range r.slices {
			s := &r.slices[i]
			if s.number <= newest-int64(len(r.slices)) || s.number == 0 {
				continue
			}
			if !yield(&s.of) {
				return
			}
		}
	}
}

// idle: nothing happened within the window before now.
func (r *ring[T]) idle(now time.Time) bool {
	for range r.recent(now) {
		return false
	}
	return true
}
