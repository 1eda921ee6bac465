package payment

import (
	"context"
	"log/slog"
	"time"

	abi "payrouter/abi/v1"
)

// A journal may be older than what was sent: an older copy was put back, or the disk lost its tail. This file keeps
// such a journal from sending again what it does not know to have been sent.

// alertBehind is what a payment or a run has to say of which more may have been sent than the journal shows.
const alertBehind = "the journal may be older than what was sent: look at the providers, and let an operator resolve it"

// behindError is why an attempt stands that nobody made.
const behindError = "the journal may be older than what was sent: this request counts as sent and unanswered"

// mayFirstSend says whether, and why not, something that recovery found may still be sent for the first time. It is
// pure.
type mayFirstSend int

const (
	// sendNow: it was journalled a moment ago.
	sendNow mayFirstSend = iota
	// tooLate: nothing more was sent than the journal shows, and the time to send is over. It may end.
	tooLate
	// doubted: more may have been sent than the journal shows. It is to be asked for, or a person's matter.
	doubted
)

// firstSend decides on what was made at a time, and of which the last request began at another; zero for none. A time
// that is ahead of now by more than the window was written by a wall clock that was wrong, and is as good as old.
func firstSend(made, lastAttempt, now time.Time, window time.Duration, doubtful bool) mayFirstSend {
	if doubtful {
		return doubted
	}
	last := made
	if lastAttempt.After(last) {
		last = lastAttempt
	}
	if now.Sub(last).Abs() > window {
		return tooLate
	}
	return sendNow
}

// firstSend decides on a payment or a run of which nothing was taken, as far as the journal shows.
func (e *Engine) firstSend(made time.Time, madeClock time.Duration, attempts []Attempt) mayFirstSend {
	var last time.Time
	for _, a := range attempts {
		if a.StartedAt.After(last) {
			last = a.StartedAt
		}
	}
	return firstSend(made, last, e.now(), e.settings.SendWithin, e.settings.Doubtful(madeClock))
}

// goOn places a payment that nobody has taken, as far as the journal shows, unless that would send for the first time
// what is too old.
func (t *turn) goOn(ctx context.Context, p Payment, attempts []Attempt, asked map[string]bool) (Payment, error) {
	switch t.firstSend(p.CreatedAt, p.MadeClock, attempts) {
	case tooLate:
		p.Status, p.Failure = Failed, unavailable(
			"the router stopped before a provider took the payment, and it is too late to send it")
		return t.conclude(ctx, p)
	case doubted:
		return t.doubt(ctx, p, asked)
	case sendNow:
	}
	return t.place(ctx, p, asked)
}

// doubt makes a payment unknown of which more may have been sent than the journal shows. The provider that would have
// been asked next counts as asked: an attempt stands for the request that may have left, so that a look-up or a
// callback under our reference finds the payment. That attempt has class NONE whatever the operation's, since "not
// found" there does not say that no later provider was asked.
func (t *turn) doubt(ctx context.Context, p Payment, asked map[string]bool) (Payment, error) {
	t.log.ErrorContext(ctx, "a payment may have been sent, and the journal does not show it",
		slog.String("payment", p.ID))
	p.Alert = alertBehind
	p.Status, _ = p.Status.Next(Unknown, p.Acted)
	for _, name := range p.Decision.Order() {
		account, known := t.fleet.Accounts[name]
		if asked[name] || !known {
			continue
		}
		at, able := account.plan(p.ID, p.Kind.ABI(), abi.Role_ROLE_CREATE, "")
		if !able {
			continue
		}
		p.Provider, p.Plugin, p.ProviderReference = name, at.connector.Manifest().GetName(), ""
		presumed, err := t.presume(p, at)
		if err != nil {
			return p, err
		}
		p.Attempts++
		return t.conclude(ctx, p, presumed)
	}
	return t.conclude(ctx, p)
}

// presume is the attempt that may have been made of a payment at an account.
func (t *turn) presume(p Payment, at plan) (Attempt, error) {
	about := &heldPayment{turn: t, payment: p}
	c := &conversation{engine: t.Engine, about: about, plan: at, call: t.callFor(p, at, nil, time.Time{})}
	presumed, err := c.begin(at.operation.GetName(), nil, nil)
	if err != nil {
		return Attempt{}, err
	}
	presumed.Idempotency = enumName(abi.Idempotency_IDEMPOTENCY_NONE.String(), "IDEMPOTENCY_")
	presumed.StartedAt, presumed.SendBefore = p.CreatedAt, p.CreatedAt.Add(t.settings.SendWithin)
	presumed.Event, presumed.Error, presumed.FinishedAt = Unanswered, behindError, t.now()
	presumed.Failure = unavailable("it is not known whether the provider was asked")
	return presumed, nil
}

// mayLeave is nil, or why no request of a class may leave now: an error that wraps ErrHeld. What was written so far
// stands, and goes on once the journal is released.
func (e *Engine) mayLeave(idempotency abi.Idempotency) error {
	if !grave(idempotency) {
		return nil
	}
	return e.settings.Hold()
}

// settled tells that what an attempt sent must have arrived, and that its provider must know of it: by the wall clock,
// and by the journal's own, since a wall clock that is ahead for a moment would make any word of "not found"
// believable.
func (t *turn) settled(a Attempt, patience time.Duration) bool {
	byJournal := t.settings.Clock() - a.StartedClock
	return t.now().After(a.SendBefore.Add(patience)) &&
		(t.settings.Clock() == 0 || byJournal > a.SendBefore.Sub(a.StartedAt)+patience)
}
