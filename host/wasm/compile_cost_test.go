package wasm_test

import (
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/host/wasm"
)

// expensive are modules that go to a limit with as few bytes as they can.
func expensive() map[string]assembly {
	const lget = 0x20
	prepare := func(parts ...any) assembly { return assembly{prepare: routine{code: code(parts...)}} }
	hundred := times(100, i64c(0))
	functions := func(n int, r routine) assembly { return assembly{extra: slices.Repeat([]routine{r}, n)} }
	return map[string]assembly{
		"functions with 10,000 locals": functions(199, routine{locals: slices.Repeat([]byte{i64Type}, 10_000)}),
		"functions with parameters":    functions(90_000, routine{kind: typeManyI64}),
		"calls that hand on 200 values": {
			prepare: routine{code: code(hundred, times(400, 0x10, firstExtra), 0x00)},
			extra:   []routine{{kind: typeHundred, code: hundred}},
		},
		"functions with such calls": functions(18, routine{
			kind: typeHundred, code: code(hundred, times(400, 0x10, firstExtra), 0x00),
		}),
		"calls": {
			prepare: routine{code: code(times(100_000, 0x10, firstExtra), 0x00)}, extra: []routine{{}},
		},
		"indirect calls": {
			tables:  []byte{1, 0x70, 0, 1},
			prepare: routine{code: code(times(6_000, i32c(0), 0x11, 0, 0), 0x00)},
		},
		"blocks that hand on 200 values":   prepare(hundred, times(400, 0x02, typeHundred, 0x0b), 0x00),
		"loops that hand on 200 values":    prepare(hundred, times(400, 0x03, typeHundred, 0x0b), 0x00),
		"branches that hand on 100 values": prepare(hundred, 0x03, typeHundred, times(900, i32c(0), 0x0d, 0), 0x0b, 0x00),
		"table of branches with 100 values": prepare(hundred, 0x03, typeHundred, i32c(0), 0x0e, u32(900), times(901, 0),
			0x0b, 0x00),
		"table of branches": prepare(0x02, 0x40, i32c(0), 0x0e, u32(24_999), times(25_000, 0), 0x0b, i64c(0)),
		"tables of branches": prepare(0x02, 0x40, times(4_900, 0x02, 0x40, i32c(0), 0x0e, 0, 0, 0x0b),
			0x0b, i64c(0)),
		"blocks within blocks": prepare(times(4_900, 0x02, 0x40), times(4_900, 0x0b), i64c(0)),
		"branches out of them": prepare(times(4_900, 0x02, 0x40), times(5_000, i32c(0), 0x0d, u32(4_800)),
			times(4_900, 0x0b), i64c(0)),
		"blocks":             prepare(times(4_900, 0x02, 0x40, 0x0b), i64c(0)),
		"loops within loops": prepare(times(900, 0x03, 0x40), times(900, 0x0b), i64c(0)),
		"ifs":                prepare(times(2_400, i32c(0), 0x04, 0x40, 0x05, 0x0b), i64c(0)),
		"blocks and locals":  {prepare: routine{locals: slices.Repeat([]byte{i64Type}, 10_000), code: localsInLoops()}},
		"instructions":       prepare(times(50_000, i64c(0), 0x1a), i64c(0)),
		"instructions, live": prepare(times(80_000, i64c(0)), times(79_999, 0x7c)),
		"loads":              prepare(times(40_000, i32c(0), 0x29, 3, 0, 0x1a), i64c(0)),
		"bulk instructions":  prepare(times(990, i32c(0), i32c(0), i32c(0), 0xfc, 11, 0), i64c(0)),
		"locals that are copied": {prepare: routine{
			locals: []byte{i64Type}, code: code(times(60_000, lget, 2, 0x21, 2), i64c(0)),
		}},
		"data segments": {sections: map[byte][]byte{
			11: append(u32(240_000), times(240_000, 1, 0)...), 12: u32(240_000),
		}},
		"elements": {
			tables: slices.Concat([]byte{1, 0x70, 0}, u32(100_000)),
			sections: map[byte][]byte{9: append([]byte{1, 0, 0x41, 0, 0x0b},
				append(u32(99_000), times(99_000, 0)...)...)},
		},
		"element segments": {sections: map[byte][]byte{9: append(u32(99_000), times(99_000, 1, 0, 0)...)}},
	}
}

// localsInLoops writes locals in loops, which is what makes the compiler join values where ways meet.
func localsInLoops() []byte {
	var out []byte
	for i := range 900 {
		out = append(out, code(0x03, 0x40, i64c(1), 0x21, u32(uint32(10*i+2)), i32c(0), 0x0d, 0, 0x0b)...)
	}
	return append(out, i64c(0)...)
}

// A file takes little memory to compile: what a module may have is bounded where a few bytes stand for much.
func TestCompilingTakesLittleMemory(t *testing.T) { //nolint:paralleltest // it measures what all goroutines allocate
	const most = 256 << 20
	for name, module := range expensive() {
		t.Run(name, func(t *testing.T) {
			original := module.bytes()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			metered, err := wasm.Rewrite(original, true)
			require.NoError(t, err, "at the limit, not beyond it")
			runtime.ReadMemStats(&after)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(64*len(original)+4<<20), "bytes to rewrite")
			r := newRuntime(t, compiles)
			runtime.ReadMemStats(&before)
			_, err = r.CompileModule(t.Context(), metered)
			require.NoError(t, err)
			runtime.ReadMemStats(&after)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(most), "bytes to compile")
			t.Logf("%d bytes, %d metered, %d MB", len(original), len(metered), (after.TotalAlloc-before.TotalAlloc)>>20)
		})
	}
}
