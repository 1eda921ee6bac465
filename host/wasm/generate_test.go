package wasm_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

const (
	f32Type       = 0x7d
	functionType  = 0x70 // funcref
	referenceType = 0x6f // externref
)

// valueTypes are all that the rewriter lets pass.
var valueTypes = []byte{i32Type, i64Type, f32Type, f64Type, functionType, referenceType}

// functionKind is a function's type.
type functionKind struct{ params, results []byte }

// generated is a valid module that uses all of what the rewriter lets pass.
type generated struct {
	code []byte
	// functions are exported as f0, f1 …
	functions []functionKind
	// globals are exported as g0, g1 …; these are their types.
	globals []byte
	// used are the opcodes in it; a prefixed one is 0xfc00 and what follows.
	used map[int]bool
}

// The tables of a generated module. Their sizes have bounds, so that the rewriter's own makes no difference.
var generatedTables = []struct {
	kind        byte
	least, most uint32
}{{functionType, 8, 16}, {referenceType, 4, 8}, {functionType, 2, 4}}

// The functions that a generated module imports from "env": mix and note.
var generatedImports = []functionKind{
	{[]byte{i32Type, i64Type}, []byte{i64Type}},
	{nil, nil},
}

// depthGlobal counts the indirect calls under way, so that none recurses until the stack is full: wazero's engines
// differ in how deep that is.
const depthGlobal = 0

const mostIndirect = 40

// generator draws a module. Its programs may run for ever: fuel ends them.
type generator struct {
	*rand.Rand
	used      map[int]bool
	kinds     []functionKind
	functions []functionKind // without the imported ones
	globals   []globalKind
	elements  []elementKind

	// Of the function under way:
	index  int // of all functions
	kind   functionKind
	locals []byte // parameters and the function's own
	labels [][]byte
	budget int
}

type globalKind struct {
	kind    byte
	mutable bool
}

type elementKind struct {
	kind    byte
	passive bool
}

const (
	dataSegments = 3
	passiveData  = 1
)

// generate makes the module of a seed. size bounds the instructions of each function, roughly.
func generate(seed uint64, size int) generated {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 0)), used: make(map[int]bool)}
	for range 1 + g.IntN(5) {
		g.functions = append(g.functions, functionKind{g.someTypes(3), g.someTypes(3)})
	}
	g.globals = []globalKind{{i32Type, true}}
	for _, kind := range valueTypes {
		g.globals = append(g.globals, globalKind{kind, true}, globalKind{kind, false})
	}
	elements := g.elementSection()
	var bodies [][]byte
	for i := range g.functions {
		bodies = append(bodies, sized(g.body(i, size)))
	}
	// Functions that show the tables: size, whether an element is null, and the external references themselves.
	observers := g.observers()
	kinds := slices.Clone(g.functions)
	for _, o := range observers {
		kinds = append(kinds, o.kind)
		bodies = append(bodies, sized(slices.Concat([]byte{0}, o.code, []byte{0x0b})))
	}

	made := generated{functions: g.functions, used: g.used}
	for _, global := range g.globals {
		made.globals = append(made.globals, global.kind)
	}
	made.code = g.assemble(kinds, observers, elements, bodies)
	return made
}

func (g *generator) assemble(kinds []functionKind, observers []observer, elements []byte, bodies [][]byte) []byte {
	var imports, functions, tables, globals, exports [][]byte
	for i, name := range []string{"mix", "note"} {
		imports = append(imports, slices.Concat(sized([]byte("env")), sized([]byte(name)), []byte{0},
			u32(g.kindIndex(generatedImports[i]))))
	}
	export := func(name string, kind byte, index int) {
		exports = append(exports, slices.Concat(sized([]byte(name)), []byte{kind}, u32(uint32(index))))
	}
	for i, kind := range kinds {
		functions = append(functions, u32(g.kindIndex(kind)))
		name := fmt.Sprintf("f%d", i)
		if i >= len(g.functions) {
			name = observers[i-len(g.functions)].name
		}
		export(name, 0, len(generatedImports)+i)
	}
	for _, t := range generatedTables {
		tables = append(tables, slices.Concat([]byte{t.kind, 1}, u32(t.least), u32(t.most)))
	}
	for i, global := range g.globals {
		mutable := byte(0)
		if global.mutable {
			mutable = 1
		}
		first := g.constant(global.kind)
		if i == depthGlobal {
			first = i32c(0)
		}
		globals = append(globals, slices.Concat([]byte{global.kind, mutable}, first, []byte{0x0b}))
		export(fmt.Sprintf("g%d", i), 3, i)
	}
	export("memory", 2, 0)
	memory := []byte{1, 1, 1, 3}
	if g.oneIn(3) {
		memory = []byte{1, 0, 1}
	}
	var types [][]byte // last: all above may have added to them
	for _, k := range g.kinds {
		types = append(types, slices.Concat([]byte{0x60}, sized(k.params), sized(k.results)))
	}
	out := []byte("\x00asm\x01\x00\x00\x00")
	for _, s := range []struct {
		id      byte
		content []byte
	}{
		{1, vector(types...)},
		{2, vector(imports...)},
		{3, vector(functions...)},
		{4, vector(tables...)},
		{5, memory},
		{6, vector(globals...)},
		{7, vector(exports...)},
		{9, elements},
		{12, u32(dataSegments)},
		{10, vector(bodies...)},
		{11, g.dataSection()},
	} {
		out = append(append(out, s.id), sized(s.content)...)
	}
	return out
}

