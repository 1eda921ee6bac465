// Package operation performs native operations of accounts under their providers' own names: a run of one is journalled
// before anything leaves, driven to its end, and recovered after a crash. What an operation changes at the provider is
// known to the provider alone: a run has no status beside taken, failed and unknown.
package operation

import (
	"context"
	"time"

	"payrouter/host/approval"
	"payrouter/host/attempt"
)

// Fleets hold the accounts that are active.
type Fleets interface {
	// Hold returns the active fleet, and keeps it from being retired until release is called, once.
	Hold() (fleet *attempt.Fleet, release func())
}

// Service performs native operations. It is safe for concurrent use. A run that it has journalled no longer depends on
// the context of the call that brought it.
type Service struct {
	driver   *attempt.Driver
	runs     Runs
	keys     Keys
	fleets   Fleets
	settings Settings
}

// Settings of a Service.
type Settings struct {
	// Answer is what a performed request is answered once its run is over, or awaits approval. Nil leaves it to the
	// caller.
	Answer func(run Run) attempt.Answer
	// Approval is the approval that a merchant's run needs which is made now, as payment.Fleets.RunApproval finds it; it
	// returns nil where none is needed. A nil Approval means that no run needs one.
	Approval func(merchant string, at attempt.Plan, made time.Time) *approval.Record
}

// New makes a service over a driver, the journal and the active accounts. It ends with the driver.
func New(driver *attempt.Driver, runs Runs, keys Keys, fleets Fleets, settings Settings) *Service {
	if settings.Approval == nil {
		settings.Approval = func(string, attempt.Plan, time.Time) *approval.Record { return nil }
	}
	s := &Service{driver: driver, runs: runs, keys: keys, fleets: fleets, settings: settings}
	driver.Own(attempt.OfRun, s)
	return s
}

// Run reads a run, whoever's.
func (s *Service) Run(ctx context.Context, id string) (Run, error) { return s.runs.Run(ctx, id) }

// Runs lists runs, newest first, whoever's.
func (s *Service) Runs(ctx context.Context, filter Filter) ([]Run, error) {
	return s.runs.Runs(ctx, filter)
}

// Attempts lists the attempts of a run by number.
func (s *Service) Attempts(ctx context.Context, id string) ([]attempt.Attempt, error) {
	if _, err := s.runs.Run(ctx, id); err != nil {
		return nil, err
	}
	return s.runs.Attempts(ctx, id)
}

// Merchant implements attempt.Owners.
func (s *Service) Merchant(ctx context.Context, id attempt.OwnerID) (string, error) {
	run, err := s.runs.Run(ctx, string(id))
	return run.Merchant, err
}

// ShowClaim implements attempt.Owners.
func (s *Service) ShowClaim(ctx context.Context, id attempt.OwnerID, alert string, _ bool) error {
	unlock, err := s.driver.Lock(ctx, id)
	if err != nil {
		return err
	}
	defer unlock()
	run, err := s.runs.Run(ctx, string(id))
	if err != nil || run.Alert == alert {
		return err
	}
	run.Alert = alert
	return (&heldRun{service: s, run: run}).save(ctx, nil, nil)
}
