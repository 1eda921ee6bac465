package plugin_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/host/plugin"
	"payrouter/host/regularfile"
	"payrouter/host/wasm"
)

func TestFolderIsLoadedAsFarAsItCanBe(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, content := range map[string][]byte{
		"a.wasm": module(t, ""), "b-again.wasm": module(t, ""), "c-socket.wasm": module(t, "socket"),
		"d-text.wasm": []byte("no module"),
		"notes.txt":   []byte("no plugin"),
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
	}
	require.NoError(t, os.Mkdir(filepath.Join(dir, "folder.wasm"), 0o700))
	registry := newRegistry(t, plugin.Settings{})

	err := registry.LoadDir(t.Context(), dir)
	require.ErrorIs(t, err, wasm.ErrImport)
	require.ErrorIs(t, err, wasm.ErrMalformed)
	require.ErrorIs(t, err, regularfile.ErrNotRegular)
	require.NotErrorIs(t, err, plugin.ErrNoModules)
	var problems []string
	for line := range strings.Lines(err.Error()) {
		problems = append(problems, strings.TrimSpace(strings.ReplaceAll(line, dir+"/", "")))
	}
	require.Len(t, problems, 4, "%q", problems)
	require.Contains(t, problems[0],
		`load plugin b-again.wasm: compare: another plugin: a.wasm provides "hostile" already`)
	require.Contains(t, problems[1],
		`load plugin c-socket.wasm: compile: wasm module refused: import refused: env.connect (a plugin computes; `+
			`only the host does I/O)`)
	require.Contains(t, problems[2], `load plugin d-text.wasm: compile: wasm module refused: malformed module`)
	require.Contains(t, problems[3], `load plugin folder.wasm: read: read folder.wasm: it is not a regular file`)

	generation, found := registry.Current("hostile")
	require.True(t, found)
	require.Equal(t, "Hostile", registry.Manifests()["hostile"].GetTitle())
	_, _, err = generation.Begin(operation("serve")).Prepare(t.Context())
	require.NoError(t, err)
}

func TestFolderWithoutPluginsIsAProblem(t *testing.T) {
	t.Parallel()
	registry := newRegistry(t, plugin.Settings{})
	dir := t.TempDir()
	err := registry.LoadDir(t.Context(), dir)
	require.ErrorIs(t, err, plugin.ErrNoModules)
	require.ErrorContains(t, err, `no *.wasm in `+dir+`: build them with "make plugins"`)
	require.ErrorIs(t, registry.LoadDir(t.Context(), filepath.Join(dir, "none")), plugin.ErrNoModules)
	require.ErrorIs(t, registry.LoadDir(t.Context(), filepath.Join(dir, "none")), os.ErrNotExist)
	require.Empty(t, registry.Manifests())
	_, found := registry.Current("hostile")
	require.False(t, found)
}

func TestModulesThatAreNoPluginAreRefused(t *testing.T) {
	t.Parallel()
	for claim, row := range map[string]struct {
		defect string
		reason error
		says   string
	}{
		"it imports a socket": {
			"socket", wasm.ErrImport,
			"import refused: env.connect (a plugin computes; only the host does I/O)",
		},
		"its manifest has no name": {"nameless", plugin.ErrManifest, "name"},
		"it invents an idempotency": {
			"greedy", plugin.ErrManifest,
			"operation serve has no idempotency class that is known",
		},
		"it says nothing of itself": {"mute", plugin.ErrManifest, "manifest"},
		"its manifest does not decode": {
			"garbage", wasm.ErrBadAnswer,
			"read the manifest: wasm guest: describe: bad answer",
		},
		"it never ends to speak": {
			"endless", wasm.ErrOutOfFuel,
			"read the manifest: wasm guest: describe: out of fuel",
		},
		"it panics instead of speaking": {
			"panic", wasm.ErrTrapped,
			"read the manifest: wasm guest: describe: trapped",
		},
	} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			registry := newRegistry(t, plugin.Settings{})
			_, err := registry.Install(t.Context(), plugin.Candidate{Code: module(t, row.defect)})
			require.ErrorIs(t, err, row.reason)
			require.ErrorContains(t, err, row.says)
			require.Empty(t, registry.Manifests(), "nothing of it stays")
		})
	}
}

func TestGenerationsAreNumberedAsTheyAreLoaded(t *testing.T) {
	t.Parallel()
	registry := newRegistry(t, plugin.Settings{})
	first := install(t, registry, module(t, ""))
	require.Equal(t, int64(1), first.Number())
	require.Len(t, first.Digest(), 64)
	require.Equal(t, "1.0.0", first.Manifest().GetVersion())

	report, err := registry.Install(t.Context(), plugin.Candidate{Code: module(t, "")})
	require.NoError(t, err)
	require.True(t, report.Unchanged)
	current, _ := registry.Current("hostile")
	require.Same(t, first, current, "what serves goes on active")
	require.Equal(t, int64(2), install(t, registry, variant(t, "version=1.0.1")).Number())

	require.NoError(t, registry.Close(t.Context()))
	_, found := registry.Current("hostile")
	require.False(t, found)
	_, _, err = first.Begin(operation("serve")).Prepare(t.Context())
	require.ErrorIs(t, err, wasm.ErrClosed)
	_, err = registry.Install(t.Context(), plugin.Candidate{Code: module(t, "")})
	require.ErrorIs(t, err, wasm.ErrClosed)
}
