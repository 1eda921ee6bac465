package attempt

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"
)

// AlertBehind is what a payment or a run shows of which more may have been sent than the journal shows.
const AlertBehind = "the journal may be older than what was sent: look at the providers, and let an operator resolve it"

// firstSend is whether, and why not, something that recovery found may still be sent for the first time.
type firstSend int

const (
	// SendNow means that it was journalled a moment ago.
	SendNow firstSend = iota
	// TooLate means that nothing more was sent than the journal shows, and the time to send is over. It may end.
	TooLate
	// Doubted means that more may have been sent than the journal shows. The provider, or a person, is asked.
	Doubted
)

// FirstSend decides on a payment or a run of which nothing was taken, as far as the journal shows. madeClock is when it
// was made. Its age counts from when it could be sent, which is its making or its approval, or from its last request's
// start, and is the greater one of those by the wall clock and by the journal's own. A time that is ahead of now by
// more than the window was written by a wall clock that was wrong, and is as good as old.
func (d *Driver) FirstSend(madeClock time.Duration, since time.Time, sinceClock time.Duration,
	attempts []Attempt,
) firstSend {
	if d.Settings.Doubtful(madeClock) {
		return Doubted
	}
	for _, a := range attempts {
		if a.StartedAt.After(since) {
			since = a.StartedAt
		}
		sinceClock = max(sinceClock, a.StartedClock)
	}
	age := d.Now().Sub(since).Abs()
	if clock := d.Settings.Clock(); clock != 0 && sinceClock != 0 {
		age = max(age, clock-sinceClock)
	}
	if age > d.Settings.SendWithin {
		return TooLate
	}
	return SendNow
}

// Age is the time since a moment: the younger of what the wall clock and the journal's own clock show. The wall clock
// may have been wrong by days at that moment, and the journal's clock counts an hour of a stop during which the wall
// clock was set ahead. What earlier releases wrote has no clock, and engines without a journal's clock have none: these
// go by the wall clock.
func (d *Driver) Age(since time.Time, clock time.Duration) time.Duration {
	byWall := d.Now().Sub(since)
	if clock == 0 {
		return byWall
	}
	byJournal := d.Settings.Clock() - clock
	if byWall < 0 {
		return byJournal
	}
	return min(byWall, byJournal)
}

// Interrupted is an open attempt, closed as unanswered.
func (a Attempt) Interrupted(now time.Time) Attempt {
	a.Event, a.Error, a.FinishedAt = Unanswered, "the router stopped before the answer", now
	a.Failure = Unavailable("the router stopped before the provider answered")
	a.Abandoned = RuleFor(Unanswered, a.Idempotency.ABI()).Abandon
	return a
}

// Settled reports whether what an attempt sent must have arrived, and its provider must know of it: by the wall clock,
// and by the journal's own, since a wall clock that is ahead for a moment would make any "not found" believable.
func (d *Driver) Settled(a Attempt, margin time.Duration) bool {
	byJournal := d.Settings.Clock() - a.StartedClock
	return d.Now().After(a.SendBefore.Add(margin)) &&
		(d.Settings.Clock() == 0 || byJournal > a.SendBefore.Sub(a.StartedAt)+margin)
}

// EachUnfinished lists what a crash may have left half done, and resumes each, several at a time.
func EachUnfinished[T any](
	ctx context.Context, list func(ctx context.Context, after string, limit int) ([]T, error), idOf func(T) string,
	resume func(ctx context.Context, id string) error,
) error {
	// One payment at a slow provider, or one that cannot be written, holds up no other.
	const batch, atOnce = 100, 32
	var work errgroup.Group
	work.SetLimit(atOnce)
	for after := ""; ; {
		unfinished, err := list(ctx, after, batch)
		if err != nil {
			return errors.Join(err, work.Wait())
		}
		for _, one := range unfinished {
			after = idOf(one)
			id := after
			work.Go(func() error { return resume(ctx, id) })
		}
		if len(unfinished) < batch {
			return work.Wait()
		}
	}
}

// Recover resumes a payment or a run where it is unfinished, under its lock and as a flight, and passes over what is in
// flight. One that there is nothing to do for is never reserved: it would be in flight to whoever repeats its key.
func (d *Driver) Recover(ctx context.Context, id OwnerID, unfinished func() (bool, error), resume func() error) error {
	if left, err := unfinished(); err != nil || !left {
		return err
	}
	flight, err := d.Reserve(id)
	if errors.Is(err, ErrShuttingDown) {
		return err
	}
	if err != nil {
		return nil //nolint:nilerr // in flight already
	}
	defer d.Land(id, flight)
	unlock, err := d.Lock(ctx, id)
	if err != nil {
		return err
	}
	defer unlock()
	if left, err := unfinished(); err != nil || !left {
		return err
	}
	flight.Err = resume()
	return exceptHeld(flight.Err)
}

// exceptHeld is nil for what waits until the journal is released: the journal's hold is shown already.
func exceptHeld(err error) error {
	if errors.Is(err, ErrHeld) {
		return nil
	}
	return err
}
