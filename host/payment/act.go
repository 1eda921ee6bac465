package payment

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	abi "payrouter/abi/v1"
)

// Errors of acting on a payment, told apart with errors.Is and errors.As.
var (
	// ErrUnsupported: the payment's provider has no such operation.
	ErrUnsupported = errors.New("not supported by the payment's provider")
	// ErrUnanswered: the provider gave no readable answer; the payment stands as it was.
	ErrUnanswered = errors.New("the provider gave no answer")
	// ErrUnavailable: the provider could not be asked now (its breaker is open, its plugin fails); nothing was sent.
	ErrUnavailable = errors.New("the provider cannot be asked now")
)

// ErrState tells that the payment's status does not allow what was asked.
var ErrState = errors.New("not possible in the payment's status")

// DeclinedError says that the provider refused to act on a payment; the payment stands as it was.
type DeclinedError struct {
	Failure *Failure
}

func (e *DeclinedError) Error() string {
	return "the provider declined: " + e.Failure.Message
}

// Cancel cancels a payment at its provider; what was never sent is canceled here.
func (e *Engine) Cancel(ctx context.Context, merchant, id string) (Payment, error) {
	return e.withLock(ctx, merchant, id, ChangeCause{Cause: ByRequest},
		func(ctx context.Context, t *turn, p Payment) (Payment, error) {
			if p.Status == Canceled {
				return p, nil
			}
			if p.Status.Terminal() {
				return p, fmt.Errorf("cancel: it is %s: %w", p.Status, ErrState)
			}
			return t.act(ctx, p, p.Order, abi.Role_ROLE_CANCEL, "", nil)
		})
}

// Confirm moves a payment on at the merchant's word, where its provider knows such a thing. operation chooses one of
// several, and is empty for the default; input is what that operation takes, JSON or empty. Of a payment that ended
// without success it takes in the money that a conflict shows: the status stays.
func (e *Engine) Confirm(ctx context.Context, merchant, id, operation string, input []byte) (Payment, error) {
	return e.withLock(ctx, merchant, id, ChangeCause{Cause: ByRequest},
		func(ctx context.Context, t *turn, p Payment) (Payment, error) {
			if p.Status.ended() && p.MoneyConflict {
				return t.retrieve(ctx, p, operation, input)
			}
			if p.Status.Terminal() || p.Status == Unknown {
				return p, fmt.Errorf("confirm: it is %s: %w", p.Status, ErrState)
			}
			p, err := t.confirmable(ctx, p, operation)
			if err != nil {
				return p, err
			}
			return t.act(ctx, p, p.Order, abi.Role_ROLE_CONFIRM, operation, input)
		})
}

// confirmable looks a payment up where the manifest says from which statuses the operation makes sense, and refuses it
// in any other: a provider's refusal of what may move money is not always readable, and would leave a healthy payment
// unknown.
func (t *turn) confirmable(ctx context.Context, p Payment, operation string) (Payment, error) {
	at, err := t.planFor(p, abi.Role_ROLE_CONFIRM, operation)
	if err != nil {
		return p, err
	}
	action := actionFor(flowOf(at.connector.Manifest(), p.Kind.ABI()), abi.Role_ROLE_CONFIRM, at.operation.GetName())
	if len(action.GetFrom()) == 0 {
		return p, nil
	}
	alert := p.Alert
	p, end, err := t.ask(ctx, p, "")
	switch {
	case err != nil:
		return p, err
	case end.event != Accepted:
		return p, fmt.Errorf("%s: the provider does not report where the payment stands: %w", at.operation.GetName(),
			ErrUnanswered)
	case !slices.Contains(action.GetFrom(), standingOf(end.outcome)):
		return p, &DeclinedError{Failure: &Failure{
			Code: "invalid_request", Class: Hard,
			Message: fmt.Sprintf("%s is not possible: the provider reports the payment as %s",
				at.operation.GetName(), enumName(end.outcome.GetStatus().String(), "STATUS_")),
		}}
	}
	// What the look-up found to complain of ("paid in part") is what the operation settles.
	p.Alert = alert
	return p, nil
}

// Refresh asks the provider where a payment stands.
func (e *Engine) Refresh(ctx context.Context, merchant, id string) (Payment, error) {
	return e.withLock(ctx, merchant, id, ChangeCause{Cause: ByRequest},
		func(ctx context.Context, t *turn, p Payment) (Payment, error) {
			return t.lookUp(ctx, p, "")
		})
}

// Edit is a change of a payment; nil members stay as they are.
type Edit struct {
	Reference   *string
	Metadata    map[string]string
	Description *string
	ReturnURL   *string
}

// atProvider tells an edit that a provider has to know of.
func (c Edit) atProvider() bool {
	return c.Description != nil || c.ReturnURL != nil
}

