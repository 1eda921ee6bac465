package plugin_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
	"payrouter/host/plugin"
	"payrouter/host/wasm"
)

// Two flows may be about one call, and each is recorded by itself.
func TestEachFlowIsRecordedByItself(t *testing.T) {
	t.Parallel()
	registry := newRegistry(t, plugin.Settings{})
	generation := install(t, registry, module(t, ""))
	call := &abi.Call{Operation: "buy", Seed: make([]byte, 32), Payment: &abi.Payment{Id: "pay_1", Amount: "1.00"}}
	first, second := generation.Begin(call), generation.Begin(call)
	var state []byte
	for _, flow := range []*plugin.Flow{first, second} {
		step, _, err := flow.Prepare(t.Context())
		require.NoError(t, err)
		state = step.GetSend().GetState()
	}
	for _, flow := range []*plugin.Flow{first, second, second} {
		_, _, err := flow.Interpret(t.Context(), state, &abi.HttpResponse{Status: 200})
		require.NoError(t, err)
	}
	recordings := registry.Recordings("hostile")
	require.Len(t, recordings, 2)
	require.Len(t, recordings[0].Steps, 2)
	require.Len(t, recordings[1].Steps, 3)
}

// The most fuel of an operation is a whole flow's, and its generation's own.
func TestFuelIsCountedByFlowAndByGeneration(t *testing.T) {
	t.Parallel()
	generation := loaded(t, wasm.Limits{})
	_, called := generation.MaxFuel("serve")
	require.False(t, called)
	flow := generation.Begin(operation("serve"))
	_, prepared, err := flow.Prepare(t.Context())
	require.NoError(t, err)
	_, interpreted, err := flow.Interpret(t.Context(), nil, &abi.HttpResponse{Status: 200})
	require.NoError(t, err)
	most, called := generation.MaxFuel("serve")
	require.True(t, called)
	require.Equal(t, prepared+interpreted, most)

	_, _, err = generation.Begin(operation("serve")).Prepare(t.Context())
	require.NoError(t, err)
	again, _ := generation.MaxFuel("serve")
	require.Equal(t, most, again, "a flow that used less changes nothing")
	_, called = generation.MaxFuel("no such operation")
	require.False(t, called)
}

// A schema is compiled once for a generation.
func TestSchemasAreCompiledOnce(t *testing.T) {
	t.Parallel()
	generation := loaded(t, wasm.Limits{})
	first, err := generation.InputSchema("serve")
	require.NoError(t, err)
	again, err := generation.InputSchema("serve")
	require.NoError(t, err)
	require.Same(t, first, again)
	everything, err := generation.OutputSchema("no such operation")
	require.NoError(t, err)
	require.Empty(t, everything.Check([]byte(`{"a":"b"}`)))
}
