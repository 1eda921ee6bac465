package payment

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	abi "payrouter/abi/v1"
	"payrouter/host/attempt"
)

// ErrState means that the payment's status does not allow what was asked.
var ErrState = errors.New("not possible in the payment's status")

// Cancel cancels a payment at its provider; what was never sent is canceled here. A confirm that awaits approval ends
// as soon as the cancel is sent, whatever the provider answers.
func (e *Engine) Cancel(ctx context.Context, merchant, id string) (Payment, error) {
	return e.withLock(ctx, merchant, id, ChangeCause{Cause: ByRequest},
		func(ctx context.Context, s *session, p Payment) (Payment, error) {
			if p.Status == Canceled {
				return p, nil
			}
			if p.Status == AwaitingApproval {
				return s.withdraw(ctx, p, Canceled)
			}
			if p.Status.Terminal() {
				return p, fmt.Errorf("cancel: it is %s: %w", p.Status, ErrState)
			}
			p.Confirmation = p.Confirmation.lapsed()
			return s.act(ctx, p, p.Order, abi.Role_ROLE_CANCEL, "", nil)
		})
}

// Refresh asks the provider where a payment stands.
func (e *Engine) Refresh(ctx context.Context, merchant, id string) (Payment, error) {
	return e.withLock(ctx, merchant, id, ChangeCause{Cause: ByRequest},
		func(ctx context.Context, s *session, p Payment) (Payment, error) {
			return s.lookUp(ctx, p, "")
		})
}

// Edit is a change of a payment; nil members stay as they are.
type Edit struct {
	Reference   *string
	Metadata    map[string]string
	Description *string
	ReturnURL   *string
}

// atProvider reports whether a provider has to know of an edit.
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

// edited is the payment with another order. Rules decided on the metadata that it had.
func (p Payment) edited(order Order) Payment {
	if p.Decision.Metadata == nil && !maps.Equal(p.Metadata, order.Metadata) {
		p.Decision.Metadata = map[string]string{}
		maps.Copy(p.Decision.Metadata, p.Metadata)
	}
	p.Order = order
	return p
}

// Update edits a payment: reference and metadata here, description and return URL at its provider too, where that can.
// The edit is valid, or the error joins *invalid.Error. What awaits approval is frozen, and so is a payment whose
// confirm does: whoever approves it has read it.
func (e *Engine) Update(ctx context.Context, merchant, id string, edit Edit) (Payment, error) {
	return e.withLock(ctx, merchant, id, ChangeCause{Cause: ByRequest},
		func(ctx context.Context, s *session, p Payment) (Payment, error) {
			if p.awaits() {
				return p, fmt.Errorf("update: it awaits approval, and is what its approver reads: %w", ErrState)
			}
			order := edit.apply(p.Order)
			// An edit is judged by what it changes: a payment that was taken by other rules can be edited still.
			alone := edit.apply(Order{Kind: Collect, Amount: "1", Currency: "EUR"})
			if err := alone.Validate(nil, e.now()); err != nil {
				return p, err
			}
			if !edit.atProvider() {
				return s.save(ctx, p.edited(order))
			}
			if p.Status.Terminal() || p.Status == Unknown {
				return p, fmt.Errorf("update: it is %s: %w", p.Status, ErrState)
			}
			return s.act(ctx, p, order, abi.Role_ROLE_UPDATE, "", nil)
		})
}

// act performs one operation on a payment at the provider that holds it. order is what the payment is to be afterwards.
func (s *session) act(ctx context.Context, p Payment, order Order, role abi.Role, operation string,
	input []byte,
) (Payment, error) {
	at, err := s.planFor(p, role, operation)
	if err != nil {
		return p, err
	}
	if err := atProvider(p, at); err != nil {
		return p, err
	}
	wanted := p
	wanted.Order = order
	end, err := s.flow(ctx, p, at, s.callFor(wanted, at, input, time.Time{}), nil)
	if err != nil {
		return p, err
	}
	p = end.payment
	switch {
	case end.Event == attempt.Accepted:
		return s.save(ctx, settle(p.edited(order), end.Outcome, end.Failure, s.now()), end.Closed...)
	case end.Doubt:
		p.Status, _ = p.Status.Next(Unknown, p.Acted)
		return s.save(ctx, p, end.Closed...)
	}
	if p, err = s.save(ctx, p, end.Closed...); err != nil {
		return p, err
	}
	return p, end.Err()
}

