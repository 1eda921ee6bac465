package egress

import (
	"errors"
	"fmt"
	"time"
)

// What became of a try that has no answer, for errors.Is on Try.Err. Whether anything left the host is Try.Sent, whatever
// the error. A caller's context that ended shows as context.Canceled.
var (
	// ErrBreakerOpen: the provider's breaker is open, or its probes are all out. Never sent.
	ErrBreakerOpen = errors.New("breaker open")
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

// DeniedError says that a plugin's request may not leave as it is: an origin outside the allow-list, an unknown secret, a
// malformed path or header. Nothing was sent, and the same request will be denied again.
type DeniedError struct {
	// Part of the request that is at fault: "path", "header api-key".
	Part string
	// Reason never holds a secret or a payer's text.
	Reason string
}

func (e *DeniedError) Error() string { return "request denied: " + e.Part + ": " + e.Reason }

// BreakerError is ErrBreakerOpen with its particulars.
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

// EndReason is why no further try was made.
type EndReason string

// The reasons of an EndedError.
const (
	// EndTries: RetrySettings.MaxTries were made.
	EndTries EndReason = "tries"
	// EndBudget: the provider's retry budget is spent.
	EndBudget EndReason = "budget"
	// EndBreaker: the breaker will still be open when the next try would be due.
	EndBreaker EndReason = "breaker"
	// EndDeadline: the caller's deadline comes before the next try would.
	EndDeadline EndReason = "deadline"
	// EndCanceled: the caller's context ended.
	EndCanceled EndReason = "canceled"
)

// EndedError says that a retry was wanted (or, with no tries, the first try) and not granted. The last try stands.
type EndedError struct {
	Reason EndReason
	// Tries that were made.
	Tries int
}

func (e *EndedError) Error() string {
	return fmt.Sprintf("no further try after %d: %s", e.Tries, e.Reason)
}

// tryError is a failed try's error: kinds to decide on, and a text with no secret in it. It does not wrap its cause, whose
// own text may hold one.
type tryError struct {
	kinds []error
	text  string
}

func (e *tryError) Error() string   { return e.text }
func (e *tryError) Unwrap() []error { return e.kinds }
