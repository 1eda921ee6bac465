package attempt

import (
	"context"
	"strings"
)

// OwnerID is the id of what an attempt, an idempotency key or a claim belongs to: a payment, or a run of a native
// operation. Its prefix shows which.
type OwnerID string

// ownerKind is whether an owner is a payment or a run.
type ownerKind string

// The kinds, each with the prefix of its ids.
const (
	OfPayment ownerKind = "pay_"
	OfRun     ownerKind = "op_"
)

// Kind is what the id is of.
func (id OwnerID) Kind() ownerKind {
	if strings.HasPrefix(string(id), string(OfRun)) {
		return OfRun
	}
	return OfPayment
}

// Owners are the payments, or the runs, as the driver needs them beside their flows.
type Owners interface {
	// Merchant is whose an owner is.
	Merchant(ctx context.Context, id OwnerID) (string, error)
	// ShowClaim has people look at an owner that has the same object as another. money: money may have moved twice.
	ShowClaim(ctx context.Context, id OwnerID, alert string, money bool) error
}

// Own registers who keeps the owners of a kind.
func (d *Driver) Own(kind ownerKind, owners Owners) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.owners[kind] = owners
}

func (d *Driver) ownersOf(id OwnerID) Owners {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	return d.owners[id.Kind()]
}

// ID is the id of an attempt: "att_" and a ULID.
type ID string
