package payment

import (
	"errors"
)

// Errors of a journal that cannot be relied on as it is, told apart with errors.Is.
var (
	// ErrNotHeld: there is nothing to release.
	ErrNotHeld = errors.New("the journal is not held")
	// ErrKeyExpired: the key was used, its payment ended, and what it was answered is forgotten. Nothing is made under
	// it again.
	ErrKeyExpired = errors.New("the Idempotency-Key was used before, and what it was answered is forgotten")
)
