package wasm_test

import "slices"

func (g *generator) statements() []byte {
	var out []byte
	for range 1 + g.IntN(6) {
		if g.budget <= 0 {
			break
		}
		out = append(out, g.statement()...)
	}
	return out
}

// statement leaves the stack as it was.
func (g *generator) statement() []byte {
	g.budget -= 2
	kind := g.pick(valueTypes)
	switch g.IntN(16) {
	case 0, 1:
		if local, ok := g.local(kind); ok {
			return code(g.value(kind, 0), g.op(0x21, g.number(local)))
		}
	case 2, 3:
		return code(g.value(kind, 0), g.op(0x24, g.number(g.global(kind, true))))
	case 4, 5:
		n := g.IntN(len(stores))
		return code(g.small(0xfff, 0), g.value(stores[n].kind, 0), g.op(firstStore+n, g.argument(stores[n].width)))
	case 6, 7, 8:
		k := functionKind{g.someTypes(2), g.someTypes(3)}
		return code(g.block(k, 0), g.discard(k.results))
	case 9:
		return g.branch()
	case 10:
		if callee := g.IntN(g.functionCount()); g.callable(callee) {
			return code(g.call(callee, 0), g.discard(g.kindOf(callee).results))
		}
	case 11:
		return g.callIndirect()
	case 12:
		return g.bulkMemory()
	case 13:
		return g.bulkTable(kind)
	case 14:
		if g.oneIn(4) {
			return g.unreachable()
		}
	}
	return code(g.op(0x01), g.value(kind, 0), g.discard([]byte{kind}))
}

// callable lets direct calls go forward only, so that none recurses.
func (g *generator) callable(callee int) bool {
	return callee < len(generatedImports) || callee > g.index
}

func (g *generator) call(callee, level int) []byte {
	return code(g.values(g.kindOf(callee).params, level+1), g.op(0x10, g.number(callee)))
}

func (g *generator) callIndirect() []byte {
	callee := g.kindOf(g.IntN(g.functionCount()))
	count := func(opcode int) []byte {
		return code(g.op(0x23, depthGlobal), g.op(0x41, 1), g.op(opcode), g.op(0x24, depthGlobal))
	}
	return code(
		g.op(0x23, depthGlobal), g.op(0x41, mostIndirect), g.op(0x4a), g.op(0x04, 0x40), g.op(0x00), g.op(0x0b),
		count(0x6a), g.values(callee.params, 1), g.small(7, 1),
		g.op(0x11, g.number(int(g.kindIndex(callee))), g.number(g.table(functionType))),
		g.discard(callee.results), count(0x6b))
}

// block is a block, a loop or an if of a type.
func (g *generator) block(k functionKind, level int) []byte {
	params := g.values(k.params, level+1)
	kind := g.blockType(k)
	inside := func(label []byte) []byte {
		g.labels = append(g.labels, label)
		defer func() { g.labels = g.labels[:len(g.labels)-1] }()
		return code(g.discard(k.params), g.statements(), g.values(k.results, level+1))
	}
	switch g.IntN(4) {
	case 0:
		return g.loop(k, params, kind, level)
	case 1:
		then := code(params, g.value(i32Type, level+1), g.op(0x04, kind), inside(k.results))
		if slices.Equal(k.params, k.results) && g.oneIn(3) {
			return code(then, g.op(0x0b)) // without an else the parameters are the results
		}
		return code(then, g.op(0x05), inside(k.results), g.op(0x0b))
	}
	return code(params, g.op(0x02, kind), inside(k.results), g.op(0x0b))
}

// loop counts its turns down in a local, or, now and then, runs while any value is not zero.
func (g *generator) loop(k functionKind, params, kind []byte, level int) []byte {
	counter, _ := g.local(i32Type)
	turns := code(g.op(0x41, signedLEB(int64(1+g.IntN(6)))), g.op(0x21, g.number(counter)))
	again := code(g.op(0x20, g.number(counter)), g.op(0x41, 1), g.op(0x6b), g.op(0x22, g.number(counter)),
		g.op(0x41, 0), g.op(0x4a)) // while --counter > 0
	g.labels = append(g.labels, k.params)
	defer func() { g.labels = g.labels[:len(g.labels)-1] }()
	if g.oneIn(8) {
		again = g.value(i32Type, level+1)
	}
	return code(params, turns, g.op(0x03, kind), g.discard(k.params), g.statements(),
		g.values(k.params, level+1), again, g.op(0x0d, 0), g.discard(k.params),
		g.values(k.results, level+1), g.op(0x0b))
}

