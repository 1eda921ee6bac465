package wasm_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tetratelabs/wazero"

	"payrouter/host/wasm"
)

// A stretch that is paid for at its head runs as a whole or not at all: who cannot pay traps there, from however deep.
func TestWhoCannotPayRunsNoFurther(t *testing.T) {
	t.Parallel()
	const reached, done = 2000, 2008
	mark := func(at int32) []byte { return code(i32c(at), i64c(1), 0x37, 3, 0) }
	// It costs so much that it is not left to the next head to see whether it could be paid.
	large := code(mark(done), times(20, i32c(64), 0x29, 3, 0, 0x1a))
	block := func(inside ...any) []byte { return code(0x02, 0x40, code(inside...), 0x0b) }
	loop := func(inside ...any) []byte { return code(0x03, 0x40, code(inside...), 0x0b) }
	then := func(inside ...any) []byte { return code(i32c(1), 0x04, 0x40, code(inside...), 0x0b) }
	otherwise := func(inside ...any) []byte { return code(i32c(0), 0x04, 0x40, 0x05, code(inside...), 0x0b) }
	after := func(inside ...any) []byte { return code(block(i32c(0), 0x0d, 0), code(inside...)) }
	fill := code(i32c(done), i32c(1), i32c(4000), 0xfc, 11, 0)

	stretches := map[string]func(...any) []byte{
		"loop": loop, "arm of an if": then, "arm of an else": otherwise, "what follows a block": after,
	}
	around := map[string]func(...any) []byte{
		"nothing": func(inside ...any) []byte { return code(inside...) }, "block": block, "loop": loop, "if": then,
		"else": otherwise, "after": after,
		"many": func(inside ...any) []byte { return block(then(block(loop(otherwise(block(inside...)))))) },
	}
	contents := map[string][]byte{"instructions": large, "bulk": fill}
	for outer, wrap := range around {
		for stretch, open := range stretches {
			for content, inside := range contents {
				t.Run(content+", "+stretch+" in "+outer, func(t *testing.T) {
					t.Parallel()
					body := code(mark(reached), wrap(open(inside)))
					for name, a := range map[string]assembly{
						"one result": {prepare: routine{code: code(body, i64c(0))}},
						"two results": {
							prepare: routine{code: code(0x10, firstExtra, 0x1a)},
							extra:   []routine{{kind: typePair, code: code(body, i64c(1), i64c(2))}},
						},
					} {
						wholeOrNothing(t, a.bytes(), reached, done, name)
					}
				})
			}
		}
	}
}

// wholeOrNothing calls prepare with as much fuel as it burns, and with less and less.
func wholeOrNothing(t *testing.T, plugin []byte, reached, done uint32, name string) {
	t.Helper()
	metered, err := wasm.Rewrite(plugin, true)
	require.NoError(t, err)
	r := newRuntime(t, compiles)
	compiled, err := r.CompileModule(t.Context(), metered)
	require.NoError(t, err)
	run := func(fuel int64) (wasReached, wasDone, trapped bool, burnt int64) {
		m, err := r.InstantiateModule(t.Context(), compiled, wazero.NewModuleConfig().WithName(""))
		require.NoError(t, err)
		setFuel(m, fuel)
		_, err = m.ExportedFunction("prepare").Call(t.Context(), 0, 0)
		first, _ := m.Memory().ReadByte(reached)
		second, _ := m.Memory().ReadByte(done)
		return first != 0, second != 0, err != nil, fuel - fuelLeft(m)
	}
	_, finished, trapped, needed := run(plenty)
	require.True(t, finished && !trapped, name)
	began := 0
	for step := range int64(40) {
		fuel := needed * step / 40
		wasReached, wasDone, trapped, _ := run(fuel)
		require.NotEqual(t, trapped, wasDone, "%s: %d fuel of %d", name, fuel, needed)
		if wasReached && trapped {
			began++
		}
	}
	require.Positive(t, began, "%s: what comes before ran", name)
}
