package wasm

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Major is the ABI's major version that this host speaks.
const Major = 1

// marker opens the export whose name carries a guest's ABI version: payrouter_abi_v1.
const marker = reserved + "abi_v"

// Export is a call that a guest takes.
type Export uint8

// The calls of the ABI.
const (
	Describe Export = iota
	Prepare
	Interpret
	Receive
	// Exports is how many there are.
	Exports int = iota
)

//nolint:gochecknoglobals // a table
var exportNames = [Exports]string{"describe", "prepare", "interpret", "receive"}

// String is the export's name.
func (e Export) String() string {
	if int(e) >= Exports {
		return "export " + strconv.Itoa(int(e))
	}
	return exportNames[e]
}

// Inspection is what can be said of a module without running it.
type Inspection struct {
	// Digest is the SHA-256 of the bytes, in hexadecimal.
	Digest string
	// Size of the module in bytes.
	Size int
	// Major is the ABI version that its marker names; 0 where it has none.
	Major int
	// Imports are the functions it asks for, as "module.name", each once, sorted.
	Imports []string
	// Exports are the names it exports, sorted.
	Exports []string
	// Functions is the number of functions it defines.
	Functions int
	// Memory is what its memory starts with, in bytes.
	Memory int64
}

// Inspect reads a module without compiling or running it. The error is what Compile would refuse it for, all of it
// joined where there is more than one reason; the Inspection has what could be read all the same.
func Inspect(code []byte) (Inspection, error) {
	found := Inspection{Digest: digest(code), Size: len(code)}
	p, err := decode(code)
	if err != nil {
		return found, err
	}
	found.Functions = len(p.functions)
	for _, entry := range p.imports {
		found.Imports = append(found.Imports, entry.module+"."+entry.name)
	}
	slices.Sort(found.Imports)
	found.Imports = slices.Compact(found.Imports)
	for _, entry := range p.exports {
		found.Exports = append(found.Exports, entry.name)
	}
	slices.Sort(found.Exports)
	if len(p.memories) > 0 {
		found.Memory = int64(p.memories[0].least) * PageSize
	}
	if majors := p.majors(); len(majors) == 1 {
		found.Major = majors[0]
	}
	if err := p.verify(); err != nil {
		return found, err
	}
	_, _, err = meter(p, true)
	return found, err
}

// digest names a module by its bytes.
func digest(code []byte) string {
	sum := sha256.Sum256(code)
	return hex.EncodeToString(sum[:])
}

// wanted is what a guest has to export as a function, and its type.
//
//nolint:gochecknoglobals // a table
var wanted = []struct {
	name string
	signature
	does string
}{
	{"_initialize", signature{}, "brings the guest's runtime up"},
	{"abi_version", signature{"", i32}, "tells its version"},
	{"alloc", signature{i32, i32}, "makes room for an input"},
	{"describe", signature{i32 + i32, i64}, "tells its manifest"},
	{"prepare", signature{i32 + i32, i64}, "turns a call into a request"},
	{"interpret", signature{i32 + i32, i64}, "turns a response into an outcome"},
	{"receive", signature{i32 + i32, i64}, "reads a callback"},
}

// Value types as a signature spells them.
const (
	i32 = string(rune(typeI32))
	i64 = string(rune(typeI64))
)

// verify checks a module against the contract between host and guest, and reports every violation.
func (p *parsed) verify() error {
	errs := []error{p.verifyVersion()}
	for _, entry := range p.imports {
		errs = append(errs, entry.verify())
	}
	for _, want := range wanted {
		errs = append(errs, p.verifyFunction(want.name, want.signature, want.does))
	}
	errs = append(errs, p.verifyMemory())
	for _, entry := range p.exports {
		if strings.HasPrefix(entry.name, reserved) && !strings.HasPrefix(entry.name, marker) {
			errs = append(errs, &RefusedError{Reason: ErrReserved, What: fmt.Sprintf("export %q", entry.name)})
		}
	}
	return errors.Join(errs...)
}

// majors are the versions that the module's markers name, 0 for one that is not a number.
func (p *parsed) majors() []int {
	var found []int
	for _, entry := range p.exports {
		digits, ok := strings.CutPrefix(entry.name, marker)
		if !ok {
			continue
		}
		major, err := strconv.Atoi(digits)
		if err != nil || strconv.Itoa(major) != digits {
			major = 0
		}
		found = append(found, major)
	}
	return found
}

func (p *parsed) verifyVersion() error {
	majors := p.majors()
	switch {
	case len(majors) == 0:
		return &RefusedError{
			Reason: ErrVersion, What: "no export " + marker + strconv.Itoa(Major),
			Hint: "not a plugin, or built without the router's SDK",
		}
	case len(majors) > 1:
		return &RefusedError{Reason: ErrVersion, What: fmt.Sprintf("%d exports that name a version", len(majors))}
	case majors[0] == 0:
		return &RefusedError{Reason: ErrVersion, What: "an export " + marker + "… that names no version"}
	case majors[0] != Major:
		return &RefusedError{
			Reason: ErrVersion, What: fmt.Sprintf("ABI version %d, this router speaks %d", majors[0], Major),
			Hint: fmt.Sprintf("build the plugin with an SDK for version %d", Major),
		}
	}
	return nil
}

func (p *parsed) verifyFunction(name string, want signature, does string) error {
	i := slices.IndexFunc(p.exports, func(entry exportEntry) bool { return entry.name == name })
	if i < 0 || p.exports[i].kind != kindFunction {
		return &RefusedError{Reason: ErrExport, What: fmt.Sprintf("function %q, which %s", name, does)}
	}
	if got := p.signatureOf(p.exports[i].index); got != want {
		return &RefusedError{Reason: ErrExport, What: fmt.Sprintf("function %q is %s, not %s", name, got, want)}
	}
	return nil
}

func (p *parsed) signatureOf(index uint32) signature {
	if int(index) < len(p.imports) {
		return p.imports[index].signature
	}
	return p.types[p.functions[int(index)-len(p.imports)]]
}

func (p *parsed) verifyMemory() error {
	for _, entry := range p.exports {
		if entry.kind == kindMemory && entry.name == "memory" {
			return nil
		}
	}
	return &RefusedError{Reason: ErrExport, What: `memory "memory"`}
}

// String spells a signature as WebAssembly's text does: (i32 i32) -> (i64).
func (s signature) String() string {
	return "(" + spell(s.params) + ") -> (" + spell(s.results) + ")"
}

func spell(types string) string {
	var words []string
	for _, t := range []byte(types) {
		words = append(words, typeNames[t])
	}
	return strings.Join(words, " ")
}

//nolint:gochecknoglobals // a table
var typeNames = map[byte]string{
	typeI32: "i32", typeI64: "i64", typeF32: "f32", typeF64: "f64", typeFunction: "funcref", typeReference: "externref",
}
