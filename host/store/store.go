// Package store names what every engine of the journal refuses to write: the last line of defence behind the payment
// engine's own rules. The engines are its sub-packages, and storetest is the suite that each of them passes.
package store

import (
	"errors"
	"fmt"

	"payrouter/host/payment"
)

// Errors for changes that an engine refuses, for errors.Is. Nothing of a refused change is written, and a repetition is
// refused again: each is a bug in the caller.
var (
	// ErrDecided: the change puts a payment or a run back to where it awaits approval.
	ErrDecided = errors.New("what did not await approval never awaits it again")
	// ErrTerminal: the payment's status is terminal, and the change has another.
	ErrTerminal = errors.New("a terminal status never changes")
	// ErrFixed: the change has another merchant or time of creation.
	ErrFixed = errors.New("merchant and time of creation never change")
	// ErrClosed: the attempt is closed, and the change has anything else in it.
	ErrClosed = errors.New("a closed attempt never changes")
	// ErrTaken: the id of a new payment, or the id or number of an attempt, is another's.
	ErrTaken = errors.New("id or number is taken")
)

// CheckStatus is ErrTerminal or ErrDecided where a payment may not go from one status to another.
func CheckStatus[S interface {
	~string
	Terminal() bool
}](from, to S) error {
	if from.Terminal() && from != to {
		return fmt.Errorf("%w: from %s to %s", ErrTerminal, from, to)
	}
	if from != to && string(to) == string(payment.AwaitingApproval) {
		return fmt.Errorf("%w: from %s", ErrDecided, from)
	}
	return nil
}
