package payment

import (
	"context"
	"errors"
	"fmt"
	"time"

	abi "payrouter/abi/v1"
)

// Errors of acting on a payment, told apart with errors.Is and errors.As.
var (
	// ErrUnsupported: the payment's provider has no such operation.
	ErrUnsupported = errors.New("not supported by the payment's provider")
	// ErrState: the payment's status does not allow it.
	ErrState = errors.New("not possible in the payment's status")
	// ErrUnanswered: the provider gave no readable answer; the payment stands as it was.
	ErrUnanswered = errors.New("the provider gave no answer")
	// ErrUnavailable: the provider could not be asked now (its breaker is open, its plugin fails); nothing was sent.
	ErrUnavailable = errors.New("the provider cannot be asked now")
)

// DeclinedError says that the provider refused to act on a payment; the payment stands as it was.
type DeclinedError struct {
	Failure *Failure
}

func (e *DeclinedError) Error() string {
	return "the provider declined: " + e.Failure.Message
}

// Cancel cancels a payment at its provider; what was never sent is canceled here.
func (e *Engine) Cancel(ctx context.Context, merchant, id string) (Payment, error) {
	return e.withLock(ctx, merchant, id, func(ctx context.Context, p Payment) (Payment, error) {
		if p.Status == Canceled {
			return p, nil
		}
		if p.Status.Terminal() {
			return p, fmt.Errorf("cancel: it is %s: %w", p.Status, ErrState)
		}
		return e.act(ctx, p, p.Order, abi.Role_ROLE_CANCEL, "", nil)
	})
}

// Confirm moves a payment on at the merchant's word, where its provider knows such a thing. operation chooses one of several, and is
// empty for the default; input is what that operation takes, JSON or empty.
func (e *Engine) Confirm(ctx context.Context, merchant, id, operation string, input []byte) (Payment, error) {
	return e.withLock(ctx, merchant, id, func(ctx context.Context, p Payment) (Payment, error) {
		if p.Status.Terminal() || p.Status == Unknown {
			return p, fmt.Errorf("confirm: it is %s: %w", p.Status, ErrState)
		}
		return e.act(ctx, p, p.Order, abi.Role_ROLE_CONFIRM, operation, input)
	})
}

// Refresh asks the provider where a payment stands.
func (e *Engine) Refresh(ctx context.Context, merchant, id string) (Payment, error) {
	return e.withLock(ctx, merchant, id, func(ctx context.Context, p Payment) (Payment, error) {
		return e.lookUp(ctx, p)
	})
}

// Change is an edit of a payment; nil members stay as they are.
type Change struct {
	Reference   *string
	Metadata    map[string]string
	Description *string
	ReturnURL   *string
}

// atProvider tells a change that a provider has to know of.
func (c Change) atProvider() bool {
	return c.Description != nil || c.ReturnURL != nil
}

