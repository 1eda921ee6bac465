package sqlite

import (
	"context"
	"fmt"

	"payrouter/host/attempt"
	record "payrouter/host/store/record/v1"
)

// findOwners lists who was ever answered with an object, at an account, of whatever sort.
const findOwners = `SELECT o.id FROM name n JOIN owner o ON o.number = n.owner WHERE n.hash = ? ORDER BY n.owner`

// checkClaims is attempt.ErrClaimed where an object is another's than the owner's.
func (t transaction) checkClaims(claims []attempt.Claim, of int64) error {
	for _, claim := range claims {
		named, err := collectIn(t, listNamed, []any{nameOf("theirs", claim.Account, claim.Reference)}, scanNumber)
		if err != nil {
			return err
		}
		for _, other := range named {
			if other == of {
				continue
			}
			changes, err := collectIn(t, changesOfNumber, []any{other}, scanChange)
			if err != nil {
				return err
			}
			if record.Claims(changes, claim) {
				return fmt.Errorf("%s %q at %s is another's: %w", claim.Object, claim.Reference, claim.Account,
					attempt.ErrClaimed)
			}
		}
	}
	return nil
}

// Owner implements payment.Journal.
func (db *DB) Owner(ctx context.Context, account, object, reference string) (owner string, err error) {
	const what = "read whose an object is"
	named, err := readAll(ctx, db, what, findOwners, []any{nameOf("theirs", account, reference)}, scanText[string])
	if err != nil {
		return "", err
	}
	for _, id := range named {
		changes, err := db.changes(ctx, what, id)
		if err != nil {
			return "", err
		}
		if record.Claims(changes, attempt.Claim{Account: account, Object: object, Reference: reference}) {
			return id, nil
		}
	}
	return "", nil
}
