package wasm_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/host/wasm"
)

// pristine gives a copy of the answer of a pristine call.
func pristine(tb testing.TB, m *wasm.Module, export wasm.Export, input string) (string, wasm.Usage, error) {
	tb.Helper()
	var answer string
	usage, err := m.CallPristine(tb.Context(), export, []byte(input), wasm.Env{}, func(b []byte) error {
		answer = string(b)
		return nil
	})
	return answer, usage, err
}

// keeping are guests whose prepare answers a number that it has kept since the call before, and keeps the next one.
func keeping() map[string]assembly {
	const gget, gset = 0x23, 0x24
	answer := func(value []byte) []byte { return code(i32c(2048), value, 0x37, 3, 0, i64c(2048<<32|8)) }
	table := slices.Concat([]byte{1, 0x70, 1}, u32(2), u32(2))
	return map[string]assembly{
		"global": {globals: 2, prepare: routine{code: code(
			gget, 1, i64c(1), 0x7c, gset, 1, answer(code(gget, 1)))}},
		"memory": {prepare: routine{code: code(
			i32c(5000), i32c(5000), 0x29, 3, 0, i64c(1), 0x7c, 0x37, 3, 0, answer(code(i32c(5000), 0x29, 3, 0)))}},
		"size of the memory": {prepare: routine{code: code(
			i32c(1), 0x40, 0, 0x1a, answer(code(0x3f, 0, 0xac, i64c(1), 0x7d)))}},
		"table": {
			tables: table, prepare: routine{code: code(
				// 1 with a null there before, 2 without
				answer(code(i64c(2), i64c(1), i32c(0), 0x25, 0, 0xd1, 0x45, 0x1b)), // select
				i32c(0), 0xd2, u32(7), 0x26, 0)},
			sections: map[byte][]byte{9: vector(slices.Concat([]byte{3, 0}, vector(u32(7))))},
		},
	}
}

// A guest keeps nothing from one pristine call to the next, wherever it puts it; from one call to the next it does.
func TestPristineCallsKeepNothing(t *testing.T) {
	t.Parallel()
	for name, a := range keeping() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := compiled(t, a.bytes(), wasm.Limits{Instances: 1})
			one, _, err := pristine(t, m, wasm.Prepare, "")
			require.NoError(t, err)
			two := string(one[0]+1) + one[1:]
			for range 3 {
				answer, _, err := pristine(t, m, wasm.Prepare, "")
				require.NoError(t, err)
				require.Equal(t, one, answer)
			}
			first, _, err := call(t, m, wasm.Prepare, "", wasm.Env{})
			require.NoError(t, err)
			second, _, err := call(t, m, wasm.Prepare, "", wasm.Env{})
			require.NoError(t, err)
			require.Equal(t, []string{one, two}, []string{first, second}, "the guest does keep it")
			answer, _, err := pristine(t, m, wasm.Prepare, "")
			require.NoError(t, err)
			require.Equal(t, one, answer, "nor from a call that was not pristine")
		})
	}
}

// One instance serves pristine calls of a Go guest, whatever the calls do; each burns the same fuel. So it is where the
// system does not list the pages that were written.
func TestPristineCallsOfAGoGuest(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"pages listed", "all compared"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := compiled(t, guest(t), wasm.Limits{Instances: 1, Fuel: 100_000_000})
			if name == "all compared" {
				m.CompareAll()
			}
			servesPristine(t, m)
		})
	}
}

func servesPristine(t *testing.T, m *wasm.Module) {
	t.Helper()
	fresh, first, err := pristine(t, m, wasm.Prepare, "c")
	require.NoError(t, err)
	for _, between := range []string{"e", "l", "p", "x", "o", "h", "wx"} {
		_, _, _ = pristine(t, m, wasm.Prepare, between)
		answer, usage, err := pristine(t, m, wasm.Prepare, "c")
		require.NoError(t, err)
		require.Equal(t, fresh, answer, "after %s", between)
		require.Equal(t, first.Fuel, usage.Fuel, "after %s", between)
	}
	require.LessOrEqual(t, m.Stats().Made, int64(2), "one, and one more after the answer that made its memory grow")
}

