package storetest

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/host/ruleset"
)

func testRulesets(t *testing.T, engine Engine) {
	t.Helper()
	t.Run("one that was kept comes back, after a crash too", func(t *testing.T) {
		t.Parallel()
		journal := engine.open(t)
		written := []byte("\x00rules\xff")
		require.NoError(t, journal.KeepRuleset(t.Context(), "one", written))
		for _, journal := range []Journal{journal, engine.crash(t, journal)} {
			got, err := journal.Ruleset(t.Context(), "one")
			require.NoError(t, err)
			require.Equal(t, written, got)
		}
	})
	t.Run("the first text of an id stands, whoever keeps it again", func(t *testing.T) {
		t.Parallel()
		journal := engine.open(t)
		require.NoError(t, journal.KeepRuleset(t.Context(), "one", []byte("first")))
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() { _ = journal.KeepRuleset(t.Context(), "one", []byte("again")) })
		}
		all.Wait()
		require.NoError(t, journal.KeepRuleset(t.Context(), "one", []byte("again")))
		got, err := journal.Ruleset(t.Context(), "one")
		require.NoError(t, err)
		require.Equal(t, []byte("first"), got)
	})
	t.Run("one that was never kept is ErrNotFound", func(t *testing.T) {
		t.Parallel()
		_, err := engine.open(t).Ruleset(t.Context(), "none")
		require.ErrorIs(t, err, ruleset.ErrNotFound)
	})
	t.Run("one without a text is refused", func(t *testing.T) {
		t.Parallel()
		journal := engine.open(t)
		require.Error(t, journal.KeepRuleset(t.Context(), "", []byte("rules")))
		require.Error(t, journal.KeepRuleset(t.Context(), "one", nil))
	})
}
