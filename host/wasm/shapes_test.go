package wasm_test

import (
	"encoding/binary"
	"math"
	"slices"
)

// shapes are guests that try to hold a CPU as long as they can on the fuel of one call: what each kind of instruction
// costs at its worst, and ways to get work done that is not paid for.
func shapes() map[string]assembly {
	const (
		lget, lset, ltee = 0x20, 0x21, 0x22
		gget, gset       = 0x23, 0x24
		drop             = 0x1a
		many             = 2000 // instructions in a straight line
	)
	f64c := func(f float64) []byte {
		return binary.LittleEndian.AppendUint64([]byte{0x44}, math.Float64bits(f))
	}
	prepare := func(locals []byte, body []byte) assembly {
		return assembly{prepare: routine{locals: locals, code: body}}
	}
	large := func(a assembly) assembly { a.pages = 512; return a }
	// chain repeats local2 = local2 op local3, local 2 and 3 set before.
	chain := func(kind byte, first, second []byte, op ...any) assembly {
		return prepare([]byte{kind, kind}, code(first, lset, 2, second, lset, 3,
			forever(times(many, lget, 2, lget, 3, code(op...), lset, 2))))
	}
	unary := func(kind byte, first []byte, op ...any) assembly {
		return prepare([]byte{kind}, code(first, lset, 2, forever(times(many, lget, 2, code(op...), lset, 2))))
	}
	i64 := func(op ...any) assembly { return chain(i64Type, i64c(math.MaxInt64), i64c(-3), op...) }
	f64 := func(op ...any) assembly { return chain(f64Type, f64c(4.9e-324), f64c(0.75), op...) }
	wasi := func(name string, kind byte, args ...any) assembly {
		a := large(prepare(nil, forever(code(args...), 0x10, 0, drop)))
		a.imports = []imported{{"wasi_snapshot_preview1", name, kind}}
		return a
	}
	// next is local2 = local2 * constant + 1: an address that no prefetcher foresees.
	next := code(lget, 2, i64c(6364136223846793005), 0x7e, i64c(1442695040888963407), 0x7c, ltee, 2, i64c(39), 0x88,
		0xa7)
	table := slices.Concat([]byte{1, 0x70, 1}, u32(50_000), u32(100_000))
	withTable := func(a assembly) assembly { a.tables = table; return a }
	elements := vector(slices.Concat([]byte{0}, i32c(0), []byte{0x0b}, vector(slices.Repeat([][]byte{u32(7)}, 1)...)))

	handOn := func(again ...any) []byte {
		return code(times(100, i64c(1)), 0x03, typeHundred, i64c(1), code(again...), 0x0b, 0x00)
	}

	all := map[string]assembly{
		"empty loop": prepare(nil, forever()),
		"nested loop": prepare([]byte{i64Type},
			forever(0x03, 0x40, lget, 2, i64c(1), 0x7c, ltee, 2, i64c(2), 0x82, 0xa7, 0x0d, 0, 0x0b)),
		"nop": prepare(nil, forever(times(100_000, 1))),
		"call of an empty function": {
			prepare: routine{code: forever(0x10, firstExtra)}, extra: []routine{{kind: typeNothing}},
		},
		"calls in a straight line": {
			prepare: routine{code: forever(times(many, 0x10, firstExtra))}, extra: []routine{{kind: typeNothing}},
		},
		"call of a function with two results": {
			prepare: routine{code: forever(0x10, firstExtra, drop, drop)},
			extra:   []routine{{kind: typePair, code: code(i64c(1), i64c(2), 0x03, 0x40, 0x0b)}},
		},
		"loop in a function with two results": {
			prepare: routine{code: code(0x10, firstExtra, drop)}, extra: []routine{{kind: typePair, code: forever()}},
		},
		"call with many parameters": {
			prepare: routine{code: forever(times(200, times(16, i64c(1)), 0x10, firstExtra))},
			extra:   []routine{{kind: typeManyI64}},
		},
		"indirect calls": withTable(assembly{
			prepare: routine{code: forever(times(many, i32c(0), 0x11, 0, 0))}, sections: map[byte][]byte{9: elements},
		}),
		"call of a function with 10,000 locals": {
			prepare: routine{code: forever(0x10, firstExtra)},
			extra:   []routine{{kind: typeNothing, locals: slices.Repeat([]byte{i64Type}, 10_000)}},
		},
		"recursion": {
			prepare: routine{code: code(0x10, firstExtra, i64c(0))},
			extra:   []routine{{kind: typeNothing, code: code(0x10, firstExtra)}},
		},
		"recursion with live values": {
			prepare: routine{code: code(i64c(1), 0x10, firstExtra)},
			extra: []routine{{
				kind: typeI64I64, locals: slices.Repeat([]byte{i64Type}, 100),
				code: code(
					slices.Concat(spread(100,
						func(i int) []byte { return code(lget, 0, i64c(int64(i)), 0x7e, lset, i+1) })...),
					lget, 0, 0x10, firstExtra,
					slices.Concat(spread(100, func(i int) []byte { return code(lget, i+1, 0x7c) })...),
				),
			}},
		},
		// Each turn a value comes in on the right, and all others move by one.
		"loop with 100 parameters":     prepare(nil, handOn(i32c(1), 0x0d, 0, drop)),
		"br_table with 100 parameters": prepare(nil, handOn(i32c(1), 0x0e, 1, 0, 0)),
		"call with 100 results": {
			prepare: routine{code: code(times(100, i64c(1)), 0x03, typeHundred, 0x10, firstExtra, 0x0c, 0, 0x0b, 0x00)},
			extra:   []routine{{kind: typeHundred, code: code(times(100, lget, 0))}},
		},
		"i64.add":    i64(0x7c),
		"i64.mul":    i64(0x7e),
		"i64.div_s":  i64(0x7f, i64c(math.MaxInt64), 0x84),
		"i64.rem_u":  i64(0x82, i64c(math.MaxInt64), 0x84),
		"i64.div_u":  unary(i64Type, i64c(-1), i64c(3), 0x80, i64c(-1), 0x84),
		"i64.rotl":   i64(0x89),
		"i64.popcnt": unary(i64Type, i64c(12345), 0x7b),
		"i64.clz":    unary(i64Type, i64c(12345), 0x79),
		"i64.ctz":    unary(i64Type, i64c(12345), 0x7a),
		"i64.lt_s":   i64(0x53, 0xac),
		"select":     prepare([]byte{i64Type}, forever(times(many, lget, 2, i64c(1), lget, 2, 0xa7, 0x1b, lset, 2))),
		"global": func() assembly {
			a := prepare(nil, forever(times(many, gget, 0, i64c(1), 0x7c, gset, 0)))
			a.globals = 1
			return a
		}(),
		"f64.add":       f64(0xa0),
		"f64.mul":       f64(0xa2),
		"f64.div":       f64(0xa3),
		"f64.min":       f64(0xa4),
		"f64.copysign":  f64(0xa6),
		"f64.sqrt":      unary(f64Type, f64c(2), 0x9f),
		"f64.nearest":   unary(f64Type, f64c(4.9e-324), 0x9e),
		"f64.abs":       unary(f64Type, f64c(4.9e-324), 0x99),
		"f64 to i64":    unary(f64Type, f64c(4.9e-324), 0xb0, 0xb9),
		"f64 to u64":    unary(f64Type, f64c(1e18), 0xb1, 0xba),
		"f64 to i64, s": unary(f64Type, f64c(1e30), 0xfc, 6, 0xb9),
		"f64 to u64, s": unary(f64Type, f64c(1e30), 0xfc, 7, 0xba),
		"f64 to f32":    unary(f64Type, f64c(1e-310), 0xb6, 0xbb),
		"f64.lt": prepare([]byte{f64Type},
			forever(times(many, lget, 2, f64c(4.9e-324), 0x63, 0xb8, lset, 2))),
		"loads, far apart": large(prepare([]byte{i64Type},
			forever(times(100, next, 0x29, 3, 0, lget, 2, 0x7c, lset, 2)))),
		"stores, far apart": large(prepare([]byte{i64Type}, forever(times(100, next, lget, 2, 0x37, 3, 0)))),
		"pointers, chased": large(prepare([]byte{i64Type, i64Type, i32Type}, code(
			// A ring of all cache lines in an order that nothing foresees.
			0x03, 0x40, lget, 2, 0xa7, lget, 2, i64c(6364136223846793005&^63|1), 0x7e, i64c(1442695040888963408&^63|64),
			0x7c,
			i64c(1<<25-64), 0x83, ltee, 3, 0xa7, 0x36, 2, 0, lget, 3, lset, 2, lget, 2, 0x50, 0x45, 0x0d, 0, 0x0b,
			forever(times(64, lget, 4, 0x28, 2, 0, lset, 4))))),
		"pointers, chased behind an if": large(assembly{
			prepare: routine{code: forever(0x10, firstExtra)},
			extra: []routine{{kind: typeNothing, locals: []byte{i32Type}, code: code(
				times(30, i32c(1), 0x04, 0x40, times(1000, lget, 0, 0x28, 2, 0, lset, 0), 0x0b))}},
		}),
		"loads, near": prepare([]byte{i64Type}, forever(times(many, lget, 2, 0xa7, 0x29, 3, 0, lset, 2))),
		"branch by data": prepare([]byte{i64Type}, forever(times(100, next, drop,
			0x02, 0x40, lget, 2, i64c(63), 0x88, 0xa7, 0x0d, 0, 0x01, 0x0b))),
		"br_table by data": prepare([]byte{i64Type}, forever(times(50, next, drop,
			times(8, 0x02, 0x40), lget, 2, i64c(61), 0x88, 0xa7, 0x0e, "\x07\x00\x01\x02\x03\x04\x05\x06\x07",
			times(8, 0x0b, lget, 2, i64c(1), 0x7c, lset, 2)))),
		"memory.fill of all":       large(prepare(nil, forever(i32c(0), i32c(1), i32c(1<<25), 0xfc, 11, 0))),
		"memory.fill of 1":         prepare(nil, forever(times(500, i32c(0), i32c(1), i32c(1), 0xfc, 11, 0))),
		"memory.fill of 0":         prepare(nil, forever(times(500, i32c(0), i32c(1), i32c(0), 0xfc, 11, 0))),
		"memory.fill of 300":       prepare(nil, forever(times(500, i32c(0), i32c(1), i32c(300), 0xfc, 11, 0))),
		"memory.copy of half":      large(prepare(nil, forever(i32c(0), i32c(1<<24), i32c(1<<24), 0xfc, 10, 0, 0))),
		"memory.copy, over itself": large(prepare(nil, forever(i32c(1), i32c(0), i32c(1<<25-1), 0xfc, 10, 0, 0))),
		"memory.copy of 1":         prepare(nil, forever(times(500, i32c(0), i32c(9), i32c(1), 0xfc, 10, 0, 0))),
		"memory.grow by 0":         prepare(nil, forever(times(100, i32c(0), 0x40, 0, drop))),
		"memory.grow by 1":         prepare(nil, forever(i32c(1), 0x40, 0, drop)),
		"memory.grow by 100":       prepare(nil, forever(i32c(100), 0x40, 0, drop)),
		"memory.grow too far":      prepare(nil, forever(i32c(1<<15), 0x40, 0, drop)),
		"table.grow by 1":          withTable(prepare(nil, forever(0xd0, 0x70, i32c(1), 0xfc, 15, 0, drop))),
		"table.grow by all":        withTable(prepare(nil, forever(0xd0, 0x70, i32c(50_000), 0xfc, 15, 0, drop))),
		"table.grow too far":       withTable(prepare(nil, forever(0xd0, 0x70, i32c(-1), 0xfc, 15, 0, drop))),
		"table.fill":               withTable(prepare(nil, forever(i32c(0), 0xd0, 0x70, i32c(50_000), 0xfc, 17, 0))),
		"table.fill of 1": withTable(prepare(nil,
			forever(times(100, i32c(0), 0xd0, 0x70, i32c(1), 0xfc, 17, 0)))),
		"table.copy": withTable(prepare(nil, forever(i32c(0), i32c(1), i32c(40_000), 0xfc, 14, 0, 0))),
		"table.get":  withTable(prepare(nil, forever(times(many, i32c(0), 0x25, 0, drop)))),
		"table.set":  withTable(prepare(nil, forever(times(many, i32c(0), 0xd0, 0x70, 0x26, 0)))),
		"ref.func": withTable(assembly{
			prepare: routine{code: forever(times(many, 0xd2, 7, drop))}, sections: map[byte][]byte{9: elements},
		}),
		"wasi clock":         wasi("clock_time_get", typeClock, i32c(1), i64c(0), i32c(0)),
		"wasi random, 1":     wasi("random_get", typeTwo, i32c(0), i32c(1)),
		"wasi random, all":   wasi("random_get", typeTwo, i32c(0), i32c(1<<25)),
		"wasi random, none":  wasi("random_get", typeTwo, i32c(-1), i32c(0)),
		"wasi yield":         wasi("sched_yield", typeI32),
		"wasi poll":          wasi("poll_oneoff", typeFour, i32c(0), i32c(1<<20), i32c(1000), i32c(0)),
		"wasi write nothing": wasi("fd_write", typeFour, i32c(1), i32c(0), i32c(1000), i32c(1<<20)),
	}
	return all
}

func spread(n int, f func(int) []byte) [][]byte {
	var out [][]byte
	for i := range n {
		out = append(out, f(i))
	}
	return out
}
