package payment

import (
	"context"
	"errors"
	"time"

	"payrouter/host/attempt"
	"payrouter/host/ruleset"
)

// Errors of the journal, for errors.Is.
var (
	// ErrNotFound: no such payment (or not this merchant's).
	ErrNotFound = errors.New("payment not found")
	// ErrStale: somebody else changed the payment since it was read.
	ErrStale = errors.New("payment changed meanwhile")
	// ErrKeyExpired: the key was used, its payment ended, and what it was answered is forgotten. Nothing is made under
	// it again.
	ErrKeyExpired = errors.New("the Idempotency-Key was used before, and what it was answered is forgotten")
	// ErrAmbiguous: a reference that should name one payment names several.
	ErrAmbiguous = errors.New("the reference names several payments")
)

// Journal keeps payments durably: what a method has returned without an error survives a crash of the machine. Every
// method is safe for concurrent use. Failures of the engine beneath wrap ErrJournal.
type Journal interface {
	Payments
	Finder
	Schedule
	Timeline
	Keys
	ruleset.Journal
	attempt.ClaimLog
}

// Payments are the journal's payments, with their attempts.
type Payments interface {
	// Create writes a new payment with its entries, and its key, together. Where the merchant has used the key before,
	// nothing is written and the earlier key comes back; ErrKeyExpired where that is forgotten.
	Create(ctx context.Context, change Change, key attempt.Key) (earlier *attempt.Key, err error)
	// Save writes a change of a payment that exists, its key's answer and its claim included. ErrStale if that is not
	// at the version before the change's, ErrClaimed if the object that it claims is another's.
	Save(ctx context.Context, change Change) error
	// Payment reads one, whoever's.
	Payment(ctx context.Context, id string) (Payment, error)
	// Payments lists a page, newest first: by their ids, which have the time of creation. next is the id to go on from,
	// and empty at the end. A page may have few, or none, and a next: so many were looked at.
	Payments(ctx context.Context, filter Filter) (page []Payment, next string, err error)
	// Unfinished lists payments that somebody may have left half done, oldest first, after the given id: those that are
	// created or processing, and those that are not terminal and have an attempt that is open.
	Unfinished(ctx context.Context, after string, limit int) ([]Payment, error)
	// Attempts lists a payment's attempts by number.
	Attempts(ctx context.Context, paymentID string) ([]attempt.Attempt, error)
}

// Finder finds payments by references.
type Finder interface {
	// PaymentByReference finds the payment of which an attempt at the provider had our reference. ErrAmbiguous where
	// several had.
	PaymentByReference(ctx context.Context, provider, reference string) (Payment, error)
	// PaymentByProviderReference finds the payment that the provider holds under its own reference. ErrAmbiguous where
	// there are several.
	PaymentByProviderReference(ctx context.Context, provider, reference string) (Payment, error)
}

// Schedule is which payments a provider is asked about next.
type Schedule interface {
	// Waiting lists the providers at which payments have a NextCheck, sorted.
	Waiting(ctx context.Context) ([]string, error)
	// Due lists payments at a provider, or with an empty one those at none, whose NextCheck has come, the longest due
	// first. A NextCheck that is more than
	// FurthestCheck ahead (of a payment that has ended, FurthestLateCheck) has come too, and goes before the others:
	// it is not known how long ago it came, and a provider that answers slowly may never get through the others.
	Due(ctx context.Context, provider string, now time.Time, limit int) ([]Payment, error)
}

// Timeline is the journal's entries: what merchants learn of.
type Timeline interface {
	// Timeline lists a payment's entries in their order.
	Timeline(ctx context.Context, paymentID string) ([]Entry, error)
	// Entries lists a merchant's entries in their order, those after a sequence number; an empty merchant is everybody.
	Entries(ctx context.Context, merchant string, after int64, limit int) ([]Entry, error)
}

// Keys are the journal's idempotency keys.
type Keys interface {
	// Key reads a merchant's idempotency key; nil where it was never used.
	Key(ctx context.Context, merchant, value string) (*attempt.Key, error)
	// Answer stores what the key's request was answered, and gives back what stands: the first answer does.
	Answer(ctx context.Context, key attempt.Key) (standing attempt.Key, err error)
	// PurgeKeys forgets keys whose payments have been terminal for longer than a lifetime, some at a time, and returns
	// how many. The lifetime counts in the journal's own clock, which no wall clock moves. What is left of a key makes
	// Create answer ErrKeyExpired.
	PurgeKeys(ctx context.Context, lifetime time.Duration, limit int) (int, error)
}

// Change is one change of a payment. All of it is written, or nothing.
type Change struct {
	// Payment is at the version after the one that it was read at.
	Payment Payment
	// Attempts are new, or closed.
	Attempts []attempt.Attempt
	// Entries are new. The journal gives them their numbers, in this order.
	Entries []Entry
	// Answer is what the payment's key is answered with from now on, unless it has been answered already. Nil leaves
	// the key as it is.
	Answer *attempt.Answer
	// Claim is of the object that the change names for the first time. Nil claims nothing.
	Claim *attempt.Claim
}

// Filter narrows a list. Zero fields do not narrow.
type Filter struct {
	Merchant  string
	Status    []Status
	Provider  string
	Kind      Kind
	Currency  string
	Reference string
	// From is included, Until is not.
	From, Until time.Time
	// Before is the id to go on from: older ones follow. Empty starts at the newest.
	Before string
	// Limit is how many at most; 0 means 100.
	Limit int
}
