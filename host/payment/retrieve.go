package payment

import (
	"context"
	"fmt"

	abi "payrouter/abi/v1"
	"payrouter/host/attempt"
)

// Alerts of a payment that ended without success, once its money was asked for.
const (
	alertRetrieved = "the money that a payer sent was taken in after the payment had ended: give it back, or deliver"
	alertInDoubt   = "the money that a payer sent was asked for after the payment had ended, and nobody knows " +
		"whether it was taken in: refresh"
)

// retrievable reports a payment that ended without success, and whose money a conflict shows: a confirm may take it in.
func (p Payment) retrievable() bool { return p.Status.ended() && p.MoneyConflict }

// mayRetrieve is ErrState after a request whose effect is not known: the provider is asked first (Refresh).
func (s *session) mayRetrieve(ctx context.Context, p Payment) error {
	attempts, err := s.journal.Attempts(ctx, p.ID)
	if err == nil && inDoubt(attempts) {
		err = fmt.Errorf("confirm: nobody knows what became of the last one; refresh the payment first: %w", ErrState)
	}
	return err
}

// retrieve takes in the money of a payment that ended without success. The status stays, and so does the conflict: what
// becomes of the money is for a person to decide.
func (s *session) retrieve(ctx context.Context, p Payment, operation string, input []byte) (Payment, error) {
	before := p.Attempts
	p, err := s.act(ctx, p, p.Order, abi.Role_ROLE_CONFIRM, operation, input)
	if err != nil || p.Attempts == before {
		return p, err
	}
	attempts, err := s.journal.Attempts(ctx, p.ID)
	if err != nil {
		return p, err
	}
	if inDoubt(attempts) {
		return s.save(ctx, p.alerted(codeInDoubt, alertInDoubt))
	}
	return s.save(ctx, p.alerted(codeRetrieved, alertRetrieved))
}

// inDoubt reports whether a confirm was sent whose effect is not known, and no look-up has been answered since.
func inDoubt(attempts []attempt.Attempt) bool {
	doubt := false
	for _, a := range attempts {
		switch {
		case a.Role == attempt.RoleConfirm && a.Idempotency.HasSideEffects() && a.Sent:
			doubt = a.Open() || attempt.RuleFor(a.Event, a.Idempotency.ABI()).Then == attempt.HoldUnknown
		case a.Role == attempt.RoleLookup && a.Event == attempt.Accepted:
			doubt = false
		}
	}
	return doubt
}
