package payment

import (
	"time"

	"payrouter/host/approval"
	"payrouter/host/attempt"
	"payrouter/host/routing"
)

// Confirmation is a confirm that needs a person's approval: what its provider is to be asked, and what was decided on
// it. It stands beside the payment's status, which goes on meanwhile. It is a value that never changes: each step makes
// another. A payment keeps its last one; nil is one that never was.
type Confirmation struct {
	// ID is "cfm_" and a ULID: an approver names by it which confirm it is that was read.
	ID string `json:"id"`
	// Operation is the provider's, and is named here where the caller left it to the default, too.
	Operation string `json:"operation"`
	// Input is what the caller gave, to the byte. It is kept while the confirm waits: afterwards the attempt has it.
	Input []byte `json:"input,omitempty"`
	// AskedBy and Key are the name and the line of the API key that asked for it.
	AskedBy string    `json:"asked_by,omitempty"`
	Key     string    `json:"key,omitempty"`
	AskedAt time.Time `json:"asked_at"`
	// AskedClock is AskedAt by the journal's own clock.
	AskedClock time.Duration   `json:"asked_clock,omitempty"`
	Approval   approval.Record `json:"approval"`
	// Lapsed: it ended before anybody had decided, by its time, or with what it was asked about.
	Lapsed bool `json:"lapsed,omitempty"`
}

// Awaits reports whether it may still be approved.
func (c *Confirmation) Awaits() bool { return c != nil && c.Approval.Verdict == "" && !c.Lapsed }

// is reports whether a verdict stands.
func (c *Confirmation) is(verdict approval.Verdict) bool { return c != nil && c.Approval.Is(verdict) }

// decided is the confirmation with a decision.
func (c *Confirmation) decided(record *approval.Record) *Confirmation {
	over := *c
	over.Approval, over.Input = *record, nil
	return &over
}

// lapsed is the confirmation without hope: nobody can approve it any more. One that does not await stays as it is.
func (c *Confirmation) lapsed() *Confirmation {
	if !c.Awaits() {
		return c
	}
	over := *c
	over.Lapsed, over.Input = true, nil
	return &over
}

// awaited is the record of what awaits approval, the payment itself or its confirm, or else of what did last; and the
// line of the key that asked for that. The record is nil where nothing ever did.
func (p Payment) awaited() (record *approval.Record, author string) {
	if p.Confirmation != nil {
		return &p.Confirmation.Approval, p.Confirmation.Key
	}
	return p.Approval, p.Key
}

// awaits reports whether the payment, or a confirm of it, awaits approval.
func (p Payment) awaits() bool { return p.Status == AwaitingApproval || p.Confirmation.Awaits() }

// needsApproval is the entry of the configuration that a confirm matches which may let money out. What the input says
// of the amount is the plugin's matter, so that with an input any amount may be meant.
func (s *session) needsApproval(p Payment, at attempt.Plan, input []byte) (entry routing.Approval, needed bool) {
	if !attempt.IdempotencyOf(at.Idempotency("")).HasSideEffects() {
		return entry, false
	}
	confirms := routing.Spending{
		Kinds: []string{routing.ConfirmKind}, Merchant: p.Merchant, Currency: p.Currency, Amount: p.Amount,
	}
	if len(input) > 0 {
		confirms.Currency, confirms.Amount = "", ""
	}
	return s.fleet.Rules.NeedsApproval(confirms)
}
