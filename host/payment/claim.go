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
	claim, _ := s.claimOf(p, theirs)
	why, alert := s.driver.Claim(claim, moved)
	if alert != "" {
		p = p.alerted(codeClaimed, alert)
		p.MoneyConflict = p.MoneyConflict || moved
	}
	return p, why
}

// claimOf is a payment's claim of an object at its provider. known reports whether the kind of object is: the account
// has to be configured, with a plugin that creates such payments. A claim of an unknown kind conflicts with no other.
func (s *session) claimOf(p Payment, theirs string) (claim attempt.Claim, known bool) {
	claim = attempt.Claim{Account: p.Provider, Object: string(p.Kind), Reference: theirs, Owner: p.OwnerID()}
	if s.fleet == nil {
		return claim, false
	}
	account, configured := s.fleet.Accounts[p.Provider]
	if !configured {
		return claim, false
	}
	create, able := account.Plan(p.ID, p.Kind.ABI(), abi.Role_ROLE_CREATE, "")
	if able {
		claim.Object = create.Makes()
	}
	return claim, able
}

// newClaim is what a change of the payment claims; nil where it names no object that it did not name before.
func (s *session) newClaim(p Payment) *attempt.Claim {
	same := p.Provider == s.standing.Provider && p.ProviderReference == s.standing.ProviderReference
	if p.ProviderReference == "" || same {
		return nil
	}
	claim, _ := s.claimOf(p, p.ProviderReference)
	return &claim
}