func (c Edit) apply(o Order) Order {
	if c.Reference != nil {
		o.Reference = *c.Reference
	}
	if c.Metadata != nil {
		o.Metadata = c.Metadata
	}
	if c.Description != nil {
		o.Description = *c.Description
	}
	if c.ReturnURL != nil {
		o.ReturnURL = *c.ReturnURL
	}
	return o
}

// Update edits a payment: reference and metadata here, description and return URL at its provider too, where that can.
// The edited order is valid, or the error joins *InvalidError.
func (e *Engine) Update(ctx context.Context, merchant, id string, edit Edit) (Payment, error) {
	return e.withLock(ctx, merchant, id, ChangeCause{Cause: ByRequest},
		func(ctx context.Context, t *turn, p Payment) (Payment, error) {
			order := edit.apply(p.Order)
			unexpired := order
			unexpired.ExpiresAt = time.Time{}
			if err := unexpired.Validate(t.fleet.Tickers(), e.now()); err != nil {
				return p, err
			}
			if !edit.atProvider() {
				p.Order = order
				return t.save(ctx, p)
			}
			if p.Status.Terminal() || p.Status == Unknown {
				return p, fmt.Errorf("update: it is %s: %w", p.Status, ErrState)
			}
			return t.act(ctx, p, order, abi.Role_ROLE_UPDATE, "", nil)
		})
}

// act performs one operation on a payment at the provider that holds it. order is what the payment is to be afterwards.
func (t *turn) act(ctx context.Context, p Payment, order Order, role abi.Role, operation string,
	input []byte,
) (Payment, error) {
	at, err := t.planFor(p, role, operation)
	if err != nil {
		return p, err
	}
	if p.ProviderReference == "" {
		return p, fmt.Errorf("%s: the provider has not confirmed that it has the payment: %w", at.operation.GetName(),
			ErrState)
	}
	wanted := p
	wanted.Order = order
	end, err := t.converse(ctx, p, at, t.callFor(wanted, at, input, time.Time{}), nil)
	if err != nil {
		return p, err
	}
	p = end.payment
	switch {
	case end.event == Accepted:
		p.Order = order
		return t.save(ctx, settle(p, end.outcome, end.failure, t.now()), end.closed...)
	case end.doubt:
		p.Status, _ = p.Status.Next(Unknown, p.Acted)
		return t.save(ctx, p, end.closed...)
	}
	if p, err = t.save(ctx, p, end.closed...); err != nil {
		return p, err
	}
	return p, verdictOf(p.Provider, end)
}

// lookUp asks the provider about a payment, and believes what is about this payment. named is the provider's reference
// on somebody's word, for a payment whose own is not known: that object is looked up, and believed where the answer
// repeats our reference.
func (t *turn) lookUp(ctx context.Context, p Payment, named string) (Payment, error) {
	p, _, err := t.ask(ctx, p, named)
	return p, err
}

// ask is lookUp, and gives what was answered; its event is empty where nothing was asked.
func (t *turn) ask(ctx context.Context, p Payment, named string) (Payment, ending, error) {
	if p.Provider == "" {
		return p, ending{}, nil
	}
	end, create, err := t.inquire(ctx, p, p.Provider, named)
	if err != nil || create.ID == "" {
		return p, end, err
	}
	p = end.payment
	switch end.event {
	case Accepted:
		p, err = t.save(ctx, settle(p, end.outcome, end.failure, t.now()), end.closed...)
		return p, end, err
	case NotFound:
		if named != "" && named != p.ProviderReference {
			break // the object that somebody named is not there: that says nothing of the payment
		}
		p, err = t.absent(ctx, p, create, end.closed)
		return p, end, err
	case NotSent, Unable, Refused, Unanswered, DeclinedSoft, DeclinedHard, Duplicate:
	}
	if p, err = t.save(ctx, p, end.closed...); err != nil {
		return p, end, err
	}
	return p, end, verdictOf(p.Provider, end)
}

// inquire looks an object of a payment up, at the provider that holds the payment or at another that was asked before.
// What was sent there to make it comes along; nothing was asked where nothing was sent.
func (t *turn) inquire(ctx context.Context, p Payment, provider, named string) (end ending, create Attempt, err error) {
	subject := p
	if provider != p.Provider {
		subject.Provider, subject.ProviderReference = provider, ""
	}
	at, err := t.planFor(subject, abi.Role_ROLE_LOOKUP, "")
	if err != nil {
		return ending{}, Attempt{}, err
	}
	unproven := false
	switch known := subject.ProviderReference; {
	case named != "" && named != known:
		subject.ProviderReference, unproven = named, true
	case known == "" && !at.operation.GetFindsByReference():
		return ending{}, Attempt{},
			fmt.Errorf("%s finds payments by its own reference alone, and gave none: %w", provider, ErrUnsupported)
	}
	attempts, err := t.journal.Attempts(ctx, p.ID)
	if err != nil {
		return ending{}, Attempt{}, err
	}
	create, found := lastCreate(attempts, provider)
	if !found {
		return ending{payment: p}, Attempt{}, nil
	}
	about := &heldPayment{turn: t, payment: p, unproven: unproven, create: idempotencyOf(create.Idempotency)}
	end, err = about.converse(ctx, at, t.callFor(subject, at, nil, t.sentAt(p, create)), nil)
	return end, create, err
}

