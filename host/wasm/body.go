package wasm

import (
	"encoding/binary"
	"fmt"
)

// functionMeter rewrites one function after another. It is kept between them for its buffers.
type functionMeter struct {
	*rewriter
	out      []byte
	regions  []region
	blocks   []block
	marks    []mark
	opened   signature // of the block that was read last
	branches int       // of the function under way, see mostBranches
	targets  int       // the same, see mostTargets
	values   int       // of the function under way, see mostValues
	total    int       // of all functions so far
	frame    frame     // of the function under way
}

// region is code with one way in, its head, that runs at most once for each time its head is passed: branches inside
// it go forward only. What all of it costs is paid at the head. A function's body is a region; so are a loop's body,
// and, because Go's compiler makes a loop around nearly everything and jumps into its middle, what follows a block's
// end and the arms of an if. The instructions of a region within another are paid for by their own.
type region struct {
	ticks    int64
	absorbed int64 // of ticks, what was taken over from regions within
	// the region that may pay for it, since its head is only reached past the parent's; -1 if none
	parent int
}

// seen reports whether the head checks that the region can be paid.
func (r region) seen() bool { return r.parent < 0 || r.ticks > mostOwed }

// block is one level of nesting: its opcode, and the region that its next instruction belongs to. After its end that
// is the region of the level around it: a block that is left was entered.
type block struct {
	code   byte
	region int
	label  int // the number of values that a branch to it hands on
}

// mark is a place, an offset into the module, where something is paid: at the head of a region, or, with a scale, in
// front of an instruction that pays by its length. Or it is a return, which becomes a branch to the function's end.
type mark struct {
	at      int
	region  int
	scale   scale
	returns bool
	trap    int // the label of the way out for want of fuel or stack, seen from here
}

// rewrite returns a function's new body, which is valid until the next call.
func (f *functionMeter) rewrite(index int, body span) ([]byte, error) {
	r := f.read(body)
	groups := r.u32()
	declared := r.at
	r.at = body.start
	locals := f.locals(r)
	if r.err != nil {
		return nil, r.err
	}
	start := r.at
	kind := f.types[f.functions[index]]
	variables := uint32(len(kind.params) + locals)
	if err := f.measure(r, variables, len(kind.results)); err != nil {
		return nil, err
	}
	if !f.charge {
		return f.code[body.start:body.end], nil
	}
	f.regions[0].ticks += entry + int64(variables)*variable
	f.absorb()
	if n := f.payments(); n > mostPayments {
		r.at = start
		r.fail(ErrTooLarge, "function of %d loops, bulk instructions and large branches, at most %d", n, mostPayments)
		return nil, r.err
	}

	f.out = binary.AppendUvarint(f.out[:0], uint64(groups)+2)
	f.out = append(f.out, f.code[declared:start]...)
	f.out = append(f.out, 2, typeI64, 1, typeI32)
	f.frame.measure(int64(variables))
	f.wrap(span{start, body.end}, kind.results, variables)
	return f.out, nil
}

// wrap puts a function's body into a block that gives its results, as its own label does, and that into another one
// whose label is the way out for want of fuel or stack. So a function traps in one place, and gives its frame back in
// one place: the machine code of a trap is longer than that of a payment, and with one in each honest code outgrew the
// processor's caches (62 µs against 54 unmetered, now 50 against 48).
//
//	block; block (result …); body; end; stack += frame; return; end; unreachable
func (f *functionMeter) wrap(body span, results string, variables uint32) {
	const nothing = 0x40
	f.out = append(f.out, opBlock, nothing, opBlock)
	switch len(results) {
	case 0:
		f.out = append(f.out, nothing)
	case 1:
		f.out = append(f.out, results[0])
	default:
		f.signed(int64(f.blockTypes[results]))
	}
	f.emit(body, variables)
	if f.frame.counted() {
		f.instruction(opGlobalGet, f.stack)
		f.constant(f.frame.size)
		f.out = append(f.out, opI64Add)
		f.instruction(opGlobalSet, f.stack)
	}
	f.out = append(f.out, opReturn, opEnd, opUnreachable, opEnd)
}

