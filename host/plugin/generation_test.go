package plugin_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
	"payrouter/host/plugin"
	"payrouter/host/wasm"
)

func operation(name string) *abi.Call { return &abi.Call{Operation: name} }

// reference is what a call of prepare says, in the one field that the plugin fills.
func reference(t *testing.T, generation *plugin.Generation, call *abi.Call) string {
	t.Helper()
	step, fuel, err := generation.Begin(call).Prepare(t.Context())
	require.NoError(t, err)
	require.Positive(t, fuel)
	return step.GetDone().GetProviderReference()
}

func TestCallsGoThere(t *testing.T) {
	t.Parallel()
	generation := loaded(t, wasm.Limits{})
	require.Equal(t, "prepared serve", reference(t, generation, operation("serve")))

	step, fuel, err := generation.Begin(operation("serve")).Interpret(t.Context(), []byte("state, "),
		&abi.HttpResponse{Status: 200, Body: []byte("body")})
	require.NoError(t, err)
	require.Positive(t, fuel)
	require.Equal(t, "interpreted state, body", step.GetDone().GetProviderReference())

	receipt, fuel, err := generation.Receive(t.Context(), "",
		&abi.Callback{Method: "POST", Body: []byte("ours"), NowMs: 1234})
	require.NoError(t, err)
	require.Positive(t, fuel)
	require.Equal(t, "ours", receipt.GetReference())
	require.Equal(t, "1234", receipt.GetDedupeKey(), "the callback's time is the plugin's clock")
}

// An answer is the caller's own: it stands when the instance serves the next.
func TestAnswersOutliveTheirInstance(t *testing.T) {
	t.Parallel()
	generation := loaded(t, wasm.Limits{Instances: 1})
	first, _, err := generation.Begin(operation("the first")).Prepare(t.Context())
	require.NoError(t, err)
	for range 10 {
		require.Equal(t, "prepared another", reference(t, generation, operation("another")))
	}
	require.Equal(t, "prepared the first", first.GetDone().GetProviderReference())
}

func TestClockAndChanceAreTheCalls(t *testing.T) {
	t.Parallel()
	generation := loaded(t, wasm.Limits{})
	require.Equal(t, "1696408440123", reference(t, generation, &abi.Call{Operation: "clock", NowMs: 1696408440123}))
	draw := func(seed byte) string {
		return reference(t, generation, &abi.Call{Operation: "random", Seed: []byte{31: seed}})
	}
	first, again := draw(1), draw(1)
	require.Equal(t, first, again)
	require.NotEqual(t, first, draw(2))
}

// Whatever a call does, it ends, with a clear error; and the next one, of the one instance there may be, succeeds.
func TestFaultEndsOnlyItsOwnCall(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		reason error
		says   string
	}{
		"loop":      {wasm.ErrOutOfFuel, "hostile: wasm guest: prepare: out of fuel"},
		"allocate":  {wasm.ErrOutOfFuel, "hostile: wasm guest: prepare: out of fuel"},
		"recurse":   {wasm.ErrOutOfFuel, "hostile: wasm guest: prepare: out of fuel"},
		"reach out": {wasm.ErrTrapped, "hostile: wasm guest: prepare: trapped: out of bounds memory access"},
		"panic":     {wasm.ErrTrapped, "hostile: wasm guest: prepare: trapped"},
		"exit":      {wasm.ErrExited, "hostile: wasm guest: prepare: exited: exit code 7"},
		"garbage":   {wasm.ErrBadAnswer, "hostile: wasm guest: prepare: bad answer"},
		"beyond":    {wasm.ErrBadAnswer, "hostile: wasm guest: prepare: bad answer: 16 bytes at 2147483647"},
		"huge": {
			wasm.ErrAnswerTooLarge,
			"hostile: wasm guest: prepare: answer too large: 2147483647 bytes, at most ",
		},
		"admitted panic": {wasm.ErrBadAnswer, "hostile: wasm guest: prepare: bad answer: plugin fault: it went wrong"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			generation := loaded(t, wasm.Limits{Instances: 1})
			_, fuel, err := generation.Begin(operation(name)).Prepare(t.Context())
			require.ErrorIs(t, err, row.reason)
			require.ErrorContains(t, err, row.says)
			require.Positive(t, fuel, "what it burned is told all the same")
			require.Equal(t, int64(1), generation.Stats().Discarded)

			require.Equal(t, "prepared serve", reference(t, generation, operation("serve")))
			require.Equal(t, int64(1), generation.Stats().Discarded)
		})
	}
}

func TestFaultOfInterpretEndsOnlyItsOwnCall(t *testing.T) {
	t.Parallel()
	generation := loaded(t, wasm.Limits{Instances: 1})
	ok := &abi.HttpResponse{Status: 200}
	_, _, err := generation.Begin(operation("trap")).Interpret(t.Context(), nil, ok)
	require.ErrorIs(t, err, wasm.ErrTrapped)
	_, _, err = generation.Begin(operation("serve")).Interpret(t.Context(), nil, ok)
	require.NoError(t, err)
}

// A plugin that says what is wrong, or gives what was not asked for, has kept its instance in order.
func TestUnusableAnswersKeepTheInstance(t *testing.T) {
	t.Parallel()
	generation := loaded(t, wasm.Limits{Instances: 1})
	_, _, err := generation.Begin(operation("bad settings")).Prepare(t.Context())
	fault, ok := errors.AsType[*plugin.FaultError](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, &plugin.FaultError{Code: abi.Error_CODE_BAD_SETTINGS, Message: "no account"}, fault)

	for _, name := range []string{"receipt", "empty step"} {
		_, _, err := generation.Begin(operation(name)).Prepare(t.Context())
		require.ErrorContains(t, err, "hostile: prepare: the answer is not of the call's kind", name)
	}
	_, _, err = generation.Receive(t.Context(), "", &abi.Callback{Method: "GET"})
	require.ErrorContains(t, err, "hostile: receive: the answer is not of the call's kind")
	require.Zero(t, generation.Stats().Discarded)
	require.Equal(t, int64(1), generation.Stats().Made)
}

// Payments that run beside one whose plugin traps do not notice.
func TestFaultsBesideOthersAreNotNoticed(t *testing.T) {
	t.Parallel()
	generation := loaded(t, wasm.Limits{Instances: 3})
	var callers sync.WaitGroup
	wrong := make([]error, 6)
	for i := range wrong {
		callers.Go(func() {
			name := "serve"
			if i%3 == 0 {
				name = "reach out"
			}
			for range 10 {
				step, _, err := generation.Begin(operation(name)).Prepare(t.Context())
				if ended := err != nil; ended != (name == "reach out") || !ended && step.GetDone() == nil {
					wrong[i] = fmt.Errorf("%s: %v, %v", name, step, err)
				}
			}
		})
	}
	callers.Wait()
	require.NoError(t, errors.Join(wrong...))
	require.Equal(t, int64(20), generation.Stats().Discarded)
}
