package wasm_test

import (
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/host/wasm"
)

// deep are guests that recurse without end, in frames of many kinds.
func deep() map[string]assembly {
	const (
		lget, lset, ltee = 0x20, 0x21, 0x22
		drop             = 0x1a
		second           = firstExtra + 1
	)
	i64s := func(n int) []byte { return slices.Repeat([]byte{i64Type}, n) }
	recurse := func(extra ...routine) assembly {
		return assembly{prepare: routine{code: code(i64c(1), 0x10, firstExtra)}, extra: extra}
	}
	// mix gives local i a value that no constant is, from the parameter.
	mix := func(n int) []byte {
		return slices.Concat(spread(n, func(i int) []byte {
			return code(lget, 0, i64c(int64(i)*77+3), 0x7e, lset, u32(uint32(i+1)))
		})...)
	}
	sum := func(n int) []byte {
		return slices.Concat(spread(n, func(i int) []byte { return code(lget, u32(uint32(i+1)), 0x7c) })...)
	}
	all := map[string]assembly{
		"one function":   recurse(routine{kind: typeI64I64, code: code(lget, 0, 0x10, firstExtra)}),
		"after the call": recurse(routine{kind: typeI64I64, code: code(lget, 0, 0x10, firstExtra, lget, 0, 0x7c)}),
		"mutual": recurse(
			routine{kind: typeI64I64, code: code(lget, 0, 0x10, second, lget, 0, 0x7c)},
			routine{kind: typeI64I64, code: code(lget, 0, 0x10, firstExtra, lget, 0, 0x7e)},
		),
		"mutual, one of them by a loop": recurse(
			routine{kind: typeI64I64, code: code(0x03, 0x40, lget, 0, 0x10, second, lset, 0, 0x0c, 0, 0x0b, 0x00)},
			routine{kind: typeI64I64, code: code(lget, 0, 0x10, firstExtra)},
		),
		"10,000 locals": recurse(routine{
			kind: typeI64I64, locals: i64s(9_999), code: code(lget, 0, 0x10, firstExtra),
		}),
		"3,000 locals, live": recurse(routine{
			kind: typeI64I64, locals: i64s(3_000), code: code(mix(3_000), lget, 0, 0x10, firstExtra, sum(3_000)),
		}),
		"many values, each live for a call": recurse(routine{
			kind: typeI64I64, code: code(times(500, lget, 0, i64c(31), 0x7e, lget, 0, 0x10, firstExtra, 0x7c, lset, 0),
				lget, 0),
		}),
		"values on the stack of operands": recurse(routine{
			kind: typeI64I64, code: code(times(1000, lget, 0, i64c(31), 0x7e, ltee, 0), 0x10, firstExtra,
				times(999, 0x7c)),
		}),
		"locals that meet in many places": recurse(routine{
			kind: typeI64I64, locals: i64s(60), code: code(mix(60),
				times(30, lget, 0, 0xa7, 0x04, 0x40, slices.Concat(spread(60, func(i int) []byte {
					return code(lget, i+1, lget, 0, 0x7c, lset, i+1)
				})...), 0x0b),
				lget, 0, 0x10, firstExtra, sum(60)),
		}),
		"locals that meet at loops": recurse(routine{
			kind: typeI64I64, locals: i64s(60), code: code(mix(60),
				times(30, 0x03, 0x40, slices.Concat(spread(60, func(i int) []byte {
					return code(lget, i+1, lget, 0, 0x7c, lset, i+1)
				})...), lget, 0, 0x10, firstExtra, 0xa7, 0x0d, 0, 0x0b),
				lget, 0, sum(60)),
		}),
		"indirect": {
			tables: slices.Concat([]byte{1, 0x70, 1}, u32(10), u32(10)),
			sections: map[byte][]byte{9: vector(slices.Concat([]byte{0}, i32c(0), []byte{0x0b},
				vector(u32(firstExtra), u32(second))))},
			prepare: routine{code: code(i64c(1), 0x10, firstExtra)},
			extra: []routine{
				{kind: typeI64I64, code: code(lget, 0, i32c(1), 0x11, typeI64I64, 0, lget, 0, 0x7c)},
				{kind: typeI64I64, code: code(lget, 0, i32c(0), 0x11, typeI64I64, 0, lget, 0, 0x7c)},
			},
		},
		"two results": {
			prepare: routine{code: code(0x10, firstExtra, drop)},
			extra:   []routine{{kind: typePair, code: code(0x10, firstExtra, 0x7c, 0x10, firstExtra, 0x7c)}},
		},
		"16 parameters": {
			prepare: routine{code: code(times(16, i64c(1)), 0x10, firstExtra, i64c(0))},
			extra: []routine{{kind: typeManyI64, code: code(slices.Concat(spread(16, func(i int) []byte {
				return code(lget, 15-i)
			})...), 0x10, firstExtra)}},
		},
	}
	return all
}

// However a guest recurses, and however wide its frames are, its stack ends at the limit. The runtime doubles a stack
// that is full.
func TestStackIsBounded(t *testing.T) {
	t.Parallel()
	const limit = 1 << 20
	all := deep()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := compiled(t, all[name].bytes(), wasm.Limits{Fuel: 1 << 40, Stack: limit})
			size, err := m.CallStack(t.Context(), wasm.Prepare)
			require.ErrorIs(t, err, wasm.ErrStackOverflow)
			require.Less(t, size, 2*limit+(64<<10))

			answer, _, err := call(t, m, wasm.Receive, "12345678", wasm.Env{})
			require.NoError(t, err)
			require.Equal(t, "12345678", answer)
		})
	}
}

// What the stacks of a call take while they grow is bounded too: it was 200 MB, and as much again to copy it.
func TestDeepRecursionTakesLittleMemory(t *testing.T) {
	for _, name := range []string{"mutual", "3,000 locals, live", "locals that meet at loops", "indirect"} {
		m := compiled(t, deep()[name].bytes(), wasm.Limits{Fuel: 1 << 40})
		_, _, err := call(t, m, wasm.Prepare, "", wasm.Env{})
		require.ErrorIs(t, err, wasm.ErrStackOverflow)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _, err = call(t, m, wasm.Prepare, "", wasm.Env{})
		runtime.ReadMemStats(&after)
		require.ErrorIs(t, err, wasm.ErrStackOverflow)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(16<<20), name)
	}
}

func TestGoGuestStaysFarFromTheLimitOfTheStack(t *testing.T) {
	t.Parallel()
	m := compiled(t, guest(t), wasm.Limits{Stack: 512 << 10}) // an eighth of the default
	nested := strings.Repeat("[", 20) + strings.Repeat("]", 20)
	answer, _, err := call(t, m, wasm.Interpret, nested, wasm.Env{})
	require.NoError(t, err)
	require.Equal(t, nested, answer)
}