// absent handles a provider's word that it does not know a payment. It is believed only of an unknown one, once
// everything that was sent must have arrived and settled, and never where an unanswered request may have moved money.
func (t *turn) absent(ctx context.Context, p Payment, create Attempt, closed []Attempt) (Payment, error) {
	account := t.fleet.Accounts[p.Provider]
	settleAfter := operationOf(account.Plugin(p.ID).Manifest(), create.Operation).GetSettleAfterMs()
	patience := t.settings.ClockSkew + time.Duration(settleAfter)*time.Millisecond
	attempts, err := t.journal.Attempts(ctx, p.ID)
	if err != nil {
		return p, err
	}
	if p.Status != Unknown || holds(attempts, p.Provider) || !t.settled(create, patience) ||
		t.settings.Doubtful(p.MadeClock) {
		return t.save(ctx, p, closed...)
	}
	asked := map[string]bool{}
	for _, a := range attempts {
		asked[a.Provider] = true
	}
	saved, err := t.save(ctx, p, closed...)
	if err != nil {
		return p, err
	}
	return t.place(ctx, saved, asked)
}

// holds tells that a provider's "not found" is not to be believed, whenever it comes: it has said before that it has
// the payment, or was sent something that may have moved money.
func holds(attempts []Attempt, provider string) bool {
	return slices.ContainsFunc(attempts, func(a Attempt) bool {
		idempotency := idempotencyOf(a.Idempotency)
		if a.Provider != provider || idempotency == abi.Idempotency_IDEMPOTENCY_SAFE {
			return false
		}
		grave := idempotency == abi.Idempotency_IDEMPOTENCY_NONE && a.Sent && a.Event != Refused
		return a.Event == Accepted || a.Event == Duplicate || grave
	})
}

// lastCreate is the attempt that may have made the payment at the provider.
func lastCreate(attempts []Attempt, provider string) (Attempt, bool) {
	var last Attempt
	found := false
	for _, a := range attempts {
		if a.Provider == provider && a.Role == "create" && a.Sent {
			last, found = a, true
		}
	}
	return last, found
}

func (t *turn) planFor(p Payment, role abi.Role, operation string) (plan, error) {
	account, known := t.fleet.Accounts[p.Provider]
	if !known {
		return plan{}, fmt.Errorf("provider %q is not configured: %w", p.Provider, ErrUnsupported)
	}
	at, able := account.plan(p.ID, p.Kind.ABI(), role, operation)
	if !able {
		return plan{},
			fmt.Errorf("%s has no operation to %s a %s: %w", p.Provider, enumName(role.String(), "ROLE_"), p.Kind,
				ErrUnsupported)
	}
	return at, nil
}

func verdictOf(provider string, end ending) error {
	switch end.event {
	case Unable:
		// A plugin that cannot make a request says why; anything else in the way passes.
		if end.failure.Code == unavailable("").Code {
			return fmt.Errorf("%s: %w", provider, ErrUnavailable)
		}
		return &DeclinedError{Failure: end.failure}
	case DeclinedSoft, DeclinedHard, Duplicate, NotFound:
		return &DeclinedError{Failure: end.failure}
	case NotSent, Refused, Unanswered, Accepted:
	}
	return fmt.Errorf("%s at %s: %w", end.plan.operation.GetName(), end.plan.account.Name, ErrUnanswered)
}

// withLock runs an act on a payment, alone; an empty merchant is anybody's. Once begun it no longer depends on the
// caller's context.
func (e *Engine) withLock(
	ctx context.Context, merchant, id string, origin ChangeCause,
	act func(ctx context.Context, t *turn, p Payment) (Payment, error),
) (Payment, error) {
	unlock, err := e.acquire(ctx, id)
	if err != nil {
		return Payment{}, err
	}
	defer unlock()
	if err := e.enter(); err != nil {
		return Payment{}, err
	}
	defer e.running.Done()
	p, err := e.journal.Payment(ctx, id)
	if err != nil {
		return Payment{}, err
	}
	if merchant != "" && p.Merchant != merchant {
		return Payment{}, fmt.Errorf("%s: %w", id, ErrNotFound)
	}
	t := e.begin(p, origin)
	defer t.end()
	return act(e.base, t, p) //nolint:contextcheck // on purpose: see above
}

func (e *Engine) enter() error {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if e.closing {
		return ErrShuttingDown
	}
	e.running.Add(1)
	return nil
}
