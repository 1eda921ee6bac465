package plugin_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/plugin"
)

// folder is a plugin folder that is watched.
type folder struct {
	*testing.T
	dir      string
	registry *plugin.Registry
}

// watching loads what a folder holds, and watches it until the test ends.
func watching(t *testing.T, settings plugin.Settings, how plugin.WatchSettings, place func(dir string)) *folder {
	t.Helper()
	f := &folder{T: t, dir: t.TempDir(), registry: newRegistry(t, settings)}
	place(f.dir)
	require.NoError(t, f.registry.LoadDir(t.Context(), f.dir))
	if active, found := f.registry.Current("hostile"); found {
		buy(t, active, "pay_1") // so that a swap can be proven
	}
	f.watch(how)
	return f
}

// watch watches the folder until the test ends.
func (f *folder) watch(how plugin.WatchSettings) {
	ctx, cancel := context.WithCancel(context.Background())
	var watch sync.WaitGroup
	watch.Go(func() {
		if err := f.registry.Watch(ctx, f.dir, how); err != nil {
			f.Error(err)
		}
	})
	f.Cleanup(func() { cancel(); watch.Wait() })
}

// quick notices changes by the system's word alone, and waits for the rest of a file as long as it takes.
func quick() plugin.WatchSettings {
	return plugin.WatchSettings{Every: time.Hour, Settle: 10 * time.Millisecond, Incomplete: time.Hour}
}

// hasty takes what does not change for a moment for all that will come.
func hasty() plugin.WatchSettings {
	how := quick()
	how.Incomplete = 300 * time.Millisecond
	return how
}

func (f *folder) path(name string) string { return filepath.Join(f.dir, name) }

func (f *folder) write(name string, content []byte) {
	f.Helper()
	require.NoError(f, os.WriteFile(f.path(name), content, 0o600))
}

func (f *folder) serves(code []byte) {
	f.Helper()
	digest := digestOf(code)
	require.Eventually(f, func() bool {
		active, found := f.registry.Current("hostile")
		return found && active.Digest() == digest
	}, waiting, tick)
}

// says waits for an event of the plugin.
func (f *folder) says(text string) {
	f.Helper()
	require.Eventually(f, func() bool { return strings.Contains(f.events(), text) }, waiting, tick, "%s", text)
}

func (f *folder) events() string {
	var all strings.Builder
	for _, status := range f.registry.Plugins() {
		for _, event := range status.Events {
			all.WriteString(status.Name + " " + string(event.Step) + ": " + event.Detail + event.Error + "\n")
		}
	}
	return all.String()
}

func TestFolderIsFollowed(t *testing.T) {
	t.Parallel()
	f := watching(t, plugin.Settings{}, quick(), func(dir string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "hostile.wasm"), module(t, ""), 0o600))
	})
	f.serves(module(t, ""))

	// Renamed into place.
	f.write("made.tmp", variant(t, "version=1.1.0"))
	require.NoError(t, os.Rename(f.path("made.tmp"), f.path("hostile.wasm")))
	f.serves(variant(t, "version=1.1.0"))

	// Written in place, in pieces: half of it is no plugin, and no event either.
	whole := variant(t, "version=1.2.0")
	file, err := os.OpenFile(f.path("hostile.wasm"), os.O_WRONLY|os.O_TRUNC, 0o600)
	require.NoError(t, err)
	for piece := range 10 {
		_, err := file.Write(whole[len(whole)*piece/10 : len(whole)*(piece+1)/10])
		require.NoError(t, err)
		require.NoError(t, file.Sync())
		time.Sleep(15 * time.Millisecond) // somebody who writes slowly
	}
	require.NoError(t, file.Close())
	f.serves(whole)
	require.NotContains(t, f.events(), "malformed")

	// Removed: it serves on. Back again, the same: nothing to do. Back as another: that serves.
	require.NoError(t, os.Remove(f.path("hostile.wasm")))
	f.says("the file is gone; generation 3 stays active until it is drained")
	f.serves(whole)
	f.write("hostile.wasm", whole)
	f.write("other.wasm", variant(t, "name=tame"))
	require.Eventually(t, func() bool { _, found := f.registry.Current("tame"); return found }, waiting, tick)
	active, _ := f.registry.Current("hostile")
	require.Equal(t, int64(3), active.Number())
	f.write("hostile.wasm", variant(t, "version=1.3.0"))
	f.serves(variant(t, "version=1.3.0"))

	// Under another name, the old one gone.
	require.NoError(t, os.Remove(f.path("hostile.wasm")))
	f.write("hostile-2.wasm", variant(t, "version=2.0.0"))
	f.serves(variant(t, "version=2.0.0"))
	// A second file of it is refused.
	f.write("hostile-3.wasm", variant(t, "version=3.0.0"))
	f.says(`hostile-2.wasm provides "hostile" already`)
	f.serves(variant(t, "version=2.0.0"))
}

