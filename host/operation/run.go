package operation

import (
	"context"
	"errors"
	"time"

	"payrouter/host/approval"
	"payrouter/host/attempt"
)

// Errors of runs, for errors.Is.
var (
	// ErrNotFound: no such run.
	ErrNotFound = errors.New("run not found")
	// ErrState: the run's status does not allow it.
	ErrState = errors.New("not possible in the run's status")
)

// Status is where a run stands. A terminal one never changes.
type Status string

// The statuses.
const (
	// AwaitingApproval: journalled, and not to be sent before a person has approved it.
	AwaitingApproval Status = "awaiting_approval"
	// Processing: journalled, and on its way.
	Processing Status = "processing"
	// Succeeded: the provider took it. What it set off there may go on; Run.Output is what the provider answered.
	Succeeded Status = "succeeded"
	// Failed: it did not happen; Run.Failure is why.
	Failed Status = "failed"
	// Unknown: something was sent, and its outcome is not known. Only a person can settle it.
	Unknown Status = "unknown"
)

// Statuses are all of them.
func Statuses() []Status {
	return []Status{AwaitingApproval, Processing, Succeeded, Failed, Unknown}
}

// Terminal reports whether the status never changes.
func (s Status) Terminal() bool { return s == Succeeded || s == Failed }

// Run is one performance of an account's operation that may change something at the provider. It is a value, as a
// Payment is.
type Run struct {
	// ID is "op_" and a ULID: unique, and ordered by time of creation.
	ID string `json:"id"`
	// Merchant is the name of the API key that asked for it.
	Merchant string `json:"merchant"`
	// Key is the line of that API key; empty where the router had no keys.
	Key string `json:"key,omitempty"`
	// Provider is the account, for good: a run goes nowhere else. Plugin is that account's.
	Provider  string `json:"provider"`
	Plugin    string `json:"plugin"`
	Operation string `json:"operation"`
	// Idempotency is the operation's class as it was for the account; never safe.
	Idempotency attempt.Idempotency `json:"idempotency"`
	Status      Status              `json:"status"`
	// Approval is as a Payment's.
	Approval *approval.Record `json:"approval,omitempty"`
	// Input is the JSON object that the caller gave, to the byte, and From the page that it asked for.
	Input []byte `json:"-"`
	From  string `json:"from,omitempty"`
	// Output is the provider's word, JSON, without what its schema marks as secret; empty where it gave
	// none. Cursor is where the next page starts.
	Output []byte `json:"-"`
	Cursor string `json:"cursor,omitempty"`
	// ProviderReference is the provider's own, where it gave one.
	ProviderReference string           `json:"provider_reference,omitempty"`
	Failure           *attempt.Failure `json:"failure,omitempty"`
	// Alert is something that a person should look at.
	Alert string `json:"alert,omitempty"`
	// Settled is set where a person said what became of it.
	Settled *Settlement `json:"settled,omitempty"`
	// Attempts counts the attempts journalled so far. Their owner is the run's id.
	Attempts  int       `json:"attempts"`
	CreatedAt time.Time `json:"created_at"`
	// MadeClock is as a Payment's.
	MadeClock time.Duration `json:"made_clock,omitempty"`
	UpdatedAt time.Time     `json:"updated_at"`
	// Version rises by one with every change.
	Version int64 `json:"version"`
}

// Settlement is by whose word a run ended that was unknown, and why.
type Settlement struct {
	Operator string    `json:"operator"`
	Reason   string    `json:"reason"`
	At       time.Time `json:"at"`
}

// Runs keep runs durably, beside the payments whose attempts and keys they share: what a method has returned without an
// error survives a crash of the machine. Every method is safe for concurrent use. Failures of the engine beneath wrap
// ErrJournal.
type Runs interface {
	// CreateRun writes a new run and its key, together. Where the merchant has used the key before, nothing is written
	// and the earlier key comes back; its owner may be a payment.
	CreateRun(ctx context.Context, run Run, key attempt.Key) (earlier *attempt.Key, err error)
	// SaveRun writes a change of a run that exists, its key's answer and its claim included. ErrStale if that is not at
	// the version before the change's, ErrClaimed if the object that it claims is another's.
	SaveRun(ctx context.Context, change Change) error
	// Run reads one, whoever's; ErrNotFound where there is none.
	Run(ctx context.Context, id string) (Run, error)
	// Runs lists, newest first.
	Runs(ctx context.Context, filter Filter) ([]Run, error)
	// UnfinishedRuns lists those that are processing, oldest first, after the given id.
	UnfinishedRuns(ctx context.Context, after string, limit int) ([]Run, error)
	// Attempts lists a run's attempts by number.
	Attempts(ctx context.Context, id string) ([]attempt.Attempt, error)
}

// Keys are the journal's idempotency keys.
type Keys interface {
	// Key reads a merchant's key; nil where it was never used.
	Key(ctx context.Context, merchant, value string) (*attempt.Key, error)
}

// Change is one change of a run. All of it is written, or nothing.
type Change struct {
	// Run is at the version after the one that it was read at.
	Run Run
	// Attempts are new, or closed.
	Attempts []attempt.Attempt
	// Answer and Claim are as a payment.Change's.
	Answer *attempt.Answer
	Claim  *attempt.Claim
}

// Filter narrows a list of runs. Zero fields do not narrow.
type Filter struct {
	Merchant  string
	Provider  string
	Operation string
	Status    []Status
	// Before is the id to go on from: older ones follow. Empty starts at the newest.
	Before string
	// Limit is how many at most; 0 means 100.
	Limit int
}

// OwnerID is the id as that of what attempts, keys and claims belong to.
func (r Run) OwnerID() attempt.OwnerID { return attempt.OwnerID(r.ID) }
