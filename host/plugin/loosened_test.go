package plugin_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/host/plugin"
	"payrouter/host/plugin/manifest"
	"payrouter/host/plugin/manifest/manifesttest"
)

// No mutation of a manifest that lets the host do more becomes active unless that is allowed, whichever field of the
// contract it is of: the mutations are generated from the contract's types.
func TestEveryLooserManifestIsRefused(t *testing.T) {
	t.Parallel()
	registry, whole, looser := newRegistry(t, plugin.Settings{}), manifesttest.Whole(), 0
	for _, mutation := range manifesttest.Mutations(whole) {
		loosened := manifest.Loosened(manifest.Compare(whole, mutation.Manifest))
		if len(loosened) == 0 {
			continue
		}
		looser++
		require.Error(t, registry.ErrorOfCompare(whole, mutation.Manifest), mutation)
		var needed []plugin.Allowance
		for _, change := range loosened {
			needed = append(needed, plugin.Allowance(change.Allow))
		}
		others := slices.DeleteFunc(plugin.Allowances(), func(a plugin.Allowance) bool { return slices.Contains(needed, a) })
		require.Error(t, registry.ErrorOfCompare(whole, mutation.Manifest, others...), mutation)
		require.NoError(t, registry.ErrorOfCompare(whole, mutation.Manifest, needed...), mutation)
		if slices.Contains(needed, plugin.AllowManifest) {
			require.ErrorIs(t, registry.ErrorOfCompare(whole, mutation.Manifest, plugin.AllowHosts, plugin.AllowSecrets),
				plugin.ErrLoosened, mutation)
		}
	}
	require.Greater(t, looser, 200)
}

// The report has the differences of a module that is installed as of one that is refused.
func TestReportHasTheManifestsDifferences(t *testing.T) {
	t.Parallel()
	registry := newRegistry(t, plugin.Settings{})
	active := install(t, registry, module(t, ""))
	buy(t, active, "pay_1")
	c := plugin.Candidate{Code: variant(t, "version=1.1.0 loosen=class")}
	refused, err := registry.Install(t.Context(), c)
	require.ErrorIs(t, err, plugin.ErrLoosened)
	require.Len(t, refused.Changes, 2)
	require.Equal(t, "operations/serve/idempotency", refused.Changes[0].Field)
	require.Equal(t, manifest.Change{
		Field: "version", Before: "1.0.0", After: "1.1.0", Direction: manifest.Neutral,
	}, refused.Changes[1])
	c.Allow = []plugin.Allowance{plugin.AllowManifest}
	installed, err := registry.Install(t.Context(), c)
	require.NoError(t, err)
	require.Equal(t, refused.Changes, installed.Changes)
	i := slices.IndexFunc(installed.Steps, func(e plugin.Event) bool { return e.Step == plugin.StepCompare })
	require.Equal(t, "with 1.0.0, differences of the manifest: 2, looser and allowed: 1",
		installed.Steps[i].Detail)
}
