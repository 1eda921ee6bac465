// Package paymenttest builds what package router builds of an engine, native operations and a reader of accounts, for
// tests that have their own journal, accounts and rules.
package paymenttest

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"time"

	abi "payrouter/abi/v1"
	"payrouter/host/account"
	"payrouter/host/approval"
	"payrouter/host/attempt"
	"payrouter/host/operation"
	"payrouter/host/payment"
)

// Settings are those of the driver, the engine and the operations together.
type Settings struct {
	SendWithin, ClockSkew time.Duration
	Hold                  func() error
	Doubtful              func(made time.Duration) bool
	Clock                 func() time.Duration
	Exhausted             func() error
	Now                   func() time.Time
	Random                io.Reader
	Logger                *slog.Logger
	Observe               func(attempt.Attempt)
	Ended                 func(attempt.OwnerID, attempt.Ending)
	Moment                func(attempt.Moment)

	Snapshot    func(p payment.Payment) json.RawMessage
	Answer      func(p payment.Payment) attempt.Answer
	CallbackURL func(provider, paymentID string) string

	// Runs keep native runs. Nil means the journal, where it does.
	Runs      operation.Runs
	RunAnswer func(run operation.Run) attempt.Answer
}

// Stack is an engine with what stands beside it.
type Stack struct {
	*payment.Engine

	Driver     *attempt.Driver
	Fleets     *payment.Fleets
	Operations *operation.Service
	Reader     *account.Reader
}

// New builds a stack over a journal and a fleet. A journal that keeps no runs has no native operations. Shutdown ends
// it.
func New(journal payment.Journal, fleet *payment.Fleet, s Settings) *Stack {
	driver := attempt.NewDriver(journal, attempt.Settings{
		SendWithin: s.SendWithin, ClockSkew: s.ClockSkew, Hold: s.Hold, Doubtful: s.Doubtful, Clock: s.Clock,
		Exhausted: s.Exhausted, Now: s.Now, Random: s.Random, Logger: s.Logger, Observe: s.Observe, Ended: s.Ended,
		Moment: s.Moment,
	})
	stack := &Stack{Driver: driver, Fleets: &payment.Fleets{}}
	stack.Fleets.Serve(fleet)
	stack.Engine = payment.NewEngine(driver, journal, stack.Fleets,
		payment.Settings{Snapshot: s.Snapshot, Answer: s.Answer, CallbackURL: s.CallbackURL})
	accounts := payment.Accounts{Fleets: stack.Fleets}
	if runs, keeps := journal.(operation.Runs); keeps && s.Runs == nil {
		s.Runs = runs
	}
	if s.Runs != nil {
		stack.Operations = operation.New(driver, s.Runs, journal, accounts,
			operation.Settings{Answer: s.RunAnswer, Approval: stack.Fleets.RunApproval})
	}
	stack.Reader = account.NewReader(driver, accounts)
	return stack
}

// Serve makes a fleet active.
func (s *Stack) Serve(fleet *payment.Fleet) { s.Fleets.Serve(fleet) }

// Hold holds the active fleet.
func (s *Stack) Hold() (*payment.Fleet, func()) { return s.Fleets.Hold() }

// Shutdown ends the driver.
func (s *Stack) Shutdown(ctx context.Context) error { return s.Driver.Shutdown(ctx) }

// Recover resumes payments and runs.
func (s *Stack) Recover(ctx context.Context) error {
	err := s.Engine.Recover(ctx)
	if s.Operations != nil {
		err = errors.Join(err, s.Operations.Recover(ctx))
	}
	return err
}

// Perform is the operations' Perform.
func (s *Stack) Perform(ctx context.Context, author approval.Author, key attempt.Key, what operation.Request,
	timeout time.Duration,
) (attempt.Receipt[operation.Run], error) {
	return s.Operations.Perform(ctx, author, key, what, timeout)
}

// Run is the operations' Run.
func (s *Stack) Run(ctx context.Context, id string) (operation.Run, error) {
	return s.Operations.Run(ctx, id)
}

// Runs is the operations' Runs.
func (s *Stack) Runs(ctx context.Context, filter operation.Filter) ([]operation.Run, error) {
	return s.Operations.Runs(ctx, filter)
}

// RunAttempts is the operations' Attempts.
func (s *Stack) RunAttempts(ctx context.Context, id string) ([]attempt.Attempt, error) {
	return s.Operations.Attempts(ctx, id)
}

// ApproveRun is the operations' Approve.
func (s *Stack) ApproveRun(ctx context.Context, id string, by approval.Approver) (operation.Run, error) {
	return s.Operations.Approve(ctx, id, by)
}

// RejectRun is the operations' Reject.
func (s *Stack) RejectRun(ctx context.Context, id string, by approval.Approver, reason string) (operation.Run, error) {
	return s.Operations.Reject(ctx, id, by, reason)
}

// ResolveRun is the operations' Resolve.
func (s *Stack) ResolveRun(ctx context.Context, id string, r operation.ManualResolution) (operation.Run, error) {
	return s.Operations.Resolve(ctx, id, r)
}

// Read is the reader's Read.
func (s *Stack) Read(ctx context.Context, provider string, q account.Operation) (*abi.Outcome, int64, error) {
	return s.Reader.Read(ctx, provider, q)
}

// Fetch is the reader's Fetch.
func (s *Stack) Fetch(ctx context.Context, provider string, kind account.QueryKind,
	q account.Query,
) (account.Result, error) {
	return s.Reader.Fetch(ctx, provider, kind, q)
}

// Quote is the reader's Quote.
func (s *Stack) Quote(ctx context.Context, provider string, o payment.Order) (account.Quote, error) {
	return s.Reader.Quote(ctx, provider, o)
}
