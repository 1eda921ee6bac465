package wasm

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
)

// The exports by which the host sets and reads the fuel and the stack that is left, and the guest's globals. No guest
// may use names that begin as they do, its marker aside.
const (
	reserved    = "payrouter_"
	fuelGlobal  = reserved + "fuel"
	stackGlobal = reserved + "stack"
	guestGlobal = reserved + "global_" // and the global's index
)

// added is how many globals the rewriter adds.
const added = 2

// rewriter makes a module bounded. It appends mutable i64 globals, so that no index moves, and makes every function
// pay from the first on entry, at every loop's head and in larger branches, for all that can run before it pays again;
// what does its work in bulk pays by the length besides. Who cannot pay traps. A function takes its frame from the
// second global on entry, and gives it back on return. Tables get a bound on their growth.
type rewriter struct {
	*parsed
	fuel, stack uint32 // the indices of the globals
	// blockTypes are the types of blocks that give more than one result, which are appended to the module's.
	blockTypes map[string]uint32
	results    []string // of blockTypes, in order
	charge     bool
	out        []byte
	// lasting: the guest can change what neither its memory nor a global has, see image.
	lasting bool
}

// meter returns the module as it is compiled. It depends on the module alone, and not on how much fuel a call gets, so
// that a cache of compiled code is valid for any limits. With charge false nothing is metered. Globals are the exports
// of those that a guest may write; nil where an image of memory and globals would not have all of a guest's state.
func meter(m *parsed, charge bool) (code []byte, globals []string, err error) {
	w := &rewriter{
		parsed: m, fuel: uint32(m.globals), stack: uint32(m.globals) + 1, charge: charge, lasting: m.lasting || !charge,
		out: make([]byte, 0, len(m.code)*3/2),
	}
	w.addBlockTypes()
	w.out = append(w.out, header...)
	placed := !charge
	for _, s := range m.sections {
		if !placed && sectionOrder[s.id] > sectionOrder[sectionGlobal] {
			w.section(sectionGlobal, w.globalSection(nil))
			placed = true
		}
		content := m.code[s.start:s.end]
		switch s.id {
		case sectionType:
			content = w.typeSection(content)
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
				return nil, nil, err
			}
			content = rewritten
		}
		w.section(s.id, content)
	}
	if len(m.names) > 0 {
		w.section(sectionCustom, slices.Concat([]byte("\x04name"), m.names))
	}
	if w.lasting {
		return w.out, nil, nil
	}
	globals = make([]string, 0, len(m.mutable))
	for _, index := range m.mutable {
		globals = append(globals, globalName(index))
	}
	return w.out, globals, nil
}

// globalName is the export of a guest's global.
func globalName(index uint32) string { return guestGlobal + strconv.Itoa(int(index)) }

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

// addBlockTypes collects the types that wrap needs and a block cannot spell: those of two results and more.
func (w *rewriter) addBlockTypes() {
	if !w.charge {
		return
	}
	w.blockTypes = make(map[string]uint32)
	for _, index := range w.functions {
		results := w.types[index].results
		if _, known := w.blockTypes[results]; known || len(results) < 2 {
			continue
		}
		w.blockTypes[results] = uint32(len(w.types) + len(w.results))
		w.results = append(w.results, results)
	}
}

// typeSection appends the blocks' types.
func (w *rewriter) typeSection(content []byte) []byte {
	out := binary.AppendUvarint(nil, uint64(len(w.types)+len(w.results)))
	out = append(out, afterCount(content)...)
	for _, results := range w.results {
		out = append(out, formFunction, 0)
		out = binary.AppendUvarint(out, uint64(len(results)))
		out = append(out, results...)
	}
	return out
}

// globalSection appends the fuel and the stack, which begin at zero.
func (w *rewriter) globalSection(content []byte) []byte {
	out := binary.AppendUvarint(nil, uint64(w.globals+added))
	out = append(out, afterCount(content)...)
	for range added {
		out = append(out, typeI64, 1, opI64Const, 0, opEnd)
	}
	return out
}

func (w *rewriter) exportSection(content []byte) []byte {
	out := binary.AppendUvarint(nil, uint64(len(w.exports)+added+len(w.mutable)))
	out = append(out, afterCount(content)...)
	export := func(name string, index uint32) {
		out = binary.AppendUvarint(out, uint64(len(name)))
		out = append(out, name...)
		out = append(out, kindGlobal)
		out = binary.AppendUvarint(out, uint64(index))
	}
	export(fuelGlobal, w.fuel)
	export(stackGlobal, w.stack)
	for _, index := range w.mutable {
		export(globalName(index), index)
	}
	return out
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
