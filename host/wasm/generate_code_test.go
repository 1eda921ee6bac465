package wasm_test

import (
	"encoding/binary"
	"math"
	"slices"
)

// numeric are the instructions that turn numbers into a number.
type numeric struct {
	first, last int // opcodes; prefixed ones are 0xfc00 and what follows
	operands    int // one or two
	operand     byte
	result      byte
	// anyNaN: the specification leaves open which NaN is the result.
	anyNaN bool
}

const (
	opMisc         = 0xfc00
	opSelect       = 0x1b
	firstLoad      = 0x28
	firstStore     = 0x36
	opMemoryGrow   = 0x40
	opRefIsNull    = 0xd1
	mostExpression = 4 // levels
)

// numerics has every one of them.
var numerics = []numeric{
	{0x45, 0x45, 1, i32Type, i32Type, false},
	{0x46, 0x4f, 2, i32Type, i32Type, false},
	{0x50, 0x50, 1, i64Type, i32Type, false},
	{0x51, 0x5a, 2, i64Type, i32Type, false},
	{0x5b, 0x60, 2, f32Type, i32Type, false},
	{0x61, 0x66, 2, f64Type, i32Type, false},
	{0x67, 0x69, 1, i32Type, i32Type, false},
	{0x6a, 0x78, 2, i32Type, i32Type, false},
	{0x79, 0x7b, 1, i64Type, i64Type, false},
	{0x7c, 0x8a, 2, i64Type, i64Type, false},
	{0x8b, 0x8c, 1, f32Type, f32Type, false}, // abs, neg
	{0x8d, 0x91, 1, f32Type, f32Type, true},
	{0x92, 0x97, 2, f32Type, f32Type, true},
	{0x98, 0x98, 2, f32Type, f32Type, false}, // copysign
	{0x99, 0x9a, 1, f64Type, f64Type, false},
	{0x9b, 0x9f, 1, f64Type, f64Type, true},
	{0xa0, 0xa5, 2, f64Type, f64Type, true},
	{0xa6, 0xa6, 2, f64Type, f64Type, false},
	{0xa7, 0xa7, 1, i64Type, i32Type, false},
	{0xa8, 0xa9, 1, f32Type, i32Type, false},
	{0xaa, 0xab, 1, f64Type, i32Type, false},
	{0xac, 0xad, 1, i32Type, i64Type, false},
	{0xae, 0xaf, 1, f32Type, i64Type, false},
	{0xb0, 0xb1, 1, f64Type, i64Type, false},
	{0xb2, 0xb3, 1, i32Type, f32Type, false},
	{0xb4, 0xb5, 1, i64Type, f32Type, false},
	{0xb6, 0xb6, 1, f64Type, f32Type, true},
	{0xb7, 0xb8, 1, i32Type, f64Type, false},
	{0xb9, 0xba, 1, i64Type, f64Type, false},
	{0xbb, 0xbb, 1, f32Type, f64Type, true},
	{0xbc, 0xbc, 1, f32Type, i32Type, false},
	{0xbd, 0xbd, 1, f64Type, i64Type, false},
	{0xbe, 0xbe, 1, i32Type, f32Type, false},
	{0xbf, 0xbf, 1, i64Type, f64Type, false},
	{0xc0, 0xc1, 1, i32Type, i32Type, false},
	{0xc2, 0xc4, 1, i64Type, i64Type, false},
	{0xfc00, 0xfc01, 1, f32Type, i32Type, false},
	{0xfc02, 0xfc03, 1, f64Type, i32Type, false},
	{0xfc04, 0xfc05, 1, f32Type, i64Type, false},
	{0xfc06, 0xfc07, 1, f64Type, i64Type, false},
}

// access is the type and the width, as the exponent of two, of each load from firstLoad and each store from firstStore.
type access struct{ kind, width byte }

var (
	loads = []access{
		{i32Type, 2},
		{i64Type, 3},
		{f32Type, 2},
		{f64Type, 3},
		{i32Type, 0},
		{i32Type, 0},
		{i32Type, 1},
		{i32Type, 1},
		{i64Type, 0},
		{i64Type, 0},
		{i64Type, 1},
		{i64Type, 1},
		{i64Type, 2},
		{i64Type, 2},
	}
	stores = []access{
		{i32Type, 2},
		{i64Type, 3},
		{f32Type, 2},
		{f64Type, 3},
		{i32Type, 0},
		{i32Type, 1},
		{i64Type, 0},
		{i64Type, 1},
		{i64Type, 2},
	}
)

// op is an instruction, which is noted as used.
func (g *generator) op(opcode int, immediates ...any) []byte {
	g.used[opcode] = true
	if opcode >= opMisc {
		return code(0xfc, opcode&0xff, code(immediates...))
	}
	return code(opcode, code(immediates...))
}

func (g *generator) misc(sub int, immediates ...byte) []byte { return g.op(opMisc|sub, immediates) }

