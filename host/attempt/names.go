package attempt

import (
	"strings"

	abi "payrouter/abi/v1"
)

// Role is what a flow performs its operation for.
type Role string

// The roles that the router's decisions depend on. A native run has RoleOperation.
const (
	RoleCreate    Role = "create"
	RoleLookup    Role = "lookup"
	RoleConfirm   Role = "confirm"
	RoleOperation Role = "operation"
)

// RoleOf is a role of the contract.
func RoleOf(role abi.Role) Role {
	if role == abi.Role_ROLE_UNSPECIFIED {
		return RoleOperation
	}
	return Role(strings.ToLower(strings.TrimPrefix(role.String(), "ROLE_")))
}

// Idempotency is an operation's class, as the journal shows it.
type Idempotency string

// The classes, as the contract's.
const (
	safe        Idempotency = "safe"
	keyed       Idempotency = "keyed"
	abandonable Idempotency = "abandonable"
	none        Idempotency = "none"
)

// HasSideEffects reports whether requests of the class may move money, or reach the payer.
func (i Idempotency) HasSideEffects() bool { return hasSideEffects(i.ABI()) }

// IdempotencyOf is a class of the contract. What is not specified may do anything.
func IdempotencyOf(class abi.Idempotency) Idempotency {
	switch class {
	case abi.Idempotency_IDEMPOTENCY_SAFE:
		return safe
	case abi.Idempotency_IDEMPOTENCY_KEYED:
		return keyed
	case abi.Idempotency_IDEMPOTENCY_ABANDONABLE:
		return abandonable
	case abi.Idempotency_IDEMPOTENCY_NONE, abi.Idempotency_IDEMPOTENCY_UNSPECIFIED:
	}
	return none
}

// ABI is the class in the contract's words.
func (i Idempotency) ABI() abi.Idempotency {
	switch i {
	case safe:
		return abi.Idempotency_IDEMPOTENCY_SAFE
	case keyed:
		return abi.Idempotency_IDEMPOTENCY_KEYED
	case abandonable:
		return abi.Idempotency_IDEMPOTENCY_ABANDONABLE
	case none:
	}
	return abi.Idempotency_IDEMPOTENCY_NONE
}
