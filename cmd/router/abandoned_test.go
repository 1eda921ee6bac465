package main

import (
	"context"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
	"payrouter/host/plugin"
	"payrouter/host/router"
)

// The router cancels nothing that it has left behind, because no provider lets it:
// docs/decisions/003-why-abandonable.md. A plugin that breaks this test is the first that could.
func TestNoProviderCanCancelWhatMayBeLeftBehindThere(t *testing.T) {
	t.Parallel()
	dir, compiled := plugins(t)
	registry, unload, err := router.LoadPlugins(t.Context(), dir, compiled, plugin.Settings{},
		slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, unload(context.Background())) })
	left := 0
	for name, manifest := range registry.Manifests() {
		classes := map[string]abi.Idempotency{}
		for _, operation := range manifest.GetOperations() {
			classes[operation.GetName()] = operation.GetIdempotency()
		}
		for _, flow := range manifest.GetFlows() {
			leavesBehind, cancels := false, false
			for _, action := range flow.GetActions() {
				class := classes[action.GetOperation()]
				leavesBehind = leavesBehind ||
					(action.GetRole() == abi.Role_ROLE_CREATE && class == abi.Idempotency_IDEMPOTENCY_ABANDONABLE)
				cancels = cancels ||
					(action.GetRole() == abi.Role_ROLE_CANCEL && class == abi.Idempotency_IDEMPOTENCY_SAFE)
			}
			require.False(t, leavesBehind && cancels, "%s, %s", name, flow.GetKind())
			if leavesBehind {
				left++
			}
		}
	}
	require.Equal(t, 3, left, "PayGram's invoices, Cryptogram's checkouts, PayPlay's orders")
}