// locals skips the declarations of locals and returns their number.
func (f *functionMeter) locals(r *reader) int {
	total := 0
	for range r.count("groups of locals", mostLocals) {
		n := r.u32()
		if r.err == nil && int64(n) > int64(mostLocals-total) {
			r.fail(ErrTooLarge, "over %d locals", mostLocals)
		}
		r.checkValueType(r.byte())
		if r.err != nil {
			return 0
		}
		total += int(n)
	}
	return total
}

// measure walks the instructions, checks each, adds its cost to its region, and marks where there is something to pay.
func (f *functionMeter) measure(r *reader, variables uint32, results int) error {
	f.values, f.branches, f.targets = 0, 0, 0
	f.hold(r, int(variables))
	f.regions = append(f.regions[:0], region{parent: -1})
	f.blocks = append(f.blocks[:0], block{label: results})
	f.marks = append(f.marks[:0], mark{at: r.at, trap: 1})
	f.frame = frame{}
	for len(f.blocks) > 0 && r.err == nil {
		level := len(f.blocks) - 1
		current := f.blocks[level].region
		at := r.at
		code, op := r.operation()
		handed := f.immediates(r, op.immediate, variables)
		if code == opReturn {
			handed = results
			f.hold(r, handed)
		}
		if r.err != nil {
			break
		}
		f.regions[current].ticks += int64(op.cost) + light*int64(max(0, handed-mostFree))
		f.frame.add(code)
		f.lasting = f.lasting || op.lasting
		if op.scale != (scale{}) {
			f.marks = append(f.marks, mark{at: at, scale: op.scale, trap: len(f.blocks)})
		}
		switch code {
		case opReturn:
			f.marks = append(f.marks, mark{at: at, returns: true, trap: len(f.blocks)})
		case opBlock:
			f.push(r, block{code, current, len(f.opened.results)})
		case opLoop:
			f.push(r, block{code, f.region(r.at, -1, len(f.blocks)+1), len(f.opened.params)})
		case opIf:
			f.push(r, block{code, f.region(r.at, current, len(f.blocks)+1), len(f.opened.results)})
		case opElse:
			if f.blocks[level].code != opIf {
				r.fail(ErrMalformed, "else without an if")
				break
			}
			f.blocks[level].code = code
			f.blocks[level].region = f.region(r.at, f.blocks[level-1].region, len(f.blocks))
		case opEnd:
			ended := f.blocks[level].code
			f.blocks = f.blocks[:level]
			if ended == opBlock && level > 0 {
				around := &f.blocks[level-1]
				around.region = f.region(r.at, around.region, len(f.blocks))
			}
		}
	}
	if r.err == nil && r.left() > 0 {
		r.fail(ErrMalformed, "%d bytes after the function's end", r.left())
	}
	if r.err == nil && len(f.regions) > mostRegions {
		r.fail(ErrTooLarge, "function of %d blocks, at most %d", len(f.regions), mostRegions)
	}
	return r.err
}

// region begins one at a place.
func (f *functionMeter) region(at, parent, trap int) int {
	f.regions = append(f.regions, region{parent: parent})
	f.marks = append(f.marks, mark{at: at, region: len(f.regions) - 1, trap: trap})
	return len(f.regions) - 1
}

// absorb lets regions pay for small ones within: a payment takes time, and one too many is one that honest code makes
// for nothing.
func (f *functionMeter) absorb() {
	for i := len(f.regions) - 1; i > 0; i-- {
		inner := &f.regions[i]
		if inner.parent < 0 {
			continue
		}
		outer := &f.regions[inner.parent]
		if outer.absorbed+inner.ticks > mostAbsorbed {
			continue
		}
		outer.ticks += inner.ticks
		outer.absorbed += inner.ticks
		inner.ticks = 0
	}
}

