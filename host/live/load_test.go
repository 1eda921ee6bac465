package live_test

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"payrouter/host/live"
	"payrouter/host/plugin"
)

const second = `  second:
    plugin: cryptogram
    base_url: https://crypto.example
    secrets: {token: env:TOKEN}
    settings: {wallets: [btc], title: Shop, redirect: "https://shop.example"}
`

// A plugin is compiled when a configuration names it, before that is in effect; one that is not named is not.
func TestAPluginIsLoadedWhenAnAccountNamesIt(t *testing.T) {
	t.Parallel()
	registry, _ := restarted(t, "paygram", "cryptogram")
	h := newHarness(t, plan{registry: registry})
	require.True(t, isLoaded(t, registry, "paygram"))
	require.False(t, isLoaded(t, registry, "cryptogram"))

	_, err := h.manager.Put(h.routing("wrong", second)+"  - {name: more, to: [third]}\n", "ops", h.tag())
	require.Error(t, err)
	require.False(t, isLoaded(t, registry, "cryptogram"), "an edit with mistakes in its rules loads nothing")

	_, err = h.manager.Put(h.routing("both", second), "ops", h.tag())
	require.NoError(t, err)
	require.True(t, isLoaded(t, registry, "cryptogram"))
	require.Contains(t, h.manager.Fleet().Accounts, "second")
}

// An edit that names a plugin while it is loaded waits for that, and does not load it again.
func TestAnEditNamesAPluginThatIsBeingLoaded(t *testing.T) {
	t.Parallel()
	registry, _ := restarted(t, "paygram", "cryptogram")
	h := newHarness(t, plan{registry: registry})
	generation, _ := registry.Current("cryptogram")
	var others sync.WaitGroup
	for range 3 {
		others.Go(func() { assert.NoError(t, generation.Load()) })
	}
	_, err := h.manager.Put(h.routing("both", second), "ops", h.tag())
	require.NoError(t, err)
	require.True(t, generation.Loaded())
	others.Wait()
	status, _ := registry.Plugin("cryptogram")
	compiled := 0
	for _, event := range status.Events {
		if event.Step == plugin.StepCompile {
			compiled++
		}
	}
	require.Equal(t, 1, compiled)
}

// What cannot be loaded is a fault of its accounts: it refuses an edit that names it, and a start goes on without.
func TestAPluginThatCannotBeLoadedIsAFaultOfItsAccounts(t *testing.T) {
	t.Parallel()
	registry, kept := restarted(t, "paygram", "cryptogram")
	modules, err := filepath.Glob(filepath.Join(kept, "cryptogram", "*.wasm"))
	require.NoError(t, err)
	require.Len(t, modules, 1)
	code, err := os.ReadFile(modules[0])
	require.NoError(t, err)
	require.NoError(t, os.Remove(modules[0]))

	h := newHarness(t, plan{registry: registry})
	_, err = h.manager.Put(h.routing("both", second), "ops", h.tag())
	require.ErrorContains(t, err, "no such file")
	require.Equal(t, "first", h.rule())
	require.NotContains(t, h.manager.Fleet().Accounts, "second")

	h.write(h.routing("both", second))
	h.pending("no such file")
	again := newHarness(t, plan{registry: registry, text: h.routing("both", second)})
	require.Equal(t, "both", again.rule())
	require.Equal(t, `its plugin "cryptogram" cannot be loaded`, again.manager.Fleet().Out["second"].Reason)

	require.NoError(t, os.WriteFile(modules[0], code, 0o600))
	_, err = h.manager.Put(h.routing("both", second), "ops", live.Match{Any: true})
	require.NoError(t, err)
	require.Equal(t, "both", h.rule())
}
