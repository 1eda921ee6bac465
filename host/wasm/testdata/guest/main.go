// Command guest is a plugin for the tests: it does what the first byte of its input names, well or badly.
package main

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"slices"
	"time"
	"unsafe"
)

var (
	input  []byte
	output []byte
	calls  uint64
	kept   [][]byte
)

//go:wasmexport payrouter_abi_v1
func marker() {}

//go:wasmexport abi_version
func version() int32 { return 1 }

//go:wasmexport alloc
func alloc(size int32) int32 {
	if cap(input) < int(size) {
		input = make([]byte, size)
	}
	input = input[:size]
	return address(input)
}

//go:wasmexport describe
func describe(_, _ int32) int64 { return answer([]byte("a guest for tests")) }

//go:wasmexport prepare
func prepare(_, size int32) int64 {
	calls++
	if size == 0 {
		return answer(nil)
	}
	return do(input[0], input[1:size])
}

//go:wasmexport interpret
func interpret(_, size int32) int64 {
	var document any
	if err := json.Unmarshal(input[:size], &document); err != nil {
		return answer([]byte("not JSON"))
	}
	encoded, err := json.Marshal(document)
	if err != nil {
		panic(err)
	}
	return answer(encoded)
}

//go:wasmexport receive
func receive(_, size int32) int64 {
	sorted := bytes.Clone(input[:size])
	slices.Sort(sorted)
	return answer(sorted)
}

func do(what byte, rest []byte) int64 {
	switch what {
	case 'e': // echo
		return answer(append(output[:0], rest...))
	case 'c': // count the calls of this instance
		return answer(binary.LittleEndian.AppendUint64(nil, calls))
	case 'l': // loop
		for {
			calls++
		}
	case 'r': // recurse
		return int64(recurse(1))
	case 'm': // eat memory
		for {
			kept = append(kept, make([]byte, 1<<20))
		}
	case 'g': // grow once, and keep it
		kept = append(kept, make([]byte, 40<<20))
		return answer(nil)
	case 'p':
		panic("at the guest's wish")
	case 'x':
		os.Exit(3)
	case 'o': // an answer outside memory
		return -1 << 40
	case 'h': // a huge answer, within memory
		return answer(make([]byte, 9<<20))
	case 't': // what it can learn of the world
		before := time.Now()
		time.Sleep(time.Hour)
		var random [8]byte
		_, _ = rand.Read(random[:])
		return answer(fmt.Appendf(nil, "%s %s %x %d %d", before.UTC().Format(time.RFC3339Nano),
			time.Since(before).Round(time.Minute), random, len(os.Args), len(os.Environ())))
	case 'w': // write
		fmt.Fprintln(os.Stdout, "out:", string(rest))
		fmt.Fprintln(os.Stderr, "err:", string(rest))
		return answer(nil)
	case 'W': // write without end
		for {
			fmt.Fprintln(os.Stderr, "again and again")
		}
	}
	return answer([]byte("?"))
}

func recurse(n uint64) uint64 {
	if n == 0 {
		return 0
	}
	return recurse(n+1) + n
}

// answer hands bytes to the host. It yields first: a reactor that never does never has its garbage collected.
func answer(b []byte) int64 {
	output = b
	runtime.Gosched()
	return int64(address(output))<<32 | int64(len(output))
}

func address(b []byte) int32 {
	return int32(uintptr(unsafe.Pointer(unsafe.SliceData(b))))
}

func main() {}
