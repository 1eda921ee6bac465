//go:build wasip1

package guest

import (
	"runtime"
	"unsafe"

	abi "payrouter/abi/v1"
)

// One rooted buffer each way: the host writes into the first before a call and reads the second after it, and neither may
// be collected or moved in between.
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
	answer := serve(registered, call, unsafe.Slice((*byte)(pointer), length))
	result := write(answer)
	// A reactor whose exports never yield never gives the collector its turn, and dies of a full memory.
	runtime.Gosched()
	return result
}

func write(answer *abi.Answer) int64 {
	size := answer.SizeVT()
	if size > cap(output) || cap(output) > keep {
		output = make([]byte, max(size, 1))
	}
	output = output[:cap(output)]
	if _, err := answer.MarshalToSizedBufferVT(output[:size]); err != nil {
		panic(err)
	}
	return int64(uintptr(unsafe.Pointer(unsafe.SliceData(output))))<<32 | int64(size)
}