// number is an unsigned immediate, at times longer than it has to be.
func (g *generator) number(n int) []byte {
	out := u32(uint32(n))
	if !g.oneIn(10) {
		return out
	}
	for len(out) < 5 && !g.oneIn(3) {
		out[len(out)-1] |= 0x80
		out = append(out, 0)
	}
	return out
}

// body is a function's locals and instructions.
func (g *generator) body(function, size int) []byte {
	g.index = len(generatedImports) + function
	g.kind = g.functions[function]
	g.budget = size
	g.labels = [][]byte{g.kind.results}
	g.locals = slices.Clone(g.kind.params)
	var groups [][]byte
	for _, kind := range valueTypes {
		n := g.IntN(3)
		if kind == i32Type {
			n++ // a loop counts in one
		}
		groups = append(groups, []byte{byte(n), kind})
		g.locals = append(g.locals, slices.Repeat([]byte{kind}, n)...)
	}
	return slices.Concat(vector(groups...), g.statements(), g.values(g.kind.results, 0), g.op(0x0b))
}

func (g *generator) values(kinds []byte, level int) []byte {
	var out []byte
	for _, kind := range kinds {
		out = append(out, g.value(kind, level)...)
	}
	return out
}

// discard takes values from the stack, the last first, some into locals.
func (g *generator) discard(kinds []byte) []byte {
	var out []byte
	for _, kind := range slices.Backward(kinds) {
		if local, ok := g.local(kind); ok && g.oneIn(2) {
			out = append(out, g.op(0x21, g.number(local))...)
			continue
		}
		out = append(out, g.op(0x1a)...)
	}
	return out
}

// local picks one of a type.
func (g *generator) local(kind byte) (int, bool) {
	start := g.IntN(len(g.locals))
	for n := range g.locals {
		at := (start + n) % len(g.locals)
		if g.locals[at] == kind {
			return at, true
		}
	}
	return 0, false
}

// global picks one of a type, never the depth.
func (g *generator) global(kind byte, mutable bool) int {
	for {
		at := 1 + g.IntN(len(g.globals)-1)
		if g.globals[at].kind == kind && (!mutable || g.globals[at].mutable) {
			return at
		}
	}
}

// constant is a value that is the same every time; edges are frequent.
func (g *generator) constant(kind byte) []byte {
	n := int64(g.Uint64()) >> g.IntN(64)
	switch kind {
	case i32Type:
		if g.oneIn(6) {
			n = [...]int64{math.MinInt32, math.MaxInt32, -1, 0, 31, 65535}[g.IntN(6)]
		}
		return g.op(0x41, signedLEB(int64(int32(n))))
	case i64Type:
		if g.oneIn(6) {
			n = [...]int64{math.MinInt64, math.MaxInt64, -1, 0, 63, math.MinInt32}[g.IntN(6)]
		}
		return g.op(0x42, signedLEB(n))
	case f32Type:
		bits := math.Float32bits(float32(n) / 8)
		if g.oneIn(3) {
			bits = [...]uint32{
				0x7fc00000, 0xffc00000, 0x7f800000, 0xff800000, 1, 1 << 31, 0x4f000000, 0xcf000000,
				0x7fa00000, uint32(n),
			}[g.IntN(10)]
		}
		return g.op(0x43, binary.LittleEndian.AppendUint32(nil, bits))
	case f64Type:
		bits := math.Float64bits(float64(n) / 8)
		if g.oneIn(3) {
			bits = [...]uint64{
				0x7ff8 << 48, 0xfff8 << 48, 0x7ff0 << 48, 0xfff0 << 48, 1, 1 << 63,
				math.Float64bits(1 << 63), math.Float64bits(-1 << 63), 0x7ff4 << 48, uint64(n),
			}[g.IntN(10)]
		}
		return g.op(0x44, binary.LittleEndian.AppendUint64(nil, bits))
	}
	return g.op(0xd0, []byte{kind})
}

// value leaves one value of a type on the stack.
func (g *generator) value(kind byte, level int) []byte {
	g.budget--
	if level >= mostExpression || g.budget < 0 {
		return g.leaf(kind)
	}
	number := kind != functionType && kind != referenceType
	switch g.IntN(12) {
	case 0:
		kinds := []byte{kind, kind}
		if number && g.oneIn(2) {
			return code(g.values(kinds, level+1), g.value(i32Type, level+1), g.op(opSelect))
		}
		return code(g.values(kinds, level+1), g.value(i32Type, level+1), g.op(0x1c, 1, []byte{kind}))
	case 1:
		if local, ok := g.local(kind); ok {
			return code(g.value(kind, level+1), g.op(0x22, g.number(local)))
		}
	case 2:
		return g.block(functionKind{g.someTypes(2), []byte{kind}}, level)
	case 3:
		for _, callee := range g.Perm(g.functionCount()) {
			if g.callable(callee) && slices.Equal(g.kindOf(callee).results, []byte{kind}) {
				return g.call(callee, level)
			}
		}
	case 4, 5, 6, 7:
		if number {
			return g.load(kind, level)
		}
		return g.reference(kind, level)
	case 8:
		if kind == i32Type {
			return g.size(level)
		}
	}
	if number {
		return g.compute(kind, level)
	}
	return g.leaf(kind)
}

