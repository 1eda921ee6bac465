package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/attempt"
	"payrouter/host/payment"
)

func testReferences(t *testing.T, engine Engine) {
	t.Helper()
	t.Run("a payment is found by our reference at a provider, and by theirs", func(t *testing.T) {
		t.Parallel()
		journal := engine.open(t)
		p, other := sample(1), sample(2)
		create(t, journal, p, other)
		first, second := attemptOf(p, 1), attemptOf(p, 2)
		first.Reference = "ours"
		second.Provider, second.Reference = "payplay", "ours too"
		p = next(p, payment.Processing)
		p.Provider, p.ProviderReference = "payplay", "theirs"
		require.NoError(t, journal.Save(t.Context(), changeOf(p, first, second)))
		for _, row := range []struct {
			provider, reference string
			found               bool
		}{
			{found: true, provider: "paygram-eu", reference: "ours"},
			{found: true, provider: "payplay", reference: "ours too"},
			{found: false, provider: "payplay", reference: "ours"},
			{found: false, provider: "payplay", reference: ""},
			{found: false, provider: "payplay", reference: "theirs"},
		} {
			got, err := journal.PaymentByReference(t.Context(), row.provider, row.reference)
			if !row.found {
				require.ErrorIs(t, err, payment.ErrNotFound)
				continue
			}
			require.NoError(t, err)
			require.Equal(t, p, got)
		}
		got, err := journal.PaymentByProviderReference(t.Context(), "payplay", "theirs")
		require.NoError(t, err)
		require.Equal(t, p, got)
		for _, row := range [][2]string{{"paygram-eu", "theirs"}, {"payplay", "ours"}, {"payplay", ""}} {
			_, err := journal.PaymentByProviderReference(t.Context(), row[0], row[1])
			require.ErrorIs(t, err, payment.ErrNotFound)
		}
	})

	t.Run("a payment is found under the references that it has now", func(t *testing.T) {
		t.Parallel()
		journal := engine.open(t)
		p := sample(1)
		create(t, journal, p)
		made := attemptOf(p, 1)
		p = next(p, payment.Processing)
		p.Provider, p.ProviderReference = "payplay", "first"
		require.NoError(t, journal.Save(t.Context(), changeOf(p, made)))
		done := closed(made, attempt.Accepted)
		done.Reference = "ours"
		p = next(p, payment.Processing)
		p.ProviderReference = "second"
		require.NoError(t, journal.Save(t.Context(), changeOf(p, done)))
		got, err := journal.PaymentByReference(t.Context(), done.Provider, "ours")
		require.NoError(t, err)
		require.Equal(t, p, got)
		got, err = journal.PaymentByProviderReference(t.Context(), "payplay", "second")
		require.NoError(t, err)
		require.Equal(t, p, got)
		_, err = journal.PaymentByProviderReference(t.Context(), "payplay", "first")
		require.ErrorIs(t, err, payment.ErrNotFound)
	})

	t.Run("a reference that names two payments names none", func(t *testing.T) {
		t.Parallel()
		journal := engine.open(t)
		for n := range 2 {
			p := sample(n)
			create(t, journal, p)
			made := attemptOf(p, 1)
			made.Reference = "ours"
			p = next(p, payment.Processing)
			p.Provider, p.ProviderReference = "paygram-eu", "theirs"
			require.NoError(t, journal.Save(t.Context(), changeOf(p, made)))
		}
		_, err := journal.PaymentByReference(t.Context(), "paygram-eu", "ours")
		require.ErrorIs(t, err, payment.ErrAmbiguous)
		_, err = journal.PaymentByProviderReference(t.Context(), "paygram-eu", "theirs")
		require.ErrorIs(t, err, payment.ErrAmbiguous)
	})
}

