package conformance

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/abi/conformance/check"
	"payrouter/abi/conformance/vector"
	"payrouter/abi/guest"
)

// Benchmark plays one golden vector again and again: as the connector stands, in a sandbox without metering, and in one
// with it, as the router runs it. One operation is all of the vector's calls, encoding and decoding included; each of
// the three reports its median in µs.
func Benchmark(b *testing.B, connector guest.Connector, path string, unmetered, metered check.Sandbox) {
	b.Helper()
	v, err := vector.Read(path)
	require.NoError(b, err)
	code := buildModule(b)
	b.Run("native", func(b *testing.B) { measure(b, vector.Native(connector), v) })
	b.Run("sandbox-unmetered", func(b *testing.B) {
		measure(b, vector.NewSandboxed(compile(b, unmetered, code)), v)
	})
	b.Run("sandbox-metered", func(b *testing.B) {
		measure(b, vector.NewSandboxed(compile(b, metered, code)), v)
	})
}

// BenchmarkIsolation plays one golden vector on an instance that its calls share and with each call pristine, in turns,
// so that what else the machine does falls on both. Each reports its median in µs.
func BenchmarkIsolation(b *testing.B, path string, sandbox check.Sandbox) {
	b.Helper()
	v, err := vector.Read(path)
	require.NoError(b, err)
	code := buildModule(b)
	guests := []check.Guest{compile(b, sandbox, code), pristine{compile(b, sandbox, code)}}
	var plays []func() error
	for _, guest := range guests {
		converse, err := v.Again(context.Background(), vector.NewSandboxed(guest))
		require.NoError(b, err)
		plays = append(plays, converse)
	}
	took := make([][]time.Duration, len(plays))
	for b.Loop() {
		for i, play := range plays {
			started := time.Now()
			if err := play(); err != nil {
				b.Fatal(err)
			}
			took[i] = append(took[i], time.Since(started))
		}
	}
	for i, unit := range []string{"µs/shared-p50", "µs/pristine-p50"} {
		slices.Sort(took[i])
		b.ReportMetric(float64(took[i][len(took[i])/2].Nanoseconds())/1000, unit)
	}
}

// pristine is a guest of whose calls each finds the instance as after its start.
type pristine struct{ check.Guest }

func (p pristine) Call(ctx context.Context, export check.Export, input []byte) ([]byte, check.Usage, error) {
	return p.CallAlone(ctx, export, input)
}

// measure plays the calls of a vector as the host makes them: encode, call, decode.
func measure(b *testing.B, guest vector.Machine, v *vector.Vector) {
	b.Helper()
	converse, err := v.Again(context.Background(), guest)
	require.NoError(b, err)
	took := make([]time.Duration, 0, b.N)
	b.ReportAllocs()
	for b.Loop() {
		started := time.Now()
		if err := converse(); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(started))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds())/1000, "µs/p50")
}
