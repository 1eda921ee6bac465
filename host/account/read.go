package account

import (
	"context"
	"fmt"
	"strconv"

	abi "payrouter/abi/v1"
	"payrouter/host/attempt"
	"payrouter/host/identity"
)

// Fleets hold the accounts that are active.
type Fleets interface {
	// Hold returns the active fleet, and keeps it from being retired until release is called, once.
	Hold() (fleet *attempt.Fleet, release func())
}

// Reader asks accounts what changes nothing there. Nothing is journalled. It is safe for concurrent use, and ends with
// its driver.
type Reader struct {
	driver *attempt.Driver
	fleets Fleets
}

// NewReader makes a reader of the active accounts.
func NewReader(driver *attempt.Driver, fleets Fleets) *Reader {
	return &Reader{driver: driver, fleets: fleets}
}

// Operation is what one account is asked: one operation, which changes nothing there.
type Operation struct {
	// Operation is its name in the manifest of the account's plugin.
	Operation string
	// Input is a JSON object; empty is one without members, and stands where there is a Query.
	Input []byte
	// Query is set where the operation is performed for a role of the account.
	Query *abi.Query
	// Cursor is where a walk through pages goes on: a former page's Outcome.Cursor. Empty is the first page.
	Cursor string
}

// Read asks a provider's account something that changes nothing there. Nothing is journalled. Where no answer comes it
// is tried again, as often as the account's retries say, until ctx ends. The outcome is accepted; its output lacks what
// its schema marks as secret. fuel is what the plugin burned, also where there is an error: ErrNoOperation
// where the account has no such operation, ErrUnsupported where a call of it may change something, *invalid.Error
// joined where the input does not satisfy its schema; a *DeclinedError where the provider would not answer, or knows
// nothing of what was asked about; ErrUnavailable or ErrUnanswered where it could not be asked or made no sense.
func (r *Reader) Read(ctx context.Context, provider string, q Operation) (outcome *abi.Outcome, fuel int64, err error) {
	if err := r.driver.Enter(); err != nil {
		return nil, 0, err
	}
	defer r.driver.Leave()
	fleet, release := r.fleets.Hold()
	defer release()
	at, err := fleet.Native(provider, "", q.Operation)
	if err != nil {
		return nil, 0, err
	}
	if at.Idempotency("") != abi.Idempotency_IDEMPOTENCY_SAFE {
		return nil, 0, fmt.Errorf("%s of %s may change something: %w", q.Operation, provider, attempt.ErrUnsupported)
	}
	if q.Query == nil {
		if err := at.CheckInput(q.input()); err != nil {
			return nil, 0, err
		}
	}
	flow := &attempt.Flow{Driver: r.driver, Plan: at, Call: r.call(q, at)}
	end, err := flow.Run(ctx)
	if err != nil {
		return nil, end.Fuel, err
	}
	flow.LogQuestion(ctx, "asked an account", end)
	if end.Event != attempt.Accepted {
		return nil, end.Fuel, end.Err()
	}
	end.Outcome.Output, err = at.Shown(end.Outcome.GetOutput())
	return end.Outcome, end.Fuel, err
}

// input is what the plugin is given: always an object.
func (q Operation) input() []byte {
	if len(q.Input) == 0 {
		return []byte("{}")
	}
	return q.Input
}

// call is a call that is not journalled: its reference and its seed are its own.
func (r *Reader) call(q Operation, at attempt.Plan) *abi.Call {
	now, name := r.driver.Now(), at.Operation.GetName()
	about := "ask_" + strconv.FormatInt(now.UnixNano(), 10)
	return &abi.Call{
		Operation: name, Input: q.input(), Query: q.Query, Cursor: q.Cursor, Settings: at.Account.Settings,
		NowMs:     now.UnixMilli(),
		Reference: identity.Reference(at.Operation.GetReference(), about, at.Account.Name, name),
		Seed:      identity.Seed(about, at.Account.Name, name),
	}
}