func testDue(t *testing.T, engine Engine) {
	t.Helper()
	t.Run("payments are due at their provider from the moment on that they name, the longest due first",
		func(t *testing.T) {
			t.Parallel()
			journal := engine.open(t)
			at := func(n int, provider string, due time.Time) payment.Payment {
				p := sample(n)
				p.Provider, p.NextCheck = provider, due
				create(t, journal, p)
				return p
			}
			later, sooner, never := at(1, "payplay", epoch().Add(2)), at(2, "payplay", epoch().Add(1)), at(3, "payplay",
				time.Time{})
			at(4, "paygrt", epoch())

			waiting, err := journal.Waiting(t.Context())
			require.NoError(t, err)
			require.Equal(t, []string{"paygrt", "payplay"}, waiting)
			requireDue(t, journal, epoch())
			requireDue(t, journal, epoch().Add(1), sooner)
			requireDue(t, journal, epoch().Add(2), sooner, later)
			requireDue(t, journal, epoch().Add(1000*time.Hour), sooner, later)
			few, err := journal.Due(t.Context(), "payplay", epoch().Add(2), 1)
			require.NoError(t, err)
			require.Equal(t, []payment.Payment{sooner}, few)

			settled, moved := next(sooner, payment.Succeeded), next(later, payment.Processing)
			settled.NextCheck, moved.NextCheck = time.Time{}, epoch().Add(time.Hour)
			require.NoError(t, journal.Save(t.Context(), changeOf(settled)))
			require.NoError(t, journal.Save(t.Context(), changeOf(moved)))
			requireDue(t, journal, epoch().Add(2))
			requireDue(t, journal, epoch().Add(time.Hour), moved)
			woken := next(never, payment.Unknown)
			woken.NextCheck = epoch()
			require.NoError(t, journal.Save(t.Context(), changeOf(woken)))
			requireDue(t, journal, epoch(), woken)
		})
}

func testDueNowhere(t *testing.T, engine Engine) {
	t.Helper()
	t.Run("payments that no provider has are due under an empty name, and at no provider", func(t *testing.T) {
		t.Parallel()
		journal := engine.open(t)
		waits, stranded, elsewhere := sample(1), sample(2), sample(3)
		for _, p := range []*payment.Payment{&waits, &stranded} {
			p.Status, p.Provider = payment.AwaitingApproval, ""
		}
		waits.NextCheck, stranded.NextCheck = epoch().Add(time.Second), epoch().Add(100*time.Hour)
		elsewhere.Provider, elsewhere.NextCheck = "payplay", epoch()
		create(t, journal, waits, stranded, elsewhere)

		due, err := journal.Due(t.Context(), "", epoch(), 0)
		require.NoError(t, err)
		require.Equal(t, []payment.Payment{stranded}, due, "a wall clock that was ahead planned it")
		due, err = journal.Due(t.Context(), "", epoch().Add(time.Second), 0)
		require.NoError(t, err)
		require.Equal(t, []payment.Payment{stranded, waits}, due)
		requireDue(t, journal, epoch().Add(time.Second), elsewhere)
		waiting, err := journal.Waiting(t.Context())
		require.NoError(t, err)
		require.Equal(t, []string{"payplay"}, waiting)
		unfinished, err := journal.Unfinished(t.Context(), "", 0)
		require.NoError(t, err)
		require.NotContains(t, unfinished, waits, "recovery passes over what awaits approval")
	})
}

