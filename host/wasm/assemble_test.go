package wasm_test

import (
	"encoding/binary"
	"slices"
)

// assembly is a plugin put together by hand. The zero one answers every call with nothing; its fields make it do
// worse.
type assembly struct {
	prepare routine   // what prepare does; nil answers 0
	extra   []routine // functions besides, the first is number firstExtra
	imports []imported
	pages   uint32 // of memory, 1 where 0
	most    uint32 // pages; 0 for no bound
	marker  string // the name of the marker; standard where empty
	version int32  // of abi_version; 1 where 0
	without string // an export to leave out
	exports [][]byte
	// sections goes between the others, by id: an element section, a start section.
	sections map[byte][]byte
	tables   []byte // the table section's content
	globals  int    // mutable i64 globals
}

// routine is a function's body. locals are value types; type is an index into assemblyTypes.
type routine struct {
	kind   byte
	locals []byte
	code   []byte
}

type imported struct {
	module, name string
	kind         byte
}

const (
	i32Type = 0x7f
	i64Type = 0x7e
	f64Type = 0x7c
)

// The types that an assembly has.
const (
	typeNothing = iota // () -> ()
	typeI32            // () -> (i32)
	typeI32I32         // (i32) -> (i32)
	typeCall           // (i32 i32) -> (i64)
	typeI64I64         // (i64) -> (i64)
	typeFour           // four of i32 -> (i32)
	typeClock          // (i32 i64 i32) -> (i32)
	typeTwo            // (i32 i32) -> (i32)
	typeI32Gone        // (i32) -> ()
	typeManyI64        // 16 of i64 -> ()
	typePair           // () -> (i64 i64)
	typeHundred        // 100 of i64 -> 100 of i64
)

var assemblyTypes = [][2][]byte{
	{nil, nil},
	{nil, {i32Type}},
	{{i32Type}, {i32Type}},
	{{i32Type, i32Type}, {i64Type}},
	{{i64Type}, {i64Type}},
	{{i32Type, i32Type, i32Type, i32Type}, {i32Type}},
	{{i32Type, i64Type, i32Type}, {i32Type}},
	{{i32Type, i32Type}, {i32Type}},
	{{i32Type}, nil},
	{slices.Repeat([]byte{i64Type}, 16), nil},
	{nil, {i64Type, i64Type}},
	{slices.Repeat([]byte{i64Type}, 100), slices.Repeat([]byte{i64Type}, 100)},
}

// firstExtra is the number of the first extra function, after the imports.
const firstExtra = 8

func (a assembly) bytes() []byte {
	var out []byte
	out = append(out, "\x00asm\x01\x00\x00\x00"...)
	section := func(id byte, content []byte) {
		if content == nil {
			return
		}
		out = append(out, id)
		out = append(out, sized(content)...)
	}
	var typeEntries [][]byte
	for _, t := range assemblyTypes {
		typeEntries = append(typeEntries, slices.Concat([]byte{0x60}, sized(t[0]), sized(t[1])))
	}
	section(1, vector(typeEntries...))

	var imports [][]byte
	for _, i := range a.imports {
		imports = append(imports, slices.Concat(sized([]byte(i.module)), sized([]byte(i.name)), []byte{0, i.kind}))
	}
	if len(imports) > 0 {
		section(2, vector(imports...))
	}

	version := a.version
	if version == 0 {
		version = 1
	}
	if a.prepare.code == nil {
		a.prepare.code = i64c(0)
	}
	names := []string{
		"_initialize", "abi_version", "alloc", "describe", "prepare", "interpret", "receive",
		"payrouter_abi_v1",
	}
	if a.marker != "" {
		names[7] = a.marker
	}
	a.prepare.kind = typeCall
	routines := []routine{
		{kind: typeNothing},
		{kind: typeI32, code: i32c(version)},
		{kind: typeI32I32, code: i32c(1024)},
		{kind: typeCall, code: i64c(0)},
		a.prepare,
		{kind: typeCall, code: i64c(0)},
		{kind: typeCall, code: i64c(1024<<32 | 8)}, // receive gives back the first 8 bytes of its input
		{kind: typeNothing},
	}
	routines = append(routines, a.extra...)
	var kinds, bodies [][]byte
	for _, r := range routines {
		kinds = append(kinds, []byte{r.kind})
		var locals [][]byte
		for _, l := range r.locals {
			locals = append(locals, []byte{1, l})
		}
		bodies = append(bodies, sized(slices.Concat(vector(locals...), r.code, []byte{0x0b})))
	}
	section(3, vector(kinds...))
	section(4, a.tables)
	pages := max(a.pages, 1)
	memory := slices.Concat([]byte{1, 0}, u32(pages))
	if a.most > 0 {
		memory = slices.Concat([]byte{1, 1}, u32(pages), u32(a.most))
	}
	section(5, memory)
	if a.globals > 0 {
		section(6, vector(slices.Repeat([][]byte{{i64Type, 1, 0x42, 0, 0x0b}}, a.globals)...))
	}
	exports := [][]byte{slices.Concat(sized([]byte("memory")), []byte{2, 0})}
	for i, name := range names {
		if name != a.without {
			exports = append(exports, slices.Concat(sized([]byte(name)), []byte{0}, u32(uint32(len(a.imports)+i))))
		}
	}
	exports = append(exports, a.exports...)
	section(7, vector(exports...))
	section(8, a.sections[8])
	section(9, a.sections[9])
	section(12, a.sections[12])
	section(10, vector(bodies...))
	section(11, a.sections[11])
	section(0, a.sections[0])
	return out
}

func u32(n uint32) []byte { return binary.AppendUvarint(nil, uint64(n)) }

func sized(content []byte) []byte { return append(u32(uint32(len(content))), content...) }

func vector(entries ...[]byte) []byte {
	return append(u32(uint32(len(entries))), slices.Concat(entries...)...)
}

func signedLEB(n int64) []byte {
	var out []byte
	for {
		b := byte(n & 0x7f)
		n >>= 7
		if n == 0 && b&0x40 == 0 || n == -1 && b&0x40 != 0 {
			return append(out, b)
		}
		out = append(out, b|0x80)
	}
}

func i32c(n int32) []byte { return append([]byte{0x41}, signedLEB(int64(n))...) }
func i64c(n int64) []byte { return append([]byte{0x42}, signedLEB(n)...) }

func code(parts ...any) []byte {
	var out []byte
	for _, part := range parts {
		switch part := part.(type) {
		case int:
			out = append(out, byte(part))
		case []byte:
			out = append(out, part...)
		case string:
			out = append(out, part...)
		}
	}
	return out
}

// forever runs code again and again. It ends with unreachable, so that it may stand where a value is asked for.
func forever(parts ...any) []byte {
	return code(0x03, 0x40, code(parts...), 0x0c, 0, 0x0b, 0x00)
}

func times(n int, parts ...any) []byte { return slices.Repeat(code(parts...), n) }
