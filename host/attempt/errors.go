package attempt

import "errors"

// ErrShuttingDown means that the engine takes no new work.
var ErrShuttingDown = errors.New("shutting down")

// ErrExhausted means that this machine has nothing left to make connections of: no new work is taken, and nothing was
// journalled.
var ErrExhausted = errors.New("this machine is out of files, sockets or memory")

// Errors of acting on a payment, for errors.Is and errors.As.
var (
	// ErrUnsupported: the payment's provider has no such operation.
	ErrUnsupported = errors.New("not supported by the payment's provider")
	// ErrUnanswered: the provider gave no readable answer; the payment stands as it was. The text around it is why.
	ErrUnanswered = errors.New("the provider gave no answer")
	// ErrUnavailable: the provider could not be asked now (its breaker is open, its plugin fails); nothing was sent.
	ErrUnavailable = errors.New("the provider cannot be asked now")
)

// withheld is an error of a plugin that makes no request now, say for want of CPU, whatever the call. Nothing ran.
type withheld interface {
	error

	// Withheld is the reason for whoever may see the account.
	Withheld() string
}

// DeclinedError means that the provider refused to act on a payment; the payment stands as it was.
type DeclinedError struct {
	Failure *Failure
}

func (e *DeclinedError) Error() string {
	return "the provider declined: " + e.Failure.Message
}

// ErrJournal means that the journal cannot be written or read now; nothing may be sent.
var ErrJournal = errors.New("journal unavailable")

// ErrHeld means that the journal may be older than what was sent. No request of class KEYED or NONE leaves until a
// person releases the journal.
var ErrHeld = errors.New("the journal is held")

// ErrNoOperation means that there is no such account, or that its plugin has no such operation.
var ErrNoOperation = errors.New("there is no such operation")
