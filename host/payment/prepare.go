package payment

import (
	"context"
	"errors"
	"strings"
	"time"

	abi "payrouter/abi/v1"
	"payrouter/host/attempt"
	"payrouter/host/invalid"
)

// preparations are first steps that plugins made of an order before it became a payment, by account.
type preparations map[string]*attempt.Prepared

// prepare asks the plugins of a decision, in its order, until one can make a request of the payment. Where none can
// for a mistake in the order, the error joins an *invalid.Error for each member at fault: the payment is not made, and
// its idempotency key stays free for the order as it is mended.
func (e *Engine) prepare(ctx context.Context, fleet *Fleet, p Payment) (preparations, error) {
	made := preparations{}
	var mistakes []error
	for _, name := range p.Decision.Order() {
		account, known := fleet.Accounts[name]
		if !known {
			continue
		}
		at, able := account.Plan(p.ID, p.Kind.ABI(), abi.Role_ROLE_CREATE, "")
		if !able {
			continue
		}
		made[name] = at.Prepare(ctx, e.callFor(p, at, nil, time.Time{}), p.Merchant)
		reject := made[name].Reject()
		if reject != nil && at.Connector.Lot().Canary && e.stablePrepares(ctx, account, p) {
			return made, nil
		}
		if !strings.HasPrefix(reject.GetField(), "/") {
			return made, nil
		}
		mistakes = append(mistakes, &invalid.Error{Field: reject.GetField(), Reason: reject.GetMessage()})
	}
	return made, errors.Join(mistakes...)
}

// stablePrepares reports whether the stable generation makes a request of what a canary rejects. The payment is made
// then: it is no mistake in the order, and the payment goes on with the stable generation.
func (e *Engine) stablePrepares(ctx context.Context, account *attempt.Account, p Payment) bool {
	at, able := account.Plan("", p.Kind.ABI(), abi.Role_ROLE_CREATE, "")
	return able && at.Prepare(ctx, e.callFor(p, at, nil, time.Time{}), p.Merchant).Reject() == nil
}

// take gives an account's preparation out, once.
func (p preparations) take(account string) *attempt.Prepared {
	made := p[account]
	delete(p, account)
	return made
}
