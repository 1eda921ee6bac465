package attempt

import (
	"context"
	"errors"
	"time"
)

// Receipt is what became of a request under an idempotency key.
type Receipt[T any] struct {
	// Value is the payment or the run. It is zero where the key was used for the other kind.
	Value T
	// Earlier is set where the key had been used before: nothing was made.
	Earlier *Key
	// Waiting: the payment or the run is still in flight.
	Waiting bool
	// Answer is what the key is answered with from now on, where that is journalled.
	Answer *Answer
}

// Request makes a payment or a run under an idempotency key.
type Request[T any] struct {
	Kind ownerKind
	// Open journals a new one with its key, and reserves its flight. Where the key was used, it makes nothing and
	// returns the earlier key. It may leave the journal to Fly: see Flight.Defer.
	Open func(ctx context.Context) (value T, flight *Flight, earlier *Key, err error)
	// Fly takes it to its first settled step.
	Fly func(value T, flight *Flight) (T, error)
	// Key reads the key; nil where it was never used.
	Key func(ctx context.Context) (*Key, error)
	// Read reads one by its id.
	Read func(ctx context.Context, id OwnerID) (T, error)
	ID   func(value T) OwnerID
}

// Once performs a request at most once, and waits for its first settled step until ctx ends or a timeout has passed.
func Once[T any](ctx context.Context, d *Driver, r Request[T], timeout time.Duration) (Receipt[T], error) {
	drafted, flight, earlier, err := r.Open(context.WithoutCancel(ctx))
	var settled T
	landed := false
	if err == nil && earlier == nil {
		go func() {
			defer d.Land(r.ID(drafted), flight)
			settled, flight.Err = r.Fly(drafted, flight)
		}()
		landed = flight.wait(ctx, timeout)
		earlier, err = flight.first()
	}
	if err != nil {
		// A repetition is answered, whatever has become of rules, providers and the journal's disk. Few requests are
		// repetitions: whether this one is, is looked up here alone, and otherwise shows when it is written.
		// While that cannot be read, the error would be final to a caller whose first request has made a payment.
		var unread error
		if earlier, unread = r.Key(ctx); unread != nil {
			return Receipt[T]{}, unread
		}
		if earlier == nil {
			return Receipt[T]{}, err
		}
	}
	switch {
	case earlier != nil:
		return repeated(ctx, d, r, earlier)
	case landed && !errors.Is(flight.Err, ErrExhausted):
		return Receipt[T]{Value: settled, Answer: flight.Answer}, flight.Err
	}
	waiting := flight.unfinished() // as it was before the reading: what is read may be older than the landing
	current, err := r.Read(context.WithoutCancel(ctx), r.ID(drafted))
	if err != nil {
		return Receipt[T]{}, err
	}
	return Receipt[T]{Value: current, Waiting: waiting}, nil
}

func repeated[T any](ctx context.Context, d *Driver, r Request[T], earlier *Key) (Receipt[T], error) {
	if earlier.Owner.Kind() != r.Kind {
		return Receipt[T]{Earlier: earlier}, nil
	}
	waiting := d.InFlight(earlier.Owner) // before the reading, as above
	value, err := r.Read(ctx, earlier.Owner)
	if err != nil {
		return Receipt[T]{}, err
	}
	return Receipt[T]{Value: value, Earlier: earlier, Waiting: waiting}, nil
}