type observer struct {
	name string
	kind functionKind
	code []byte
}

func (g *generator) observers() []observer {
	var all []observer
	for i, t := range generatedTables {
		table := byte(i)
		all = append(all,
			observer{fmt.Sprintf("size%d", i), functionKind{nil, []byte{i32Type}}, g.misc(0x10, table)},
			observer{
				fmt.Sprintf("null%d", i),
				functionKind{[]byte{i32Type}, []byte{i32Type}},
				code(0x20, 0, 0x25, i, 0xd1),
			})
		if t.kind == referenceType {
			all = append(all, observer{
				fmt.Sprintf("get%d", i),
				functionKind{[]byte{i32Type}, []byte{referenceType}},
				code(0x20, 0, 0x25, i),
			})
		}
	}
	return all
}

func (g *generator) oneIn(n int) bool { return g.IntN(n) == 0 }

func (g *generator) someTypes(most int) []byte {
	out := make([]byte, g.IntN(most+1))
	for i := range out {
		out[i] = g.pick(valueTypes)
	}
	return out
}

func (g *generator) pick(of []byte) byte { return of[g.IntN(len(of))] }

func (g *generator) kindIndex(k functionKind) uint32 {
	for i, other := range g.kinds {
		if slices.Equal(other.params, k.params) && slices.Equal(other.results, k.results) {
			return uint32(i)
		}
	}
	g.kinds = append(g.kinds, k)
	return uint32(len(g.kinds) - 1)
}

// functionCount is how many functions there are, without those that show the tables.
func (g *generator) functionCount() int { return len(generatedImports) + len(g.functions) }

// kindOf is the type of a function, imported ones first.
func (g *generator) kindOf(index int) functionKind {
	if index < len(generatedImports) {
		return generatedImports[index]
	}
	return g.functions[index-len(generatedImports)]
}

// elementSection has a segment of each of the eight forms, and one of null external references.
func (g *generator) elementSection() []byte {
	var segments [][]byte
	everyFunction := make([][]byte, 0, g.functionCount()) // declared, so that ref.func may name them
	for i := range g.functionCount() {
		everyFunction = append(everyFunction, u32(uint32(i)))
	}
	for form := range 8 {
		active, explicit, expressions := form&1 == 0, form&2 != 0, form&4 != 0
		segment := u32(uint32(form))
		table := 0
		if active && explicit {
			table = 2
			segment = append(segment, byte(table))
		}
		n := 1 + g.IntN(int(generatedTables[table].least))
		if active {
			offset := g.IntN(int(generatedTables[table].least) - n + 1)
			segment = slices.Concat(segment, i32c(int32(offset)), []byte{0x0b})
		}
		if expressions && form != 4 {
			segment = append(segment, functionType)
		} else if !expressions && form != 0 {
			segment = append(segment, 0)
		}
		entries := make([][]byte, n)
		for i := range entries {
			function := u32(uint32(g.IntN(g.functionCount())))
			switch {
			case !expressions:
				entries[i] = function
			case g.oneIn(3):
				entries[i] = []byte{0xd0, functionType, 0x0b}
			default:
				entries[i] = slices.Concat([]byte{0xd2}, function, []byte{0x0b})
			}
		}
		if form == 3 {
			entries = everyFunction
		}
		segments = append(segments, append(segment, vector(entries...)...))
		g.elements = append(g.elements, elementKind{functionType, form == 1 || form == 5})
	}
	segments = append(segments, slices.Concat([]byte{5, referenceType},
		vector([]byte{0xd0, referenceType, 0x0b}, []byte{0xd0, referenceType, 0x0b})))
	g.elements = append(g.elements, elementKind{referenceType, true})
	return vector(segments...)
}

// dataSection has a segment of each of the three forms.
func (g *generator) dataSection() []byte {
	content := func() []byte {
		out := make([]byte, g.IntN(64))
		for i := range out {
			out[i] = byte(g.Uint32())
		}
		return sized(out)
	}
	return vector(
		slices.Concat([]byte{0}, i32c(int32(g.IntN(1000))), []byte{0x0b}, content()),
		slices.Concat([]byte{1}, content()),
		slices.Concat([]byte{2, 0}, i32c(int32(g.IntN(60_000))), []byte{0x0b}, content()),
	)
}
