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
		active := plugin.Active{Stable: stable, Canary: canary, Share: share}
		chosen := map[string]bool{}
		for i := range 10_000 {
			id := fmt.Sprintf("pay_%d", i)
			if active.For(id) == canary {
				chosen[id] = true
			}
		}
		require.Same(t, stable, active.For(""), "nobody's payment")
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
	require.Same(t, stable, plugin.Active{Stable: stable}.For("pay_1"))
}