func (f *functionMeter) push(r *reader, b block) {
	if len(f.blocks) >= mostNesting {
		r.fail(ErrTooLarge, "blocks nested over %d deep", mostNesting)
		return
	}
	f.blocks = append(f.blocks, b)
}

// operation reads an opcode. The code behind a prefix is given as the prefix.
func (r *reader) operation() (byte, operation) {
	code := r.byte()
	if r.err != nil {
		return 0, operation{}
	}
	op := plainOpcodes[code]
	if code == opMisc {
		// Read as one byte and not as LEB128: no compiler writes the padded form, and wazero could read it differently.
		sub := r.byte()
		if op = miscOpcodes[sub]; op.immediate == unknown {
			r.refuse(fmt.Sprintf("0xfc %#02x", sub), "")
		}
		return code, op
	}
	if op.immediate == unknown {
		r.refuse(fmt.Sprintf("%#02x", code), refusedFamilies[code])
	}
	return code, op
}

// refusedFamilies names the proposals behind prefixes and opcodes that compilers are known to emit.
//
//nolint:gochecknoglobals // a table
var refusedFamilies = map[byte]string{
	0x06: "exceptions", 0x07: "exceptions", 0x08: "exceptions", 0x09: "exceptions", 0x0a: "exceptions",
	0x18: "exceptions", 0x19: "exceptions", 0x1f: "exceptions",
	0x12: "tail calls", 0x13: "tail calls", 0x14: "typed function references", 0x15: "tail calls",
	0xd3: "garbage collection", 0xd4: "typed function references", 0xd5: "typed function references",
	0xd6: "typed function references", 0xfb: "garbage collection", 0xfd: "vectors", 0xfe: "threads",
}

func (r *reader) refuse(code, family string) {
	what := "opcode " + code
	hint := ""
	if family != "" {
		what += ", of " + family
		hint = "build without " + family
	}
	r.err = &RefusedError{Reason: ErrOpcode, What: what, Where: fmt.Sprintf("byte %d", r.at-1), Hint: hint}
	r.at = r.end
}

// immediates reads over what follows an opcode. Indices are checked here, against the module as it was: after the
// rewriting there is one global more and there are more locals, which the guest's own code must not reach. It returns
// how many values the instruction hands on to a function, a block or a label.
func (f *functionMeter) immediates(r *reader, kind immediate, variables uint32) (handed int) {
	switch kind {
	case none:
	case blockType:
		f.opened = f.blockType(r)
		handed = f.opened.values()
	case label:
		if f.branches++; f.branches > mostBranches {
			r.fail(ErrTooLarge, "function of over %d branches", mostBranches)
		}
		handed = f.label(r, r.u32())
	case labels:
		targets := r.count("branches", r.left()) + 1
		if f.targets += targets; f.targets > mostTargets {
			r.fail(ErrTooLarge, "function of over %d targets of branches", mostTargets)
		}
		for range targets {
			f.hold(r, handed) // all but the last, which comes below
			handed = f.label(r, r.u32())
		}
	case function:
		kind := f.callee(r, r.u32())
		f.frame.gives(kind)
		handed = kind.values()
	case indirect:
		f.hold(r, valuesOfIndirect)
		kind := f.kind(r, int64(r.u32()))
		f.frame.gives(kind)
		handed = kind.values()
		f.checkTable(r, r.u32())
	case local:
		if index := r.u32(); index >= variables {
			r.fail(ErrMalformed, "local %d of %d", index, variables)
		}
	case global:
		if index := r.u32(); int64(index) >= int64(f.globals) {
			r.fail(ErrMalformed, "global %d of %d", index, f.globals)
		}
	case table:
		f.checkTable(r, r.u32())
	case tableTable:
		f.checkTable(r, r.u32())
		f.checkTable(r, r.u32())
	case types:
		if n := r.u32(); n != 1 {
			r.fail(ErrMalformed, "select of %d types", n)
		}
		r.checkValueType(r.byte())
	case memoryArgument:
		r.u32()
		r.u32()
	case zero:
		r.zero()
	case zeroZero:
		r.zero()
		r.zero()
	case constI32:
		r.signed(32)
	case constI64:
		r.signed(64)
	case constF32:
		r.take(4)
	case constF64:
		r.take(8)
	case heapType:
		r.referenceType()
	case dataIndex, elementIndex:
		r.u32()
	case dataIndexZero:
		r.u32()
		r.zero()
	case elementIndexTable:
		r.u32()
		f.checkTable(r, r.u32())
	case unknown:
		r.fail(ErrOpcode, "unknown")
	}
	f.hold(r, handed)
	return handed
}

