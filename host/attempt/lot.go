package attempt

import (
	"errors"
	"time"

	"payrouter/host/egress"
)

// Lot is how a payment or a run came to the generation that serves it. The zero value is that of a plugin without a
// canary.
type Lot struct {
	// Canary: it is served by the canary of its plugin. What becomes of it shows nothing of the account.
	Canary bool
	// Share is the percentage by which its id was drawn between canary and stable generation, both of which took new
	// payments. It is 0 where there was no such draw: no canary, or the breaker of one of them was not closed. Only what
	// was drawn can be compared.
	Share int
}

// observe reports a flow that is over. A question to an account belongs to no payment, and is not reported.
func (f *Flow) observe(end Ending, begun time.Time) {
	if f.Owner == nil {
		return
	}
	end.Took, end.Merchant = f.Driver.Now().Sub(begun), f.Owner.Merchant()
	f.Driver.Settings.Ended(f.Owner.ID(), end)
}

// breach is how a plugin's answers broke the contract, each of which was one by itself.
type breach string

func (b breach) Error() string { return string(b) }

// Breach is how the plugin broke the contract, where each of its answers was one by itself; nil where it did not.
func (e Ending) Breach() error {
	if found, is := errors.AsType[breach](e.PluginErr); is {
		return found
	}
	return nil
}

// Unread reports an answer of the provider that the router made nothing of, where the provider did not show that it had
// failed itself.
func (e Ending) Unread() bool { return e.Event == Unanswered && e.unread }

// Withheld reports that nothing was sent because a breaker, a pause or the account's rate let nothing through.
func (e Ending) Withheld() bool {
	return e.Event == Unable && (errors.Is(e.sendErr, egress.ErrBreakerOpen) || errors.Is(e.sendErr, egress.ErrHeld))
}

// ToStable reports whether the stable generation may perform a create at the same account that a canary could not: no
// request of the canary's may have been taken, and the provider did not decline it. So a canary's fault, and its open
// breaker, cost the payment nothing where the table allows another request at all.
func (e Ending) ToStable(resolution Resolution) bool {
	if !e.Plan.Connector.Lot().Canary || resolution != TryNext {
		return false
	}
	switch e.Event {
	case Unanswered:
		return true
	case Unable:
		// What holds the account holds the stable generation too.
		return !errors.Is(e.sendErr, egress.ErrHeld) && !errors.Is(e.sendErr, egress.ErrAddressRefused)
	case Accepted, NotSent, Refused, DeclinedSoft, DeclinedHard, Duplicate, NotFound:
	}
	return false
}
