package plugin_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/host/plugin"
	"payrouter/host/wasm"
)

func TestCanaryGetsItsShareAndAlwaysTheSamePayments(t *testing.T) {
	t.Parallel()
	stable, canary := loaded(t, wasm.Limits{}), loaded(t, wasm.Limits{})
	served := func(share int) map[string]bool {
		serving := plugin.Serving{Stable: stable, Canary: canary, Share: share}
		chosen := map[string]bool{}
		for i := range 10_000 {
			id := fmt.Sprintf("pay_%d", i)
			if serving.For(id) == canary {
				chosen[id] = true
			}
		}
		require.Same(t, stable, serving.For(""), "nobody's payment")
		return chosen
	}
	ten, twenty := served(10), served(20)
	require.InDelta(t, 1_000, len(ten), 150)
	require.InDelta(t, 2_000, len(twenty), 200)
	require.Equal(t, ten, served(10))
	for id := range ten {
		require.True(t, twenty[id], "a larger share keeps the payments of a smaller one")
	}
	require.Empty(t, served(0))
	require.Len(t, served(100), 10_000)
	require.Same(t, stable, plugin.Serving{Stable: stable}.For("pay_1"))
}

// What a lineup was made of stays open while the lineup is held, whatever becomes of the shelf's own.
func TestHeldLineupStaysOpen(t *testing.T) {
	t.Parallel()
	shelf := newShelf(t, plugin.Settings{})
	install(t, shelf, module(t, ""))
	lineup := shelf.Lineup()
	require.Equal(t, []string{"hostile"}, lineup.Names())
	lineup.Hold()
	lineup.Release()
	serving, found := lineup.Of("hostile")
	require.True(t, found)
	require.Equal(t, "prepared serve", reference(t, serving.Stable, operation("serve")))
	generations, instances := shelf.Open()
	require.Equal(t, 1, generations)
	require.Equal(t, 1, instances)
}
