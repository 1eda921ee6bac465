// Package callback receives providers' callbacks.
//
// It hides how far an unauthenticated report is followed: a callback is stored before it is answered, believed if its
// signature is valid, and otherwise only a reason to look the payment up, at a bounded rate. Package webhook sends
// events to merchants: there the router is the sender, and decides about endpoints and repetitions instead of trust.
//
// Read address.go, then in.go (a callback arrives), settle.go (it is acted on) and pace.go (how often).
package callback

import (
	"context"
	"net/http"
	"time"

	abi "payrouter/abi/v1"
	"payrouter/host/egress"
	"payrouter/host/payment"
)

// State is how far a callback has come.
type State string

// The states of a callback.
const (
	// Pending: it is to be acted on when it is due.
	Pending State = "pending"
	// Settled: its payment knows.
	Settled State = "settled"
	// Ignored: by the plugin, it is about no payment.
	Ignored State = "ignored"
	// Dismissed: it had no effect, for the reason in Note.
	Dismissed State = "dismissed"
	// Unread: the plugin failed on it. The provider was asked to repeat it.
	Unread State = "unread"
)

// Callback is a provider's callback as it came, and what became of it.
type Callback struct {
	// ID is "cb_" and a ULID.
	ID      string
	Account string
	// Identity is the same for repetitions of one callback, and for nothing else at the account.
	Identity string
	// AddressedTo is the payment to whose own address it came; empty where that was the account's.
	AddressedTo string
	// PaymentID is the payment that it turned out to be about.
	PaymentID string
	// ReceivedAt is when it came first, LastAt when last, and Repeats how often in between and then.
	ReceivedAt, LastAt time.Time
	Repeats            int
	// LastClock is LastAt by the journal's own clock, in whole milliseconds. The store sets it.
	LastClock time.Duration

	Method string
	// Query is raw, without "?".
	Query  string
	Header http.Header
	Body   []byte

	// Receipt is what the plugin made of it; nil where it is Unread.
	Receipt *abi.Receipt
	// Vouched: its signature holds, so that its word is the provider's.
	Vouched bool

	State State
	// Due is when it is to be acted on; zero where it is not.
	Due time.Time
	// Tries counts those that did not settle it.
	Tries int
	Note  string
}

// Store keeps callbacks durably: what a method has returned without an error survives a crash of the machine. Every
// method is safe for concurrent use. Failures of the engine beneath wrap attempt.ErrJournal.
type Store interface {
	// KeepCallback writes a callback. Where its account has one of its identity, that one counts a repetition instead.
	// If the new one is pending, the one that is there becomes so again and is due when the new one is, with the new
	// one's receipt and no tries, whether it waited or was done with; unless its provider vouched for it and it is
	// settled.
	KeepCallback(ctx context.Context, c Callback) error
	// DueCallbacks lists those of an account that are pending and due, the longest due first: those that are vouched
	// for, or the others.
	DueCallbacks(ctx context.Context, account string, vouched bool, now time.Time, limit int) ([]Callback, error)
	// SettleCallback writes what became of a callback: PaymentID, State, Due, Tries and Note. Where it was repeated
	// since it was read, it stays pending without tries, and is due again at the time given; unless it is vouched for
	// and settled.
	SettleCallback(ctx context.Context, c Callback, again time.Time) error
	// PurgeCallbacks deletes callbacks that are not pending and whose last arrival is longer ago than a lifetime, some
	// at a time, and returns how many. The lifetime counts by the journal clock.
	PurgeCallbacks(ctx context.Context, lifetime time.Duration, limit int) (int, error)
	// Clock is what the journal's own clock shows: the wall clock may be set, this one only advances.
	Clock() time.Duration
}

// Engine settles reports, as payment.Engine does.
type Engine interface {
	// Alert shows people something about a payment, on behalf of a callback.
	Alert(ctx context.Context, paymentID, callbackID, alert string) error
	Find(ctx context.Context, provider string, report payment.Report) (payment.Payment, error)
	Report(ctx context.Context, provider string, report payment.Report) (payment.Payment, error)
}

// Receiver reads callbacks, as a plugin's generation does.
type Receiver interface {
	Receive(ctx context.Context, callback *abi.Callback) (receipt *abi.Receipt, fuel int64, err error)
}

// Verifier checks a provider's signature with an account's secrets, as egress.Client does.
type Verifier interface {
	Verify(signature *abi.Signature, given string, over egress.Signed) error
}

// Account is one that callbacks come for.
type Account struct {
	Plugin   Receiver
	Verifier Verifier
	// Settings are a JSON object that satisfies the plugin's schema.
	Settings []byte
}
