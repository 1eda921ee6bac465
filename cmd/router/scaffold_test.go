package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// What "plugin new" writes is no promise: it builds and passes its own tests, and the module passes the check with its
// vectors, within this module and outside of it. Outside it needs nothing of the router but what the command wrote.
func TestANewPluginPassesAtOnce(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it builds and tests a plugin twice")
	}
	within, err := os.MkdirTemp("testdata", "new-") //nolint:usetesting // it has to lie within the module
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(within)) })
	for name, folder := range map[string]string{
		"within":  filepath.Join(within, "a-1-sixth"),
		"outside": filepath.Join(t.TempDir(), "sixth"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			made := &bytes.Buffer{}
			h := &host{ctx: t.Context(), stdout: made, log: slog.New(slog.DiscardHandler)}
			require.NoError(t, (&pluginNewCommand{Name: "a-1-sixth", Dir: folder}).Run(h))
			require.Contains(t, made.String(), filepath.Join(folder, "manifest.go")+"\n")

			goTool(t, folder, "vet", "./...")
			goTool(t, folder, "test", "./...")
			module := filepath.Join(t.TempDir(), "sixth.wasm")
			goTool(t, folder, "build", "-buildmode=c-shared", "-o", module, ".")
			if name == "outside" {
				requireStandalone(t, folder)
			}
			made.Reset()
			require.NoError(t,
				(&pluginCheckCommand{File: module, Vectors: filepath.Join(folder, "testdata")}).Run(h))
			require.Contains(t, made.String(), "a-1-sixth 0.1.0 (A 1 Sixth)\n")
			vectors, err := filepath.Glob("scaffold/newpay/testdata/*.txtar")
			require.NoError(t, err)
			require.NotEmpty(t, vectors)
			require.Contains(t, made.String(), fmt.Sprintf("holds  %d golden vectors\n", len(vectors)))
			require.NotContains(t, made.String(), "FAILS")
		})
	}
}

// requireStandalone fails where a plugin's module has more requirements than the SDK has, or is not tidy.
func requireStandalone(t *testing.T, folder string) {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-m", "all")
	list.Dir = folder
	modules, err := list.Output()
	require.NoError(t, err)
	require.Contains(t, string(modules), "payrouter v0.0.0 => ./sdk\n")
	for _, foreign := range []string{"sqlite", "cel", "huma", "wazero", "goose", "kong"} {
		require.NotContains(t, string(modules), foreign)
	}
	goTool(t, folder, "mod", "tidy", "-diff")
	sdk := filepath.Join(folder, "sdk")
	goTool(t, sdk, "vet", "./...")
	goTool(t, sdk, "mod", "tidy", "-diff")
}

// goTool runs the go command as a plugin's author would; what it builds is a module.
func goTool(t *testing.T, folder string, arguments ...string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", arguments...)
	command.Dir = folder
	command.Env = os.Environ()
	if arguments[0] == "build" {
		command.Env = append(command.Env, "GOOS=wasip1", "GOARCH=wasm")
	}
	require.NoError(t, succeed(command))
}

// Vectors that a module does not play to fail the check; --update makes them what it answers.
func TestVectorsAreHeldToAModule(t *testing.T) {
	t.Parallel()
	modules, compiled := plugins(t)
	folder := t.TempDir()
	require.NoError(t, os.CopyFS(folder, os.DirFS(filepath.Join(root, "plugins", "paygrt", "testdata"))))
	balance := filepath.Join(folder, "balance.txtar")
	good, err := os.ReadFile(balance)
	require.NoError(t, err)
	bad := bytes.Replace(good, []byte(`"verdict": "accepted"`), []byte(`"verdict": "rejected"`), 1)
	require.NotEqual(t, good, bad)
	require.NoError(t, os.WriteFile(balance, bad, 0o600))

	said := &bytes.Buffer{}
	h := &host{ctx: t.Context(), stdout: said, log: slog.New(slog.DiscardHandler)}
	checked := &pluginCheckCommand{File: filepath.Join(modules, "paygrt.wasm"), Compiled: compiled, Vectors: folder}
	require.ErrorContains(t, checked.Run(h), "not in order")
	require.Contains(t, said.String(), "balance: ")
	require.Contains(t, said.String(), `+  "verdict": "accepted",`)

	said.Reset()
	checked.Update = true
	require.NoError(t, checked.Run(h), said)
	written, err := os.ReadFile(balance)
	require.NoError(t, err)
	require.Equal(t, string(good), string(written))

	checked.Vectors = t.TempDir()
	require.ErrorContains(t, checked.Run(h), "has no vectors")
	checked.Vectors = ""
	require.ErrorContains(t, checked.Run(h), "--vectors")
}