func requireDue(t *testing.T, journal Journal, now time.Time, want ...payment.Payment) {
	t.Helper()
	got, err := journal.Due(t.Context(), "payplay", now, 0)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func testPurge(t *testing.T, engine Engine) {
	t.Helper()
	t.Run("a key is forgotten once its payment has been terminal for longer than its lifetime, and never before it is",
		func(t *testing.T) {
			t.Parallel()
			clock := newClock()
			journal := engine.openAt(t, clock.now)
			var standing []payment.Payment
			for n, status := range payment.Statuses() {
				p := sample(n)
				if status == payment.AwaitingApproval {
					p.Status = status
				}
				create(t, journal, p)
				p = next(p, status)
				// The payment's own times are by the wall clock: no lifetime counts by them.
				p.StatusAt = epoch().Add(-time.Duration(n) * 10_000 * time.Hour)
				require.NoError(t, journal.Save(t.Context(), changeOf(p)))
				standing = append(standing, p)
				clock.advance(time.Hour)
			}
			for i, p := range standing {
				// A later change does not make the payment terminal anew.
				standing[i] = next(p, p.Status)
				require.NoError(t, journal.Save(t.Context(), changeOf(standing[i])))
			}
			kept := func() (kept []payment.Status) {
				for _, p := range standing {
					key, err := journal.Key(t.Context(), p.Merchant, keyOf(p).Value)
					require.NoError(t, err)
					if key != nil {
						kept = append(kept, p.Status)
					}
				}
				return kept
			}
			purge := func(lifetime time.Duration, limit, want int) {
				t.Helper()
				got, err := journal.PurgeKeys(t.Context(), lifetime, limit)
				require.NoError(t, err)
				require.Equal(t, want, got)
			}
			// awaiting_approval, created, processing, requires_action, succeeded, failed, canceled, expired, unknown: 9
			// hours ago to 1 hour ago.
			purge(5*time.Hour, 0, 0)
			purge(5*time.Hour-time.Millisecond, 0, 1)
			require.NotContains(t, kept(), payment.Succeeded)
			purge(0, 2, 2)
			require.Contains(t, kept(), payment.Expired)
			purge(0, 0, 1)
			require.Equal(t,
				[]payment.Status{
					payment.AwaitingApproval, payment.Created, payment.Processing, payment.RequiresAction, payment.Unknown,
				},
				kept())
			for _, p := range standing {
				requirePayment(t, journal, p)
			}
		})

	t.Run("a key that was forgotten makes nothing new, and another's key of the same text does", func(t *testing.T) {
		t.Parallel()
		clock := newClock()
		journal := engine.openAt(t, clock.now)
		p, again, other := sample(1), sample(2), sample(3)
		p.Status = payment.Failed
		create(t, journal, p)
		clock.advance(time.Second)
		purged, err := journal.PurgeKeys(t.Context(), 0, 0)
		require.NoError(t, err)
		require.Equal(t, 1, purged)
		key := keyOf(again)
		key.Value = keyOf(p).Value
		earlier, err := journal.Create(t.Context(), changeOf(again), key)
		require.ErrorIs(t, err, payment.ErrKeyExpired)
		require.Nil(t, earlier)
		_, err = journal.Payment(t.Context(), again.ID)
		require.ErrorIs(t, err, payment.ErrNotFound)

		other.Merchant = "another shop"
		key = keyOf(other)
		key.Value = keyOf(p).Value
		earlier, err = journal.Create(t.Context(), changeOf(other), key)
		require.NoError(t, err)
		require.Nil(t, earlier)
	})

	t.Run("a payment whose check was planned by a clock that was ahead is due", func(t *testing.T) {
		t.Parallel()
		journal := engine.open(t)
		stranded, planned := sample(1), sample(2)
		stranded.Provider, stranded.NextCheck = "payplay", epoch().Add(payment.FurthestCheck+1)
		planned.Provider, planned.NextCheck = "payplay", epoch().Add(payment.FurthestCheck)
		create(t, journal, stranded, planned)
		requireDue(t, journal, epoch(), stranded)
		requireDue(t, journal, epoch().Add(payment.FurthestCheck), planned)
		late := sample(3)
		late.Provider, late.NextCheck = "payplay", epoch().Add(-time.Hour)
		create(t, journal, late)
		first, err := journal.Due(t.Context(), "payplay", epoch(), 1)
		require.NoError(t, err)
		require.Len(t, first, 1)
		require.Equal(t, stranded.ID, first[0].ID, "what waits longest, nobody knows how long, is not starved")
		late.NextCheck, late.Version = time.Time{}, late.Version+1
		require.NoError(t, journal.Save(t.Context(), payment.Change{Payment: late}))
		requireDue(t, journal, epoch().Add(payment.FurthestCheck+1), planned, stranded)
	})
}
