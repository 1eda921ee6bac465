package quote_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/attempt"
	"payrouter/host/quote"
)

// A person who asks waits for those that a decision would not wait for, and is told why of the others.
func TestASurveyWaitsAndSaysWhy(t *testing.T) {
	t.Parallel()
	inTown(t, nil, func(b *quote.Cache, providers *fixture) {
		declined := &attempt.DeclinedError{Failure: &attempt.Failure{Code: "limit_exceeded", Message: "too little"}}
		providers.set("quick", 0, "99", nil)
		providers.set("slow", 5*time.Second, "98", nil)
		providers.set("declines", 0, "0", declined)
		providers.set("fails", 0, "0", attempt.ErrUnanswered)
		all := []string{"quick", "slow", "declines", "fails"}

		offers, none := b.Survey(context.Background(), order("100"), all)
		require.Len(t, offers, 2)
		require.Equal(t, "1", offers["quick"].Price)
		require.Equal(t, "2", offers["slow"].Price)
		require.Len(t, none, 2)
		require.ErrorIs(t, none["declines"], declined)
		require.ErrorIs(t, none["fails"], attempt.ErrUnanswered)
		require.Equal(t, 4, providers.count())

		// What is at hand serves, what would not be had is not asked for, and who failed is left alone.
		offers, none = b.Survey(context.Background(), order("100"), all)
		require.Len(t, offers, 2)
		require.ErrorIs(t, none["declines"], declined)
		require.ErrorIs(t, none["fails"], attempt.ErrUnanswered)
		require.ErrorContains(t, none["fails"], "left alone")
		require.Equal(t, 4, providers.count())
		require.Len(t, b.Offers(context.Background(), order("100"), all), 2, "and decisions have them too")
	})
}

// A survey ends with its context. Who is late is blamed for nothing: a decision still waits for it.
func TestASurveyEndsWithItsContext(t *testing.T) {
	t.Parallel()
	inTown(t, nil, func(b *quote.Cache, providers *fixture) {
		providers.set("slow", 500*time.Millisecond, "98", nil)
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		offers, none := b.Survey(ctx, order("100"), []string{"slow"})
		require.Empty(t, offers)
		require.ErrorIs(t, none["slow"], attempt.ErrUnanswered)
		require.ErrorContains(t, none["slow"], "in time")
		require.Equal(t, "2", b.Offers(context.Background(), order("100"), []string{"slow"})["slow"].Price,
			"the same question is on its way")
		require.Equal(t, 1, providers.count())
	})
}

func TestASurveyAsksOfOneProviderOnlySoMuchAtOnce(t *testing.T) {
	t.Parallel()
	inTown(t, func(s *quote.Settings) { s.AtOnce = 1 }, func(b *quote.Cache, providers *fixture) {
		providers.set("slow", time.Second, "98", nil)
		asked := make(chan map[string]error)
		go func() {
			_, none := b.Survey(context.Background(), order("100"), []string{"slow"})
			asked <- none
		}()
		synctest.Wait()
		_, none := b.Survey(context.Background(), order("200"), []string{"slow"})
		require.ErrorIs(t, none["slow"], quote.ErrBusy)
		require.ErrorIs(t, none["slow"], attempt.ErrUnavailable)
		require.Empty(t, <-asked)
	})
}

// A survey that is under way when accounts change answers; what it brought is forgotten.
func TestASurveyOfFormerAccounts(t *testing.T) {
	t.Parallel()
	inTown(t, nil, func(b *quote.Cache, providers *fixture) {
		providers.set("a", time.Second, "98", errors.New("gone"))
		asked := make(chan map[string]error)
		go func() {
			_, none := b.Survey(context.Background(), order("100"), []string{"a"})
			asked <- none
		}()
		synctest.Wait()
		b.Forget()
		require.ErrorContains(t, (<-asked)["a"], "gone")
	})
}
