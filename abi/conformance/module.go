package conformance

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/host/wasm"
)

// buildModule builds the package under test as a module.
func buildModule(tb testing.TB) []byte {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "plugin.wasm")
	build := exec.CommandContext(tb.Context(), "go", "build", "-buildmode=c-shared", "-o", path, ".")
	build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	output, err := build.CombinedOutput()
	require.NoError(tb, err, "build the module:\n%s", output)
	code, err := os.ReadFile(path)
	require.NoError(tb, err)
	return code
}

func compile(tb testing.TB, code []byte) *wasm.Module {
	tb.Helper()
	return compileWith(tb, code, wasm.Options{})
}

func compileWith(tb testing.TB, code []byte, options wasm.Options) *wasm.Module {
	tb.Helper()
	options.Logger = slog.New(slog.DiscardHandler)
	compiler, err := wasm.New("", options)
	require.NoError(tb, err)
	module, err := compiler.Compile(tb.Context(), code, wasm.Limits{Instances: 1})
	require.NoError(tb, err)
	tb.Cleanup(func() {
		require.NoError(tb, module.Close(context.Background()))
		require.NoError(tb, compiler.Close(context.Background()))
	})
	return module
}