// An instance after the first does not run _initialize: it costs the guest's start nothing, and comes out the same.
func TestInstancesAfterTheFirstDoNotInitialize(t *testing.T) {
	t.Parallel()
	m := compiled(t, guest(t), wasm.Limits{Instances: 1})
	want, first, err := call(t, m, wasm.Interpret, `{"a":[1,2,3]}`, wasm.Env{})
	require.NoError(t, err)
	_, _, err = call(t, m, wasm.Prepare, "p", wasm.Env{})
	require.Error(t, err)
	answer, again, err := call(t, m, wasm.Interpret, `{"a":[1,2,3]}`, wasm.Env{})
	require.NoError(t, err)
	require.Equal(t, want, answer)
	require.Equal(t, first.Fuel, again.Fuel)
	require.Equal(t, first.Memory, again.Memory)
	require.Zero(t, again.Start)
	require.Equal(t, int64(2), m.Stats().Made)
	require.Equal(t, int64(1), m.Stats().Started)
}

// A guest's runtime does things at its first calls that it does not do again: they are in the image. Random numbers are
// not, and neither is the state of a guest that fails over nothing.
func TestGuestsAreExercisedBeforeTheirImageIsTaken(t *testing.T) {
	t.Parallel()
	const gget, gset, drop = 0x23, 0x24, 0x1a
	count := code(gget, 1, i64c(1), 0x7c, gset, 1)
	answer := code(i32c(2048), code(gget, 1), 0x37, 3, 0, i64c(2048<<32|8))
	failsFirst := code(gget, 1, i64c(2), 0x53, 0x04, 0x40, 0x00, 0x0b) // below the second call
	seeded := assembly{
		globals: 2, imports: []imported{{"wasi_snapshot_preview1", "random_get", typeTwo}},
		prepare: routine{code: code(count, i32c(4096), i32c(8), 0x10, 0, drop, answer)},
	}
	for name, c := range map[string]struct {
		of      assembly
		calls   byte
		started int64
	}{
		"sound":                   {assembly{globals: 2, prepare: routine{code: code(count, answer)}}, 65, 1},
		"asks for random numbers": {seeded, 1, 2},
		"grows in each call":      {keeping()["size of the memory"], 3, 1},
		"fills its memory":        {assembly{pages: 300, globals: 2, prepare: routine{code: code(count, answer)}}, 1, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := compiled(t, c.of.bytes(), wasm.Limits{Instances: 1})
			require.Equal(t, c.started, m.Stats().Started)
			got, _, err := pristine(t, m, wasm.Prepare, "")
			require.NoError(t, err)
			if c.calls > 0 {
				require.Equal(t, c.calls, got[0])
			}
		})
	}
	traps := assembly{globals: 2, prepare: routine{code: code(count, failsFirst, answer)}}
	m := compiled(t, traps.bytes(), wasm.Limits{Instances: 1})
	require.Equal(t, int64(2), m.Stats().Started)
	_, _, err := pristine(t, m, wasm.Prepare, "")
	require.Error(t, err, "it is as after its start")
}

// A guest that burns much over nothing takes no more of a CPU before its first payment than one call may.
func TestAnExerciseTakesNoMoreFuelThanACall(t *testing.T) {
	t.Parallel()
	const gget, gset = 0x23, 0x24
	counted := assembly{globals: 2, prepare: routine{code: code(
		gget, 1, i64c(1), 0x7c, gset, 1, times(100, i64c(1), 0x1a), i32c(2048), gget, 1, 0x37, 3, 0, i64c(2048<<32|8))}}
	m := compiled(t, counted.bytes(), wasm.Limits{Instances: 1, Fuel: 2000})
	require.Equal(t, int64(1), m.Stats().Started)
	answer, _, err := pristine(t, m, wasm.Prepare, "")
	require.NoError(t, err)
	require.Greater(t, answer[0], byte(2))
	require.Less(t, answer[0], byte(40), "of 64")

	endless := assembly{globals: 2, prepare: routine{code: code(0x03, 0x40, 0x0c, 0, 0x0b, 0x00)}}
	m = compiled(t, endless.bytes(), wasm.Limits{Instances: 1})
	require.Equal(t, int64(2), m.Stats().Started, "it is as after its start")
}
