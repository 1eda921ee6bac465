package attempt

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	abi "payrouter/abi/v1"
	"payrouter/host/identity"
)

// Settings of a Driver. Zero fields take the defaults that they name.
type Settings struct {
	// SendWithin is how long after it was journalled a request may still leave, and how old what recovery sends for the
	// first time may be. 0 means 10 s.
	SendWithin time.Duration
	// ClockSkew is how far clocks of routers and providers may be apart. 0 means 1 min.
	ClockSkew time.Duration
	// Hold is nil, or returns why no request of class KEYED or NONE may leave, nor anything new be made: an error that
	// wraps ErrHeld. It is called before each such request. Nil means that there is no reason.
	Hold func() error
	// Doubtful reports whether more may have been sent than the journal shows, of what was made when Clock showed a
	// time. Nil means that there is no doubt.
	Doubtful func(made time.Duration) bool
	// Clock is the journal's own, which no wall clock moves. Nil means that the wall clock is right.
	Clock func() time.Duration
	// Exhausted is nil, or returns why this machine can take no new work: it has nothing left to make connections of.
	// It is called before anything is routed or journalled. Nil means that it always can.
	Exhausted func() error
	// Now is the wall clock. Nil means the system's.
	Now func() time.Time
	// Random feeds ids. Nil means crypto/rand.
	Random io.Reader
	Logger *slog.Logger
	// Observe receives each attempt that is over, before it is journalled, on its owner's own goroutine. Nil means that
	// none is reported. Those of a canary are not: they show how the canary does, not the account.
	Observe func(Attempt)
	// Ended receives each flow of a payment or a run that is over, on its own goroutine. Nil means that none is reported.
	Ended func(OwnerID, Ending)
	// Moment receives each Moment that a payment or a run reaches, on its own goroutine, and may hold it there or end
	// the process. Nil means that none is reported.
	Moment func(Moment)
}

func (s Settings) withDefaults() Settings {
	if s.SendWithin == 0 {
		s.SendWithin = 10 * time.Second
	}
	if s.ClockSkew == 0 {
		s.ClockSkew = time.Minute
	}
	if s.Hold == nil {
		s.Hold = func() error { return nil }
	}
	if s.Doubtful == nil {
		s.Doubtful = func(time.Duration) bool { return false }
	}
	if s.Clock == nil {
		s.Clock = func() time.Duration { return 0 }
	}
	if s.Exhausted == nil {
		s.Exhausted = func() error { return nil }
	}
	if s.Now == nil {
		s.Now = time.Now //nolint:forbidigo // the clock's one place
	}
	if s.Random == nil {
		s.Random = rand.Reader
	}
	if s.Logger == nil {
		s.Logger = slog.New(slog.DiscardHandler)
	}
	if s.Observe == nil {
		s.Observe = func(Attempt) {}
	}
	if s.Ended == nil {
		s.Ended = func(OwnerID, Ending) {}
	}
	if s.Moment == nil {
		s.Moment = func(Moment) {}
	}
	return s
}

// Driver drives plugins' flows for payments, native runs and questions to accounts, and keeps what these share: locks,
// ids, claims, and the registry of what is in flight. It is safe for concurrent use. Shutdown ends it.
type Driver struct {
	// Settings are not to be changed.
	Settings Settings
	// Log is the settings' logger.
	Log *slog.Logger
	// Base is the context of everything in flight: it ends when a shutdown times out.
	Base context.Context //nolint:containedctx // goroutines outlive the calls that start them

	stop   context.CancelFunc
	ids    *identity.Source
	locks  locks
	claims claims

	mutex   sync.Mutex
	flights map[OwnerID]*Flight
	owners  map[ownerKind]Owners
	closing bool
	running sync.WaitGroup
}

// NewDriver makes a driver over the journal's claims.
func NewDriver(journal ClaimLog, settings Settings) *Driver {
	settings = settings.withDefaults()
	base, stop := context.WithCancel(context.Background())
	return &Driver{
		Settings: settings, Log: settings.Logger, Base: base, stop: stop, ids: identity.New(settings.Random),
		claims: claims{journal: journal}, flights: map[OwnerID]*Flight{}, owners: map[ownerKind]Owners{},
	}
}

// Now is the wall clock, in UTC.
func (d *Driver) Now() time.Time { return d.Settings.Now().UTC() }

// NewID is a prefix and a ULID in lower case: ids sort by time.
func (d *Driver) NewID(prefix string) (string, error) { return d.ids.Make(prefix, d.Now()) }

// Enter registers work that a shutdown waits for; Leave ends it. The error is ErrShuttingDown.
func (d *Driver) Enter() error {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if d.closing {
		return ErrShuttingDown
	}
	d.running.Add(1)
	return nil
}

// Leave ends what Enter began.
func (d *Driver) Leave() { d.running.Done() }

// Lock waits for a payment's or a run's lock, or for the end of ctx. What its holder has claimed is given back with it.
// unlock must be called once.
func (d *Driver) Lock(ctx context.Context, id OwnerID) (unlock func(), err error) {
	release, err := d.locks.acquire(ctx, string(id))
	if err != nil {
		return nil, err
	}
	return func() {
		d.claims.release(id)
		release()
	}, nil
}

// mayLeave is nil, or why no request of a class may leave now: an error that wraps ErrHeld. What was written so far
// stands, and goes on once the journal is released.
func (d *Driver) mayLeave(idempotency abi.Idempotency) error {
	if !hasSideEffects(idempotency) {
		return nil
	}
	return d.Settings.Hold()
}

// Shutdown takes no new work, and waits for what is under way until ctx ends; then it interrupts the rest, which the
// journal knows to be on its way.
func (d *Driver) Shutdown(ctx context.Context) error {
	d.mutex.Lock()
	d.closing = true
	d.mutex.Unlock()
	finished := make(chan struct{})
	go func() {
		d.running.Wait()
		close(finished)
	}()
	defer func() {
		d.stop()
		<-finished
	}()
	select {
	case <-finished:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for payments on their way: %w", ctx.Err())
	}
}
