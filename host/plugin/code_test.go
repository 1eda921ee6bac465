package plugin_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
	"payrouter/host/plugin"
	"payrouter/host/plugin/signature"
	"payrouter/host/wasm"
)

// restarted is a registry's plugin after a restart, and the folder that it is kept in.
func restarted(t *testing.T, code []byte) (generation *plugin.Generation, registry *plugin.Registry, kept string) {
	t.Helper()
	kept = t.TempDir()
	before := newRegistry(t, plugin.Settings{Dir: kept})
	install(t, before, code)
	require.NoError(t, before.Close(t.Context()))
	registry = newRegistry(t, plugin.Settings{Dir: kept})
	require.NoError(t, registry.LoadDir(t.Context(), t.TempDir()))
	generation, found := registry.Current("hostile")
	require.True(t, found)
	require.Equal(t, digestOf(code), generation.Digest())
	return generation, registry, kept
}

// loads counts the events of a module that was compiled.
func loads(t *testing.T, registry *plugin.Registry) (n int) {
	t.Helper()
	status, found := registry.Plugin("hostile")
	require.True(t, found)
	for _, event := range status.Events {
		if event.Step == plugin.StepCompile {
			n++
		}
	}
	return n
}

func TestARestartCompilesNothingThatIsNotNamed(t *testing.T) {
	t.Parallel()
	generation, registry, _ := restarted(t, module(t, ""))
	require.False(t, generation.Loaded())
	require.Equal(t, "hostile", generation.Manifest().GetName())
	require.Zero(t, generation.Stats())
	generations, instances := registry.Open()
	require.Equal(t, 1, generations)
	require.Zero(t, instances)
	status, _ := registry.Plugin("hostile")
	require.Len(t, status.Generations, 1)
	require.False(t, status.Generations[0].Loaded)
	require.Equal(t, plugin.Stable, status.Generations[0].State)
	require.Zero(t, loads(t, registry))

	active, _ := registry.ActiveSet().Of("hostile")
	require.NoError(t, active.Load())
	require.True(t, generation.Loaded())
	require.Equal(t, 1, loads(t, registry))
	status, _ = registry.Plugin("hostile")
	require.True(t, status.Generations[0].Loaded)
	require.NotZero(t, status.Generations[0].Stats.Instances)
	buy(t, generation, "pay_1")
}

func TestCallsLoadAModuleOnce(t *testing.T) {
	t.Parallel()
	generation, registry, _ := restarted(t, module(t, ""))
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() { buy(t, generation, "pay_1") })
	}
	callers.Wait()
	require.Equal(t, 1, loads(t, registry))
}

// A manifest that is not kept whole, or is another module's, is nothing to start with.
func TestADamagedManifestIsReadFromTheModule(t *testing.T) {
	t.Parallel()
	for damage, of := range map[string]func(content []byte) []byte{
		"a bit":            func(content []byte) []byte { content[len(content)-5] ^= 1; return content },
		"cut off":          func(content []byte) []byte { return content[:len(content)/2] },
		"empty":            func([]byte) []byte { return nil },
		"another module's": func(content []byte) []byte { return bytes.Replace(content, content[:4], []byte("0000"), 1) },
	} {
		t.Run(damage, func(t *testing.T) {
			t.Parallel()
			code := module(t, "")
			_, registry, kept := restarted(t, code)
			require.NoError(t, registry.Close(t.Context()))
			path := filepath.Join(kept, "hostile", digestOf(code)+".wasm.manifest")
			whole, err := os.ReadFile(path)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(path, of(slices.Clone(whole)), 0o600))
			again := newRegistry(t, plugin.Settings{Dir: kept})
			require.NoError(t, again.LoadDir(t.Context(), t.TempDir()))
			generation, _ := again.Current("hostile")
			require.True(t, generation.Loaded())
			mended, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, whole, mended)
		})
	}
}

