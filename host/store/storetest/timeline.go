package storetest

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/host/attempt"
	"payrouter/host/payment"
	"payrouter/host/store"
)

// entryOf is an entry of a payment's timeline; n makes its id.
func entryOf(p payment.Payment, n int) payment.Entry {
	return payment.Entry{
		ID: fmt.Sprintf("evt_%s_%d", p.ID, n), PaymentID: p.ID, Merchant: p.Merchant, Type: payment.PaymentUpdated,
		At: p.UpdatedAt,
		ChangeCause: payment.ChangeCause{
			Cause: payment.ByOperator, CallbackID: "cb_1", Operator: "ann",
			Reason: "said \"so\"",
		},
		AttemptID: "att_1", Snapshot: []byte("{ \"amount\" : \"1.10\" }"),
	}
}

func testTimeline(t *testing.T, engine Engine) {
	t.Helper()
	t.Run("entries are written with the change that they tell of, and come back as they were", func(t *testing.T) {
		t.Parallel()
		journal := engine.open(t)
		p := sample(1)
		_, err := journal.Create(t.Context(), payment.Change{Payment: p, Entries: []payment.Entry{entryOf(p, 1)}},
			keyOf(p))
		require.NoError(t, err)
		p = next(p, payment.Processing)
		require.NoError(t,
			journal.Save(t.Context(),
				payment.Change{Payment: p, Entries: []payment.Entry{entryOf(p, 2), entryOf(p, 3)}}))

		found, err := engine.crash(t, journal).Timeline(t.Context(), p.ID)

		require.NoError(t, err)
		require.Len(t, found, 3)
		for i := range found {
			require.Equal(t, int64(i+1), found[i].Sequence)
			found[i].Sequence = 0
		}
		require.Equal(t, []payment.Entry{entryOf(sample(1), 1), entryOf(p, 2), entryOf(p, 3)}, found)
	})

	t.Run("a change that is refused tells nothing", func(t *testing.T) {
		t.Parallel()
		journal := engine.open(t)
		p := sample(1)
		create(t, journal, p)
		stale := next(next(p, payment.Processing), payment.Failed)
		require.ErrorIs(t,
			journal.Save(t.Context(), payment.Change{Payment: stale, Entries: []payment.Entry{entryOf(p, 1)}}),
			payment.ErrStale)
		_, err := journal.Create(t.Context(),
			payment.Change{Payment: sample(2), Entries: []payment.Entry{entryOf(sample(2), 1)}}, attempt.Key{
				Merchant: p.Merchant, Value: keyOf(p).Value, Owner: sample(2).OwnerID(),
			})
		require.NoError(t, err, "the key was used before")
		requireEntries(t, journal, "", 0)
	})

	t.Run("an entry that is refused takes the change with it", func(t *testing.T) {
		t.Parallel()
		journal := engine.open(t)
		p, other := sample(1), sample(2)
		create(t, journal, p, other)
		changed := next(p, payment.Processing)
		err := journal.Save(t.Context(),
			payment.Change{
				Payment: changed, Attempts: []attempt.Attempt{attemptOf(p, 1)},
				Entries: []payment.Entry{entryOf(p, 1), entryOf(p, 1)},
			})
		require.ErrorIs(t, err, store.ErrTaken)
		err = journal.Save(t.Context(), payment.Change{Payment: changed, Entries: []payment.Entry{entryOf(other, 1)}})
		require.ErrorIs(t, err, store.ErrTaken)
		requirePayment(t, journal, p)
		requireAttempts(t, journal, p.ID)
		requireEntries(t, journal, "", 0)
	})

	t.Run("a merchant catches up with its own entries, page by page", func(t *testing.T) {
		t.Parallel()
		journal := engine.open(t)
		var mine, all []string
		for n := range 12 {
			p := sample(n)
			if n%3 == 0 {
				p.Merchant = "stall"
			}
			_, err := journal.Create(t.Context(), payment.Change{Payment: p, Entries: []payment.Entry{entryOf(p, 1)}},
				keyOf(p))
			require.NoError(t, err)
			all = append(all, entryOf(p, 1).ID)
			if p.Merchant == "shop" {
				mine = append(mine, entryOf(p, 1).ID)
			}
		}
		requireEntries(t, journal, "", 0, all...)
		requireEntries(t, journal, "shop", 0, mine...)
		requireEntries(t, journal, "nobody", 0)
		var seen []string
		for after := int64(0); ; {
			page, err := journal.Entries(t.Context(), "shop", after, 3)
			require.NoError(t, err)
			if len(page) == 0 {
				break
			}
			require.LessOrEqual(t, len(page), 3)
			for _, e := range page {
				require.Greater(t, e.Sequence, after)
				after = e.Sequence
				seen = append(seen, e.ID)
			}
		}
		require.Equal(t, mine, seen)
	})
}

func requireEntries(t *testing.T, journal Journal, merchant string, after int64, want ...string) {
	t.Helper()
	found, err := journal.Entries(t.Context(), merchant, after, 0)
	require.NoError(t, err)
	var got []string
	for _, e := range found {
		got = append(got, e.ID)
	}
	require.Equal(t, want, got)
}
