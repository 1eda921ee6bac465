package wasm_test

import (
	"maps"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/wasm"
)

// BenchmarkWorstShape gives how long each shape of hostile code holds a CPU at the default fuel: the thread's CPU
// time, the best of the runs, so that a busy machine does not blur it.
func BenchmarkWorstShape(b *testing.B) {
	all := shapes()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		b.Run(name, func(b *testing.B) {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			m := compiled(b, all[name].bytes(), wasm.Limits{})
			shortest := time.Hour
			var fuel int64
			for b.Loop() {
				start := threadTime(b)
				_, usage, err := call(b, m, wasm.Prepare, "", wasm.Env{})
				shortest = min(shortest, threadTime(b)-start)
				fuel = usage.Fuel
				require.Error(b, err)
			}
			b.ReportMetric(float64(shortest.Microseconds())/1000, "ms")
			b.ReportMetric(float64(shortest.Nanoseconds())/float64(fuel), "ns/fuel")
		})
	}
}

// threadTime is the CPU time of the calling thread.
func threadTime(tb testing.TB) time.Duration {
	tb.Helper()
	const thread = 1 // RUSAGE_THREAD
	var usage syscall.Rusage
	require.NoError(tb, syscall.Getrusage(thread, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
