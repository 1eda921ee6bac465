package wasm_test

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tetratelabs/wazero"

	"payrouter/host/wasm"
)

// part is a section of a module, or, of the code section, each function's body.
type part struct {
	id      byte
	content []byte   // of any other section
	bodies  [][]byte // of the code section
}

// takeApart splits a well-formed module without custom sections.
func takeApart(code []byte) []part {
	var parts []part
	rest := code[8:]
	take := func() []byte {
		size, used := binary.Uvarint(rest)
		content := rest[used : used+int(size)]
		rest = rest[used+int(size):]
		return content
	}
	for len(rest) > 0 {
		p := part{id: rest[0]}
		rest = rest[1:]
		p.content = take()
		if p.id == 10 {
			after := rest
			n, used := binary.Uvarint(p.content)
			rest = p.content[used:]
			for range n {
				p.bodies = append(p.bodies, take())
			}
			rest = after
		}
		parts = append(parts, p)
	}
	return parts
}

// putTogether is takeApart's reverse: sizes and counts fit whatever was done to the bodies.
func putTogether(parts []part) []byte {
	out := []byte("\x00asm\x01\x00\x00\x00")
	for _, p := range parts {
		content := p.content
		if p.id == 10 {
			var bodies [][]byte
			for _, body := range p.bodies {
				bodies = append(bodies, sized(body))
			}
			content = vector(bodies...)
		}
		out = append(append(out, p.id), sized(content)...)
	}
	return out
}

// mutate changes some bytes of functions, and now and then of other sections. An opcode is as likely as any other byte,
// so most mutants are well-formed and badly typed, or valid and different.
func mutate(code []byte, source *rand.Rand) []byte {
	parts := takeApart(code)
	for range 1 + source.IntN(3) {
		p := &parts[source.IntN(len(parts))]
		for range 4 { // mostly the code
			if p.id == 10 {
				break
			}
			p = &parts[source.IntN(len(parts))]
		}
		if p.id == 10 {
			body := &p.bodies[source.IntN(len(p.bodies))]
			*body = mutateBytes(*body, source)
			continue
		}
		p.content = mutateBytes(p.content, source)
	}
	return putTogether(parts)
}

func mutateBytes(in []byte, source *rand.Rand) []byte {
	out := slices.Clone(in)
	if len(out) == 0 {
		return out
	}
	at := source.IntN(len(out))
	switch source.IntN(6) {
	case 0:
		return slices.Delete(out, at, min(len(out), at+1+source.IntN(4)))
	case 1:
		return slices.Insert(out, at, byte(source.Uint32()))
	case 2: // an opcode's neighbour has another type, or another width
		out[at] += byte(source.IntN(7)) - 3
	case 3: // a piece from elsewhere
		from := source.IntN(len(out))
		return slices.Insert(out, at, slices.Clone(out[from:min(len(out), from+source.IntN(12))])...)
	case 4:
		out[at] = [...]byte{0, 1, 0x0b, 0x40, 0x7f, 0x80, 0xff, 0xfc, 0x05, 0x0f, 0xfd, 0x12}[source.IntN(12)]
	default:
		out[at] = byte(source.Uint32())
	}
	return out
}

// A mutant of a valid module is refused with a reason, or metered into a module that is as valid as it was. One that is
// valid ends, by want of fuel at the latest.
func FuzzMutants(f *testing.F) {
	for seed := range uint64(50) {
		f.Add(seed, seed, 60)
	}
	f.Fuzz(func(t *testing.T, seed, changes uint64, size int) {
		original := generate(seed, min(max(size, 1), 200))
		mutant := mutate(original.code, rand.New(rand.NewPCG(changes, 2)))
		_, _ = wasm.Inspect(mutant)
		metered, err := wasm.Rewrite(mutant, true)
		if err != nil {
			var refused *wasm.RefusedError
			require.ErrorAs(t, err, &refused)
			return
		}
		before, after := validates(t, mutant), validates(t, metered)
		if (before == nil) != (after == nil) {
			t.Fatalf("valid before: %v; after: %v", before, after)
		}
		require.Less(t, len(metered), 40*len(mutant)+4096)
		if after == nil {
			end(t, original, metered)
		}
	})
}

// end calls every function of a mutant that still has one of the name and the type: fuel ends it.
func end(t *testing.T, g generated, metered []byte) {
	t.Helper()
	const given = 100_000
	r := newRuntime(t, compiles)
	offerImports(t, r)
	m, err := r.InstantiateWithConfig(t.Context(), metered, wazero.NewModuleConfig().WithName(""))
	if err != nil {
		return // its imports or its segments do not fit
	}
	for _, c := range g.invocations(1) {
		function := m.ExportedFunction(c.name())
		if function == nil || len(function.Definition().ParamTypes()) != len(c.args) {
			continue
		}
		setFuel(m, given)
		if _, err := function.Call(t.Context(), c.args...); err != nil {
			require.Contains(t, err.Error(), "wasm error: ", "a trap")
		}
	}
}
