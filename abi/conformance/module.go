package conformance

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/abi/conformance/check"
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

func compile(tb testing.TB, sandbox check.Sandbox, code []byte) check.Guest {
	tb.Helper()
	guest, err := sandbox.Compile(tb.Context(), code)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, guest.Close(context.Background())) })
	return guest
}
