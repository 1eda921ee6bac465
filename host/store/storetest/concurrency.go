package storetest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/host/attempt"
	"payrouter/host/payment"
	"payrouter/host/store"
)

func testConcurrency(t *testing.T, engine Engine) {
	t.Helper()
	const many = 300

	t.Run("hundreds of creates with one key make one payment", func(t *testing.T) {
		t.Parallel()
		journal := engine.open(t)
		made := make([]string, many)
		together(many, func(n int) {
			p := sample(n)
			key := keyOf(p)
			key.Value = "one key"
			earlier, err := journal.Create(t.Context(), changeOf(p), key)
			if err == nil && earlier == nil {
				earlier = &key
			}
			if err == nil {
				made[n] = string(earlier.Owner)
			}
		})
		all, _, err := journal.Payments(t.Context(), payment.Filter{Limit: many})
		require.NoError(t, err)
		require.Len(t, all, 1)
		for n := range many {
			require.Equal(t, all[0].ID, made[n])
		}
	})

	t.Run("of hundreds of changes at one version one is made", func(t *testing.T) {
		t.Parallel()
		journal := engine.open(t)
		p := sample(1)
		create(t, journal, p)
		var won, stale atomic.Int64
		var winner atomic.Pointer[payment.Payment]
		together(many, func(n int) {
			changed := next(p, payment.Processing)
			changed.ProviderReference = fmt.Sprint(n)
			made := attemptOf(p, 1)
			made.ID = attempt.ID(fmt.Sprintf("att_%d", n))
			if err := journal.Save(t.Context(), changeOf(changed, made)); err == nil {
				won.Add(1)
				winner.Store(&changed)
			} else if isStale(err) {
				stale.Add(1)
			}
		})
		require.EqualValues(t, 1, won.Load())
		require.EqualValues(t, many-1, stale.Load())
		requirePayment(t, journal, *winner.Load())
		attempts, err := journal.Attempts(t.Context(), p.ID)
		require.NoError(t, err)
		require.Len(t, attempts, 1)
		require.EqualValues(t, "att_"+winner.Load().ProviderReference, attempts[0].ID)
	})

	t.Run("what is refused hurts nothing that is written at the same time", func(t *testing.T) {
		t.Parallel()
		journal := engine.open(t)
		standing := sample(many)
		create(t, journal, standing)
		sameNumber := attemptOf(standing, 1)
		sameNumber.ID = "att_other"
		errs := make([]error, many)
		together(many, func(n int) {
			p := sample(n)
			if n%3 == 0 { // refused after its payment was written
				errs[n] = journal.Save(t.Context(),
					changeOf(next(standing, payment.Processing), attemptOf(standing, 1), sameNumber))
				return
			}
			_, errs[n] = journal.Create(t.Context(), changeOf(p), keyOf(p))
		})
		for n := range many {
			if n%3 == 0 {
				require.ErrorIs(t, errs[n], store.ErrTaken)
				continue
			}
			require.NoError(t, errs[n])
			requirePayment(t, journal, sample(n))
		}
		requirePayment(t, journal, standing)
		requireAttempts(t, journal, standing.ID)
	})

	t.Run("each payment's changes are seen in their order by whoever reads", func(t *testing.T) {
		t.Parallel()
		journal := engine.open(t)
		p := sample(1)
		create(t, journal, p)
		id := p.ID
		ctx, stop := context.WithCancel(t.Context())
		var readers sync.WaitGroup
		var backwards atomic.Bool
		for range 4 {
			readers.Go(func() {
				last := int64(0)
				for ctx.Err() == nil {
					got, err := journal.Payment(t.Context(), id)
					if err != nil || got.Version < last {
						backwards.Store(true)
						return
					}
					last = got.Version
				}
			})
		}
		for range 50 {
			p = next(p, payment.Processing)
			require.NoError(t, journal.Save(t.Context(), changeOf(p)))
			requirePayment(t, journal, p)
		}
		stop()
		readers.Wait()
		require.False(t, backwards.Load())
	})

	t.Run("a caller who has gone writes nothing", func(t *testing.T) {
		t.Parallel()
		journal := engine.open(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for n := range 20 {
			_, err := journal.Create(ctx, changeOf(sample(n)), keyOf(sample(n)))
			require.ErrorIs(t, err, context.Canceled)
			_, err = journal.Payment(t.Context(), sample(n).ID)
			require.ErrorIs(t, err, payment.ErrNotFound)
		}
		_, _, err := journal.Payments(ctx, payment.Filter{})
		require.ErrorIs(t, err, context.Canceled)
		require.NotErrorIs(t, err, attempt.ErrJournal)
	})
}

// together runs all at once and waits for them.
func together(count int, run func(n int)) {
	var all sync.WaitGroup
	start := make(chan struct{})
	for n := range count {
		all.Go(func() {
			<-start
			run(n)
		})
	}
	close(start)
	all.Wait()
}
