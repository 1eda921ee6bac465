package wasm_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/host/wasm"
)

func TestModulesAreRefusedWithAReason(t *testing.T) {
	t.Parallel()
	exported := func(name string, kind byte, index uint32) []byte {
		return slices.Concat(sized([]byte(name)), []byte{kind}, u32(index))
	}
	imports := func(module, name string, kind byte) assembly {
		return assembly{imports: []imported{{module, name, kind}}}
	}
	prepare := func(parts ...any) assembly { return assembly{prepare: routine{code: code(parts...)}} }
	for name, c := range map[string]struct {
		module assembly
		want   error
		text   string
	}{
		"socket": {
			imports("wasi_snapshot_preview1", "sock_accept", typeTwo), wasm.ErrImport,
			"wasm module refused: import refused: wasi_snapshot_preview1.sock_accept (files, sockets and the like " +
				"are not there; look for a package that uses os or net)",
		},
		"file": {imports("wasi_snapshot_preview1", "path_open", typeTwo), wasm.ErrImport, "path_open"},
		"foreign function": {
			imports("env", "connect", typeTwo), wasm.ErrImport,
			"env.connect (a plugin computes; only the host does I/O)",
		},
		"WASI of another type": {
			imports("wasi_snapshot_preview1", "fd_close", typeTwo), wasm.ErrImport,
			"fd_close as (i32 i32) -> (i32), it is (i32) -> (i32)",
		},
		"no marker": {
			assembly{without: "payrouter_abi_v1"},
			wasm.ErrVersion,
			"no export payrouter_abi_v1 (not a plugin, or built without",
		},
		"marker of version 2": {
			assembly{marker: "payrouter_abi_v2"},
			wasm.ErrVersion,
			"ABI version 2, this router speaks 1",
		},
		"marker of no version": {assembly{marker: "payrouter_abi_v01"}, wasm.ErrVersion, "names no version"},
		"two markers": {
			assembly{exports: [][]byte{exported("payrouter_abi_v2", 0, 7)}},
			wasm.ErrVersion,
			"2 exports that name a version",
		},
		"another abi_version()": {assembly{version: 3}, wasm.ErrVersion, "abi_version() is 3, the marker says 1"},
		"no prepare": {
			assembly{without: "prepare"},
			wasm.ErrExport,
			`function "prepare", which turns a call into a request`,
		},
		"no alloc":       {assembly{without: "alloc"}, wasm.ErrExport, `"alloc"`},
		"no _initialize": {assembly{without: "_initialize"}, wasm.ErrExport, `"_initialize"`},
		"prepare of another type": {
			assembly{without: "prepare", exports: [][]byte{exported("prepare", 0, 1)}},
			wasm.ErrExport,
			`function "prepare" is () -> (i32), not (i32 i32) -> (i64)`,
		},
		"the host's own name": {
			assembly{exports: [][]byte{exported("payrouter_fuel", 0, 1)}},
			wasm.ErrReserved,
			`"payrouter_fuel"`,
		},
		"the host's own name for the stack": {
			assembly{exports: [][]byte{exported("payrouter_stack", 0, 1)}},
			wasm.ErrReserved,
			`"payrouter_stack"`,
		},
		"export of the fuel": {
			assembly{exports: [][]byte{exported("x", 3, 0)}},
			wasm.ErrMalformed,
			`export "x" of kind 3 is number 0 of 0`,
		},
		"reading the fuel":      {prepare(0x23, 0), wasm.ErrMalformed, "global 0 of 0"},
		"setting the fuel":      {prepare(i64c(1<<40), 0x24, 0, i64c(0)), wasm.ErrMalformed, "global 0 of 0"},
		"the meter's own local": {prepare(0x20, 2), wasm.ErrMalformed, "local 2 of 2"},
		"start function": {
			assembly{sections: map[byte][]byte{8: {0}}},
			wasm.ErrUnsupported,
			"start function at byte",
		},
		"vectors":             {prepare(0xfd, 12, times(16, 0)), wasm.ErrOpcode, "opcode 0xfd, of vectors at byte"},
		"threads":             {prepare(0xfe, 3, 0), wasm.ErrOpcode, "threads"},
		"exceptions":          {prepare(0x1f, 0x40, 0, 0x0b), wasm.ErrOpcode, "exceptions"},
		"tail calls":          {prepare(0x12, 4), wasm.ErrOpcode, "tail calls"},
		"garbage collection":  {prepare(0xfb, 0), wasm.ErrOpcode, "garbage collection"},
		"unknown instruction": {prepare(0xff), wasm.ErrOpcode, "opcode 0xff at byte"},
		"padded prefix": {
			prepare(i32c(0), i32c(0), i32c(0), 0xfc, 0x8b, 0, 0, i64c(0)), wasm.ErrOpcode,
			"opcode 0xfc 0x8b",
		},
		"call of nothing":    {prepare(0x10, 99), wasm.ErrMalformed, "function 99 of 8"},
		"branch to nowhere":  {prepare(0x0c, 1), wasm.ErrMalformed, "branch 1 levels out of 1"},
		"else without if":    {prepare(0x02, 0x40, 0x05, 0x0b, i64c(0)), wasm.ErrMalformed, "else without an if"},
		"code after the end": {prepare(i64c(0), 0x0b, 0x01), wasm.ErrMalformed, "bytes after the function's end"},
		"no value":           {prepare(0x01), wasm.ErrMalformed, "not valid"},
		"too many locals": {
			assembly{prepare: routine{locals: slices.Repeat([]byte{i64Type}, 10_001)}},
			wasm.ErrTooLarge,
			"groups of locals, at most 10000",
		},
		"blocks too deep": {
			prepare(times(5_001, 0x02, 0x40), times(5_001, 0x0b), i64c(0)), wasm.ErrTooLarge,
			"nested",
		},
		"too many blocks": {
			prepare(times(5_001, 0x02, 0x40, 0x0b), i64c(0)), wasm.ErrTooLarge,
			"function of 5002 blocks, at most 5000",
		},
		"too many loops": {
			prepare(times(1_001, 0x03, 0x40, 0x0b), i64c(0)), wasm.ErrTooLarge,
			"function of 1002 loops",
		},
		"function too large": {prepare(times(300_000, 1), i64c(0)), wasm.ErrTooLarge, "function of 300"},
		"calls that hand on too much": {
			assembly{
				prepare: routine{code: code(times(100, i64c(0)), times(501, 0x10, firstExtra), 0x00)},
				extra:   []routine{{kind: typeHundred, code: times(100, i64c(0))}},
			},
			wasm.ErrTooLarge, "function of over 100000 locals and values that are handed on",
		},
		"blocks that hand on too much": {
			prepare(times(100, i64c(0)), times(501, 0x02, typeHundred, 0x0b), 0x00), wasm.ErrTooLarge,
			"function of over 100000",
		},
		"branches that hand on too much": {
			prepare(0x02, typeHundred, 0x00, 0x0b, times(100, i64c(0)), 0x03, typeHundred, times(1_001, i32c(0), 0x0d, 0),
				0x0b, 0x00), wasm.ErrTooLarge, "function of over 100000",
		},
		"table of branches that hands on too much": {
			prepare(times(100, i64c(0)), 0x03, typeHundred, i32c(0), 0x0e, u32(1_001), times(1_002, 0), 0x0b, 0x00),
			wasm.ErrTooLarge, "function of over 100000",
		},
		"too many branches": {
			prepare(times(5_001, i32c(0), 0x0d, 0), i64c(0)), wasm.ErrTooLarge,
			"function of over 5000 branches",
		},
		"too many targets of branches": {
			prepare(0x02, 0x40, i32c(0), 0x0e, u32(25_000), times(25_001, 0), 0x0b, i64c(0)), wasm.ErrTooLarge,
			"function of over 25000 targets of branches",
		},
		"too many locals of all functions": {
			assembly{extra: slices.Repeat([]routine{{locals: slices.Repeat([]byte{i64Type}, 10_000)}}, 201)},
			wasm.ErrTooLarge, "over 2000000 locals",
		},
		"memory too large": {assembly{pages: 513}, wasm.ErrTooLarge, "memory of 513 pages, at most 512"},
		"table too large": {
			assembly{tables: slices.Concat([]byte{1, 0x70, 0}, u32(100_001))},
			wasm.ErrTooLarge,
			"table of 100001",
		},
		"shared table": {assembly{tables: []byte{1, 0x70, 3, 1, 1}}, wasm.ErrUnsupported, "shared table"},
		"64-bit table": {assembly{tables: []byte{1, 0x70, 4, 1}}, wasm.ErrUnsupported, "64-bit table"},
		"too many elements": {assembly{
			tables:   []byte{1, 0x70, 0, 1},
			sections: map[byte][]byte{9: append([]byte{1, 1, 0}, u32(1<<31)...)},
		}, wasm.ErrTooLarge, "elements"},
		"data beyond its file": {
			assembly{sections: map[byte][]byte{11: append([]byte{1, 1}, u32(1<<31)...)}},
			wasm.ErrMalformed, "2147483648 bytes announced, 0 left",
		},
		"data beyond memory": {assembly{sections: map[byte][]byte{11: slices.Concat([]byte{1, 0}, i32c(65536),
			[]byte{0x0b, 1, 7})}}, wasm.ErrStart, "first instance failed: instantiate"},
		"many data segments": {
			assembly{sections: map[byte][]byte{12: u32(1 << 30)}},
			wasm.ErrTooLarge,
			"1073741824 data segments",
		},
		"offset by a global": {
			assembly{globals: 1, sections: map[byte][]byte{11: {1, 0, 0x23, 0, 0x0b, 0}}},
			wasm.ErrMalformed, "constant reads a global",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := compiler(t, wasm.Options{}).Compile(t.Context(), c.module.bytes(), wasm.Limits{})
			var refused *wasm.RefusedError
			require.ErrorAs(t, err, &refused)
			require.ErrorIs(t, err, c.want)
			require.ErrorContains(t, err, c.text)
		})
	}
}

