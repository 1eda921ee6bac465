package payment

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	abi "payrouter/abi/v1"
	"payrouter/host/routing"
)

// ErrShuttingDown tells that the engine takes no new work.
var ErrShuttingDown = errors.New("shutting down")

// Settings of an engine. Zero fields take the defaults that they name.
type Settings struct {
	// SendWithin is how long after it was journalled a request may still leave, and how old what recovery sends for the
	// first time may be. 0 means 10 s.
	SendWithin time.Duration
	// ClockSkew is how far clocks of routers and providers may be apart. 0 means 1 min.
	ClockSkew time.Duration
	// Snapshot is a payment as merchants see it, for its timeline. Nil means the payment as JSON, without what is the
	// payer's.
	Snapshot func(p Payment) json.RawMessage
	// Answer is what a create is answered, once its payment is settled or waits for somebody else. Nil leaves it to
	// whoever asks.
	Answer func(p Payment) Answer
	// Runs keep what accounts do natively. Nil means that they only answer what changes nothing (Read).
	Runs Runs
	// RunAnswer is what a performance is answered, once it is over. Nil leaves it to whoever asks.
	RunAnswer func(run Run) Answer
	// Hold is nil, or says why no request of class KEYED or NONE may leave, nor a payment be made: an error that wraps
	// ErrHeld. It is asked before each such request. Nil means that there is no reason.
	Hold func() error
	// Doubtful reports whether more may have been sent than the journal shows, of what was made when Clock showed a
	// time. Nil means that there is no doubt.
	Doubtful func(made time.Duration) bool
	// Clock is the journal's own, which no wall clock moves. Nil means that the wall clock is right.
	Clock func() time.Duration
	// CallbackURL is where a provider may report on a payment to; the same each time it is asked, empty where providers
	// cannot reach the router. Nil means empty.
	CallbackURL func(provider, paymentID string) string
	// Exhausted is nil, or why this machine can take no new work: it has nothing left to make connections of. It is
	// asked before anything is routed or journalled. Nil means that it always can.
	Exhausted func() error
	// Now is the clock. Nil means the system's.
	Now func() time.Time
	// Random feeds ids. Nil means crypto/rand.
	Random io.Reader
	Logger *slog.Logger
	// Observe is told of each attempt that is over, before it is journalled, on its payment's own goroutine. Nil means
	// nobody is told.
	Observe func(Attempt)
	// Moment is told of each Moment that a payment reaches, on that payment's own goroutine, and may hold it there or
	// end the process. Nil means nobody is told.
	Moment func(Moment)
}

// Moment is an instant at which a crash is worst: something is done that nobody has been told of.
type Moment string

// The moments of a payment, in their order.
const (
	// MomentJournalled: an attempt is journalled as about to be sent, and no byte has left.
	MomentJournalled Moment = "journalled"
	// MomentSent: a try is over, and its outcome is not journalled.
	MomentSent Moment = "sent"
	// MomentSettled: a create's outcome is journalled, and its caller has no answer.
	MomentSettled Moment = "settled"
)

