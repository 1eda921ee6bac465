package wasm_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/host/wasm"
)

func TestGoGuestAnswers(t *testing.T) {
	t.Parallel()
	m := compiled(t, guest(t), wasm.Limits{})
	answer, usage, err := call(t, m, wasm.Describe, "", wasm.Env{})
	require.NoError(t, err)
	require.Equal(t, "a guest for tests", answer)
	t.Log(usage)
	answer, usage, err = call(t, m, wasm.Interpret, `{"b":[1,2,"x"],"a":null}`, wasm.Env{})
	require.NoError(t, err)
	require.Equal(t, `{"a":null,"b":[1,2,"x"]}`, answer)
	t.Log(usage)
	answer, usage, err = call(t, m, wasm.Prepare, "t", wasm.Env{})
	require.NoError(t, err)
	t.Log(answer, usage)
	for _, bad := range []string{"l", "r", "m", "p", "x", "o", "h", "W"} {
		answer, usage, err = call(t, m, wasm.Prepare, bad, wasm.Env{})
		require.Error(t, err)
		t.Log(bad, usage, err)
	}
}
