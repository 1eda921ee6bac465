// Package attempt drives plugins' flows at accounts: it journals each attempt before it leaves, judges what came of it,
// and decides what may be tried again (table.go) and what recovery may send. It knows neither payments nor rules: an
// attempt belongs to an owner, a payment or a native run.
package attempt

import (
	"context"
	"iter"

	"payrouter/abi/capability"
	abi "payrouter/abi/v1"
	"payrouter/host/egress"
	"payrouter/host/schema"
)

// generation is which one of a plugin serves a payment, and how the payment came to it.
type generation interface {
	Manifest() *abi.Manifest
	// Digest and Number identify it.
	Digest() string
	Number() int64
	Lot() Lot
}

// Connector is one generation of a plugin. Safe for concurrent use.
type Connector interface {
	generation
	// Begin starts a flow for a call, which must not change while the flow is in use. merchant is whose payment or run it
	// is about; empty where the router asks for itself.
	Begin(call *abi.Call, merchant string) Steps
	// Schemas are the compiled JSON Schemas of an operation's input and output. An operation without a schema accepts any
	// JSON.
	Schemas(operation string) (input, output *schema.Schema, err error)
	// MaxFuel is the most fuel that one flow of an operation took, all its steps together; false where it was not called.
	MaxFuel(operation string) (fuel int64, called bool)
}

// Steps turn one call into requests, and responses into outcomes. One goroutine at a time uses them. Each returns the
// fuel that it took. An error means that the plugin did not do its part: trap, out of fuel, no instance free, fault in
// the call; or, where it is a withheld, that the plugin was not called.
type Steps interface {
	Prepare(ctx context.Context) (*abi.Step, int64, error)
	// Interpret reads the response to the step whose state is given.
	Interpret(ctx context.Context, state []byte, response *abi.HttpResponse) (*abi.Step, int64, error)
}

// Egress sends requests to one account's provider, as egress.Client does.
type Egress interface {
	Render(request *abi.HttpRequest) (*egress.Request, error)
	Tries(ctx context.Context, x egress.Exchange) iter.Seq[*egress.Try]
	// Available is nil, or why no new payment would be sent now.
	Available() error
	// Askable is nil, or why no payment would be looked up now.
	Askable() error
	// Resume ends a pause or a suspension of the account, and reports whether there was one.
	Resume() bool
}

// Account is a named account at a provider.
type Account struct {
	Name string
	// Plugin gives the generation that serves a payment; an empty id asks for the one that serves most. The same id is
	// given the same one.
	Plugin func(paymentID string) Connector
	// Withheld is nil, or returns why the generation that serves a payment makes no new request; nil where it does. It is
	// for whoever may see the account.
	Withheld func(paymentID string) error
	Egress   Egress
	// Canary is nil, or the way of the canary's requests to the provider: it has a breaker of its own. A connector whose
	// Lot names a canary uses it.
	Canary Egress
	// Settings are a JSON object that satisfies the manifest's schema.
	Settings []byte
	// Failures come before the manifest's own.
	Failures []*abi.FailureRule
}

// Available is nil, or why no new payment with the id would be sent now by the generation that serves it.
func (a *Account) Available(id string) error {
	if a.Withheld != nil {
		if err := a.Withheld(id); err != nil {
			return err
		}
	}
	return a.egressOf(a.Plugin(id)).Available()
}

// Askable is nil, or why a payment would not be looked up now by the generation that serves it.
func (a *Account) Askable(id string) error { return a.egressOf(a.Plugin(id)).Askable() }

func (a *Account) egressOf(c Connector) Egress {
	if c.Lot().Canary && a.Canary != nil {
		return a.Canary
	}
	return a.Egress
}

// Flows are the kinds of payment that the account takes, as its settings narrow what the plugin serving the id takes.
func (a *Account) Flows(id string) []*abi.Flow {
	return capability.Flows(a.Plugin(id).Manifest(), a.Settings)
}

// Plan finds the operation behind a role of a payment's kind; name chooses one where a role has several, and is empty
// for the default.
func (a *Account) Plan(id string, kind abi.Kind, role abi.Role, name string) (Plan, bool) {
	connector := a.Plugin(id)
	action := abi.ActionFor(abi.FlowOf(connector.Manifest(), kind), role, name)
	operation := abi.OperationOf(connector.Manifest(), action.GetOperation())
	return Plan{Account: a, Connector: connector, Role: role, Operation: operation}, operation != nil
}
