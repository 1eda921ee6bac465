package payment

import (
	"context"
	"log/slog"
	"time"

	abi "payrouter/abi/v1"
	"payrouter/host/attempt"
)

// A journal may be older than what was sent: an older copy was put back, or the disk lost its tail. This file keeps
// such a journal from sending again what it does not know to have been sent.

// behindError is why an attempt stands that the journal did not show.
const behindError = "the journal may be older than what was sent: this request counts as sent and unanswered"

// goOn places a payment that no provider has taken, as far as the journal shows, unless that would send for the first
// time what is too old.
func (s *session) goOn(ctx context.Context, p Payment, attempts []attempt.Attempt,
	asked map[string]bool,
) (Payment, error) {
	since, clock := p.Approval.SendableSince(p.CreatedAt, p.MadeClock)
	switch s.driver.FirstSend(p.MadeClock, since, clock, attempts) {
	case attempt.TooLate:
		p.Status, p.Failure = Failed, attempt.Unavailable(
			"the router stopped before a provider took the payment, and it is too late to send it")
		return s.conclude(ctx, p)
	case attempt.Doubted:
		return s.doubt(ctx, p, asked)
	case attempt.SendNow:
	}
	return s.place(ctx, p, asked)
}

// doubt makes a payment unknown of which more may have been sent than the journal shows. The provider that would have
// been asked next counts as asked: an attempt stands for the request that may have left, so that a look-up or a
// callback under our reference finds the payment. That attempt has class NONE whatever the operation's, since "not
// found" there does not say that no later provider was asked.
func (s *session) doubt(ctx context.Context, p Payment, asked map[string]bool) (Payment, error) {
	s.log.ErrorContext(ctx, "a payment may have been sent, and the journal does not show it",
		slog.String("payment", p.ID))
	p = p.alerted(codeBehind, attempt.AlertBehind)
	p.Status, _ = p.Status.Next(Unknown, p.Acted)
	for _, name := range p.Decision.Order() {
		account, known := s.fleet.Accounts[name]
		if asked[name] || !known {
			continue
		}
		at, able := account.Plan(p.ID, p.Kind.ABI(), abi.Role_ROLE_CREATE, "")
		if !able {
			continue
		}
		p.Provider, p.Plugin, p.ProviderReference = name, at.Connector.Manifest().GetName(), ""
		presumed, err := s.presume(p, at)
		if err != nil {
			return p, err
		}
		p.Attempts++
		return s.conclude(ctx, p, presumed)
	}
	return s.conclude(ctx, p)
}

// presume is the attempt that may have been made of a payment at an account.
func (s *session) presume(p Payment, at attempt.Plan) (attempt.Attempt, error) {
	held := &heldPayment{session: s, payment: p}
	return held.flow(at, s.callFor(p, at, nil, time.Time{}), nil).Presumed(p.CreatedAt, p.MadeClock, behindError)
}
