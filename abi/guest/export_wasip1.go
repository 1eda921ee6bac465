//go:build wasip1

package guest

import (
	"runtime"
	"runtime/debug"
	"unsafe"
)

// One rooted buffer each way: the host writes into the first before a call and reads the second after it, and neither
// may be collected or moved in between.
var (
	input  []byte //nolint:gochecknoglobals // see above
	output []byte //nolint:gochecknoglobals // see above
)

// keep is the largest buffer that is kept for the next call, in bytes.
const keep = 256 << 10

//go:wasmexport payrouter_abi_v1
func marker() {}

//go:wasmexport abi_version
func version() int32 { return 1 }

//go:wasmexport alloc
func alloc(size int32) unsafe.Pointer {
	if size <= 0 {
		size = 1
	}
	if int(size) > cap(input) || cap(input) > keep {
		input = make([]byte, size)
	}
	input = input[:size]
	return unsafe.Pointer(unsafe.SliceData(input))
}

//go:wasmexport describe
func exportDescribe(pointer unsafe.Pointer, length int32) int64 {
	return run(describe, pointer, length)
}

//go:wasmexport prepare
func exportPrepare(pointer unsafe.Pointer, length int32) int64 { return run(prepare, pointer, length) }

//go:wasmexport interpret
func exportInterpret(pointer unsafe.Pointer, length int32) int64 {
	return run(interpret, pointer, length)
}

//go:wasmexport receive
func exportReceive(pointer unsafe.Pointer, length int32) int64 { return run(receive, pointer, length) }

func run(call export, pointer unsafe.Pointer, length int32) int64 {
	const usual = 8 << 10
	if cap(output) < usual || cap(output) > keep {
		output = make([]byte, usual)
	}
	answer, size := serve(registered, call, unsafe.Slice((*byte)(pointer), length), output)
	if size < 0 {
		output = make([]byte, answer.SizeVT())
		size, _ = answer.MarshalToSizedBufferVT(output)
	}
	yield(length, int32(size))
	start := unsafe.SliceData(output[len(output)-size:])
	return int64(uintptr(unsafe.Pointer(start)))<<32 | int64(size)
}

//nolint:gochecknoglobals // an instance has one
var turns pace

// yield gives the collector its turn now and then, and an instance that serves many calls a smaller heap: see pace.
func yield(given, made int32) {
	const grown = 25 // percent, by which the heap grows before it is collected
	turn, early := turns.after(given, made)
	if early {
		debug.SetGCPercent(grown)
	}
	if turn {
		runtime.Gosched()
	}
}
