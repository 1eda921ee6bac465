package operation

import (
	"fmt"
	"slices"

	abi "payrouter/abi/v1"
	"payrouter/host/attempt"
)

// Operation is one operation of an account, under the name that its provider gives it.
type Operation struct {
	// Provider is the account.
	Provider string
	// Plugin, Digest and Generation say whose code performs it.
	Plugin     string
	Digest     string
	Generation int64
	// Manifest is the plugin's word on it; it is not to be changed. Idempotency is as it is for this account:
	// Manifest's own may depend on a setting.
	Manifest    *abi.Operation
	Idempotency abi.Idempotency

	connector attempt.Connector
}

// Safe reports whether an operation changes nothing at the provider: it is read, and no run is made of it.
func (o Operation) Safe() bool { return o.Idempotency == abi.Idempotency_IDEMPOTENCY_SAFE }

// PaysOut are the kinds of payment with which money leaves the account that the operation creates under its provider's
// name.
func (o Operation) PaysOut() []abi.Kind {
	created := abi.CreatedKinds(o.connector.Manifest(), o.Manifest.GetName())
	return slices.DeleteFunc(created, func(kind abi.Kind) bool { return kind == abi.Kind_KIND_COLLECT })
}

// Find is an account's operation, by its name. The error is ErrNoOperation.
func Find(fleet *attempt.Fleet, provider, name string) (Operation, error) {
	at, err := fleet.Native(provider, "", name)
	if err != nil {
		return Operation{}, err
	}
	return described(at), nil
}

// List is all of an account's operations, in the manifest's order. The error is ErrNoOperation, where there is no such
// account.
func List(fleet *attempt.Fleet, provider string) ([]Operation, error) {
	account, known := fleet.Accounts[provider]
	if !known {
		return nil, fmt.Errorf("provider %q is not configured: %w", provider, attempt.ErrNoOperation)
	}
	connector := account.Plugin("")
	var all []Operation
	for _, one := range connector.Manifest().GetOperations() {
		all = append(all, described(attempt.Plan{Account: account, Connector: connector, Operation: one}))
	}
	return all, nil
}

// MaxFuel is the most that a call of the operation took, all its round trips together, since its generation became
// active; false where it was not called.
func (o Operation) MaxFuel() (most int64, called bool) {
	return o.connector.MaxFuel(o.Manifest.GetName())
}

func described(p attempt.Plan) Operation {
	return Operation{
		Provider: p.Account.Name, Plugin: p.Connector.Manifest().GetName(), Digest: p.Connector.Digest(),
		Generation: p.Connector.Number(), Manifest: p.Operation, Idempotency: p.Idempotency(""),
		connector: p.Connector,
	}
}
