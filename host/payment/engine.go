package payment

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	abi "payrouter/abi/v1"
	"payrouter/host/approval"
	"payrouter/host/attempt"
	"payrouter/host/identity"
	"payrouter/host/routing"
	"payrouter/host/ruleset"
)

// Settings of an engine. Zero fields take the defaults that they name.
type Settings struct {
	// Snapshot is a payment as merchants see it, for its timeline. Nil means the payment as JSON, without what is the
	// payer's.
	Snapshot func(p Payment) json.RawMessage
	// Answer is what a create is answered, once its payment is settled or waits for another party. Nil leaves it to the
	// caller.
	Answer func(p Payment) attempt.Answer
	// CallbackURL is where a provider may report on a payment to; the same each time it is called, empty where
	// providers cannot reach the router. Nil means empty.
	CallbackURL func(provider, paymentID string) string
}

func (s Settings) withDefaults() Settings {
	if s.Snapshot == nil {
		s.Snapshot = bareSnapshot
	}
	if s.CallbackURL == nil {
		s.CallbackURL = func(string, string) string { return "" }
	}
	return s
}

// Engine takes payments and drives their attempts. It is safe for concurrent use. A payment that it has journalled no
// longer depends on the context of the call that brought it.
type Engine struct {
	settings Settings
	driver   *attempt.Driver
	journal  Journal
	log      *slog.Logger
	fleets   *Fleets
	rulesets *ruleset.Archive
}

// NewEngine makes an engine over a driver, a journal and the active fleet. It ends with the driver.
func NewEngine(driver *attempt.Driver, journal Journal, fleets *Fleets, settings Settings) *Engine {
	e := &Engine{
		settings: settings.withDefaults(), driver: driver, journal: journal, fleets: fleets, log: driver.Log,
		rulesets: ruleset.New(journal),
	}
	driver.Own(attempt.OfPayment, e)
	return e
}

// Create takes an order under an idempotency key, and waits for its first settled step until ctx ends or a timeout has
// passed. An order that no provider can take is a *NoRouteError, and leaves nothing behind. One that needs a person's
// approval is journalled, and not sent (see Approve).
func (e *Engine) Create(ctx context.Context, author approval.Author, key attempt.Key, order Order,
	timeout time.Duration,
) (attempt.Receipt[Payment], error) {
	fleet := e.fleets.hold()
	var ready preparations
	receipt, err := attempt.Once(ctx, e.driver, attempt.Request[Payment]{
		Kind: attempt.OfPayment, ID: Payment.OwnerID,
		Open: func(ctx context.Context) (p Payment, flight *attempt.Flight, _ *attempt.Key, err error) {
			if p, ready, err = e.draft(ctx, fleet, author, order); err != nil {
				fleet.Release()
				return p, nil, nil, err
			}
			if err = e.rulesets.Keep(ctx, fleet.Rules); err == nil {
				flight, err = e.driver.Reserve(p.OwnerID())
			}
			if err != nil {
				fleet.withdraw(p)
				fleet.Release()
				return p, nil, nil, err
			}
			flight.Defer()
			return p, flight, nil, nil
		},
		// The fleet that decides is the fleet that sends.
		Fly: func(p Payment, flight *attempt.Flight) (Payment, error) {
			defer fleet.Release()
			return e.drive(flight, fleet, p, key, ready)
		},
		Key: func(ctx context.Context) (*attempt.Key, error) { return e.journal.Key(ctx, author.Merchant, key.Value) },
		Read: func(ctx context.Context, id attempt.OwnerID) (Payment, error) {
			return e.journal.Payment(ctx, string(id))
		},
	}, timeout)
	return receipt, err
}

// draft routes an order, makes the payment of it, and has its plugins prepare their first steps. One that needs
// approval takes nothing of its rule's limits yet: it is routed again when it is approved, and its plugins prepare
// anew.
func (e *Engine) draft(ctx context.Context, fleet *Fleet, author approval.Author,
	order Order,
) (Payment, preparations, error) {
	if err := e.driver.Settings.Hold(); err != nil {
		return Payment{}, nil, err
	}
	if e.driver.Settings.Exhausted() != nil {
		return Payment{}, nil, attempt.ErrExhausted
	}
	now := e.now()
	id, err := e.driver.NewID("pay_")
	if err != nil {
		return Payment{}, nil, fmt.Errorf("make a payment's id: %w", err)
	}
	clock := e.driver.Settings.Clock()
	p := Payment{
		ID: id, Merchant: author.Merchant, Key: author.Key, Order: order, Status: Created, CreatedAt: now, UpdatedAt: now,
		StatusAt: now, Version: 1, MadeClock: clock, StatusClock: clock,
	}
	var decision routing.Decision
	if p.Approval = fleet.approvalFor(p); p.Approval != nil {
		p.Status = AwaitingApproval
		p.NextCheck = nextCheck(p, 0, now, identity.Draw("jitter", id, now.String()))
		decision, err = fleet.decide(p.Merchant, p.OwnerID(), order, now)
	} else {
		decision, err = fleet.claim(p.Merchant, p.OwnerID(), order, now)
	}
	if err != nil {
		return Payment{}, nil, err
	}
	p.Decision = fleet.Rules.Store(decision)
	ready, err := e.prepare(ctx, fleet, p)
	if err != nil {
		fleet.withdraw(p)
		return Payment{}, nil, err
	}
	return p, ready, nil
}

