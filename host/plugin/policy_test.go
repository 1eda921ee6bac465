package plugin_test

import (
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/plugin"
)

// A deployment without a data folder decides by its configuration which modules it starts with.
func TestConfigurationNamesWhatServesAtTheStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "hostile.wasm"), module(t, ""), 0o600))
	policy := plugin.Policy{Digests: []string{digestOf(variant(t, "version=1.1.0"))}}
	registry := newRegistry(t, plugin.Settings{Policies: map[string]plugin.Policy{"hostile": policy}})
	require.ErrorIs(t, registry.LoadDir(t.Context(), dir), plugin.ErrPinned)
	require.Empty(t, registry.ActiveSet().Names())

	policy.Digests = append(policy.Digests, digestOf(module(t, "")))
	policy.Allow = []plugin.Allowance{plugin.AllowUnproven}
	registry = newRegistry(t, plugin.Settings{Policies: map[string]plugin.Policy{"hostile": policy}})
	require.NoError(t, registry.LoadDir(t.Context(), dir))
	status, _ := registry.Plugin("hostile")
	require.Equal(t, digestOf(module(t, "")), status.Admitted.Digest)
	require.Equal(t, policy.Allow, status.Admitted.Allowed)
	require.Contains(t, fmt.Sprint(status.Events), "the configuration allows unproven")
}

// What the configuration allows holds for the modules that it names, and for no other.
func TestConfigurationAllowsForItsDigestsOnly(t *testing.T) {
	t.Parallel()
	looser, another := variant(t, "loosen=class"), variant(t, "loosen=class version=1.1.0")
	policy := plugin.Policy{
		Digests: []string{digestOf(looser)}, Allow: []plugin.Allowance{plugin.AllowManifest, plugin.AllowUnproven},
	}
	registry := newBoundRegistry(t, plugin.Settings{}, configuration{policy: func(name string) plugin.Policy {
		require.Equal(t, "hostile", name)
		return policy
	}})
	_, err := registry.Install(t.Context(), plugin.Candidate{Code: another})
	require.ErrorIs(t, err, plugin.ErrPinned)
	policy.Digests = append(policy.Digests, digestOf(module(t, "")))
	install(t, registry, module(t, ""))
	_, err = registry.Install(t.Context(), plugin.Candidate{Code: another})
	require.ErrorIs(t, err, plugin.ErrLoosened)
	report, err := registry.Install(t.Context(), plugin.Candidate{Code: looser, Allow: []plugin.Allowance{"fuel"}})
	require.NoError(t, err)
	require.Equal(t, []string{"the configuration allows manifest,unproven"}, noted(report, plugin.StepAllow))
	status, _ := registry.Plugin("hostile")
	require.Equal(t, []plugin.Allowance{"fuel", plugin.AllowManifest, plugin.AllowUnproven}, status.Admitted.Allowed)

	policy.Digests = policy.Digests[:1]
	require.ErrorIs(t, registry.Rollback(t.Context(), "hostile", "", "desk"), plugin.ErrPinned)
}

// A refused file of the folder is judged again when the configuration names it: no upload is needed.
func TestFileIsJudgedAgainWhenTheConfigurationNamesIt(t *testing.T) {
	t.Parallel()
	var policy atomic.Pointer[plugin.Policy]
	policy.Store(&plugin.Policy{})
	dir := t.TempDir()
	f := &folder{T: t, dir: dir}
	f.registry = newBoundRegistry(t, plugin.Settings{}, configuration{
		policy: func(string) plugin.Policy { return *policy.Load() },
	})
	f.write("hostile.wasm", module(t, ""))
	require.NoError(t, f.registry.LoadDir(t.Context(), dir))
	active, _ := f.registry.Current("hostile")
	buy(t, active, "pay_1")
	how := quick()
	how.Every = 10 * time.Millisecond
	f.watch(how)
	other := variant(t, "place=/v2/buy")
	f.write("hostile.wasm", other)
	f.says("shadow: differs from the active generation")

	digests := []string{digestOf(module(t, "")), digestOf(other)}
	policy.Store(&plugin.Policy{Digests: digests})
	f.says("refused before")
	policy.Store(&plugin.Policy{Digests: digests, Allow: []plugin.Allowance{"requests"}})
	f.serves(other)
	status, _ := f.registry.Plugin("hostile")
	require.Empty(t, status.Refusals)
	require.Equal(t, []plugin.Allowance{"requests"}, status.Admitted.Allowed)
}
