package payment

import (
	"context"
	"errors"
	"net/http"

	"payrouter/abi/jsontext"
	abi "payrouter/abi/v1"
	"payrouter/host/egress"
)

// health is what one try of a conversation shows of its provider. A plugin's candidate may ask in a wrong way: where
// the provider refuses or contradicts that, it is no word on the account.
func (c *conversation) health(t trial, idempotency abi.Idempotency, try egress.Try) egress.Judgement {
	judgement := healthOf(t, idempotency, c.about.merchant(), try)
	if judgement.Signal == egress.SignalUnauthenticated || judgement.Signal == egress.SignalContradiction {
		if c.plan.connector.Digest() != c.plan.account.Plugin("").Digest() {
			judgement.Signal = egress.SignalNone
		}
	}
	return judgement
}

// healthOf is what one try shows of its provider, for the account's breaker and admission. Only the provider's ill
// health is a fault: no answer, HTTP 5xx, a page that is not the provider's own words. Whatever depends on the one
// payment (its amount, a member's spelling), on a plugin, or on this machine is none.
func healthOf(t trial, idempotency abi.Idempotency, party string, try egress.Try) egress.Judgement {
	if try.Response == nil {
		return egress.Judgement{Fault: !blameless(try.Err)}
	}
	status := try.Response.GetStatus()
	switch {
	case !t.proven && barred(status, t.event, idempotency):
		return egress.Judgement{Fault: true, Signal: egress.SignalBarred, Party: party}
	case t.failing:
		return egress.Judgement{Fault: true}
	case t.event != Unanswered && t.event != Accepted && t.failure != nil && t.failure.Code == codeAuthentication:
		return egress.Judgement{Signal: egress.SignalUnauthenticated, Party: party}
	case t.event != Unanswered:
		return egress.Judgement{Signal: egress.SignalServed}
	case status >= http.StatusInternalServerError:
		return egress.Judgement{Fault: true}
	case t.crashed:
		return egress.Judgement{}
	case wellFormed(try.Response.GetBody()):
		return egress.Judgement{Signal: egress.SignalContradiction, Party: party}
	}
	return egress.Judgement{Fault: true}
}

const codeAuthentication = "authentication_failed"

// barred tells a bare 401, 403 or 429. A 429 that the manifest lists is taken at its word of requests that cannot move
// money.
func barred(status uint32, event Event, idempotency abi.Idempotency) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return true
	case http.StatusTooManyRequests:
		return grave(idempotency) || event == Unanswered
	}
	return false
}

// blameless tells a try without an answer that says nothing of the provider.
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

// wellFormed tells a body that is JSON, an object or a list: somebody's words, and no page.
func wellFormed(body []byte) bool {
	value, err := jsontext.Parse(body)
	return err == nil && (value.IsObject() || value.IsArray())
}

// lane is what an exchange of a conversation is for.
func (p plan) lane(idempotency abi.Idempotency) egress.Lane {
	if p.role == abi.Role_ROLE_CREATE || p.role == abi.Role_ROLE_UNSPECIFIED || grave(idempotency) {
		return egress.LaneSend
	}
	return egress.LaneLookup
}