// Merchant implements attempt.Owners.
func (e *Engine) Merchant(ctx context.Context, id attempt.OwnerID) (string, error) {
	p, err := e.journal.Payment(ctx, string(id))
	return p.Merchant, err
}

// ShowClaim implements attempt.Owners.
func (e *Engine) ShowClaim(ctx context.Context, id attempt.OwnerID, alert string, money bool) error {
	_, err := e.withLock(ctx, "", string(id), ChangeCause{Cause: ByAnswer},
		func(ctx context.Context, s *session, p Payment) (Payment, error) {
			if p.Alert == alert && (p.MoneyConflict || !money) {
				return p, nil
			}
			p = p.alerted(codeClaimed, alert)
			p.MoneyConflict = p.MoneyConflict || money
			return s.save(ctx, p)
		})
	return err
}

// Answer keeps what the key's request was answered, for repetitions, and gives back what stands: the first answer does.
func (e *Engine) Answer(ctx context.Context, key attempt.Key) (standing attempt.Key, err error) {
	return e.journal.Answer(context.WithoutCancel(ctx), key)
}

// Payment reads a merchant's payment; an empty merchant is any.
func (e *Engine) Payment(ctx context.Context, merchant, id string) (Payment, error) {
	p, err := e.journal.Payment(ctx, id)
	if err != nil {
		return Payment{}, err
	}
	if merchant != "" && p.Merchant != merchant {
		return Payment{}, fmt.Errorf("%s: %w", id, ErrNotFound)
	}
	return p, nil
}

// Payments lists a page of payments, newest first, as Journal.Payments does.
func (e *Engine) Payments(ctx context.Context, filter Filter) (page []Payment, next string, err error) {
	return e.journal.Payments(ctx, filter)
}

// Attempts lists the attempts of a merchant's payment.
func (e *Engine) Attempts(ctx context.Context, merchant, id string) ([]attempt.Attempt, error) {
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

// Decision is the whole decision on a merchant's payment. Its trace is made again by the rules that decided; where that
// is not possible, Incomplete is why.
func (e *Engine) Decision(ctx context.Context, merchant, id string) (routing.Decision, error) {
	p, err := e.Payment(ctx, merchant, id)
	if err != nil {
		return routing.Decision{}, err
	}
	return e.rulesets.Whole(ctx, e.Fleet().Rules, p.Decision, p.Facts())
}

// Explain decides on an order without making a payment. A decision that routes nowhere is no error here.
func (e *Engine) Explain(merchant string, id attempt.OwnerID, order Order) routing.Decision {
	decision, _ := e.Fleet().decide(merchant, id, order, e.now())
	return decision
}

func (e *Engine) now() time.Time {
	return e.driver.Now()
}

// callFor is what a plugin is asked to do for a payment.
func (e *Engine) callFor(p Payment, at attempt.Plan, input []byte, sent time.Time) *abi.Call {
	call := &abi.Call{
		Operation: at.Operation.GetName(), Payment: p.Contract(p.ID, at.Connector.Manifest().GetName()), Input: input,
		Settings: at.Account.Settings,
		Reference: identity.Reference(at.Operation.GetReference(), p.ID, at.Account.Name,
			at.Operation.GetName()),
		ProviderReference: p.ProviderReference,
		NowMs:             e.now().UnixMilli(), Seed: identity.Seed(p.ID, at.Account.Name, at.Operation.GetName()),
		CallbackUrl: e.settings.CallbackURL(at.Account.Name, p.ID),
	}
	if at.Role == abi.Role_ROLE_CREATE {
		return call
	}
	if create, ok := at.Account.Plan(p.ID, p.Kind.ABI(), abi.Role_ROLE_CREATE, ""); ok {
		call.CreateReference = identity.Reference(create.Operation.GetReference(), p.ID, at.Account.Name,
			create.Operation.GetName())
	}
	call.NowMs = e.nowFor(p).UnixMilli()
	if !sent.IsZero() {
		call.SentMs = sent.UnixMilli()
	}
	return call
}

// sentAt is when an attempt was sent, for a look-up that asks by the day. The wall clock may have been wrong then:
// where it and the journal's own clock disagree about the attempt's age, each look-up draws one of the two, and a time
// to come is none. (The journal's clock counts an hour of a stop at most, so it may be the one that is wrong.)
func (e *Engine) sentAt(p Payment, a attempt.Attempt) time.Time {
	now := e.now()
	byJournal := now.Add(a.StartedClock - e.driver.Settings.Clock())
	switch {
	case a.StartedClock == 0 || byJournal.Sub(a.StartedAt).Abs() <= e.driver.Settings.ClockSkew:
		return a.StartedAt
	case a.StartedAt.After(now), identity.Draw("sent at", p.ID, strconv.FormatInt(p.Version, 10)) < 0.5:
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
	byJournal := p.CreatedAt.Add(e.driver.Settings.Clock() - p.MadeClock)
	if byJournal.Before(now) {
		return byJournal
	}
	return now
}
