package storetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/host/attempt"
	"payrouter/host/payment"
	"payrouter/host/store"
)

func testSave(t *testing.T, engine Engine) {
	t.Helper()
	t.Run("a change at any version but the next is stale and writes nothing", func(t *testing.T) {
		t.Parallel()
		journal := engine.open(t)
		p := sample(1)
		create(t, journal, p)
		p = next(p, payment.Processing)
		require.NoError(t, journal.Save(t.Context(), changeOf(p)))
		for _, version := range []int64{-1, 0, 1, 2, 4, 1 << 40} {
			other := next(p, payment.Failed)
			other.Version = version
			err := journal.Save(t.Context(), changeOf(other, attemptOf(p, 1)))
			require.ErrorIs(t, err, payment.ErrStale, "version %d", version)
			require.NotErrorIs(t, err, attempt.ErrJournal)
		}
		requirePayment(t, journal, p)
		requireAttempts(t, journal, p.ID)
	})

	t.Run("a payment that was never made cannot be saved", func(t *testing.T) {
		t.Parallel()
		err := engine.open(t).Save(t.Context(), changeOf(next(sample(1), payment.Failed)))
		require.ErrorIs(t, err, payment.ErrNotFound)
	})

	t.Run("a terminal status never changes, and nothing comes to await approval", func(t *testing.T) {
		t.Parallel()
		journal := engine.open(t)
		n := 0
		for _, from := range payment.Statuses() {
			for _, to := range payment.Statuses() {
				n++
				p := sample(n)
				p.Status = from
				create(t, journal, p)
				changed := next(p, to)
				err := journal.Save(t.Context(), changeOf(changed))
				if from.Terminal() && from != to {
					require.ErrorIs(t, err, store.ErrTerminal, "from %s to %s", from, to)
					requirePayment(t, journal, p)
					continue
				}
				if to == payment.AwaitingApproval && from != to {
					require.ErrorIs(t, err, store.ErrDecided, "from %s", from)
					requirePayment(t, journal, p)
					continue
				}
				require.NoError(t, err, "from %s to %s", from, to)
				requirePayment(t, journal, changed)
			}
		}
	})

	t.Run("a terminal payment can be marked as a conflict about money", func(t *testing.T) {
		t.Parallel()
		journal := engine.open(t)
		p := sample(1)
		p.Status = payment.Failed
		create(t, journal, p)
		marked := next(p, payment.Failed)
		marked.MoneyConflict, marked.Alert = true, "paid after it failed"
		require.NoError(t, journal.Save(t.Context(), changeOf(marked)))
		requirePayment(t, journal, marked)
	})

	t.Run("merchant and time of creation never change", func(t *testing.T) {
		t.Parallel()
		journal := engine.open(t)
		p := sample(1)
		create(t, journal, p)
		moved, aged := next(p, payment.Processing), next(p, payment.Processing)
		moved.Merchant = "another shop"
		aged.CreatedAt = aged.CreatedAt.Add(1)
		require.ErrorIs(t, journal.Save(t.Context(), changeOf(moved)), store.ErrFixed)
		require.ErrorIs(t, journal.Save(t.Context(), changeOf(aged)), store.ErrFixed)
		requirePayment(t, journal, p)
	})

	t.Run("a refused attempt takes the payment's change and the other attempts with it", func(t *testing.T) {
		t.Parallel()
		journal := engine.open(t)
		p, other := sample(1), sample(2)
		create(t, journal, p, other)
		require.NoError(t, journal.Save(t.Context(), changeOf(next(other, payment.Processing), attemptOf(other, 1))))
		stolen := attemptOf(other, 1)
		stolen.Owner = p.OwnerID()
		err := journal.Save(t.Context(), changeOf(next(p, payment.Processing), attemptOf(p, 1), stolen))
		require.ErrorIs(t, err, store.ErrTaken)
		requirePayment(t, journal, p)
		requireAttempts(t, journal, p.ID)
		requireAttempts(t, journal, other.ID, attemptOf(other, 1))
	})
}
