package payment

import (
	abi "payrouter/abi/v1"
	"payrouter/host/attempt"
	"payrouter/host/money"
)

// claimed claims the object that an answer or a report names, for a payment that has none yet: why is empty where it
// may.
func (s *session) claimed(p Payment, outcome *abi.Outcome) (claimant Payment, why string) {
	theirs := outcome.GetProviderReference()
	if theirs == "" || p.ProviderReference != "" {
		return p, ""
	}
	moved := money.Moved(outcome)
	why, alert := s.driver.Claim(attempt.Claim{
		Account: p.Provider, Object: s.objectOf(p), Reference: theirs,
		Owner: p.OwnerID(),
	}, moved)
	if alert != "" {
		p = p.alerted(codeClaimed, alert)
		p.MoneyConflict = p.MoneyConflict || moved
	}
	return p, why
}

// objectOf is what kind of object a payment is at its provider.
func (s *session) objectOf(p Payment) string {
	if s.fleet != nil {
		if account, known := s.fleet.Accounts[p.Provider]; known {
			if create, able := account.Plan(p.ID, p.Kind.ABI(), abi.Role_ROLE_CREATE, ""); able {
				return create.Makes()
			}
		}
	}
	return string(p.Kind)
}

// newClaim is what a change of the payment claims; nil where it names no object that it did not name before.
func (s *session) newClaim(p Payment) *attempt.Claim {
	same := p.Provider == s.standing.Provider && p.ProviderReference == s.standing.ProviderReference
	if p.ProviderReference == "" || same {
		return nil
	}
	return &attempt.Claim{
		Account: p.Provider, Object: s.objectOf(p), Reference: p.ProviderReference,
		Owner: p.OwnerID(),
	}
}