func (c Change) apply(o Order) Order {
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

// Update edits a payment: reference and metadata here, description and return URL at its provider too, where that can. The edited order
// is valid, or the error joins *InvalidError.
func (e *Engine) Update(ctx context.Context, merchant, id string, change Change) (Payment, error) {
	return e.withLock(ctx, merchant, id, func(ctx context.Context, p Payment) (Payment, error) {
		order := change.apply(p.Order)
		unexpired := order
		unexpired.ExpiresAt = time.Time{}
		if err := unexpired.Validate(e.Fleet().Tickers(), e.now()); err != nil {
			return p, err
		}
		if !change.atProvider() {
			p.Order = order
			return e.save(ctx, p)
		}
		if p.Status.Terminal() || p.Status == Unknown {
			return p, fmt.Errorf("update: it is %s: %w", p.Status, ErrState)
		}
		return e.act(ctx, p, order, abi.Role_ROLE_UPDATE, "", nil)
	})
}

// act performs one operation on a payment at the provider that holds it. order is what the payment is to be afterwards.
func (e *Engine) act(ctx context.Context, p Payment, order Order, role abi.Role, operation string, input []byte) (Payment, error) {
	at, err := e.planFor(p, role, operation)
	if err != nil {
		return p, err
	}
	if p.ProviderReference == "" {
		return p, fmt.Errorf("%s: the provider has not confirmed that it has the payment: %w", at.operation.GetName(), ErrState)
	}
	wanted := p
	wanted.Order = order
	end, err := e.converse(ctx, p, at, e.callFor(wanted, at, input, time.Time{}), nil)
	if err != nil {
		return p, err
	}
	p = end.payment
	switch {
	case end.event == Accepted:
		p.Order = order
		return e.save(ctx, settle(p, end.outcome, end.failure, e.now()), end.closed...)
	case end.doubt:
		p.Status, _ = p.Status.Next(Unknown, p.Acted)
		return e.save(ctx, p, end.closed...)
	}
	if p, err = e.save(ctx, p, end.closed...); err != nil {
		return p, err
	}
	return p, verdictOf(at, end)
}

// lookUp asks the provider about a payment, and believes what is about this payment.
func (e *Engine) lookUp(ctx context.Context, p Payment) (Payment, error) {
	if p.Provider == "" {
		return p, nil
	}
	at, err := e.planFor(p, abi.Role_ROLE_LOOKUP, "")
	if err != nil {
		return p, err
	}
	if p.ProviderReference == "" && !at.operation.GetFindsByReference() {
		return p, fmt.Errorf("%s finds payments by its own reference alone, and gave none: %w", p.Provider, ErrUnsupported)
	}
	attempts, err := e.journal.Attempts(ctx, p.ID)
	if err != nil {
		return p, err
	}
	create, found := lastCreate(attempts, p.Provider)
	if !found {
		return p, nil
	}
	end, err := e.converse(ctx, p, at, e.callFor(p, at, nil, create.StartedAt), nil)
	if err != nil {
		return p, err
	}
	p = end.payment
	switch end.event {
	case Accepted:
		return e.save(ctx, settle(p, end.outcome, end.failure, e.now()), end.closed...)
	case NotFound:
		return e.absent(ctx, p, create, end.closed)
	case NotSent, Unable, Refused, Unanswered, DeclinedSoft, DeclinedHard, Duplicate:
	}
	if p, err = e.save(ctx, p, end.closed...); err != nil {
		return p, err
	}
	return p, verdictOf(at, end)
}

// absent handles a provider's word that it does not know a payment. It is believed only of an unknown one, once everything that
// was sent must have arrived and settled, and never where an unanswered request may have moved money.
func (e *Engine) absent(ctx context.Context, p Payment, create Attempt, closed []Attempt) (Payment, error) {
	account := e.Fleet().Accounts[p.Provider]
	idempotency := idempotencyOf(create.Idempotency)
	settleAfter := operationOf(account.Plugin().Manifest(), create.Operation).GetSettleAfterMs()
	believable := create.SendBefore.Add(e.settings.ClockSkew).Add(time.Duration(settleAfter) * time.Millisecond)
	if p.Status != Unknown || idempotency == abi.Idempotency_IDEMPOTENCY_NONE || !e.now().After(believable) {
		return e.save(ctx, p, closed...)
	}
	attempts, err := e.journal.Attempts(ctx, p.ID)
	if err != nil {
		return p, err
	}
	asked := map[string]bool{}
	for _, a := range attempts {
		asked[a.Provider] = true
	}
	saved, err := e.save(ctx, p, closed...)
	if err != nil {
		return p, err
	}
	return e.place(ctx, saved, asked)
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

func (e *Engine) planFor(p Payment, role abi.Role, operation string) (plan, error) {
	account, known := e.Fleet().Accounts[p.Provider]
	if !known {
		return plan{}, fmt.Errorf("provider %q is not configured: %w", p.Provider, ErrUnsupported)
	}
	at, able := account.plan(p.Kind, role, operation)
	if !able {
		return plan{}, fmt.Errorf("%s has no operation to %s a %s: %w", p.Provider, enumName(role.String(), "ROLE_"), p.Kind, ErrUnsupported)
	}
	return at, nil
}

func verdictOf(at plan, end ending) error {
	switch end.event {
	case Unable:
		// A plugin that cannot make a request says why; anything else in the way passes.
		if end.failure.Code == unavailable("").Code {
			return fmt.Errorf("%s at %s: %w", at.operation.GetName(), at.account.Name, ErrUnavailable)
		}
		return &DeclinedError{Failure: end.failure}
	case DeclinedSoft, DeclinedHard, Duplicate, NotFound:
		return &DeclinedError{Failure: end.failure}
	case NotSent, Refused, Unanswered, Accepted:
	}
	return fmt.Errorf("%s at %s: %w", at.operation.GetName(), at.account.Name, ErrUnanswered)
}

// withLock runs an act on a merchant's payment, alone. Once begun it no longer depends on the caller's context.
func (e *Engine) withLock(ctx context.Context, merchant, id string, act func(ctx context.Context, p Payment) (Payment, error)) (Payment, error) {
	unlock, err := e.locks.acquire(ctx, id)
	if err != nil {
		return Payment{}, err
	}
	defer unlock()
	if err := e.enter(); err != nil {
		return Payment{}, err
	}
	defer e.running.Done()
	p, err := e.Payment(ctx, merchant, id)
	if err != nil {
		return Payment{}, err
	}
	return act(e.base, p) //nolint:contextcheck // on purpose: see above
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
