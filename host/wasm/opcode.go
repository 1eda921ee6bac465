package wasm

// immediate is what follows an opcode in the binary.
type immediate uint8

const (
	unknown immediate = iota // the opcode is not let pass
	none
	blockType
	label
	labels // br_table
	function
	indirect // call_indirect: type, table
	local
	global
	table
	types // select with its types
	memoryArgument
	zero // a reserved zero byte: the memory's index
	zeroZero
	constI32
	constI64
	constF32
	constF64
	heapType
	dataIndex
	dataIndexZero
	elementIndex
	elementIndexTable
	tableTable
)

// operation is what the meter knows of an instruction.
type operation struct {
	immediate immediate
	// cost in ticks, see ticksPerFuel, of one execution in the worst shape that could be measured.
	cost uint16
	// scale makes the instruction's length operand, which is on top of the stack, cost length*multiply>>shift fuel.
	scale scale
	// lasting: what it changes is neither memory nor a global, so that no image has it, see image.
	lasting bool
}

type scale struct {
	multiply, shift int64
}

// The instructions that need more than a look at their immediates.
const (
	opUnreachable = 0x00
	opBlock       = 0x02
	opLoop        = 0x03
	opIf          = 0x04
	opElse        = 0x05
	opEnd         = 0x0b
	opBranch      = 0x0c
	opBranchIf    = 0x0d
	opReturn      = 0x0f
	opCall        = 0x10
	opIndirect    = 0x11
	opDrop        = 0x1a
	opLocalGet    = 0x20
	opLocalTee    = 0x22
	opGlobalGet   = 0x23
	opGlobalSet   = 0x24
	opFirstStore  = 0x36
	opLastStore   = 0x3e
	opMemoryGrow  = 0x40
	opI32Const    = 0x41
	opI64Const    = 0x42
	opF32Const    = 0x43
	opF64Const    = 0x44
	opI64LtS      = 0x53
	opI64Add      = 0x7c
	opI64Sub      = 0x7d
	opI64Mul      = 0x7e
	opI64Or       = 0x84
	opI64ShrU     = 0x88
	opI64ExtendU  = 0xad
	opRefNull     = 0xd0
	opRefFunc     = 0xd2
	opMisc        = 0xfc
)

// ticksPerFuel is the grain of costs. The sum of what can run before the next charge is rounded up to whole fuel.
const ticksPerFuel = 16

// Costs in ticks. They are what an instruction took in the worst shape found, such as a load that has to wait for
// memory, so that a fuel is at most 1.5 nanoseconds of an AMD EPYC 9004 at 2.6 GHz; BenchmarkWorstShape measures it
// anew.
const (
	light    = 8  // integer arithmetic, branches
	medium   = 24 // floating point, conversions; denormals included
	load     = 1024
	store    = 64
	heavy    = 128
	hostTrip = 3200 // leaves compiled code
	entry    = 256  // of a function: a call, and room on the stack, which grows by copying
	variable = 16   // a local: cleared on entry, and room on the stack
)

// mostFree is how many values an instruction hands on to a function, a block or a label at its own cost. Each one more
// costs light: it may have to be moved. Code of Go has up to 5.
const mostFree = 5

// mostAbsorbed is how much, in ticks, a region may pay for smaller ones within it. More makes fewer payments, and
// honest code pay for more that it does not do.
const mostAbsorbed = 32 * ticksPerFuel

// mostOwed is the largest region, in ticks, that may be run before it is seen whether it could be paid for.
const mostOwed = 512 * ticksPerFuel

// opRange assigns first..last the same operation.
type opRange struct {
	first, last byte
	operation   operation
}

