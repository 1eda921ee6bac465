package egress

import (
	"errors"
	"fmt"
	"time"
)

// Why a try has no answer, for errors.Is on Try.Err. Whether anything left the host is Try.Sent,
// whatever the error. A caller's context that ended shows as context.Canceled.
var (
	// ErrBreakerOpen: the provider's breaker is open, or its probes are all out. Never sent.
	ErrBreakerOpen = errors.New("breaker open")
	// ErrHeld: the account is paused or suspended, or at its rate. Never sent.
	ErrHeld = errors.New("held back")
	// ErrExhausted: this machine has no files, sockets or memory left for a connection. Never sent, and no fault of the
	// provider. Comes with ErrDial.
	ErrExhausted = errors.New("this machine is out of files, sockets or memory")
	// ErrLocal: this machine had no address or port to connect from. Never sent, and no fault of the provider. Comes
	// with ErrDial.
	ErrLocal = errors.New("no local address to connect from")
	// ErrLate: the moment until which the request could leave passed before it had left whole.
	ErrLate = errors.New("too late to send")
	// ErrDial: no connection, TLS included. Never sent. Wraps ErrAddressRefused where the address was the reason.
	ErrDial = errors.New("no connection")
	// ErrTimeout: the try ran out of time, wherever it stood.
	ErrTimeout = errors.New("timed out")
	// ErrTooLarge: the answer is larger than the settings allow.
	ErrTooLarge = errors.New("answer too large")
	// ErrBroken: the connection broke, or what came over it was not an HTTP answer to this request.
	ErrBroken = errors.New("no readable answer")
)

// DeniedError is a plugin's request that may not leave: an origin outside the allow-list, an unknown secret, a
// malformed path or header. Nothing was sent, and the same request will be denied again.
type DeniedError struct {
	// Part of the request that is at fault: "path", "header api-key".
	Part string
	// Reason never holds a secret or a payer's text.
	Reason string
}

func (e *DeniedError) Error() string { return "request denied: " + e.Part + ": " + e.Reason }

// BreakerError is ErrBreakerOpen with details.
type BreakerError struct {
	Provider string
	// Until is when the breaker lets a probe through; zero where probes are under way now.
	Until time.Time
}

func (e *BreakerError) Error() string {
	if e.Until.IsZero() {
		return fmt.Sprintf("breaker of %s is being probed", e.Provider)
	}
	return fmt.Sprintf("breaker of %s is open until %s", e.Provider, e.Until.UTC().Format(time.RFC3339))
}

// Is makes the error match ErrBreakerOpen.
func (e *BreakerError) Is(target error) bool { return target == ErrBreakerOpen }

// HeldKind is why an account's requests are held.
type HeldKind string

// The kinds of a HeldError.
const (
	// HeldPaused: the account is paused until HeldError.Until.
	HeldPaused HeldKind = "paused"
	// HeldOnTrial: the pause is over, and one request is under way that shows whether the provider accepts the account.
	HeldOnTrial HeldKind = "on_trial"
	// HeldSuspended: the account needs other secrets, or Resume.
	HeldSuspended HeldKind = "suspended"
	// HeldStarting: as many requests as a slow start allows wait for their answers.
	HeldStarting HeldKind = "starting"
	// HeldRate: the account is at its rate.
	HeldRate HeldKind = "rate"
)

// HeldError is ErrHeld with details.
type HeldError struct {
	Provider string
	Kind     HeldKind
	// Until is when a pause ends; Since is when a suspension began.
	Until, Since time.Time
	// Reason is why there is a pause or a suspension.
	Reason string
	// Limit is the requests a second of a rate, or those at once of a slow start; 0 elsewhere.
	Limit int
}

func (e *HeldError) Error() string {
	switch e.Kind {
	case HeldPaused:
		return fmt.Sprintf("paused until %s after %s", e.Until.UTC().Format(time.RFC3339), e.Reason)
	case HeldOnTrial:
		return "on trial with one payment at a time, paused before after " + e.Reason
	case HeldSuspended:
		return fmt.Sprintf("suspended since %s after %s: change its secrets, or resume it",
			e.Since.UTC().Format(time.RFC3339), e.Reason)
	case HeldStarting:
		return fmt.Sprintf("starting with %d payments at once until one is answered", e.Limit)
	case HeldRate:
	}
	if e.Limit == 0 {
		return "look-ups are few while the account is paused"
	}
	return fmt.Sprintf("at its rate of %d requests a second", e.Limit)
}

// Is makes the error match ErrHeld.
func (e *HeldError) Is(target error) bool { return target == ErrHeld }

// EndReason is why another try was asked for and not granted.
type EndReason string

// The values of Try.Ended.
const (
	// EndTries: RetrySettings.MaxTries were made.
	EndTries EndReason = "tries"
	// EndBudget: the provider's retry budget is spent.
	EndBudget EndReason = "budget"
	// EndBreaker: the breaker will still be open when the next try would be due.
	EndBreaker EndReason = "breaker"
	// EndHeld: the account will still be paused or suspended when the next try would be due.
	EndHeld EndReason = "held"
	// EndDeadline: the caller's deadline comes before the next try would.
	EndDeadline EndReason = "deadline"
	// EndCanceled: the caller's context ended.
	EndCanceled EndReason = "canceled"
)

// tryError is a failed try's error: kinds to decide on, and a text with no secret in it. It does not wrap its cause,
// whose own text may hold one.
type tryError struct {
	kinds []error
	text  string
}

func (e *tryError) Error() string   { return e.text }
func (e *tryError) Unwrap() []error { return e.kinds }
