package attempt

import (
	"context"
	"errors"
	"net/http"

	"payrouter/abi/jsontext"
	abi "payrouter/abi/v1"
	"payrouter/host/egress"
)

// healthOf is what one try shows of its provider, for the account's breaker and admission. Only the provider's ill
// health is a fault: no answer, HTTP 5xx, a page that is not the provider's own words. Whatever depends on the one
// payment (its amount, a member's spelling), on a plugin, or on this machine is none.
func healthOf(r result, idempotency abi.Idempotency, party string, try egress.Try) egress.Judgement {
	if try.Response == nil {
		return egress.Judgement{Fault: !blameless(try.Err)}
	}
	status := try.Response.GetStatus()
	switch {
	case !r.proven && barred(status, r.event, idempotency):
		return egress.Judgement{Fault: true, Signal: egress.SignalBarred, Party: party}
	case r.failing:
		return egress.Judgement{Fault: true}
	case r.event != Unanswered && r.event != Accepted && r.failure != nil && r.failure.Code == codeAuthentication:
		return egress.Judgement{Signal: egress.SignalUnauthenticated, Party: party}
	case r.event != Unanswered:
		return egress.Judgement{Signal: egress.SignalServed}
	case status >= http.StatusInternalServerError:
		return egress.Judgement{Fault: true}
	case r.crashed:
		return egress.Judgement{}
	case wellFormed(try.Response.GetBody()):
		return egress.Judgement{Signal: egress.SignalContradiction, Party: party}
	}
	return egress.Judgement{Fault: true}
}

const codeAuthentication = "authentication_failed"

// barred reports a bare 401, 403 or 429. A 429 that the manifest lists is taken at its word of requests that cannot
// move money.
func barred(status uint32, event Event, idempotency abi.Idempotency) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return true
	case http.StatusTooManyRequests:
		return hasSideEffects(idempotency) || event == Unanswered
	}
	return false
}

// blameless reports whether a try without an answer proves nothing of the provider.
func blameless(err error) bool {
	if _, denied := errors.AsType[*egress.DeniedError](err); denied {
		return true
	}
	for _, ours := range []error{
		egress.ErrBreakerOpen, egress.ErrHeld, egress.ErrAddressRefused, egress.ErrExhausted, egress.ErrLocal,
		egress.ErrLate, context.Canceled,
	} {
		if errors.Is(err, ours) {
			return true
		}
	}
	return false
}

// wellFormed reports whether a body is JSON, an object or a list: an API's answer, and no page.
func wellFormed(body []byte) bool {
	value, err := jsontext.Parse(body)
	return err == nil && (value.IsObject() || value.IsArray())
}

// health is what one try of a flow shows of its provider. A plugin's candidate may ask in a wrong way: where the
// provider refuses or contradicts that, it shows nothing of the account.
func (f *Flow) health(r result, idempotency abi.Idempotency, try egress.Try) egress.Judgement {
	judgement := healthOf(r, idempotency, f.Owner.Merchant(), try)
	if judgement.Signal == egress.SignalUnauthenticated || judgement.Signal == egress.SignalContradiction {
		if f.Plan.Connector.Lot().Canary {
			judgement.Signal = egress.SignalNone
		}
	}
	return judgement
}
