package storetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/host/attempt"
	"payrouter/host/payment"
	"payrouter/host/store"
)

func testAttempts(t *testing.T, engine Engine) {
	t.Helper()
	t.Run("attempts come by number", func(t *testing.T) {
		t.Parallel()
		journal := engine.open(t)
		p := sample(1)
		create(t, journal, p)
		first, second, tenth := attemptOf(p, 1), attemptOf(p, 2), attemptOf(p, 10)
		require.NoError(t, journal.Save(t.Context(), changeOf(next(p, payment.Processing), tenth, second, first)))
		requireAttempts(t, journal, p.ID, first, second, tenth)
		requireAttempts(t, journal, "pay_none")
	})

	t.Run("an attempt is found by its id", func(t *testing.T) {
		t.Parallel()
		journal := engine.open(t)
		p := sample(1)
		create(t, journal, p)
		first, second := attemptOf(p, 1), attemptOf(p, 2)
		require.NoError(t, journal.Save(t.Context(), changeOf(next(p, payment.Processing), first, second)))
		found, err := journal.Attempt(t.Context(), second.ID)
		require.NoError(t, err)
		require.Equal(t, second, found)
		_, err = journal.Attempt(t.Context(), "att_none")
		require.ErrorIs(t, err, payment.ErrNotFound)
	})

	t.Run("an open attempt is closed once", func(t *testing.T) {
		t.Parallel()
		journal := engine.open(t)
		p := sample(1)
		create(t, journal, p)
		p = next(p, payment.Processing)
		require.NoError(t, journal.Save(t.Context(), changeOf(p, attemptOf(p, 1))))
		requireAttempts(t, journal, p.ID, attemptOf(p, 1))
		done := closed(attemptOf(p, 1), attempt.Unanswered)
		p = next(p, payment.Unknown)
		require.NoError(t, journal.Save(t.Context(), changeOf(p, done)))
		requireAttempts(t, journal, p.ID, done)

		changes := map[string]func(*attempt.Attempt){
			"opened again":     func(a *attempt.Attempt) { a.Event = "" },
			"another event":    func(a *attempt.Attempt) { a.Event = attempt.NotSent },
			"said not sent":    func(a *attempt.Attempt) { a.Sent = false },
			"another answer":   func(a *attempt.Attempt) { a.Response = []byte(`{}`) },
			"another request":  func(a *attempt.Attempt) { a.Request = []byte(`{"method":"POST"}`) },
			"another call":     func(a *attempt.Attempt) { a.Call = []byte{1} },
			"another state":    func(a *attempt.Attempt) { a.State = []byte{1} },
			"another error":    func(a *attempt.Attempt) { a.Error = "x" },
			"marked abandoned": func(a *attempt.Attempt) { a.Abandoned = true },
		}
		for what, change := range changes {
			altered := done
			change(&altered)
			require.ErrorIs(t, journal.Save(t.Context(), changeOf(next(p, payment.Failed), altered)), store.ErrClosed,
				what)
		}
		requirePayment(t, journal, p)
		requireAttempts(t, journal, p.ID, done)
	})

	t.Run("a closed attempt may be saved again as it is", func(t *testing.T) {
		t.Parallel()
		journal := engine.open(t)
		p := sample(1)
		create(t, journal, p)
		done := closed(attemptOf(p, 1), attempt.Accepted)
		p = next(p, payment.Processing)
		require.NoError(t, journal.Save(t.Context(), changeOf(p, done)))
		p = next(p, payment.Succeeded)
		require.NoError(t, journal.Save(t.Context(), changeOf(p, done, attemptOf(p, 2))))
		requireAttempts(t, journal, p.ID, done, attemptOf(p, 2))
	})

	t.Run("neither id nor number is given twice", func(t *testing.T) {
		t.Parallel()
		journal := engine.open(t)
		p := sample(1)
		create(t, journal, p)
		p = next(p, payment.Processing)
		require.NoError(t, journal.Save(t.Context(), changeOf(p, attemptOf(p, 1))))
		sameNumber, sameID, elsewhere := attemptOf(p, 1), attemptOf(p, 1), attemptOf(sample(2), 1)
		sameNumber.ID = "att_other"
		sameID.Number = 2
		for _, a := range []attempt.Attempt{sameNumber, sameID, elsewhere} {
			require.ErrorIs(t, journal.Save(t.Context(), changeOf(next(p, payment.Failed), a)), store.ErrTaken)
		}
		requirePayment(t, journal, p)
		requireAttempts(t, journal, p.ID, attemptOf(p, 1))
	})

	t.Run("open attempts of all payments are found, page by page", func(t *testing.T) {
		t.Parallel()
		journal := engine.open(t)
		var open []attempt.Attempt
		for n := range 5 {
			p := sample(n)
			create(t, journal, p)
			left := attemptOf(p, 2)
			require.NoError(t,
				journal.Save(t.Context(),
					changeOf(next(p, payment.Processing), closed(attemptOf(p, 1), attempt.NotSent), left)))
			open = append(open, left)
		}
		p := next(next(sample(3), payment.Processing), payment.Unknown)
		require.NoError(t, journal.Save(t.Context(), changeOf(p, closed(attemptOf(sample(3), 2), attempt.Unanswered))))
		open = append(open[:3], open[4])

		all, err := journal.OpenAttempts(t.Context(), "", 0)
		require.NoError(t, err)
		require.Equal(t, open, all)
		page, err := journal.OpenAttempts(t.Context(), open[0].ID, 2)
		require.NoError(t, err)
		require.Equal(t, open[1:3], page)
	})
}