func TestBytesThatAreNoModuleAreRefused(t *testing.T) {
	t.Parallel()
	good := assembly{}.bytes()
	header := good[:8]
	for name, c := range map[string]struct {
		code string
		want error
		text string
	}{
		"nothing":              {"", wasm.ErrMalformed, "not a core WebAssembly module at byte 0"},
		"text":                 {"(module)", wasm.ErrMalformed, "WebAssembly text"},
		"a component":          {"\x00asm\x0d\x00\x01\x00", wasm.ErrMalformed, "a component"},
		"a header and no more": {string(header), wasm.ErrVersion, "no export payrouter_abi_v1"},
		"section cut short": {
			string(header) + "\x01\x05\x01", wasm.ErrMalformed,
			"5 bytes announced, 1 left",
		},
		"section too long": {
			string(header) + "\x01\x02\x00\x00", wasm.ErrMalformed,
			"1 bytes too many in section 1",
		},
		"section twice": {
			string(header) + "\x01\x01\x00\x01\x01\x00", wasm.ErrMalformed,
			"section 1 out of order",
		},
		"sections reversed": {
			string(header) + "\x03\x01\x00\x01\x01\x00", wasm.ErrMalformed,
			"section 1 out of order",
		},
		"tags": {string(header) + "\x0d\x01\x00", wasm.ErrUnsupported, "section 13"},
		"more than announced": {
			string(header) + "\x01\x05\xff\xff\xff\xff\x0f", wasm.ErrTooLarge,
			"4294967295 types, at most 10000",
		},
		"two memories": {
			string(header) + "\x05\x05\x02\x00\x01\x00\x01", wasm.ErrUnsupported,
			"more than one memory",
		},
		"shared memory": {
			string(header) + "\x05\x04\x01\x03\x01\x01", wasm.ErrUnsupported,
			"shared memory",
		},
		"64-bit memory": {
			string(header) + "\x05\x03\x01\x04\x01", wasm.ErrUnsupported,
			"64-bit memory",
		},
		"imported memory": {
			string(header) + "\x02\x08\x01\x01e\x01m\x02\x00\x01", wasm.ErrImport,
			`memory "e"."m"`,
		},
		"imported global": {
			string(header) + "\x02\x08\x01\x01e\x01g\x03\x7f\x00", wasm.ErrImport,
			`global "e"."g"`,
		},
		"struct type": {
			string(header) + "\x01\x03\x01\x5f\x00", wasm.ErrUnsupported,
			"type form 0x5f",
		},
		"vector type": {
			string(header) + "\x01\x05\x01\x60\x01\x7b\x00", wasm.ErrUnsupported,
			"vector type",
		},
		"custom section without a name": {string(header) + "\x00\x00", wasm.ErrMalformed, "cut short"},
		"cut in its middle":             {string(good[:len(good)/2]), wasm.ErrMalformed, ""},
		"cut by a byte":                 {string(good[:len(good)-1]), wasm.ErrMalformed, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := compiler(t, wasm.Options{}).Compile(t.Context(), []byte(c.code), wasm.Limits{})
			var refused *wasm.RefusedError
			require.ErrorAs(t, err, &refused)
			require.ErrorIs(t, err, c.want)
			require.ErrorContains(t, err, c.text)
		})
	}
}