// atProvider is ErrState where no provider is known to have a payment yet.
func atProvider(p Payment, at attempt.Plan) error {
	if p.ProviderReference != "" {
		return nil
	}
	return fmt.Errorf("%s: the provider has not confirmed that it has the payment: %w", at.Operation.GetName(), ErrState)
}

// lookUp asks the provider about a payment, and believes what is about this payment. named is the provider's reference
// on somebody's word, for a payment whose own is not known: that object is looked up, and believed where the answer
// repeats our reference.
func (s *session) lookUp(ctx context.Context, p Payment, named string) (Payment, error) {
	p, _, err := s.ask(ctx, p, named)
	return p, err
}

// ask is lookUp, and gives what was answered; its event is empty where nothing was asked.
func (s *session) ask(ctx context.Context, p Payment, named string) (Payment, ending, error) {
	if p.Provider == "" {
		return p, ending{}, nil
	}
	end, create, err := s.inquire(ctx, p, p.Provider, named)
	if err != nil || create.ID == "" {
		return p, end, err
	}
	p = end.payment
	switch end.Event {
	case attempt.Accepted:
		p = s.expire(settle(p, end.Outcome, end.Failure, s.now()), end.Outcome)
		p, err = s.save(ctx, p, end.Closed...)
		return p, end, err
	case attempt.NotFound:
		if named != "" && named != p.ProviderReference {
			break // the object that a callback named is not there: that proves nothing of the payment
		}
		p, err = s.onNotFound(ctx, p, create, end.Closed)
		return p, end, err
	case attempt.NotSent, attempt.Unable, attempt.Refused, attempt.Unanswered, attempt.DeclinedSoft,
		attempt.DeclinedHard, attempt.Duplicate:
	}
	if p, err = s.save(ctx, p, end.Closed...); err != nil {
		return p, end, err
	}
	return p, end, end.Err()
}

// inquire looks an object of a payment up, at the provider that holds the payment or at another that was asked before.
// What was sent there to make it comes along; nothing was asked where nothing was sent.
func (s *session) inquire(ctx context.Context, p Payment, provider,
	named string,
) (end ending, create attempt.Attempt, err error) {
	subject := p
	if provider != p.Provider {
		subject.Provider, subject.ProviderReference = provider, ""
	}
	at, err := s.planFor(subject, abi.Role_ROLE_LOOKUP, "")
	if err != nil {
		return ending{}, attempt.Attempt{}, err
	}
	unproven := false
	switch known := subject.ProviderReference; {
	case named != "" && named != known:
		subject.ProviderReference, unproven = named, true
	case known == "" && !at.Operation.GetFindsByReference():
		return ending{}, attempt.Attempt{},
			fmt.Errorf("%s finds payments by its own reference alone, and gave none: %w", provider,
				attempt.ErrUnsupported)
	}
	attempts, err := s.journal.Attempts(ctx, p.ID)
	if err != nil {
		return ending{}, attempt.Attempt{}, err
	}
	create, found := lastCreate(attempts, provider)
	if !found {
		return ending{payment: p}, attempt.Attempt{}, nil
	}
	about := &heldPayment{session: s, payment: p, unproven: unproven, create: create.Idempotency.ABI()}
	end, err = about.run(ctx, at, s.callFor(subject, at, nil, s.sentAt(p, create)), nil)
	return end, create, err
}