// The checksum of a kept manifest keeps out damage, and not who may write to the data folder: the module decides.
func TestAModuleThatIsNotItsManifestsDoesNotServe(t *testing.T) {
	t.Parallel()
	code := module(t, "")
	_, other, keptOther := restarted(t, variant(t, "version=7.0.0"))
	require.NoError(t, other.Close(t.Context()))
	_, registry, kept := restarted(t, code)
	require.NoError(t, registry.Close(t.Context()))
	files, err := filepath.Glob(filepath.Join(keptOther, "hostile", "*.manifest"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	content, err := os.ReadFile(files[0])
	require.NoError(t, err)
	_, said, _ := bytes.Cut(content, []byte("\n"))
	sum := digestOf(append([]byte(digestOf(code)+"\n"), said...))
	path := filepath.Join(kept, "hostile", digestOf(code)+".wasm.manifest")
	require.NoError(t, os.WriteFile(path, append([]byte(sum+"\n"), said...), 0o600))

	again := newRegistry(t, plugin.Settings{Dir: kept})
	require.NoError(t, again.LoadDir(t.Context(), t.TempDir()))
	generation, _ := again.Current("hostile")
	require.Equal(t, "7.0.0", generation.Manifest().GetVersion())
	require.ErrorIs(t, generation.Load(), plugin.ErrManifest)
	require.False(t, generation.Loaded())
	_, _, err = generation.Receive(t.Context(), "", nil)
	require.ErrorIs(t, err, plugin.ErrManifest)
	require.NoError(t, again.Close(t.Context()))

	last := newRegistry(t, plugin.Settings{Dir: kept})
	require.NoError(t, last.LoadDir(t.Context(), t.TempDir()))
	generation, _ = last.Current("hostile")
	require.NotEqual(t, "7.0.0", generation.Manifest().GetVersion(), "the next start asks the module")
	require.True(t, generation.Loaded())
}

// A module that cannot be read is no fault of the calls that would have been made: they are withheld, no quarantine
// follows, and nothing is recorded, or it would be replayed with the next version.
func TestCallsOfAModuleThatCannotBeLoadedAreWithheld(t *testing.T) {
	t.Parallel()
	code := module(t, "")
	generation, registry, kept := restarted(t, code)
	path := filepath.Join(kept, "hostile", digestOf(code)+".wasm")
	require.NoError(t, os.Remove(path))
	for range 50 {
		_, _, err := generation.Begin(&abi.Call{Operation: "buy"}).For("first", "shop").Prepare(t.Context())
		require.ErrorIs(t, err, os.ErrNotExist)
		var withheld interface{ Withheld() string }
		require.ErrorAs(t, err, &withheld)
		require.NotContains(t, withheld.Withheld(), kept)
		_, _, err = generation.Receive(t.Context(), "first", &abi.Callback{})
		require.ErrorIs(t, err, os.ErrNotExist)
	}
	require.NoError(t, generation.Sendable())
	status, _ := registry.Plugin("hostile")
	require.Zero(t, status.Generations[0].Faults)
	require.Zero(t, status.Generations[0].CallbackFaults)
	require.Empty(t, registry.Recordings("hostile"))

	require.NoError(t, os.WriteFile(path, code[:100], 0o600))
	_, _, err := generation.Receive(t.Context(), "first", &abi.Callback{})
	require.ErrorContains(t, err, "damaged")
	require.NoError(t, os.WriteFile(path, code, 0o600))
	buy(t, generation, "pay_1")
}

// Whoever waits for a module that another call loads may go away, and whoever closes the registry meanwhile waits.
func TestWhoWaitsForAModuleMayGoAway(t *testing.T) {
	t.Parallel()
	generation, _, _ := restarted(t, module(t, ""))
	loaded := generation.Loading()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err := generation.Receive(ctx, "", &abi.Callback{})
	require.ErrorIs(t, err, wasm.ErrBusy)
	require.ErrorIs(t, err, context.Canceled)
	loaded()
	buy(t, generation, "pay_1")
}

func TestARegistryClosesWhileItsModulesAreLoaded(t *testing.T) {
	t.Parallel()
	for range 4 {
		generation, registry, _ := restarted(t, module(t, ""))
		var callers sync.WaitGroup
		for range 4 {
			callers.Go(func() {
				if err := generation.Load(); err != nil {
					assert.ErrorIs(t, err, wasm.ErrClosed)
				}
			})
		}
		err := registry.Close(t.Context())
		callers.Wait()
		require.NoError(t, err)
		require.ErrorIs(t, callOf(t, generation), wasm.ErrClosed)
	}
}

func callOf(t *testing.T, generation *plugin.Generation) error {
	t.Helper()
	_, _, err := generation.Receive(t.Context(), "", &abi.Callback{})
	return err
}

// A start reads each module, compiled or not: what is damaged, or not signed where it must be, is not active.
func TestAModuleThatIsNotCompiledIsReadAllTheSame(t *testing.T) {
	t.Parallel()
	code := module(t, "")
	_, registry, kept := restarted(t, code)
	require.NoError(t, registry.Close(t.Context()))
	strict := newRegistry(t, plugin.Settings{Dir: kept, RequireSignature: true})
	require.ErrorIs(t, strict.LoadDir(t.Context(), t.TempDir()), signature.ErrUnsigned)
	require.Empty(t, strict.ActiveSet().Names())
	require.NoError(t, strict.Close(t.Context()))

	again := newRegistry(t, plugin.Settings{Dir: kept})
	require.NoError(t, again.LoadDir(t.Context(), t.TempDir()))
	generation, _ := again.Current("hostile")
	path := filepath.Join(kept, "hostile", digestOf(code)+".wasm")
	require.NoError(t, os.WriteFile(path, code[:len(code)-1], 0o600))
	require.ErrorContains(t, generation.Load(), path+" is damaged")
	require.NoError(t, os.WriteFile(path, code, 0o600))
	require.NoError(t, generation.Load(), "it can be tried again")
}

func TestNothingIsLoadedIntoARegistryThatIsClosed(t *testing.T) {
	t.Parallel()
	generation, registry, _ := restarted(t, module(t, ""))
	require.NoError(t, registry.Close(t.Context()))
	require.ErrorIs(t, generation.Load(), wasm.ErrClosed)
}

// A candidate is compared with what is active, whether that is compiled or not; a rollback brings it back.
func TestAModuleThatIsNotCompiledIsSwappedAndRolledBackTo(t *testing.T) {
	t.Parallel()
	generation, registry, _ := restarted(t, module(t, ""))
	install(t, registry, variant(t, "version=2.0.0"))
	require.False(t, generation.Loaded())
	require.NoError(t, registry.Rollback(t.Context(), "hostile", "", "desk"))
	now, _ := registry.Current("hostile")
	require.Same(t, generation, now)
	buy(t, now, "pay_1")
	require.True(t, now.Loaded())
}
