package wasm

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// fuelGlobal is the export by which the host sets and reads the fuel. No guest may use the name.
const fuelGlobal = "payrouter_fuel"

// rewriter makes a module bounded. It appends one mutable i64 global, so that no index moves, and makes every function
// pay from it on entry, at every loop's head and in larger branches, for all that can run before it pays again; what
// does its work in bulk pays by the length besides. Who cannot pay traps. Tables get a bound on their growth.
type rewriter struct {
	*parsed
	fuel   uint32 // the index of the fuel's global
	charge bool
	out    []byte
}

// meter returns the module as it is compiled. It depends on the module alone, and not on how much fuel a call gets, so
// that a cache of compiled code is valid for any limits. With charge false nothing is metered.
func meter(m *parsed, charge bool) ([]byte, error) {
	w := &rewriter{parsed: m, fuel: uint32(m.globals), charge: charge, out: make([]byte, 0, len(m.code)*3/2)}
	w.out = append(w.out, header...)
	placed := !charge
	for _, s := range m.sections {
		if !placed && sectionOrder[s.id] > sectionOrder[sectionGlobal] {
			w.section(sectionGlobal, w.globalSection(nil))
			placed = true
		}
		content := m.code[s.start:s.end]
		switch s.id {
		case sectionTable:
			content = w.tableSection()
		case sectionGlobal:
			if charge {
				content = w.globalSection(content)
				placed = true
			}
		case sectionExport:
			if charge {
				content = w.exportSection(content)
			}
		case sectionCode:
			rewritten, err := w.codeSection()
			if err != nil {
				return nil, err
			}
			content = rewritten
		}
		w.section(s.id, content)
	}
	if len(m.names) > 0 {
		w.section(sectionCustom, slices.Concat([]byte("\x04name"), m.names))
	}
	return w.out, nil
}

func (w *rewriter) section(id byte, content []byte) {
	w.out = append(w.out, id)
	w.out = binary.AppendUvarint(w.out, uint64(len(content)))
	w.out = append(w.out, content...)
}

// tableSection bounds each table by mostElements.
func (w *rewriter) tableSection() []byte {
	out := binary.AppendUvarint(nil, uint64(len(w.tables)))
	for _, t := range w.tables {
		most := uint32(mostElements)
		if t.bounded {
			most = min(most, t.most)
		}
		out = append(out, t.reference, 1)
		out = binary.AppendUvarint(out, uint64(t.least))
		out = binary.AppendUvarint(out, uint64(most))
	}
	return out
}

// globalSection appends the fuel, which begins at zero.
func (w *rewriter) globalSection(content []byte) []byte {
	out := binary.AppendUvarint(nil, uint64(w.globals+1))
	out = append(out, afterCount(content)...)
	return append(out, typeI64, 1, opI64Const, 0, opEnd)
}

func (w *rewriter) exportSection(content []byte) []byte {
	out := binary.AppendUvarint(nil, uint64(len(w.exports)+1))
	out = append(out, afterCount(content)...)
	out = binary.AppendUvarint(out, uint64(len(fuelGlobal)))
	out = append(out, fuelGlobal...)
	out = append(out, kindGlobal)
	return binary.AppendUvarint(out, uint64(w.fuel))
}

// afterCount is a vector's entries.
func afterCount(content []byte) []byte {
	r := reader{code: content, end: len(content)}
	if len(content) > 0 {
		r.u32()
	}
	return content[r.at:]
}

func (w *rewriter) codeSection() ([]byte, error) {
	out := make([]byte, 0, len(w.code)*3/2)
	out = binary.AppendUvarint(out, uint64(len(w.bodies)))
	f := functionMeter{rewriter: w}
	for i, body := range w.bodies {
		rewritten, err := f.rewrite(i, body)
		if err != nil {
			return nil, fmt.Errorf("meter function %d: %w", len(w.imports)+i, err)
		}
		out = binary.AppendUvarint(out, uint64(len(rewritten)))
		out = append(out, rewritten...)
	}
	return out, nil
}