func (g *generator) leaf(kind byte) []byte {
	switch g.IntN(3) {
	case 0:
		if local, ok := g.local(kind); ok {
			return g.op(0x20, g.number(local))
		}
	case 1:
		return g.op(0x23, g.number(g.global(kind, false)))
	}
	if kind == functionType && g.oneIn(2) {
		return g.op(0xd2, g.number(g.IntN(g.functionCount())))
	}
	return g.constant(kind)
}

// reference is one out of a table.
func (g *generator) reference(kind byte, level int) []byte {
	return code(g.small(7, level), g.op(0x25, g.number(g.table(kind))))
}

func (g *generator) table(kind byte) int {
	if kind == referenceType {
		return 1
	}
	return 2 * g.IntN(2)
}

// size is an i32 that the memory or a table gives.
func (g *generator) size(level int) []byte {
	kind := []byte{functionType, referenceType}[g.IntN(2)]
	table := g.table(kind)
	switch g.IntN(5) {
	case 0:
		return g.op(0x3f, 0)
	case 1:
		return code(g.small(1, level), g.op(opMemoryGrow, 0))
	case 2:
		return code(g.value(kind, level+1), g.op(opRefIsNull))
	case 3:
		return code(g.value(kind, level+1), g.small(3, level), g.misc(0x0f, byte(table)))
	}
	return g.misc(0x10, byte(table))
}

// small is an i32 of at most a mask, as a rule.
func (g *generator) small(mask int32, level int) []byte {
	value := g.value(i32Type, level+1)
	if g.oneIn(40) {
		return value
	}
	return code(value, g.op(0x41, signedLEB(int64(mask))), g.op(0x71))
}

func (g *generator) argument(width byte) []byte {
	offset := g.IntN(100)
	if g.oneIn(60) {
		offset = int(g.Uint32())
	}
	return code(g.number(g.IntN(int(width)+1)), g.number(offset))
}

func (g *generator) load(kind byte, level int) []byte {
	for {
		if n := g.IntN(len(loads)); loads[n].kind == kind {
			return code(g.small(0xfff, level), g.op(firstLoad+n, g.argument(loads[n].width)))
		}
	}
}

// compute applies a numeric instruction that gives the type.
func (g *generator) compute(kind byte, level int) []byte {
	var fit []int
	for at, n := range numerics {
		if n.result == kind {
			fit = append(fit, slices.Repeat([]int{at}, n.last-n.first+1)...)
		}
	}
	n := numerics[fit[g.IntN(len(fit))]]
	opcode := n.first + g.IntN(n.last-n.first+1)
	operands := g.values(slices.Repeat([]byte{n.operand}, n.operands), level+1)
	if !g.oneIn(20) {
		operands = g.tame(opcode, operands)
	}
	out := code(operands, g.op(opcode))
	if n.anyNaN {
		out = g.oneNaN(kind, out)
	}
	return out
}

// tame makes a divisor odd, and what is truncated 1: most programs should not end in a trap.
func (g *generator) tame(opcode int, operands []byte) []byte {
	switch {
	case opcode >= 0x6d && opcode <= 0x70:
		return code(operands, g.op(0x41, 7), g.op(0x71), g.op(0x41, 1), g.op(0x72)) // & 7 | 1
	case opcode >= 0x7f && opcode <= 0x82:
		return code(operands, g.op(0x42, 7), g.op(0x83), g.op(0x42, 1), g.op(0x84)) // & 7 | 1
	case opcode == 0xa8, opcode == 0xa9, opcode == 0xae, opcode == 0xaf:
		return code(operands, g.op(0x8b), g.op(0x43, "\x00\x00\x80\x4e"), g.op(0x96), // min(abs, 2^30)
			g.op(0xfc00), g.op(0xb2))
	case opcode == 0xaa, opcode == 0xab, opcode == 0xb0, opcode == 0xb1:
		return code(operands, g.op(0x99), g.op(0x44, "\x00\x00\x00\x00\x00\x00\xd0\x41"), g.op(0xa4), // min(abs, 2^30)
			g.op(0xfc02), g.op(0xb7))
	}
	return operands
}

// oneNaN turns every NaN into the same.
func (g *generator) oneNaN(kind byte, value []byte) []byte {
	local, ok := g.local(kind)
	if !ok { // the value is lost, but not what computing it does
		return code(value, g.op(0x1a), g.op(0x23, g.number(g.global(kind, false))))
	}
	nan, differs := code(0x43, "\x00\x00\xc0\x7f"), 0x5c
	if kind == f64Type {
		nan, differs = code(0x44, "\x00\x00\x00\x00\x00\x00\xf8\x7f"), 0x62
	}
	get := g.op(0x20, g.number(local))
	return code(value, g.op(0x21, g.number(local)), nan, get, get, get, g.op(differs), g.op(opSelect))
}
