package payment

import (
	"context"
	"errors"
	"time"
)

// Errors of the journal, told apart with errors.Is.
var (
	// ErrNotFound: no such payment (or not this merchant's).
	ErrNotFound = errors.New("payment not found")
	// ErrStale: somebody else changed the payment since it was read.
	ErrStale = errors.New("payment changed meanwhile")
	// ErrJournal: the journal cannot be written or read now; nothing may be sent.
	ErrJournal = errors.New("journal unavailable")
)

// Journal keeps payments durably: what a method has returned without an error survives a crash of the machine. Every method is
// safe for concurrent use. Failures of the engine beneath wrap ErrJournal.
type Journal interface {
	// Create writes a new payment and its key together. Where the merchant has used the key before, nothing is written and the
	// earlier key comes back.
	Create(ctx context.Context, p Payment, key Key) (earlier *Key, err error)
	// Save writes one change: the payment at the version after the one that it was read at, and attempts, new or closed. Either all
	// of it is written or nothing. ErrStale if the payment is not at p.Version-1.
	Save(ctx context.Context, p Payment, attempts ...Attempt) error
	// Payment reads one, whoever's.
	Payment(ctx context.Context, id string) (Payment, error)
	// Payments lists, newest first.
	Payments(ctx context.Context, filter Filter) ([]Payment, error)
	// Unfinished lists payments that are not terminal, oldest first, after the given id.
	Unfinished(ctx context.Context, after string, limit int) ([]Payment, error)
	// Attempts lists a payment's attempts by number.
	Attempts(ctx context.Context, paymentID string) ([]Attempt, error)
	// Key reads a merchant's idempotency key; nil where it was never used.
	Key(ctx context.Context, merchant, value string) (*Key, error)
	// Answer stores what the key's request was answered. The first answer stands.
	Answer(ctx context.Context, key Key) error
}

// Key is an idempotency key: one per merchant and value.
type Key struct {
	Merchant string
	Value    string
	// Fingerprint is over the method, the path and the canonical body of the request.
	Fingerprint string
	PaymentID   string
	// Status and Body are the answer, once there is one; Status 0 says that the request is still in flight.
	Status    int
	Body      []byte
	CreatedAt time.Time
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
