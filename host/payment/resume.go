package payment

import (
	"context"
	"errors"
	"log/slog"

	"payrouter/host/invalid"
)

// ErrNoAccount means that no account has that name.
var ErrNoAccount = errors.New("there is no such account")

// ErrAccountNotHeld means that an account is neither paused nor suspended.
var ErrAccountNotHeld = errors.New("the account is neither paused nor suspended")

// Resumption is a person's word that an account serves again.
type Resumption struct {
	Provider string
	// Operator is who resumes; Reason is why. Both are logged.
	Operator string
	Reason   string
}

// Resume lets an account take new payments again that is paused or suspended. ErrNoAccount, ErrAccountNotHeld, or an
// *invalid.Error.
func (e *Engine) Resume(ctx context.Context, r Resumption) error {
	if r.Reason == "" {
		return &invalid.Error{Field: "/reason", Reason: "is missing: say what has changed"}
	}
	if reason := invalid.Text(r.Reason, maxDescription); reason != "" {
		return &invalid.Error{Field: "/reason", Reason: reason}
	}
	fleet, release := e.fleets.Hold()
	defer release()
	account, known := fleet.Accounts[r.Provider]
	if !known {
		return ErrNoAccount
	}
	if !account.Egress.Resume() {
		return ErrAccountNotHeld
	}
	e.log.WarnContext(ctx, "an operator resumes an account",
		slog.String("provider", r.Provider), slog.String("operator", r.Operator), slog.String("reason", r.Reason))
	return nil
}