// hold counts values that the compiler keeps track of.
func (f *functionMeter) hold(r *reader, values int) {
	f.values += values
	f.total += values
	if f.values > mostValues {
		r.fail(ErrTooLarge, "function of over %d locals and values that are handed on", mostValues)
	}
	if f.total > mostValuesOfAll {
		r.fail(ErrTooLarge, "over %d locals and values that are handed on", mostValuesOfAll)
	}
}

func (s signature) values() int { return len(s.params) + len(s.results) }

// kind is the type of an index.
func (f *functionMeter) kind(r *reader, index int64) signature {
	if index >= int64(len(f.types)) {
		r.fail(ErrMalformed, "type %d of %d", index, len(f.types))
	}
	if r.err != nil {
		return signature{}
	}
	return f.types[index]
}

// callee is the type of a function.
func (f *functionMeter) callee(r *reader, index uint32) signature {
	f.checkFunction(r, index)
	if r.err != nil {
		return signature{}
	}
	if int(index) < len(f.imports) {
		return f.imports[index].signature
	}
	return f.types[f.functions[int(index)-len(f.imports)]]
}

func (r *reader) zero() {
	if b := r.byte(); b != 0 {
		r.fail(ErrUnsupported, "memory %d", b)
	}
}

// blockType reads a value type, nothing, or a type's index, in one signed number of 33 bits.
func (f *functionMeter) blockType(r *reader) signature {
	switch t := r.signed(33); {
	case r.err != nil || t == -64:
		return signature{}
	case t < 0:
		r.checkValueType(byte(t & 0x7f))
		return signature{results: string([]byte{byte(t & 0x7f)})}
	default:
		kind := f.kind(r, t)
		f.frame.gives(kind)
		return kind
	}
}

// label returns how many values a branch hands on.
func (f *functionMeter) label(r *reader, depth uint32) int {
	if r.err == nil && int64(depth) >= int64(len(f.blocks)) {
		r.fail(ErrMalformed, "branch %d levels out of %d", depth, len(f.blocks))
	}
	if r.err != nil {
		return 0
	}
	return f.blocks[len(f.blocks)-1-int(depth)].label
}

// payments counts the places where a function may trap for want of fuel.
func (f *functionMeter) payments() int {
	n := 0
	for _, m := range f.marks {
		if m.scale != (scale{}) || !m.returns && f.regions[m.region].seen() {
			n++
		}
	}
	return n
}

// emit copies the instructions with the payments put in.
func (f *functionMeter) emit(body span, variables uint32) {
	copied := body.start
	for _, m := range f.marks {
		f.out = append(f.out, f.code[copied:m.at]...)
		copied = m.at
		switch region := f.regions[m.region]; {
		case m.returns:
			f.instruction(opBranch, uint32(m.trap-1))
			copied++ // the opcode itself
		case m.scale != (scale{}):
			f.payByLength(m.scale, variables, m.trap)
		case m.region == 0 && f.frame.counted():
			f.enter(region.ticks, variables, m.trap)
		case region.seen():
			f.pay(region.ticks, variables, m.trap)
		case region.ticks > 0:
			f.owe(region.ticks)
		}
	}
	f.out = append(f.out, f.code[copied:body.end]...)
}

