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
	return sandbox(tb, wasm.Options{})
}

// Unmetered is a sandbox that charges no fuel, to measure what metering costs.
func Unmetered(tb testing.TB) checked.Sandbox {
	tb.Helper()
	return sandbox(tb, wasm.Options{Unmetered: true})
}

func sandbox(tb testing.TB, options wasm.Options) checked.Sandbox {
	tb.Helper()
	options.Logger = slog.New(slog.DiscardHandler)
	compiler, err := wasm.New("", options)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, compiler.Close(context.Background())) })
	return checked.New(compiler)
}
