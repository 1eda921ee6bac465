package wasm_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// engine is one of the two ways to run a module that wazero has.
type engine string

const (
	compiles   engine = "compiler"
	interprets engine = "interpreter"
)

// The exports by which fuel is set and read, and the stack set.
const (
	fuelExport  = "payrouter_fuel"
	stackExport = "payrouter_stack"
)

// plenty is more fuel than any test burns.
const plenty = int64(1) << 60

// newRuntime gives a runtime without the host's contract, so that modules which are no plugins run in it.
func newRuntime(tb testing.TB, e engine) wazero.Runtime {
	tb.Helper()
	config := wazero.NewRuntimeConfigCompiler()
	if e == interprets {
		config = wazero.NewRuntimeConfigInterpreter()
	}
	config = config.WithCoreFeatures(api.CoreFeaturesV2.SetEnabled(api.CoreFeatureSIMD, false))
	r := wazero.NewRuntimeWithConfig(tb.Context(), config)
	tb.Cleanup(func() { require.NoError(tb, r.Close(context.Background())) })
	return r
}

// setFuel fills a metered instance's tank, and gives it a stack that the engine bounds first. An instance without
// exports has none, and cannot be called.
func setFuel(m api.Module, fuel int64) {
	for name, value := range map[string]int64{fuelExport: fuel, stackExport: plenty} {
		if g, ok := m.ExportedGlobal(name).(api.MutableGlobal); ok {
			g.Set(uint64(value))
		}
	}
}

func fuelLeft(m api.Module) int64 {
	g := m.ExportedGlobal(fuelExport)
	if g == nil {
		return 0
	}
	return int64(g.Get())
}
