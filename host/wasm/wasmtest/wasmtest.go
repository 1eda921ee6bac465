// Package wasmtest gives tests the sandbox that the router runs plugins in.
package wasmtest

import (
	"context"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/host/wasm"
	"payrouter/host/wasm/checked"
)

// Sandbox is the router's sandbox, for as long as the test runs.
func Sandbox(tb testing.TB) checked.Sandbox {
	tb.Helper()
	compiler, err := wasm.New("", wasm.Options{Logger: slog.New(slog.DiscardHandler)})
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, compiler.Close(context.Background())) })
	return checked.New(compiler)
}
