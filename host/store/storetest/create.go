package storetest

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"payrouter/host/attempt"
	"payrouter/host/payment"
	"payrouter/host/store"
)

func testCreate(t *testing.T, engine Engine) {
	t.Helper()
	t.Run("whatever a payment, a key and attempts hold comes back as it was", func(t *testing.T) {
		t.Parallel()
		journal := engine.open(t)
		n := 0
		rapid.Check(t, func(t *rapid.T) {
			n++
			p := anyPayment(t, fmt.Sprintf("pay_%d", n), rapid.Int64Range(0, 1<<40).Draw(t, "version"))
			key := anyKey(t, p, fmt.Sprintf("%d %s", n, anyText().Draw(t, "key")))
			made := changeOf(p)
			if rapid.Bool().Draw(t, "with its first attempt") {
				made.Attempts = []attempt.Attempt{anyAttempt(t, p, 1)}
				made.Attempts[0].Event = ""
			}
			earlier, err := journal.Create(context.Background(), made, key)
			require.NoError(t, err)
			require.Nil(t, earlier)
			requirePayment(t, journal, p)
			requireAttempts(t, journal, p.ID, made.Attempts...)
			found, err := journal.Key(context.Background(), key.Merchant, key.Value)
			require.NoError(t, err)
			require.Equal(t, &key, found)

			changed := anyPayment(t, p.ID, p.Version+1)
			changed.Merchant, changed.CreatedAt, changed.Kind = p.Merchant, p.CreatedAt, p.Kind
			if p.Status.Terminal() || changed.Status == payment.AwaitingApproval {
				changed.Status = p.Status
			}
			open := anyAttempt(t, p, 1)
			open.Event = ""
			require.NoError(t, journal.Save(context.Background(), changeOf(changed, open)))
			requirePayment(t, journal, changed)
			requireAttempts(t, journal, p.ID, open)

			attempts := []attempt.Attempt{anyAttempt(t, p, 1), anyAttempt(t, p, 2)}
			changed.Version++
			require.NoError(t, journal.Save(context.Background(), changeOf(changed, attempts...)))
			requireAttempts(t, journal, p.ID, attempts...)
		})
	})

	t.Run("a payment that was never made is not found", func(t *testing.T) {
		t.Parallel()
		_, err := engine.open(t).Payment(t.Context(), "pay_none")
		require.ErrorIs(t, err, payment.ErrNotFound)
	})

	t.Run("an id that is taken writes neither payment nor key", func(t *testing.T) {
		t.Parallel()
		journal := engine.open(t)
		first, second := sample(1), sample(1)
		create(t, journal, first)
		second.Amount = "1.00"
		key := keyOf(second)
		key.Value = "another"
		_, err := journal.Create(t.Context(), changeOf(second), key)
		require.ErrorIs(t, err, store.ErrTaken)
		require.NotErrorIs(t, err, attempt.ErrJournal)
		requirePayment(t, journal, first)
		unused, err := journal.Key(t.Context(), key.Merchant, key.Value)
		require.NoError(t, err)
		require.Nil(t, unused)
	})

	t.Run("a key for another payment or merchant writes nothing", func(t *testing.T) {
		t.Parallel()
		journal := engine.open(t)
		p, other := sample(1), sample(2)
		create(t, journal, other)
		for _, change := range []func(*attempt.Key){
			func(key *attempt.Key) { key.Owner = "pay_none" },
			func(key *attempt.Key) { key.Owner = other.OwnerID() },
			func(key *attempt.Key) { key.Merchant = "other" },
		} {
			key := keyOf(p)
			change(&key)
			_, err := journal.Create(t.Context(), changeOf(p), key)
			require.Error(t, err)
			_, err = journal.Payment(t.Context(), p.ID)
			require.ErrorIs(t, err, payment.ErrNotFound)
		}
	})
}

