package attempt

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
)

// ErrClaimed means that an object at a provider belongs to another payment or run already.
var ErrClaimed = errors.New("the provider's object belongs to another payment or run")

// Claim states that an object at a provider belongs to one payment or run, for good. Money that came in for the object
// came in once: two payments that count it would both have succeeded by it.
type Claim struct {
	Account string
	// Object is what kind of object it is, by the name of the operation that makes such objects: the numbers of an
	// account's invoices and of its withdrawals may be the same.
	Object string
	// Reference is the provider's own.
	Reference string
	Owner     OwnerID
}

// object is the claim without its owner.
func (c Claim) object() Claim {
	c.Owner = ""
	return c
}

// ClaimLog is the journal's part in claims.
type ClaimLog interface {
	// Owner is the payment or the run that an object at an account belongs to; empty where it is unclaimed.
	Owner(ctx context.Context, account, object, reference string) (string, error)
}

// claims are those of locks that are held, from the moment at which an answer is believed until it is journalled. They
// are safe for concurrent use.
type claims struct {
	journal ClaimLog

	mutex sync.Mutex
	held  map[Claim]OwnerID
	// of are an owner's.
	of map[OwnerID][]Claim
}

// hold takes an object for the claim's owner, and returns who has it: that owner, or the one that was first.
func (c *claims) hold(claim Claim) (owner OwnerID) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if owner, taken := c.held[claim.object()]; taken {
		return owner
	}
	if c.held == nil {
		c.held, c.of = map[Claim]OwnerID{}, map[OwnerID][]Claim{}
	}
	c.held[claim.object()] = claim.Owner
	c.of[claim.Owner] = append(c.of[claim.Owner], claim.object())
	return claim.Owner
}

// release gives back what an owner holds: by now it stands in the journal, or nothing came of it.
func (c *claims) release(owner OwnerID) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for _, object := range c.of[owner] {
		delete(c.held, object)
	}
	delete(c.of, owner)
}

// Claim returns what speaks against an answer because of the object that it names: that object is another's. why is
// empty where nothing does; then no other owner can have it before the lock of this one is given back. alert is for the
// claimant. money: money may have moved.
func (d *Driver) Claim(claim Claim, money bool) (why, alert string) {
	owner, err := d.OwnerOf(claim)
	switch {
	case err != nil:
		return "the journal cannot be asked whose " + claim.Reference + " is: " + err.Error(), ""
	case owner == claim.Owner:
		return "", ""
	}
	d.Log.ErrorContext(d.Base, "an object at a provider is claimed twice", slog.String("provider", claim.Account),
		slog.String("object", claim.Object), slog.String("reference", claim.Reference),
		slog.String("owner", string(owner)), slog.String("claimed_by", string(claim.Owner)), slog.Bool("money", money))
	toOwner, toClaimant := d.idFor(claim.Owner, owner), d.idFor(owner, claim.Owner)
	d.showClaim(owner, alertClaimed(claim, toOwner), money)
	return fmt.Sprintf("the answer is about %q, which belongs to %s", claim.Reference, toClaimant),
		alertClaimed(claim, toClaimant)
}

// OwnerOf returns whose an object is: the claim's owner where it was unclaimed, who has it from then on.
func (d *Driver) OwnerOf(claim Claim) (OwnerID, error) {
	owner := d.claims.hold(claim)
	if owner != claim.Owner {
		return owner, nil
	}
	journalled, err := d.claims.journal.Owner(d.Base, claim.Account, claim.Object, claim.Reference)
	return cmp.Or(OwnerID(journalled), owner), err
}

// idFor is the id of a payment or a run, for the reader of another one: merchants see their own alone, and the log has
// both.
func (d *Driver) idFor(id, reader OwnerID) string {
	merchant, err := d.ownersOf(id).Merchant(d.Base, id)
	seen, unknown := d.ownersOf(reader).Merchant(d.Base, reader)
	if err != nil || unknown != nil || merchant != seen {
		return "another merchant's payment"
	}
	return string(id)
}

// alertClaimed is what each of two shows that were answered with one object.
func alertClaimed(claim Claim, other string) string {
	return fmt.Sprintf(
		"%s answered this and %s with the same object %q: money may have been taken twice and counted once, or the "+
			"other way round",
		claim.Account, other, claim.Reference)
}

// showClaim has people look at an object's owner, on a goroutine of its own: the caller holds the lock of the claimant.
func (d *Driver) showClaim(owner OwnerID, alert string, money bool) {
	if d.Enter() != nil {
		return // it is shown at the claimant, and in the log
	}
	go func() {
		defer d.Leave()
		err := d.ownersOf(owner).ShowClaim(d.Base, owner, alert, money)
		if err != nil && !errors.Is(err, ErrShuttingDown) && d.Base.Err() == nil {
			d.Log.Error("show an object that is claimed twice", slog.String("owner", string(owner)),
				slog.Any("error", err))
		}
	}()
}
