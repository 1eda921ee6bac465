package wasm

import (
	"runtime"
	"time"
)

// stopwatch measures the CPU time of one goroutine's work, which stays on its thread meanwhile: a guest never waits.
type stopwatch time.Duration

func newStopwatch() stopwatch {
	runtime.LockOSThread()
	return stopwatch(threadCPU())
}

// stop returns the CPU time since the stopwatch was made, by the same goroutine.
func (s stopwatch) stop() time.Duration {
	used := threadCPU() - time.Duration(s)
	runtime.UnlockOSThread()
	return max(used, 0)
}