func testKeys(t *testing.T, engine Engine) {
	t.Helper()
	t.Run("a key that was used gives the earlier one and writes nothing", func(t *testing.T) {
		t.Parallel()
		journal := engine.open(t)
		first, second := sample(1), sample(2)
		create(t, journal, first)
		again := keyOf(first)
		again.Owner, again.Fingerprint = second.OwnerID(), "another body"
		earlier, err := journal.Create(t.Context(), changeOf(second), again)
		require.NoError(t, err)
		require.Equal(t, keyOf(first), *earlier)
		_, err = journal.Payment(t.Context(), second.ID)
		require.ErrorIs(t, err, payment.ErrNotFound)
	})

	t.Run("two merchants may use the same key", func(t *testing.T) {
		t.Parallel()
		journal := engine.open(t)
		first, second := sample(1), sample(2)
		second.Merchant = "another shop"
		create(t, journal, first)
		key := keyOf(second)
		key.Value = keyOf(first).Value
		earlier, err := journal.Create(t.Context(), changeOf(second), key)
		require.NoError(t, err)
		require.Nil(t, earlier)
		requirePayment(t, journal, second)
	})

	t.Run("keys differ by case and white space", func(t *testing.T) {
		t.Parallel()
		journal := engine.open(t)
		for i, value := range []string{"k", "K", "k ", " k", ""} {
			p := sample(i)
			key := keyOf(p)
			key.Value = value
			earlier, err := journal.Create(t.Context(), changeOf(p), key)
			require.NoError(t, err)
			require.Nil(t, earlier, "%q", value)
		}
	})

	t.Run("a key that was never used is none", func(t *testing.T) {
		t.Parallel()
		key, err := engine.open(t).Key(t.Context(), "shop", "never")
		require.NoError(t, err)
		require.Nil(t, key)
	})

	t.Run("the first answer stands", func(t *testing.T) {
		t.Parallel()
		journal := engine.open(t)
		p := sample(1)
		create(t, journal, p)
		answered, later := keyOf(p), keyOf(p)
		answered.Status, answered.Body = 201, []byte("{\"id\": 1}\n\x00\xff")
		later.Status, later.Body = 500, []byte("too late")
		for _, key := range []attempt.Key{answered, later} {
			standing, err := journal.Answer(t.Context(), key)
			require.NoError(t, err)
			require.Equal(t, answered, standing)
		}
		found, err := journal.Key(t.Context(), p.Merchant, answered.Value)
		require.NoError(t, err)
		require.Equal(t, answered, *found)
		earlier, err := journal.Create(t.Context(), changeOf(p), keyOf(p))
		require.NoError(t, err)
		require.Equal(t, answered, *earlier)
	})

	t.Run("an answer is written with a change, and the first stands", func(t *testing.T) {
		t.Parallel()
		journal := engine.open(t)
		p := sample(1)
		create(t, journal, p, sample(2))
		answered := keyOf(p)
		for n, body := range []string{"{\"id\": 1}\n\x00\xff", "too late"} {
			p = next(p, payment.Processing)
			change := changeOf(p)
			change.Answer = &attempt.Answer{Status: 201 + n, Body: []byte(body)}
			require.NoError(t, journal.Save(t.Context(), change))
			if n == 0 {
				answered.Status, answered.Body = change.Answer.Status, change.Answer.Body
			}
			found, err := journal.Key(t.Context(), p.Merchant, answered.Value)
			require.NoError(t, err)
			require.Equal(t, answered, *found)
		}
		later := answered
		later.Status, later.Body = 500, []byte("too late")
		standing, err := journal.Answer(t.Context(), later)
		require.NoError(t, err)
		require.Equal(t, answered, standing)
		another, err := journal.Key(t.Context(), p.Merchant, keyOf(sample(2)).Value)
		require.NoError(t, err)
		require.Equal(t, keyOf(sample(2)), *another)
	})

	t.Run("a change that is refused answers nothing", func(t *testing.T) {
		t.Parallel()
		journal := engine.open(t)
		p := sample(1)
		create(t, journal, p)
		stale := changeOf(p)
		stale.Answer = &attempt.Answer{Status: 201, Body: []byte("{}")}
		require.ErrorIs(t, journal.Save(t.Context(), stale), payment.ErrStale)
		found, err := journal.Key(t.Context(), p.Merchant, keyOf(p).Value)
		require.NoError(t, err)
		require.Equal(t, keyOf(p), *found)
	})

	t.Run("what is no answer is refused", func(t *testing.T) {
		t.Parallel()
		journal := engine.open(t)
		p := sample(1)
		create(t, journal, p)
		require.Error(t, answer(t, journal, keyOf(p)))
	})

	t.Run("an answer to a key that was never used is not found", func(t *testing.T) {
		t.Parallel()
		err := answer(t, engine.open(t), attempt.Key{Merchant: "shop", Value: "never", Status: 201})
		require.ErrorIs(t, err, payment.ErrNotFound)
	})
}
