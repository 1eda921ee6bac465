package attempt

import (
	"payrouter/abi/jsontext"
	abi "payrouter/abi/v1"
)

// Makes is the kind of object that an operation makes: what its answers name belongs to whoever performed it. It is
// empty where it makes none, and what it names may be somebody else's that it acts on.
func (p Plan) Makes() string {
	if object := p.Operation.GetObject(); object != "" {
		return object
	}
	for _, flow := range p.Connector.Manifest().GetFlows() {
		for _, action := range flow.GetActions() {
			if action.GetRole() == abi.Role_ROLE_CREATE && action.GetOperation() == p.Operation.GetName() {
				return p.Operation.GetName()
			}
		}
	}
	return ""
}

// hasSideEffects reports whether requests of a class may move money, or reach the payer.
func hasSideEffects(idempotency abi.Idempotency) bool {
	return idempotency == abi.Idempotency_IDEMPOTENCY_KEYED || idempotency == abi.Idempotency_IDEMPOTENCY_NONE
}

// Plan is how one operation is performed: by which generation, and under which rules.
type Plan struct {
	Account   *Account
	Connector Connector
	Role      abi.Role
	Operation *abi.Operation
}

// Idempotency is the class of a request that performs the named operation; empty means the plan's own. An operation
// that the manifest does not have may do anything.
func (p Plan) Idempotency(name string) abi.Idempotency {
	operation := p.Named(name)
	if setting := operation.GetKeyedBySetting(); setting != "" {
		if settings, err := jsontext.Parse(p.Account.Settings); err == nil && settings.Bool(setting) {
			return abi.Idempotency_IDEMPOTENCY_KEYED
		}
	}
	if class := operation.GetIdempotency(); class != abi.Idempotency_IDEMPOTENCY_UNSPECIFIED {
		return class
	}
	return abi.Idempotency_IDEMPOTENCY_NONE
}

// Named is an operation of the plugin by its name; empty means the plan's own. It is nil where there is none.
func (p Plan) Named(name string) *abi.Operation {
	if name == "" || name == p.Operation.GetName() {
		return p.Operation
	}
	return abi.OperationOf(p.Connector.Manifest(), name)
}
