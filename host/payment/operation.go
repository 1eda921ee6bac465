package payment

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	abi "payrouter/abi/v1"
	"payrouter/host/invalid"
	"payrouter/host/schema"
)

// ErrNoOperation tells that there is no such account, or that its plugin has no such operation.
var ErrNoOperation = errors.New("there is no such operation")

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
}

// Safe tells an operation that changes nothing at the provider: it is read, and no run is made of it.
func (o Operation) Safe() bool { return o.Idempotency == abi.Idempotency_IDEMPOTENCY_SAFE }

// Operation is an account's, by its name. The error is ErrNoOperation.
func (f *Fleet) Operation(provider, name string) (Operation, error) {
	at, err := f.native(provider, "", name)
	if err != nil {
		return Operation{}, err
	}
	return at.described(), nil
}

// Operations are all of an account's, in the manifest's order. The error is ErrNoOperation, where there is no such
// account.
func (f *Fleet) Operations(provider string) ([]Operation, error) {
	account, known := f.Accounts[provider]
	if !known {
		return nil, fmt.Errorf("provider %q is not configured: %w", provider, ErrNoOperation)
	}
	connector := account.Plugin("")
	var all []Operation
	for _, one := range connector.Manifest().GetOperations() {
		all = append(all, plan{account: account, connector: connector, operation: one}.described())
	}
	return all, nil
}

// Fuel is the most that a call of an operation took, all its round trips together, since its generation serves; false
// where it was not called.
func (e *Engine) Fuel(o Operation) (most int64, called bool) {
	return e.fuels.of(o.Generation, o.Manifest.GetName())
}

func (p plan) described() Operation {
	return Operation{
		Provider: p.account.Name, Plugin: p.connector.Manifest().GetName(), Digest: p.connector.Digest(),
		Generation: p.connector.Number(),
		Manifest:   p.operation, Idempotency: p.idempotency(p.operation.GetName()),
	}
}

// native is how an operation of an account is performed by its own name, whatever it is to payments. The error is
// ErrNoOperation.
func (f *Fleet) native(provider, id, operation string) (plan, error) {
	account, known := f.Accounts[provider]
	if !known {
		return plan{}, fmt.Errorf("provider %q is not configured: %w", provider, ErrNoOperation)
	}
	connector := account.Plugin(id)
	found := operationOf(connector.Manifest(), operation)
	if found == nil {
		return plan{}, fmt.Errorf("%s has no operation %q: %w", provider, operation, ErrNoOperation)
	}
	return plan{account: account, connector: connector, operation: found}, nil
}

// schemas are those of a fleet's operations, compiled when they are first needed. The zero value is ready. Safe for
// concurrent use.
type schemas struct {
	mutex    sync.Mutex
	compiled map[schemaOf]*schema.Schema
}

type schemaOf struct {
	digest, operation string
	output            bool
}

func (s *schemas) of(at plan, output bool) (*schema.Schema, error) {
	one := schemaOf{at.connector.Digest(), at.operation.GetName(), output}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if found := s.compiled[one]; found != nil {
		return found, nil
	}
	text := at.operation.GetInputSchema()
	if output {
		text = at.operation.GetOutputSchema()
	}
	compiled, err := schema.Compile(text)
	if err != nil {
		return nil, fmt.Errorf("the schema of %s of plugin %s: %w", one.operation, at.connector.Manifest().GetName(),
			err)
	}
	if s.compiled == nil {
		s.compiled = map[schemaOf]*schema.Schema{}
	}
	s.compiled[one] = compiled
	return compiled, nil
}

// checkInput holds a call's input to the operation's schema. What is wrong joins *InvalidErrors.
func (f *Fleet) checkInput(at plan, input []byte) error {
	by, err := f.schemas.of(at, false)
	if err != nil {
		return err
	}
	var problems []error
	for _, violation := range by.Check(input) {
		problems = append(problems, &invalid.Error{Field: violation.Pointer, Reason: violation.Reason})
	}
	return errors.Join(problems...)
}

// shown is an operation's output, without what its schema says that nobody is to see.
func (f *Fleet) shown(at plan, output []byte) ([]byte, error) {
	if len(output) == 0 {
		return nil, nil
	}
	by, err := f.schemas.of(at, true)
	if err != nil {
		return nil, err
	}
	return by.Mask(output), nil
}

// hidden are the texts in an operation's output that its schema says nobody is to see.
func (f *Fleet) hidden(at plan, output []byte) []string {
	by, err := f.schemas.of(at, true)
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(by.Hidden(output), func(text string) bool { return text == "" })
}
