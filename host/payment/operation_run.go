package payment

import (
	"context"
	"errors"
	"time"
)

// Errors of runs, told apart with errors.Is.
var (
	// ErrNoRun: no such run.
	ErrNoRun = errors.New("run not found")
	// ErrRunState: the run's status does not allow it.
	ErrRunState = errors.New("not possible in the run's status")
)

// RunStatus is where a run stands. A terminal one never changes.
type RunStatus string

// The statuses.
const (
	// RunProcessing: journalled, and on its way.
	RunProcessing RunStatus = "processing"
	// RunSucceeded: the provider took it. What it set off there may go on; Run.Output says what the provider said.
	RunSucceeded RunStatus = "succeeded"
	// RunFailed: it did not happen; Run.Failure says why.
	RunFailed RunStatus = "failed"
	// RunUnknown: something was sent, and nobody knows what became of it. Only a person can tell.
	RunUnknown RunStatus = "unknown"
)

// RunStatuses are all of them.
func RunStatuses() []RunStatus {
	return []RunStatus{RunProcessing, RunSucceeded, RunFailed, RunUnknown}
}

// Terminal tells a status that never changes.
func (s RunStatus) Terminal() bool { return s == RunSucceeded || s == RunFailed }

// Run is one performance of an account's operation that may change something at the provider. It is a value, as a
// Payment is.
type Run struct {
	// ID is "op_" and a ULID: unique, and ordered by time of creation.
	ID string `json:"id"`
	// Merchant is the name of the API key that asked for it.
	Merchant string `json:"merchant"`
	// Provider is the account, for good: a run goes nowhere else. Plugin is that account's.
	Provider  string `json:"provider"`
	Plugin    string `json:"plugin"`
	Operation string `json:"operation"`
	// Idempotency is the operation's class as it was for the account: "none".
	Idempotency string    `json:"idempotency"`
	Status      RunStatus `json:"status"`
	// Input is the JSON object that the caller gave, to the byte, and From the page that it asked for.
	Input []byte `json:"-"`
	From  string `json:"from,omitempty"`
	// Output is the provider's word, JSON, without what its schema says that nobody is to see; empty where it gave
	// none. Cursor is where the next page starts.
	Output []byte `json:"-"`
	Cursor string `json:"cursor,omitempty"`
	// ProviderReference is the provider's own, where it gave one.
	ProviderReference string   `json:"provider_reference,omitempty"`
	Failure           *Failure `json:"failure,omitempty"`
	// Alert is something that a person should look at.
	Alert string `json:"alert,omitempty"`
	// Settled is set where a person said what became of it.
	Settled *Settlement `json:"settled,omitempty"`
	// Attempts counts the attempts journalled so far. Their PaymentID is the run's id.
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

// Runs keep runs durably, beside the payments of the Journal whose attempts and keys they share: what a method has
// returned without an error survives a crash of the machine. Every method is safe for concurrent use. Failures of the
// engine beneath wrap ErrJournal.
type Runs interface {
	// CreateRun writes a new run and its key, together. Where the merchant has used the key before, nothing is written
	// and the earlier key comes back; its PaymentID may be a payment's.
	CreateRun(ctx context.Context, run Run, key Key) (earlier *Key, err error)
	// SaveRun writes a change of a run that exists, its key's answer and its claim included. ErrStale if that is not at
	// the version before the change's, ErrClaimed if the object that it claims is another's.
	SaveRun(ctx context.Context, change RunChange) error
	// Run reads one, whoever's; ErrNoRun where there is none.
	Run(ctx context.Context, id string) (Run, error)
	// Runs lists, newest first.
	Runs(ctx context.Context, filter RunFilter) ([]Run, error)
	// UnfinishedRuns lists those that are processing, oldest first, after the given id.
	UnfinishedRuns(ctx context.Context, after string, limit int) ([]Run, error)
}

// RunChange is one change of a run. All of it is written, or nothing.
type RunChange struct {
	// Run is at the version after the one that it was read at.
	Run Run
	// Attempts are new, or closed.
	Attempts []Attempt
	// Answer and Claim are as a Change's.
	Answer *Answer
	Claim  *Claim
}

// RunFilter narrows a list of runs. Zero fields do not narrow.
type RunFilter struct {
	Provider  string
	Operation string
	Status    []RunStatus
	// Before is the id to go on from: older ones follow. Empty starts at the newest.
	Before string
	// Limit is how many at most; 0 means 100.
	Limit int
}

// Run reads a run, whoever's.
func (e *Engine) Run(ctx context.Context, id string) (Run, error) {
	if e.settings.Runs == nil {
		return Run{}, errNoRuns
	}
	return e.settings.Runs.Run(ctx, id)
}

// Runs lists runs, newest first, whoever's.
func (e *Engine) Runs(ctx context.Context, filter RunFilter) ([]Run, error) {
	if e.settings.Runs == nil {
		return nil, errNoRuns
	}
	return e.settings.Runs.Runs(ctx, filter)
}

// RunAttempts lists the attempts of a run by number.
func (e *Engine) RunAttempts(ctx context.Context, id string) ([]Attempt, error) {
	if _, err := e.Run(ctx, id); err != nil {
		return nil, err
	}
	return e.journal.Attempts(ctx, id)
}

// errNoRuns is an engine's that was given nowhere to keep them.
var errNoRuns = errors.New("no runs are kept here")