// As a ConfigMap is mounted: the file is a link through a link that is turned.
func TestTurnedLinksAreFollowed(t *testing.T) {
	t.Parallel()
	place := func(dir, version string, code []byte) {
		require.NoError(t, os.Mkdir(filepath.Join(dir, version), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, version, "hostile.wasm"), code, 0o600))
		require.NoError(t, os.Chtimes(filepath.Join(dir, version, "hostile.wasm"), time.Unix(1, 0), time.Unix(1, 0)))
		require.NoError(t, os.Symlink(version, filepath.Join(dir, "..new")))
		require.NoError(t, os.Rename(filepath.Join(dir, "..new"), filepath.Join(dir, "..data")))
	}
	f := watching(t, plugin.Settings{}, quick(), func(dir string) {
		place(dir, "..1", module(t, ""))
		require.NoError(t, os.Symlink("..data/hostile.wasm", filepath.Join(dir, "hostile.wasm")))
	})
	f.serves(module(t, ""))
	place(f.dir, "..2", variant(t, "version=1.1.0"))
	f.serves(variant(t, "version=1.1.0"))
}

// What the system does not tell is found by looking.
func TestUntoldChangesAreFound(t *testing.T) {
	t.Parallel()
	elsewhere := t.TempDir()
	file := filepath.Join(elsewhere, "module")
	require.NoError(t, os.WriteFile(file, module(t, ""), 0o600))
	f := watching(t, plugin.Settings{},
		plugin.WatchSettings{Every: 20 * time.Millisecond, Settle: 5 * time.Millisecond}, func(dir string) {
			require.NoError(t, os.Symlink(file, filepath.Join(dir, "hostile.wasm")))
		})
	require.NoError(t, os.WriteFile(file, variant(t, "version=1.1.0"), 0o600)) // outside of the folder that is watched
	f.serves(variant(t, "version=1.1.0"))
}

// A truncated module that stays so is an error at last; what served serves.
func TestTruncatedModuleIsRefusedWhenItStaysSo(t *testing.T) {
	t.Parallel()
	f := watching(t, plugin.Settings{}, hasty(), func(dir string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "hostile.wasm"), module(t, ""), 0o600))
	})
	whole := variant(t, "version=1.1.0")
	f.write("hostile.wasm", whole[:len(whole)-100])
	f.says("compile: wasm module refused: malformed module")
	f.serves(module(t, ""))
	f.write("hostile.wasm", whole)
	f.serves(whole)
}

// A signature may come after its module, and the old one's may lie there still.
func TestSignatureIsWaitedFor(t *testing.T) {
	t.Parallel()
	keys, key := pair(t)
	how := quick()
	how.Incomplete = time.Hour
	first, second := module(t, ""), variant(t, "version=1.1.0")
	f := watching(t, plugin.Settings{Keys: keys, RequireSignature: true}, how, func(dir string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "hostile.wasm"), first, 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "hostile.wasm.minisig"), signed(key, "1.0.0", first), 0o600))
	})
	f.write("hostile.wasm", second)
	f.write("tame.wasm", variant(t, "name=tame"))
	f.write("hostile.wasm.minisig", signed(key, "1.1.0", second))
	f.serves(second)
	require.NotContains(t, f.events(), "signature invalid")
	require.NotContains(t, f.events(), "not signed")
}

func TestForgedFileIsRefusedAfterAWhile(t *testing.T) {
	t.Parallel()
	keys, key := pair(t)
	f := watching(t, plugin.Settings{Keys: keys}, hasty(), func(dir string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "hostile.wasm"), module(t, ""), 0o600))
	})
	f.write("hostile.wasm.minisig", signed(key, "1.0.0", []byte("something else")))
	f.write("hostile.wasm", variant(t, "version=1.1.0"))
	f.says("signature invalid: key ")
	f.serves(module(t, ""))
}

// A module that nothing is recorded for is not forgotten: it becomes active once payments show that it may.
func TestUnprovenModuleWaitsForPayments(t *testing.T) {
	t.Parallel()
	how := quick()
	how.Every = 10 * time.Millisecond
	dir := t.TempDir()
	path := filepath.Join(dir, "hostile.wasm")
	require.NoError(t, os.WriteFile(path, module(t, ""), 0o600))
	f := &folder{T: t, dir: dir, registry: newRegistry(t, plugin.Settings{})}
	require.NoError(t, f.registry.LoadDir(t.Context(), dir))
	f.watch(how)
	f.write("hostile.wasm", variant(t, "version=1.1.0"))
	f.says("shadow: no evidence: 0 recorded flows, nothing recorded of 2 operations")
	active, _ := f.registry.Current("hostile")
	require.Equal(t, digestOf(module(t, "")), active.Digest())
	buy(t, active, "pay_1")
	f.serves(variant(t, "version=1.1.0"))
	require.Equal(t, 1, strings.Count(f.events(), "no evidence"), "it is not tried in vain again and again")
}
