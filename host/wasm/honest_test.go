package wasm_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/host/wasm"
)

// BenchmarkHonest gives what honest work burns, for the choice of weights.
func BenchmarkHonest(b *testing.B) {
	small := `{"id":"inv_1","amount":"49.90","currency":"EUR","status":"paid","payer":{"name":"A",` +
		`"email":"a@example.com"}}`
	works := []struct {
		name   string
		export wasm.Export
		input  string
	}{
		{"echo", wasm.Prepare, "e" + small},
		{"JSON, 100 B", wasm.Interpret, small},
		{"JSON, 2 KB", wasm.Interpret, "[" + strings.Repeat(small+",", 19) + small + "]"},
		{"sort, 2 KB", wasm.Receive, strings.Repeat(small, 20)},
	}
	for _, metering := range []string{"metered", "unmetered"} {
		m := compiledWith(b, guest(b), wasm.Limits{Fuel: 1 << 40}, wasm.Options{Unmetered: metering == "unmetered"})
		for _, work := range works {
			b.Run(work.name+"/"+metering, func(b *testing.B) {
				var fuel, most int64
				b.ReportAllocs()
				for b.Loop() {
					usage, err := m.Call(b.Context(), work.export, []byte(work.input), wasm.Env{},
						func([]byte) error { return nil })
					require.NoError(b, err)
					fuel += usage.Fuel
					most = max(most, usage.Fuel)
				}
				b.ReportMetric(float64(fuel)/float64(b.N), "fuel")
				b.ReportMetric(float64(most), "fuel-most")
			})
		}
	}
}