func (s Settings) withDefaults() Settings {
	if s.SendWithin == 0 {
		s.SendWithin = 10 * time.Second
	}
	if s.ClockSkew == 0 {
		s.ClockSkew = time.Minute
	}
	if s.Snapshot == nil {
		s.Snapshot = bareSnapshot
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
	if s.CallbackURL == nil {
		s.CallbackURL = func(string, string) string { return "" }
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
	if s.Moment == nil {
		s.Moment = func(Moment) {}
	}
	return s
}

// Engine takes payments and drives their attempts. It is safe for concurrent use. A payment that it has journalled no
// longer depends on the context of the call that brought it.
type Engine struct {
	settings Settings
	log      *slog.Logger
	journal  Journal
	ids      *identities
	serving  atomic.Pointer[Fleet]
	locks    locks
	claims   claims
	fuels    fuels

	// base is every drive's context: it ends when a shutdown loses its patience.
	base context.Context //nolint:containedctx // goroutines outlive the calls that start them
	stop context.CancelFunc

	mutex   sync.Mutex
	drives  map[string]*drive
	closing bool
	running sync.WaitGroup
}

// drive is a create, or a run, on its way.
type drive struct {
	// left: its caller waits no more.
	left atomic.Bool
	done chan struct{}
	// payment or run, answer and err are what it came to, once it is done.
	payment Payment
	run     Run
	answer  *Answer
	err     error
}

// NewEngine makes an engine over a journal and a fleet. Shutdown ends it.
func NewEngine(journal Journal, fleet *Fleet, settings Settings) *Engine {
	settings = settings.withDefaults()
	base, stop := context.WithCancel(context.Background())
	e := &Engine{
		settings: settings, log: settings.Logger, journal: journal, ids: newIdentities(settings.Random), base: base,
		stop: stop, drives: map[string]*drive{},
	}
	e.serving.Store(fleet)
	return e
}

// Receipt is what became of a create.
type Receipt struct {
	// Payment is zero where Earlier was a run's.
	Payment Payment
	// Earlier is set where the key had been used before: nothing was made.
	Earlier *Key
	// Waiting: the payment is still on its way to its first settled step.
	Waiting bool
	// Answer is what the key is answered with from now on, where that is written already.
	Answer *Answer
}

// Create takes an order under an idempotency key, and waits for its first settled step until ctx ends or patience runs
// out. An order that nobody can take is a *NoRouteError, and leaves nothing behind.
func (e *Engine) Create(ctx context.Context, merchant string, key Key, order Order,
	patience time.Duration,
) (Receipt, error) {
	// The fleet that decides is the fleet that sends.
	fleet := e.hold()
	payment, one, earlier, err := e.open(context.WithoutCancel(ctx), fleet, merchant, key, order)
	if err != nil || earlier != nil {
		fleet.release()
	}
	if err != nil {
		// A repetition is answered, whatever has become of rules, providers and the journal's disk. Hardly a request is
		// one: whether it is, is asked here alone, and otherwise shows when the payment is written.
		if earlier, _ = e.journal.Key(ctx, merchant, key.Value); earlier == nil {
			return Receipt{}, err
		}
	}
	if earlier != nil {
		return e.repeated(ctx, earlier)
	}
	go e.drive(one, fleet, payment)
	return e.await(ctx, one, payment, patience)
}

// open journals a new payment with its key, and announces its drive. Nothing is announced where the key was used in the
// meantime.
func (e *Engine) open(ctx context.Context, fleet *Fleet, merchant string, key Key,
	order Order,
) (p Payment, one *drive, earlier *Key, err error) {
	if err := e.settings.Hold(); err != nil {
		return p, nil, nil, err
	}
	p, err = e.draft(fleet, merchant, order)
	if err != nil {
		return p, nil, nil, err
	}
	key.Merchant, key.PaymentID, key.CreatedAt = merchant, p.ID, p.CreatedAt
	if one, err = e.reserve(p.ID); err != nil {
		fleet.giveBack(p)
		return p, nil, nil, err
	}
	earlier, err = e.create(ctx, p, key)
	if err != nil || earlier != nil {
		fleet.giveBack(p)
		e.release(p.ID, one)
	}
	return p, one, earlier, err
}

// create journals a new payment with its key.
func (e *Engine) create(ctx context.Context, p Payment, key Key) (earlier *Key, err error) {
	entries, err := e.turnAt(Payment{}, ChangeCause{Cause: ByRequest}).entries(p, nil)
	if err != nil {
		return nil, err
	}
	return e.journal.Create(ctx, Change{Payment: p, Entries: entries}, key)
}

// draft routes an order and makes the payment of it.
func (e *Engine) draft(fleet *Fleet, merchant string, order Order) (Payment, error) {
	if e.settings.Exhausted() != nil {
		return Payment{}, ErrExhausted
	}
	now := e.now()
	id, err := e.ids.make("pay_", now)
	if err != nil {
		return Payment{}, fmt.Errorf("make a payment's id: %w", err)
	}
	decision, err := fleet.claim(id, merchant, order, now)
	if err != nil {
		return Payment{}, err
	}
	return Payment{
		ID: id, Merchant: merchant, Order: order, Status: Created, Decision: decision, CreatedAt: now, UpdatedAt: now,
		StatusAt: now, Version: 1,
		MadeClock: e.settings.Clock(), StatusClock: e.settings.Clock(),
	}, nil
}

func (e *Engine) repeated(ctx context.Context, earlier *Key) (Receipt, error) {
	payment, err := e.journal.Payment(ctx, earlier.PaymentID)
	if errors.Is(err, ErrNotFound) {
		return Receipt{Earlier: earlier}, nil // it is a run's
	}
	if err != nil {
		return Receipt{}, err
	}
	return Receipt{Payment: payment, Earlier: earlier, Waiting: e.driving(payment.ID)}, nil
}

func (e *Engine) await(ctx context.Context, one *drive, payment Payment, patience time.Duration) (Receipt, error) {
	if one.wait(ctx, patience) && !errors.Is(one.err, ErrExhausted) {
		return Receipt{Payment: one.payment, Answer: one.answer}, one.err
	}
	current, err := e.journal.Payment(context.WithoutCancel(ctx), payment.ID)
	if err != nil {
		return Receipt{}, err
	}
	return Receipt{Payment: current, Waiting: e.driving(current.ID) || errors.Is(one.failed(), ErrExhausted)}, nil
}

// failed is why a drive that is over came to no end; nil while it is under way.
func (d *drive) failed() error {
	select {
	case <-d.done:
		return d.err
	default:
		return nil
	}
}

// wait tells whether a drive is done before ctx ends or patience runs out. Where it is not, its caller is gone.
func (d *drive) wait(ctx context.Context, patience time.Duration) bool {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-d.done:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	d.left.Store(true)
	return false
}

// Answer keeps what the key's request was answered, for repetitions, and gives back what stands: the first answer does.
func (e *Engine) Answer(ctx context.Context, key Key) (standing Key, err error) {
	return e.journal.Answer(context.WithoutCancel(ctx), key)
}

// Payment reads a merchant's payment.
func (e *Engine) Payment(ctx context.Context, merchant, id string) (Payment, error) {
	p, err := e.journal.Payment(ctx, id)
	if err != nil {
		return Payment{}, err
	}
	if p.Merchant != merchant {
		return Payment{}, fmt.Errorf("%s: %w", id, ErrNotFound)
	}
	return p, nil
}

// Payments lists payments, newest first.
func (e *Engine) Payments(ctx context.Context, filter Filter) ([]Payment, error) {
	return e.journal.Payments(ctx, filter)
}

// Attempts lists the attempts of a merchant's payment.
func (e *Engine) Attempts(ctx context.Context, merchant, id string) ([]Attempt, error) {
	if _, err := e.Payment(ctx, merchant, id); err != nil {
		return nil, err
	}
	return e.journal.Attempts(ctx, id)
}

// Timeline lists the entries of a merchant's payment, in their order.
func (e *Engine) Timeline(ctx context.Context, merchant, id string) ([]Entry, error) {
	if _, err := e.Payment(ctx, merchant, id); err != nil {
		return nil, err
	}
	return e.journal.Timeline(ctx, id)
}

// Entries lists a merchant's entries in their order, those after a sequence number; limit 0 means 100.
func (e *Engine) Entries(ctx context.Context, merchant string, after int64, limit int) ([]Entry, error) {
	return e.journal.Entries(ctx, merchant, after, limit)
}

// Explain decides on an order without making a payment. A decision that routes nowhere is no error here.
func (e *Engine) Explain(merchant, paymentID string, order Order) routing.Decision {
	decision, _ := e.Fleet().decide(paymentID, merchant, order, e.now())
	return decision
}

// Shutdown takes no new work, and waits for what is under way until ctx ends; then it interrupts the rest, which the
// journal knows to be on its way.
func (e *Engine) Shutdown(ctx context.Context) error {
	e.mutex.Lock()
	e.closing = true
	e.mutex.Unlock()
	finished := make(chan struct{})
	go func() {
		e.running.Wait()
		close(finished)
	}()
	defer func() {
		e.stop()
		<-finished
	}()
	select {
	case <-finished:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for payments on their way: %w", ctx.Err())
	}
}

// reserve announces a drive, so that a repetition of its key finds it in flight from the first moment.
func (e *Engine) reserve(id string) (*drive, error) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if e.closing {
		return nil, ErrShuttingDown
	}
	if _, found := e.drives[id]; found {
		return nil, fmt.Errorf("%s is on its way already", id)
	}
	one := &drive{done: make(chan struct{})}
	e.drives[id] = one
	e.running.Add(1)
	return one, nil
}

func (e *Engine) release(id string, one *drive) {
	e.mutex.Lock()
	delete(e.drives, id)
	e.mutex.Unlock()
	close(one.done)
	e.running.Done()
}

func (e *Engine) driving(id string) bool {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	_, found := e.drives[id]
	return found
}

func (e *Engine) now() time.Time {
	return e.settings.Now().UTC()
}

// callFor is what a plugin is asked to do for a payment.
func (e *Engine) callFor(p Payment, at plan, input []byte, sent time.Time) *abi.Call {
	call := &abi.Call{
		Operation: at.operation.GetName(), Payment: contractPayment(p, at.connector.Manifest().GetName()), Input: input,
		Settings:          at.account.Settings,
		Reference:         reference(at.operation.GetReference(), p.ID, at.account.Name, at.operation.GetName()),
		ProviderReference: p.ProviderReference,
		NowMs:             e.now().UnixMilli(), Seed: seed(p.ID, at.account.Name, at.operation.GetName()),
		CallbackUrl: e.settings.CallbackURL(at.account.Name, p.ID),
	}
	if at.role == abi.Role_ROLE_CREATE {
		return call
	}
	if create, ok := at.account.plan(p.ID, p.Kind.ABI(), abi.Role_ROLE_CREATE, ""); ok {
		call.CreateReference = reference(create.operation.GetReference(), p.ID, at.account.Name,
			create.operation.GetName())
	}
	call.NowMs = e.nowFor(p).UnixMilli()
	if !sent.IsZero() {
		call.SentMs = sent.UnixMilli()
	}
	return call
}

// sentAt is when an attempt was sent, for a look-up that asks by the day. The wall clock may have been wrong then:
// where it and the journal's own clock disagree about the attempt's age, look-ups take one after the other, and a time
// to come is none. (The journal's clock counts an hour of a stop at most, so it may be the one that is wrong.)
func (e *Engine) sentAt(p Payment, a Attempt) time.Time {
	now := e.now()
	byJournal := now.Add(a.StartedClock - e.settings.Clock())
	switch {
	case a.StartedClock == 0 || byJournal.Sub(a.StartedAt).Abs() <= e.settings.ClockSkew:
		return a.StartedAt
	case a.StartedAt.After(now), p.Checks%2 == 1:
		return byJournal
	}
	return a.StartedAt
}

// nowFor is the time at which a plugin reads a provider's answer about a payment: the wall clock, and never later than
// the payment's age by the journal's own clock allows. A plugin compares it with the provider's expiry, and a wall
// clock that is ahead for seconds must end no payment.
func (e *Engine) nowFor(p Payment) time.Time {
	now := e.now()
	if p.MadeClock == 0 {
		return now
	}
	byJournal := p.CreatedAt.Add(e.settings.Clock() - p.MadeClock)
	if byJournal.Before(now) {
		return byJournal
	}
	return now
}

func contractPayment(p Payment, plugin string) *abi.Payment {
	c := &abi.Payment{
		Id: p.ID, Kind: p.Kind.ABI(), Amount: p.Amount, Currency: p.Currency, Country: p.Country, Method: p.Method,
		Reference:   p.Reference,
		Description: p.Description, ReturnUrl: p.ReturnURL, Options: p.Options[plugin],
		Payer: &abi.Payer{Name: p.Payer.Name, Email: p.Payer.Email, Phone: p.Payer.Phone, Ip: p.Payer.IP},
		Destination: &abi.Destination{
			Operator: p.Destination.Operator, Number: p.Destination.Number, Account: p.Destination.Account,
			Address: p.Destination.Address, Network: p.Destination.Network, Memo: p.Destination.Memo,
		},
	}
	if !p.ExpiresAt.IsZero() {
		c.ExpiresMs = p.ExpiresAt.UnixMilli()
	}
	return c
}
