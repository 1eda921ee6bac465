package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/attempt"
	"payrouter/host/operation"
	"payrouter/host/payment"
)

func testCrash(t *testing.T, engine Engine) {
	t.Helper()
	t.Run("a restart after a crash finds all that was acknowledged", func(t *testing.T) {
		t.Parallel()
		journal := engine.open(t)
		const many = 100
		errs := make([]error, many)
		together(many, func(n int) {
			p := sample(n)
			_, err := journal.Create(t.Context(), changeOf(p), keyOf(p))
			errs[n] = errors.Join(err,
				journal.Save(t.Context(), changeOf(next(p, payment.Processing), attemptOf(p, 1))),
				answer(t, journal, answerTo(p)))
		})
		require.NoError(t, errors.Join(errs...))

		found := engine.crash(t, journal)
		for n := range many {
			p := sample(n)
			requirePayment(t, found, next(p, payment.Processing))
			requireAttempts(t, found, p.ID, attemptOf(p, 1))
			key, err := found.Key(t.Context(), p.Merchant, keyOf(p).Value)
			require.NoError(t, err)
			require.Equal(t, answerTo(p), *key)
		}
		require.NoError(t,
			found.Save(t.Context(), changeOf(next(next(sample(1), payment.Processing), payment.Unknown))))
	})

	t.Run("a journal that is closed says that it is unavailable", func(t *testing.T) {
		t.Parallel()
		journal := engine.Open(t, time.Now)
		create(t, journal, sample(1))
		require.NoError(t, journal.Healthy())
		require.NoError(t, journal.Close())
		require.NoError(t, journal.Close(), "closing twice changes nothing")

		calls := map[string]func() error{
			"create": func() error {
				_,
					err := journal.Create(t.Context(), changeOf(sample(2)), keyOf(sample(2)))
				return err
			},
			"save": func() error {
				return journal.Save(t.Context(),
					changeOf(next(sample(1), payment.Failed)))
			},
			"answer":        func() error { return answer(t, journal, answerTo(sample(1))) },
			"payment":       func() error { _, err := journal.Payment(t.Context(), sample(1).ID); return err },
			"payments":      func() error { _, _, err := journal.Payments(t.Context(), payment.Filter{}); return err },
			"unfinished":    func() error { _, err := journal.Unfinished(t.Context(), "", 0); return err },
			"attempts":      func() error { _, err := journal.Attempts(t.Context(), sample(1).ID); return err },
			"open attempts": func() error { _, err := journal.OpenAttempts(t.Context(), "", 0); return err },
			"key":           func() error { _, err := journal.Key(t.Context(), "shop", "key"); return err },
			"purge keys":    func() error { _, err := journal.PurgeKeys(t.Context(), time.Hour, 0); return err },
			"by ours": func() error {
				_,
					err := journal.PaymentByReference(t.Context(), "paygram-eu", "r")
				return err
			},
			"by theirs": func() error {
				_,
					err := journal.PaymentByProviderReference(t.Context(), "paygram-eu", "r")
				return err
			},
			"due":      func() error { _, err := journal.Due(t.Context(), "paygram-eu", epoch(), 0); return err },
			"timeline": func() error { _, err := journal.Timeline(t.Context(), sample(1).ID); return err },
			"entries":  func() error { _, err := journal.Entries(t.Context(), "", 0, 0); return err },
			"create run": func() error {
				_, err := journal.CreateRun(t.Context(), sampleRun(1), keyOfRun(sampleRun(1)))
				return err
			},
			"save run": func() error {
				return journal.SaveRun(t.Context(),
					runChange(nextRun(sampleRun(1), operation.Failed)))
			},
			"run":             func() error { _, err := journal.Run(t.Context(), "op_1"); return err },
			"runs":            func() error { _, err := journal.Runs(t.Context(), operation.Filter{}); return err },
			"unfinished runs": func() error { _, err := journal.UnfinishedRuns(t.Context(), "", 0); return err },
			"healthy":         journal.Healthy,
		}
		for name, call := range calls {
			require.ErrorIs(t, call(), attempt.ErrJournal, name)
		}
	})
}

func answerTo(p payment.Payment) attempt.Key {
	key := keyOf(p)
	key.Status, key.Body = 201, []byte(`{"id":"`+p.ID+`"}`)
	return key
}

func answer(t *testing.T, journal Journal, key attempt.Key) error {
	t.Helper()
	_, err := journal.Answer(t.Context(), key)
	return err
}

func isStale(err error) bool { return errors.Is(err, payment.ErrStale) }
