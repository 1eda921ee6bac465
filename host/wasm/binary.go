package wasm

import (
	"bytes"
	"fmt"
)

// Sections of a module, https://www.w3.org/TR/wasm-core-2/#sections.
const (
	sectionCustom    = 0
	sectionType      = 1
	sectionImport    = 2
	sectionFunction  = 3
	sectionTable     = 4
	sectionMemory    = 5
	sectionGlobal    = 6
	sectionExport    = 7
	sectionStart     = 8
	sectionElement   = 9
	sectionCode      = 10
	sectionData      = 11
	sectionDataCount = 12
)

// sectionOrder is the place of each section; each stands at most once, custom ones aside.
//
//nolint:gochecknoglobals // a table
var sectionOrder = [...]int{
	sectionType: 1, sectionImport: 2, sectionFunction: 3, sectionTable: 4, sectionMemory: 5, sectionGlobal: 6,
	sectionExport: 7, sectionStart: 8, sectionElement: 9, sectionDataCount: 10, sectionCode: 11, sectionData: 12,
}

// What a module may have at most. The compiler below allocates by the counts that it reads, tens to hundreds of bytes
// each, and takes time by the square of a function's branches, so that a small hostile file could take the host down.
// A plugin of 3 MB has 2,100 functions, 37,000 data segments, bodies up to 29 KB.
const (
	mostTypes     = 10_000
	mostImports   = 100
	mostFunctions = 100_000
	mostTables    = 4
	mostElements  = 100_000 // of a table, and of all segments together
	mostGlobals   = 1_000
	mostExports   = 1_000
	mostSegments  = 250_000
	mostBody      = 256 << 10
	mostLocals    = 10_000
	mostParams    = 100
	mostNesting   = 5_000
	mostRegions   = 5_000  // of a function, see region; a Go function has up to 800
	mostPayments  = 1_000  // of a function, that are seen to be paid; a Go function has up to 43
	mostBranches  = 5_000  // of a function; a Go function has up to 490
	mostTargets   = 25_000 // of a function's tables of branches; a Go function has up to 900
	// Of a function, and of all together: parameters, locals, and what calls, blocks and branches hand on. The compiler
	// takes 440 bytes for one. A Go function has up to 500, a plugin 90,000.
	mostValues      = 100_000
	mostValuesOfAll = 2_000_000
	// What an indirect call takes the compiler, in values.
	valuesOfIndirect = 16
)

// header opens every module: the magic number and version 1.
//
//nolint:gochecknoglobals // a table
var header = []byte("\x00asm\x01\x00\x00\x00")

// parsed is a module taken apart, as far as checking and metering need it.
type parsed struct {
	code      []byte
	sections  []section
	types     []signature
	imports   []importEntry
	functions []uint32 // the type of each function that is not imported
	tables    []limits
	memories  []limits
	globals   int
	mutable   []uint32 // the globals that may be written
	lasting   bool     // a global that may be written is a reference
	exports   []exportEntry
	bodies    []span
	names     []byte // the name section's content that is kept
}

// section is one section's content, without its header. Custom ones are left out.
type section struct {
	id byte
	span
}

// span is a stretch of the module's bytes.
type span struct{ start, end int }

func (p *parsed) read(s span) *reader { return &reader{code: p.code, at: s.start, end: s.end} }

type signature struct{ params, results string } // a value type a byte

type importEntry struct {
	module, name string
	signature    signature
}

type exportEntry struct {
	name  string
	kind  byte
	index uint32
}

// The kinds of imports and exports.
const (
	kindFunction = 0
	kindTable    = 1
	kindMemory   = 2
	kindGlobal   = 3
)

//nolint:gochecknoglobals // a table
var kindNames = [...]string{"function", "table", "memory", "global"}

// limits bound a table or a memory.
type limits struct {
	reference byte // a table's element type
	least     uint32
	most      uint32
	bounded   bool // most holds
}

