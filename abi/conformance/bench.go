package conformance

import (
	"context"
	"log/slog"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/abi/guest"
	"payrouter/host/wasm"
)

// Benchmark plays one golden vector again and again: as the connector stands, in the sandbox without metering, and in the
// sandbox as the host runs it. One operation is all of the vector's calls, encoding and decoding included; each of the
// three reports its median in µs.
func Benchmark(b *testing.B, connector guest.Connector, path string) {
	b.Helper()
	content, err := os.ReadFile(path)
	require.NoError(b, err)
	v, err := parseVector(path, content)
	require.NoError(b, err)
	code := buildModule(b)
	b.Run("native", func(b *testing.B) { measure(b, native{connector: connector}, v) })
	b.Run("sandbox-unmetered", func(b *testing.B) {
		measure(b, newMachine(b, code, wasm.Options{Unmetered: true}), v)
	})
	b.Run("sandbox-metered", func(b *testing.B) {
		measure(b, newMachine(b, code, wasm.Options{}), v)
	})
}

// measure plays the calls of a vector as the host makes them: encode, call, decode.
func measure(b *testing.B, guest machine, v *vector) {
	b.Helper()
	moves, err := play(context.Background(), guest, v)
	require.NoError(b, err)
	calls := make([]func() error, len(moves))
	for i, m := range moves {
		var in message = v.call
		if m.interpretation != nil {
			in = m.interpretation
		}
		calls[i] = func() error {
			_, err := ask(context.Background(), guest, m.input.export, in)
			return err
		}
	}
	took := make([]time.Duration, 0, b.N)
	b.ReportAllocs()
	for b.Loop() {
		started := time.Now()
		for _, call := range calls {
			if err := call(); err != nil {
				b.Fatal(err)
			}
		}
		took = append(took, time.Since(started))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds())/1000, "µs/p50")
}

func newMachine(tb testing.TB, code []byte, options wasm.Options) *sandboxed {
	tb.Helper()
	options.Logger = slog.New(slog.DiscardHandler)
	compiler, err := wasm.New("", options)
	require.NoError(tb, err)
	module, err := compiler.Compile(tb.Context(), code, wasm.Limits{Instances: 1})
	require.NoError(tb, err)
	tb.Cleanup(func() {
		require.NoError(tb, module.Close(context.Background()))
		require.NoError(tb, compiler.Close(context.Background()))
	})
	return &sandboxed{module: module}
}