// blockType is the shortest form, or a type's index.
func (g *generator) blockType(k functionKind) []byte {
	if len(k.params) == 0 && len(k.results) < 2 && !g.oneIn(4) {
		return append(slices.Clone(k.results), 0x40)[:1]
	}
	return signedLEB(int64(g.kindIndex(k)))
}

// branch leaves blocks, on a condition as a rule. What follows one that is always taken never runs.
func (g *generator) branch() []byte {
	depth := g.IntN(len(g.labels))
	label := g.labels[len(g.labels)-1-depth]
	switch g.IntN(8) {
	case 0:
		return code(g.values(label, 1), g.op(0x0c, g.number(depth)))
	case 1:
		return code(g.values(g.kind.results, 1), g.op(0x0f))
	case 2, 3:
		var same [][]byte // the labels of the same types
		for at, other := range slices.Backward(g.labels) {
			if slices.Equal(other, label) {
				same = append(same, g.number(len(g.labels)-1-at))
			}
		}
		targets := make([][]byte, g.IntN(4))
		for i := range targets {
			targets[i] = same[g.IntN(len(same))]
		}
		return code(g.values(label, 1), g.small(3, 1), g.op(0x0e, vector(targets...), g.number(depth)))
	}
	return code(g.values(label, 1), g.value(i32Type, 1), g.op(0x0d, g.number(depth)), g.discard(label))
}

// unreachable is code that never runs, in a stack of any types: it traps, or stands behind a branch.
func (g *generator) unreachable() []byte {
	skip := code(g.op(0x02, 0x40), g.op(0x0c, 0))
	if g.oneIn(3) {
		skip = code(g.op(0x02, 0x40), g.op(0x00))
	}
	for range g.IntN(4) {
		n := numerics[g.IntN(len(numerics))]
		skip = append(skip, g.op(n.first+g.IntN(n.last-n.first+1))...)
		skip = append(skip, g.op(0x1a)...)
	}
	switch g.IntN(4) {
	case 0:
		skip = append(skip, g.misc(0x0b, 0)...)
	case 1:
		skip = append(skip, code(g.op(opMemoryGrow, 0), g.op(0x1a))...)
	case 2:
		skip = append(skip, code(g.op(0x03, 0x40), g.op(0x0c, 0), g.op(0x0b))...)
	}
	return code(skip, g.op(0x0b))
}

func (g *generator) bulkMemory() []byte {
	to, from, length := g.small(0xfff, 1), g.small(0xfff, 1), g.small(0xff, 1)
	segment := byte(passiveData)
	if g.oneIn(8) { // of one that is not passive, nothing is left
		segment = byte(g.IntN(dataSegments))
	}
	switch g.IntN(5) {
	case 0:
		return code(to, g.small(63, 1), g.small(31, 1), g.op(opMisc|8, []byte{segment}, 0))
	case 1:
		if g.oneIn(3) {
			return g.misc(9, segment)
		}
	case 2, 3:
		return code(to, from, length, g.misc(10, 0, 0))
	}
	return code(to, g.value(i32Type, 1), length, g.misc(11, 0))
}

func (g *generator) bulkTable(kind byte) []byte {
	if kind != referenceType {
		kind = functionType
	}
	table := g.table(kind)
	var fit []byte // segments of the type
	for at, element := range g.elements {
		if element.kind == kind && (element.passive || g.oneIn(16)) { // of others, nothing is left
			fit = append(fit, byte(at))
		}
	}
	switch g.IntN(6) {
	case 0:
		return code(g.small(7, 1), g.value(kind, 1), g.op(0x26, g.number(table)))
	case 1:
		return code(g.small(3, 1), g.small(1, 1), g.small(1, 1), g.misc(12, g.pick(fit), byte(table)))
	case 2:
		if g.oneIn(3) {
			return g.misc(13, g.pick(fit))
		}
	case 3:
		return code(g.small(3, 1), g.small(3, 1), g.small(3, 1), g.misc(14, byte(table), byte(g.table(kind))))
	case 4:
		return code(g.small(3, 1), g.value(kind, 1), g.small(3, 1), g.misc(17, byte(table)))
	}
	return code(g.value(kind, 1), g.small(2, 1), g.misc(15, byte(table)), g.op(0x1a))
}