// plainOpcodes is WebAssembly 2.0 without vectors: https://www.w3.org/TR/wasm-core-2/#a7-index-of-instructions. What
// is not here is refused: vectors, threads, exceptions, tail calls, garbage collection, memory64.
//
//nolint:gochecknoglobals // a table
var plainOpcodes = expand([]opRange{
	{0x00, 0x01, operation{immediate: none}},                              // unreachable, nop
	{opBlock, opBlock, operation{immediate: blockType}},                   //
	{opLoop, opLoop, operation{immediate: blockType, cost: light}},        //
	{opIf, opIf, operation{immediate: blockType, cost: light}},            //
	{opElse, opElse, operation{immediate: none, cost: light}},             //
	{opEnd, opEnd, operation{immediate: none}},                            //
	{0x0c, 0x0d, operation{immediate: label, cost: light}},                // br, br_if
	{0x0e, 0x0e, operation{immediate: labels, cost: medium}},              // br_table
	{opReturn, opReturn, operation{immediate: none, cost: light}},         //
	{opCall, opCall, operation{immediate: function, cost: medium}},        //
	{opIndirect, opIndirect, operation{immediate: indirect, cost: heavy}}, //
	{0x1a, 0x1a, operation{immediate: none}},                              // drop
	{0x1b, 0x1b, operation{immediate: none, cost: light}},                 // select
	{0x1c, 0x1c, operation{immediate: types, cost: light}},                // select t
	{0x20, 0x22, operation{immediate: local, cost: 2}},                    // local.get, set, tee
	{opGlobalGet, opGlobalSet, operation{immediate: global, cost: light}}, //
	{0x25, 0x25, operation{immediate: table, cost: heavy}},                // table.get
	{0x26, 0x26, operation{immediate: table, cost: heavy, lasting: true}}, // table.set
	{0x28, 0x35, operation{immediate: memoryArgument, cost: load}},        // loads
	{0x36, 0x3e, operation{immediate: memoryArgument, cost: store}},       // stores
	{0x3f, 0x3f, operation{immediate: zero, cost: light}},                 // memory.size
	{opMemoryGrow, opMemoryGrow, operation{immediate: zero, cost: hostTrip, scale: scale{multiply: 100_000}}},
	{opI32Const, opI32Const, operation{immediate: constI32, cost: 2}},
	{opI64Const, opI64Const, operation{immediate: constI64, cost: 2}},
	{opF32Const, opF32Const, operation{immediate: constF32, cost: light}},
	{opF64Const, opF64Const, operation{immediate: constF64, cost: light}},
	{0x45, 0x5a, operation{immediate: none, cost: light}},  // integer comparisons
	{0x5b, 0x66, operation{immediate: none, cost: medium}}, // floating-point comparisons
	{0x67, 0x6c, operation{immediate: none, cost: light}},  // i32 clz … mul
	{0x6d, 0x70, operation{immediate: none, cost: heavy}},  // i32 div, rem
	{0x71, 0x7e, operation{immediate: none, cost: light}},  // i32 and … rotr, i64 clz … mul
	{0x7f, 0x82, operation{immediate: none, cost: heavy}},  // i64 div, rem
	{0x83, 0x8a, operation{immediate: none, cost: light}},  // i64 and … rotr
	{0x8b, 0x90, operation{immediate: none, cost: medium}}, // f32 abs … nearest
	{0x91, 0x91, operation{immediate: none, cost: heavy}},  // f32.sqrt
	{0x92, 0x94, operation{immediate: none, cost: medium}}, // f32 add, sub, mul
	{0x95, 0x97, operation{immediate: none, cost: heavy}},  // f32 div, min, max
	{0x98, 0x9e, operation{immediate: none, cost: medium}}, // f32.copysign, f64 abs … nearest
	{0x9f, 0x9f, operation{immediate: none, cost: heavy}},  // f64.sqrt
	{0xa0, 0xa2, operation{immediate: none, cost: medium}}, // f64 add, sub, mul
	{0xa3, 0xa5, operation{immediate: none, cost: heavy}},  // f64 div, min, max
	{0xa6, 0xbf, operation{immediate: none, cost: medium}}, // f64.copysign, conversions
	{0xc0, 0xc4, operation{immediate: none, cost: light}},  // sign extensions
	{opRefNull, opRefNull, operation{immediate: heapType, cost: light}},
	{0xd1, 0xd1, operation{immediate: none, cost: light}}, // ref.is_null
	{opRefFunc, opRefFunc, operation{immediate: function, cost: hostTrip}},
})

// miscOpcodes are those behind the 0xfc prefix.
//
//nolint:gochecknoglobals // a table
var miscOpcodes = expand([]opRange{
	// saturating truncations
	{0x00, 0x07, operation{immediate: none, cost: medium}},
	// memory.init
	{0x08, 0x08, operation{immediate: dataIndexZero, cost: 2 * heavy, scale: scale{multiply: 1, shift: 1}}},
	// data.drop
	{0x09, 0x09, operation{immediate: dataIndex, cost: light, lasting: true}},
	// memory.copy
	{0x0a, 0x0a, operation{immediate: zeroZero, cost: 2 * heavy, scale: scale{multiply: 1, shift: 1}}},
	// memory.fill
	{0x0b, 0x0b, operation{immediate: zero, cost: 2 * heavy, scale: scale{multiply: 1, shift: 1}}},
	// table.init
	{0x0c, 0x0c, operation{immediate: elementIndexTable, cost: heavy, scale: scale{multiply: 2}, lasting: true}},
	// elem.drop
	{0x0d, 0x0d, operation{immediate: elementIndex, cost: light, lasting: true}},
	// table.copy
	{0x0e, 0x0e, operation{immediate: tableTable, cost: heavy, scale: scale{multiply: 2}, lasting: true}},
	// table.grow
	{0x0f, 0x0f, operation{immediate: table, cost: hostTrip, scale: scale{multiply: 16}, lasting: true}},
	// table.size
	{0x10, 0x10, operation{immediate: table, cost: light}},
	// table.fill
	{0x11, 0x11, operation{immediate: table, cost: heavy, scale: scale{multiply: 2}, lasting: true}},
})

func expand(ranges []opRange) [256]operation {
	var all [256]operation
	for _, r := range ranges {
		for code := int(r.first); code <= int(r.last); code++ {
			all[code] = r.operation
		}
	}
	return all
}
