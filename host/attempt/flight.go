package attempt

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// Flight is a payment or a run on its way to its first settled step, which its caller may wait for.
type Flight struct {
	// Answer is what its caller is answered, where that is journalled; Err is why it came to no end. Both are set
	// before the flight lands.
	Answer *Answer
	Err    error

	// left: its caller waits no more.
	left   atomic.Bool
	landed chan struct{}
	// begun is closed once it is known whether the journal has the payment. It is nil where that is known already.
	begun chan struct{}
	// earlier is the key as it was used before, and unbegun why there is no payment. Either means that there is none.
	earlier *Key
	unbegun error
}

// Defer leaves the first write to the flight, which calls Begun after it, or when there will be none.
func (f *Flight) Defer() { f.begun = make(chan struct{}) }

// Begun reports the first write: the earlier key where the key was used before, and an error where nothing was written.
func (f *Flight) Begun(earlier *Key, err error) {
	f.earlier, f.unbegun = earlier, err
	close(f.begun)
}

// first waits until it is known whether the journal has the payment, as Begun reports it.
func (f *Flight) first() (earlier *Key, err error) {
	if f.begun == nil {
		return nil, nil
	}
	<-f.begun
	return f.earlier, f.unbegun
}

// Reserve registers a flight, so that a repetition of its key finds it in flight from the first moment. The error is
// ErrShuttingDown, or that there is one already.
func (d *Driver) Reserve(id OwnerID) (*Flight, error) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if d.closing {
		return nil, ErrShuttingDown
	}
	if _, found := d.flights[id]; found {
		return nil, fmt.Errorf("%s is in flight already", id)
	}
	flight := &Flight{landed: make(chan struct{})}
	d.flights[id] = flight
	d.running.Add(1)
	return flight, nil
}

// Land ends a flight. It is called once.
func (d *Driver) Land(id OwnerID, flight *Flight) {
	d.mutex.Lock()
	delete(d.flights, id)
	d.mutex.Unlock()
	close(flight.landed)
	d.running.Done()
}

// InFlight reports whether a payment or a run is in flight.
func (d *Driver) InFlight(id OwnerID) bool {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	_, found := d.flights[id]
	return found
}

// wait reports whether a flight has landed before ctx ends or a timeout has passed. Where it has not, its caller is
// gone.
func (f *Flight) wait(ctx context.Context, timeout time.Duration) bool {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case <-f.landed:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	f.left.Store(true)
	return false
}

// unfinished reports whether there is no settled step yet: the flight is under way, or this machine was exhausted.
func (f *Flight) unfinished() bool {
	select {
	case <-f.landed:
		return errors.Is(f.Err, ErrExhausted)
	default:
		return true
	}
}

// Reply sets what the flight's caller is answered, if it still waits; nil otherwise.
func (f *Flight) Reply(answer func() Answer) *Answer {
	if f.left.Load() {
		return nil
	}
	reply := answer()
	f.Answer = &reply
	return f.Answer
}