func TestEveryBreachIsReported(t *testing.T) {
	t.Parallel()
	a := assembly{
		without: "receive", marker: "payrouter_abi_v9",
		imports: []imported{{"env", "a", typeNothing}, {"env", "b", typeNothing}},
	}
	_, err := wasm.Inspect(a.bytes())
	for _, want := range []error{wasm.ErrVersion, wasm.ErrImport, wasm.ErrExport} {
		require.ErrorIs(t, err, want)
	}
	require.Len(t, strings.Split(err.Error(), "\n"), 4)
}

func TestModuleOfTooManyBytesIsRefused(t *testing.T) {
	t.Parallel()
	code := assembly{}.bytes()
	_, err := compiler(t, wasm.Options{}).Compile(t.Context(), code, wasm.Limits{Code: len(code) - 1})
	require.ErrorIs(t, err, wasm.ErrTooLarge)
	require.NotErrorIs(t, err, wasm.ErrMalformed)
}

func TestInitializeThatFailsRefusesTheModule(t *testing.T) {
	t.Parallel()
	// prepare stands in for _initialize, by another name in the export section.
	for name, c := range map[string]struct {
		body []byte
		want error
	}{
		"traps": {code(0x00), wasm.ErrTrapped},
		"loops": {forever(), wasm.ErrOutOfFuel},
	} {
		a := assembly{
			without: "_initialize", extra: []routine{{kind: typeNothing, code: c.body}},
			exports: [][]byte{slices.Concat(sized([]byte("_initialize")), []byte{0, firstExtra})},
		}
		_, err := compiler(t, wasm.Options{}).Compile(t.Context(), a.bytes(), wasm.Limits{})
		require.ErrorIs(t, err, wasm.ErrStart, name)
		require.ErrorIs(t, err, c.want, name)
		var failed *wasm.CallError
		require.ErrorAs(t, err, &failed, name)
		require.Equal(t, "_initialize", failed.Call, name)
	}
}

func TestInspectionNeedsNoRun(t *testing.T) {
	t.Parallel()
	found, err := wasm.Inspect(guest(t))
	require.NoError(t, err)
	require.Equal(t, 1, found.Major)
	require.Len(t, found.Digest, 64)
	require.Equal(t, len(guest(t)), found.Size)
	require.Contains(t, found.Imports, "wasi_snapshot_preview1.fd_write")
	require.True(t, slices.IsSorted(found.Imports))
	require.Subset(t, found.Exports, []string{"_initialize", "memory", "payrouter_abi_v1", "prepare"})
	require.Greater(t, found.Functions, 100)
	require.Positive(t, found.Memory)

	found, err = wasm.Inspect([]byte("no module"))
	require.Error(t, err)
	require.Len(t, found.Digest, 64)

	found, err = wasm.Inspect(assembly{marker: "payrouter_abi_v7"}.bytes())
	require.ErrorIs(t, err, wasm.ErrVersion)
	require.Equal(t, 7, found.Major)
}
