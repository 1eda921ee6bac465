package payment

import (
	abi "payrouter/abi/v1"
	"payrouter/host/money"
)

// expire ends a payment whose expires_at has passed and whose provider, just looked up, reports it as unpaid. It leaves
// the payments of a provider that ends them itself. What the payer was shown may still be paid: look-ups go on (see
// afterEnd), and money that comes then is a conflict.
func (s *session) expire(p Payment, lookedUp *abi.Outcome) Payment {
	if p.ExpiresAt.IsZero() || !s.nowFor(p).After(p.ExpiresAt.Add(afterExpiry)) {
		return p
	}
	unpaid := statusOf(lookedUp.GetStatus()) == RequiresAction && !p.Acted && !p.Received.Positive() &&
		!money.Of(lookedUp.GetReceived()).Positive()
	if p.Kind != Collect || p.Status != RequiresAction || !unpaid || s.providerExpires(p) {
		return p
	}
	p.Status, p.NextAction = Expired, nil
	return p
}

// providerExpires reports whether a payment's provider ends it at its expires_at. One that is not configured counts as
// one that does.
func (s *session) providerExpires(p Payment) bool {
	account, known := s.fleet.Accounts[p.Provider]
	return !known || abi.FlowOf(account.Plugin(p.ID).Manifest(), p.Kind.ABI()).GetExpires()
}
