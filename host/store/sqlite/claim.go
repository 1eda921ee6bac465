package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"payrouter/host/attempt"
)

const (
	// putClaim writes nothing if the object has an owner.
	putClaim  = `INSERT INTO claim (account, object, reference, owner) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`
	findClaim = `SELECT owner FROM claim WHERE account = ? AND object = ? AND reference = ?`
)

// putClaim writes what a change of an owner claims. A second claim of the same owner is none.
func (t transaction) putClaim(claim *attempt.Claim, owner attempt.OwnerID) error {
	switch {
	case claim == nil:
		return nil
	case claim.Owner != owner:
		return fmt.Errorf("%s claims for %s: %w", owner, claim.Owner, attempt.ErrClaimed)
	}
	rows, err := t.exec(putClaim, claim.Account, claim.Object, claim.Reference, claim.Owner)
	if err != nil || rows == 1 {
		return err
	}
	var standing string
	if _, err := t.find(findClaim, []any{claim.Account, claim.Object, claim.Reference}, &standing); err != nil {
		return err
	}
	if attempt.OwnerID(standing) != owner {
		return fmt.Errorf("%s %q at %s is of %s: %w", claim.Object, claim.Reference, claim.Account, standing,
			attempt.ErrClaimed)
	}
	return nil
}

// Owner implements payment.Journal.
func (db *DB) Owner(ctx context.Context, account, object, reference string) (owner string, err error) {
	err = db.read[findClaim].QueryRowContext(ctx, account, object, reference).Scan(&owner)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", unread(ctx, "read whose an object is", err)
	}
	return owner, nil
}
