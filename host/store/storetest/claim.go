package storetest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"payrouter/host/attempt"
	"payrouter/host/operation"
	"payrouter/host/payment"
)

func claimOf(owner, reference string) *attempt.Claim {
	return &attempt.Claim{
		Account: "paygram-eu", Object: "IssueInvoice", Reference: reference,
		Owner: attempt.OwnerID(owner),
	}
}

func requireOwner(t *testing.T, journal Journal, c *attempt.Claim, owner string) {
	t.Helper()
	found, err := journal.Owner(t.Context(), c.Account, c.Object, c.Reference)
	require.NoError(t, err)
	require.Equal(t, owner, found)
}

func testClaims(t *testing.T, engine Engine) {
	t.Helper()
	t.Run("an object is nobody's until a change claims it, and survives a crash", func(t *testing.T) {
		t.Parallel()
		journal := engine.open(t)
		p := sample(1)
		create(t, journal, p)
		claim := claimOf(p.ID, "inv-1")
		requireOwner(t, journal, claim, "")
		p = next(p, payment.Processing)
		require.NoError(t, journal.Save(t.Context(), payment.Change{Payment: p, Claim: claim}))
		requireOwner(t, engine.crash(t, journal), claim, p.ID)
		p = next(p, payment.Succeeded)
		require.NoError(t, journal.Save(t.Context(), payment.Change{Payment: p, Claim: claim}),
			"claiming it once more is no contradiction")
		requireOwner(t, journal, claim, p.ID)
	})

	t.Run("a second claim is refused, and writes nothing", func(t *testing.T) {
		t.Parallel()
		journal := engine.open(t)
		first, second, run := sample(1), sample(2), sampleRun(1)
		create(t, journal, first, second)
		createRun(t, journal, run)
		first = next(first, payment.Succeeded)
		require.NoError(t, journal.Save(t.Context(), payment.Change{Payment: first, Claim: claimOf(first.ID, "inv-1")}))

		err := journal.Save(t.Context(), payment.Change{
			Payment: next(second, payment.Succeeded), Attempts: []attempt.Attempt{attemptOf(second, 1)},
			Claim: claimOf(second.ID, "inv-1"),
		})
		require.ErrorIs(t, err, attempt.ErrClaimed)
		require.NotErrorIs(t, err, attempt.ErrJournal)
		requirePayment(t, journal, second)
		requireAttempts(t, journal, second.ID)

		err = journal.SaveRun(t.Context(),
			operation.Change{Run: nextRun(run, operation.Succeeded), Claim: claimOf(run.ID, "inv-1")})
		require.ErrorIs(t, err, attempt.ErrClaimed)
		requireRun(t, journal, run)
		requireOwner(t, journal, claimOf("", "inv-1"), first.ID)
	})

	t.Run("a run's object is no payment's", func(t *testing.T) {
		t.Parallel()
		journal := engine.open(t)
		p, run := sample(1), sampleRun(1)
		create(t, journal, p)
		createRun(t, journal, run)
		require.NoError(t,
			journal.SaveRun(t.Context(),
				operation.Change{Run: nextRun(run, operation.Succeeded), Claim: claimOf(run.ID, "inv-1")}))
		err := journal.Save(t.Context(),
			payment.Change{Payment: next(p, payment.Succeeded), Claim: claimOf(p.ID, "inv-1")})
		require.ErrorIs(t, err, attempt.ErrClaimed)
		requirePayment(t, journal, p)
	})

	t.Run("another account, type or reference is another object", func(t *testing.T) {
		t.Parallel()
		journal := engine.open(t)
		first, second := sample(1), sample(2)
		create(t, journal, first, second)
		require.NoError(t,
			journal.Save(t.Context(),
				payment.Change{Payment: next(first, payment.Succeeded), Claim: claimOf(first.ID, "1")}))
		for _, other := range []attempt.Claim{
			{Account: "paygram-asia", Object: "IssueInvoice", Reference: "1"},
			{Account: "paygram-eu", Object: "Withdraw", Reference: "1"},
			{Account: "paygram-eu", Object: "IssueInvoice", Reference: "2"},
		} {
			other.Owner = second.OwnerID()
			second = next(second, payment.Processing)
			require.NoError(t, journal.Save(t.Context(), payment.Change{Payment: second, Claim: &other}))
			requireOwner(t, journal, &other, second.ID)
		}
	})

	t.Run("nobody claims for another", func(t *testing.T) {
		t.Parallel()
		journal := engine.open(t)
		p := sample(1)
		create(t, journal, p)
		err := journal.Save(t.Context(),
			payment.Change{Payment: next(p, payment.Succeeded), Claim: claimOf("pay_other", "inv-1")})
		require.ErrorIs(t, err, attempt.ErrClaimed)
		requireOwner(t, journal, claimOf("", "inv-1"), "")
	})

	t.Run("of many at once one has it", func(t *testing.T) {
		t.Parallel()
		journal := engine.open(t)
		const many = 32
		var won atomic.Int32
		var all sync.WaitGroup
		for n := range many {
			p := sample(n + 1)
			create(t, journal, p)
			all.Go(func() {
				err := journal.Save(t.Context(),
					payment.Change{Payment: next(p, payment.Succeeded), Claim: claimOf(p.ID, "inv-1")})
				if err == nil {
					won.Add(1)
					return
				}
				assert.ErrorIs(t, err, attempt.ErrClaimed, fmt.Sprint(n))
			})
		}
		all.Wait()
		require.EqualValues(t, 1, won.Load())
	})
}