// onNotFound handles a provider's word that it does not know a payment. It is believed only of an unknown one, once
// everything that was sent must have arrived and settled, and never where an unanswered request may have moved money.
func (s *session) onNotFound(ctx context.Context, p Payment, create attempt.Attempt,
	closed []attempt.Attempt,
) (Payment, error) {
	account := s.fleet.Accounts[p.Provider]
	settleAfter := abi.OperationOf(account.Plugin(p.ID).Manifest(), create.Operation).GetSettleAfterMs()
	margin := s.driver.Settings.ClockSkew + time.Duration(settleAfter)*time.Millisecond
	attempts, err := s.journal.Attempts(ctx, p.ID)
	if err != nil {
		return p, err
	}
	if p.Status != Unknown || notFoundUnreliable(attempts, p.Provider) || !s.driver.Settled(create, margin) ||
		s.driver.Settings.Doubtful(p.MadeClock) {
		return s.save(ctx, p, closed...)
	}
	asked := map[string]bool{}
	for _, a := range attempts {
		asked[a.Provider] = true
	}
	saved, err := s.save(ctx, p, closed...)
	if err != nil {
		return p, err
	}
	return s.place(ctx, saved, asked)
}

// notFoundUnreliable reports that a provider's "not found" is not to be believed, whenever it comes: it has said before
// that it has the payment, or was sent something that may have moved money.
func notFoundUnreliable(attempts []attempt.Attempt, provider string) bool {
	return slices.ContainsFunc(attempts, func(a attempt.Attempt) bool {
		idempotency := a.Idempotency.ABI()
		if a.Provider != provider || idempotency == abi.Idempotency_IDEMPOTENCY_SAFE {
			return false
		}
		moneyMayHaveMoved := idempotency == abi.Idempotency_IDEMPOTENCY_NONE && a.Sent && a.Event != attempt.Refused
		return a.Event == attempt.Accepted || a.Event == attempt.Duplicate || moneyMayHaveMoved
	})
}

// lastCreate is the attempt that may have made the payment at the provider.
func lastCreate(attempts []attempt.Attempt, provider string) (attempt.Attempt, bool) {
	var last attempt.Attempt
	found := false
	for _, a := range attempts {
		if a.Provider == provider && a.Role == attempt.RoleCreate && a.Sent {
			last, found = a, true
		}
	}
	return last, found
}

func (s *session) planFor(p Payment, role abi.Role, operation string) (attempt.Plan, error) {
	account, known := s.fleet.Accounts[p.Provider]
	if !known {
		return attempt.Plan{}, fmt.Errorf("provider %q is not configured: %w", p.Provider, attempt.ErrUnsupported)
	}
	at, able := account.Plan(p.ID, p.Kind.ABI(), role, operation)
	if !able {
		return attempt.Plan{},
			fmt.Errorf("%s has no operation to %s a %s: %w", p.Provider, attempt.RoleOf(role), p.Kind,
				attempt.ErrUnsupported)
	}
	return at, nil
}

// withLock runs an act on a payment, alone; an empty merchant is anybody's. Once begun it no longer depends on the
// caller's context.
func (e *Engine) withLock(
	ctx context.Context, merchant, id string, cause ChangeCause,
	act func(ctx context.Context, s *session, p Payment) (Payment, error),
) (Payment, error) {
	unlock, err := e.driver.Lock(ctx, attempt.OwnerID(id))
	if err != nil {
		return Payment{}, err
	}
	defer unlock()
	if err := e.driver.Enter(); err != nil {
		return Payment{}, err
	}
	defer e.driver.Leave()
	p, err := e.journal.Payment(ctx, id)
	if err != nil {
		return Payment{}, err
	}
	if merchant != "" && p.Merchant != merchant {
		return Payment{}, fmt.Errorf("%s: %w", id, ErrNotFound)
	}
	s := e.begin(p, cause)
	defer s.end()
	return act(e.driver.Base, s, p) //nolint:contextcheck // on purpose: see above
}
