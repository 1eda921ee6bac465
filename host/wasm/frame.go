package wasm

// frame estimates, from above, how many bytes of the host's stack one activation of a function takes. The compiler
// gives each value that outlives a register a place of its own, which it never uses again: so the sum is over the
// values that the function's instructions make, and over what its locals may be where ways meet.
type frame struct {
	values int64 // instructions
	joins  int64 // places where ways meet: loops' heads, blocks' ends
	calls  bool
	size   int64 // in bytes, after measure
}

// What a frame takes.
const (
	// frameBase has the return address, and the registers that are saved.
	frameBase = 256
	// slot is the place of one value.
	slot = 8
	// smallFrame is the largest that a function without calls takes uncounted: at most one of them is on the stack.
	smallFrame = 16 << 10
)

// add takes an instruction into account. One that names a value that is there already makes none.
func (f *frame) add(code byte) {
	switch {
	case code == opBlock, code == opLoop, code == opIf:
		f.joins++
	case code == opCall, code == opIndirect:
		f.calls = true
	case code < opCall, code == opDrop, code >= opLocalGet && code <= opLocalTee, code == opGlobalSet,
		code >= opFirstStore && code <= opLastStore:
	default:
		f.values++
	}
}

// gives takes into account that a call, or a block of a type of its own, takes and gives several values.
func (f *frame) gives(s signature) { f.values += int64(len(s.params) + len(s.results)) }

// measure sets the size of a function of so many locals, parameters among them.
func (f *frame) measure(variables int64) {
	f.size = frameBase + slot*(f.values+variables*(1+f.joins))
}

// counted reports whether the function takes its frame from the stack that is left.
func (f *frame) counted() bool { return f.calls || f.size > smallFrame }