// decode takes a module apart, and refuses what is not well-formed, too large, or uses features that the host does not
// offer. It looks into no function's body.
func decode(code []byte) (*parsed, error) {
	if !bytes.HasPrefix(code, header) {
		return nil, &RefusedError{
			Reason: ErrMalformed, What: "not a core WebAssembly module", Where: "byte 0",
			Hint: "a component, or WebAssembly text, has to be compiled to a core module",
		}
	}
	p := &parsed{code: code}
	r := &reader{code: code, at: len(header), end: len(code)}
	last := 0
	for !r.done() {
		id := r.byte()
		content := r.within(int(r.u32()))
		if r.err != nil {
			break
		}
		if id == sectionCustom {
			if p.keepNames(content); content.err != nil {
				return nil, content.err
			}
			continue
		}
		if int(id) >= len(sectionOrder) {
			r.fail(ErrUnsupported, "section %d", id)
			break
		}
		if sectionOrder[id] <= last {
			r.fail(ErrMalformed, "section %d out of order", id)
			break
		}
		last = sectionOrder[id]
		p.sections = append(p.sections, section{id, span{content.at, content.end}})
		if err := p.section(id, content); err != nil {
			return nil, err
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	if len(p.bodies) != len(p.functions) {
		return nil, &RefusedError{
			Reason: ErrMalformed,
			What:   fmt.Sprintf("%d functions declared, %d defined", len(p.functions), len(p.bodies)),
		}
	}
	return p, nil
}

// section reads one section. All of its bytes must be used.
func (p *parsed) section(id byte, r *reader) error {
	switch id {
	case sectionType:
		p.readTypes(r)
	case sectionImport:
		p.readImports(r)
	case sectionFunction:
		p.readFunctions(r)
	case sectionTable:
		p.readTables(r)
	case sectionMemory:
		p.readMemories(r)
	case sectionGlobal:
		p.readGlobals(r)
	case sectionExport:
		p.readExports(r)
	case sectionStart:
		return &RefusedError{
			Reason: ErrUnsupported, What: "start function", Where: fmt.Sprintf("byte %d", r.at),
			Hint: "build a reactor, which exports _initialize: go build -buildmode=c-shared",
		}
	case sectionElement:
		p.readElements(r)
	case sectionDataCount:
		if n := r.u32(); n > mostSegments {
			r.fail(ErrTooLarge, "%d data segments, at most %d", n, mostSegments)
		}
	case sectionCode:
		p.readBodies(r)
	case sectionData:
		p.readData(r)
	}
	if r.err == nil && r.left() > 0 {
		r.fail(ErrMalformed, "%d bytes too many in section %d", r.left(), id)
	}
	return r.err
}

func (p *parsed) readTypes(r *reader) {
	for range r.count("types", mostTypes) {
		if form := r.byte(); form != formFunction {
			r.fail(ErrUnsupported, "type form %#x", form)
		}
		p.types = append(p.types, signature{r.valueTypes(), r.valueTypes()})
		if r.err != nil {
			return
		}
	}
}

// valueTypes reads a vector of value types.
func (r *reader) valueTypes() string {
	n := r.count("parameters", mostParams)
	raw := r.take(n)
	for _, t := range raw {
		r.checkValueType(t)
	}
	return string(raw)
}

// formFunction opens a function's type.
const formFunction = 0x60

// The value types.
const (
	typeI32       = 0x7f
	typeI64       = 0x7e
	typeF32       = 0x7d
	typeF64       = 0x7c
	typeFunction  = 0x70
	typeReference = 0x6f
)

func (r *reader) checkValueType(t byte) {
	switch t {
	case typeI32, typeI64, typeF32, typeF64, typeFunction, typeReference:
	case 0x7b:
		r.fail(ErrUnsupported, "vector type")
	default:
		r.fail(ErrUnsupported, "value type %#x", t)
	}
}

func (r *reader) referenceType() byte {
	t := r.byte()
	if t != typeFunction && t != typeReference {
		r.fail(ErrUnsupported, "reference type %#x", t)
	}
	return t
}

// readImports takes functions only: everything else could not be the host's.
func (p *parsed) readImports(r *reader) {
	for range r.count("imports", mostImports) {
		entry := importEntry{module: r.name(), name: r.name()}
		kind := r.byte()
		if r.err == nil && kind != kindFunction {
			what := "unknown kind"
			if int(kind) < len(kindNames) {
				what = kindNames[kind]
			}
			r.fail(ErrImport, "%s %q.%q", what, entry.module, entry.name)
		}
		index := r.u32()
		if r.err == nil && int(index) >= len(p.types) {
			r.fail(ErrMalformed, "type %d of %d", index, len(p.types))
		}
		if r.err != nil {
			return
		}
		entry.signature = p.types[index]
		p.imports = append(p.imports, entry)
	}
}

func (p *parsed) readFunctions(r *reader) {
	n := r.count("functions", mostFunctions)
	p.functions = make([]uint32, 0, n)
	for range n {
		index := r.u32()
		if r.err == nil && int(index) >= len(p.types) {
			r.fail(ErrMalformed, "type %d of %d", index, len(p.types))
		}
		if r.err != nil {
			return
		}
		p.functions = append(p.functions, index)
	}
}

func (p *parsed) readTables(r *reader) {
	for range r.count("tables", mostTables) {
		reference := r.referenceType()
		t := r.limits("table")
		t.reference = reference
		if t.least > mostElements {
			r.fail(ErrTooLarge, "table of %d, at most %d", t.least, mostElements)
		}
		if r.err != nil {
			return
		}
		p.tables = append(p.tables, t)
	}
}

func (p *parsed) readMemories(r *reader) {
	for range r.u32() {
		if len(p.memories) == 1 {
			r.fail(ErrUnsupported, "more than one memory")
		}
		m := r.limits("memory")
		if r.err != nil {
			return
		}
		p.memories = append(p.memories, m)
	}
}

// limits reads the limits of a table or a memory. Only the forms of WebAssembly 1.0 are taken.
func (r *reader) limits(of string) limits {
	form := r.byte()
	if form > 1 && r.err == nil {
		features := map[byte]string{
			2: "shared ", 3: "shared ", 4: "64-bit ", 5: "64-bit ", 6: "64-bit shared ",
			7: "64-bit shared ",
		}
		r.fail(ErrUnsupported, "%s%s, limits %#x", features[form], of, form)
	}
	l := limits{least: r.u32(), bounded: form == 1}
	if !l.bounded {
		return l
	}
	if l.most = r.u32(); l.most < l.least {
		r.fail(ErrMalformed, "%s of at least %d and at most %d", of, l.least, l.most)
	}
	return l
}

func (p *parsed) readGlobals(r *reader) {
	for range r.count("globals", mostGlobals) {
		kind := r.byte()
		r.checkValueType(kind)
		switch mutable := r.byte(); mutable {
		case 0:
		case 1:
			p.mutable = append(p.mutable, uint32(p.globals))
			p.lasting = p.lasting || kind == typeFunction || kind == typeReference
		default:
			r.fail(ErrMalformed, "mutability %#x", mutable)
		}
		p.skipConstant(r)
		if r.err != nil {
			return
		}
		p.globals++
	}
}

// skipConstant reads over a constant expression: one instruction, and the end.
func (p *parsed) skipConstant(r *reader) {
	switch code := r.byte(); code {
	case opI32Const:
		r.signed(32)
	case opI64Const:
		r.signed(64)
	case opF32Const:
		r.take(4)
	case opF64Const:
		r.take(8)
	case opRefNull:
		r.referenceType()
	case opRefFunc:
		p.checkFunction(r, r.u32())
	case opGlobalGet:
		// Only imported globals may be read here, and nothing but functions is imported.
		r.fail(ErrMalformed, "constant reads a global")
	default:
		r.fail(ErrOpcode, "%#x in a constant", code)
	}
	if end := r.byte(); r.err == nil && end != opEnd {
		r.fail(ErrOpcode, "%#x in a constant, where it should end", end)
	}
}

func (p *parsed) checkFunction(r *reader, index uint32) {
	if r.err == nil && int64(index) >= int64(len(p.imports)+len(p.functions)) {
		r.fail(ErrMalformed, "function %d of %d", index, len(p.imports)+len(p.functions))
	}
}

// of is the number of items of a kind that can be exported.
func (p *parsed) of(kind byte) int {
	switch kind {
	case kindFunction:
		return len(p.imports) + len(p.functions)
	case kindTable:
		return len(p.tables)
	case kindMemory:
		return len(p.memories)
	case kindGlobal:
		return p.globals
	}
	return 0
}

func (p *parsed) readExports(r *reader) {
	seen := make(map[string]bool)
	for range r.count("exports", mostExports) {
		entry := exportEntry{name: r.name(), kind: r.byte(), index: r.u32()}
		if r.err == nil && int64(entry.index) >= int64(p.of(entry.kind)) {
			r.fail(ErrMalformed, "export %q of kind %d is number %d of %d", entry.name, entry.kind, entry.index,
				p.of(entry.kind))
		}
		if r.err == nil && seen[entry.name] {
			r.fail(ErrMalformed, "two exports %q", entry.name)
		}
		if r.err != nil {
			return
		}
		seen[entry.name] = true
		p.exports = append(p.exports, entry)
	}
}

// readElements walks the eight forms of element segments: https://www.w3.org/TR/wasm-core-2/#element-section.
func (p *parsed) readElements(r *reader) {
	total := 0
	for range r.count("element segments", mostElements) {
		form := r.u32()
		if form > 7 {
			r.fail(ErrMalformed, "element segment of form %d", form)
		}
		active, explicit, expressions := form&1 == 0, form&2 != 0, form&4 != 0
		if active && explicit {
			p.checkTable(r, r.u32())
		}
		if active {
			p.skipConstant(r)
		}
		switch {
		case form == 0 || form == 4:
		case expressions:
			r.referenceType()
		default:
			if kind := r.byte(); kind != 0 {
				r.fail(ErrMalformed, "element kind %#x", kind)
			}
		}
		n := r.count("elements", mostElements-total)
		total += n
		for range n {
			if expressions {
				p.skipConstant(r)
			} else {
				p.checkFunction(r, r.u32())
			}
			if r.err != nil {
				return
			}
		}
	}
}

func (p *parsed) checkTable(r *reader, index uint32) {
	if r.err == nil && int64(index) >= int64(len(p.tables)) {
		r.fail(ErrMalformed, "table %d of %d", index, len(p.tables))
	}
}

func (p *parsed) readBodies(r *reader) {
	n := r.count("functions", mostFunctions)
	p.bodies = make([]span, 0, n)
	for range n {
		size := r.u32()
		if r.err == nil && size > mostBody {
			r.fail(ErrTooLarge, "function of %d bytes, at most %d", size, mostBody)
		}
		start := r.at
		r.take(int(size))
		if r.err != nil {
			return
		}
		p.bodies = append(p.bodies, span{start, r.at})
	}
}

func (p *parsed) readData(r *reader) {
	for range r.count("data segments", mostSegments) {
		form := r.u32()
		if form > 2 {
			r.fail(ErrMalformed, "data segment of form %d", form)
		}
		if form == 2 && r.u32() != 0 {
			r.fail(ErrUnsupported, "data segment of another memory")
		}
		if form != 1 {
			p.skipConstant(r)
		}
		r.take(int(r.u32()))
		if r.err != nil {
			return
		}
	}
}

// keepNames keeps the names of functions out of the name section: they make a trap's trace readable. Names are advice,
// so names that are not well-formed are left out without a word, as are all other custom sections.
func (p *parsed) keepNames(custom *reader) {
	if name := custom.name(); name != "name" || p.names != nil {
		return
	}
	r := *custom // mistakes from here on have no effect
	for !r.done() {
		id := r.byte()
		start := r.at - 1
		content := r.within(int(r.u32()))
		if id != 1 || content.err != nil {
			continue
		}
		for range content.count("names", mostFunctions) {
			content.u32()
			if content.name(); content.err != nil {
				return
			}
		}
		if content.err == nil && content.left() == 0 {
			p.names = p.code[start:content.end]
		}
		return
	}
}