// pay takes fuel for what a region costs, rounded up, and one more.
//
//	fuel -= cost; if fuel < 0 { trap }
func (f *functionMeter) pay(ticks int64, variables uint32, trap int) {
	f.instruction(opGlobalGet, f.fuel)
	f.constant(whole(ticks))
	f.out = append(f.out, opI64Sub)
	f.settle(variables, trap)
}

// whole is the fuel of a region that is seen to be paid.
func whole(ticks int64) int64 { return 1 + (ticks+ticksPerFuel-1)/ticksPerFuel }

// enter takes a function's frame from the stack, and fuel for its first region.
//
//	stack -= frame; fuel -= cost; if stack|fuel < 0 { trap }
func (f *functionMeter) enter(ticks int64, variables uint32, trap int) {
	fuel, stack := variables, variables+1
	f.instruction(opGlobalGet, f.stack)
	f.constant(f.frame.size)
	f.out = append(f.out, opI64Sub)
	f.instruction(opLocalTee, stack)
	f.instruction(opGlobalSet, f.stack)
	f.instruction(opGlobalGet, f.fuel)
	f.constant(whole(ticks))
	f.out = append(f.out, opI64Sub)
	f.instruction(opLocalTee, fuel)
	f.instruction(opGlobalSet, f.fuel)
	f.instruction(opLocalGet, fuel)
	f.instruction(opLocalGet, stack)
	f.out = append(f.out, opI64Or)
	f.constant(0)
	f.out = append(f.out, opI64LtS)
	f.instruction(opBranchIf, uint32(trap))
}

// owe takes fuel for what a small region costs, and leaves it to the next function's or loop's head to see that there
// was too little: nothing runs for long without passing one, as a body has at most mostBody bytes. It takes half the
// time.
//
//	fuel -= cost
func (f *functionMeter) owe(ticks int64) {
	f.instruction(opGlobalGet, f.fuel)
	f.constant((ticks + ticksPerFuel - 1) / ticksPerFuel)
	f.out = append(f.out, opI64Sub)
	f.instruction(opGlobalSet, f.fuel)
}

// payByLength takes fuel by the operand on top of the stack, an unsigned i32, and leaves it there.
//
//	fuel -= length*multiply>>shift; if fuel < 0 { trap }
func (f *functionMeter) payByLength(by scale, variables uint32, trap int) {
	length := variables + 2
	f.instruction(opLocalTee, length)
	f.instruction(opGlobalGet, f.fuel)
	f.instruction(opLocalGet, length)
	f.out = append(f.out, opI64ExtendU)
	if by.multiply > 1 {
		f.constant(by.multiply)
		f.out = append(f.out, opI64Mul)
	}
	if by.shift > 0 {
		f.constant(by.shift)
		f.out = append(f.out, opI64ShrU)
	}
	f.out = append(f.out, opI64Sub)
	f.settle(variables, trap)
}

// settle stores what is left on top of the stack, and traps where it is less than nothing.
func (f *functionMeter) settle(left uint32, trap int) {
	f.instruction(opLocalTee, left)
	f.instruction(opGlobalSet, f.fuel)
	f.instruction(opLocalGet, left)
	f.constant(0)
	f.out = append(f.out, opI64LtS)
	f.instruction(opBranchIf, uint32(trap))
}

func (f *functionMeter) instruction(code byte, index uint32) {
	f.out = append(f.out, code)
	f.out = binary.AppendUvarint(f.out, uint64(index))
}

// constant pushes an i64 that is not negative.
func (f *functionMeter) constant(value int64) {
	f.out = append(f.out, opI64Const)
	f.signed(value)
}

// signed writes a number that is not negative as signed LEB128.
func (f *functionMeter) signed(value int64) {
	for value > 0x3f {
		f.out = append(f.out, byte(value)|0x80)
		value >>= 7
	}
	f.out = append(f.out, byte(value))
}
