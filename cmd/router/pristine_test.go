package main

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/abi/conformance/vector"
	"payrouter/host/plugin"
	"payrouter/host/router"
)

// A plugin whose memory has to grow for a call gets a new instance for the next one, which takes twenty times as long
// as the call. One of the shipped plugins once began each call with its memory full.
func TestPristineCallsOfShippedPluginsNeedNoNewInstances(t *testing.T) {
	t.Parallel()
	dir, compiled := plugins(t)
	registry, unload, err := router.LoadPlugins(t.Context(), dir, compiled, plugin.Settings{CPU: -1, AccountCPU: -1},
		slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, unload(context.Background())) })
	for _, name := range registry.ActiveSet().Names() {
		generation, _ := registry.Current(name)
		vectors, err := vector.Load(filepath.Join("../../plugins", name, "testdata"))
		require.NoError(t, err)
		before, played := generation.Stats().Made, int64(0)
		for _, v := range vectors {
			for at, response := range v.Responses() {
				playMutant(t, generation, v, at, response.GetBody())
				played++
			}
		}
		require.Greater(t, played, int64(20), name)
		require.LessOrEqual(t, generation.Stats().Made-before, played/20, name)
	}
}
