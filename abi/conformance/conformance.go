// Package conformance is the suite that every plugin passes, so that the router may rely on what the contract states.
//
// A plugin's test runs a Suite with its connector and the folder of its golden vectors, whose format package vector
// documents. The suite writes the expected sections itself when the test runs with -update: read the difference before
// you commit it.
package conformance

import (
	"flag"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/abi/conformance/check"
	"payrouter/abi/conformance/vector"
	"payrouter/abi/guest"
)

//nolint:gochecknoglobals // a test's flag has to be known before any test runs
var update = flag.Bool("update", false, "write what the plugin answers into its golden vectors")

// Suite is what a plugin is checked by.
type Suite struct {
	Connector guest.Connector
	// Vectors is the folder of the golden vectors.
	Vectors string
	// Sandbox runs modules as the router does. Where it is set, the package under test is also built as a module, which
	// has to answer to the byte what the connector answers. Nil leaves that to the command `router plugin check`.
	Sandbox check.Sandbox
}

// Test runs the whole suite. Call it from a test of the plugin's own package.
func (s Suite) Test(t *testing.T) {
	t.Helper()
	loaded := load(t, s.Vectors)
	manifest, native := s.Connector.Describe(), vector.Native(s.Connector)

	t.Run("manifest", func(t *testing.T) {
		require.Empty(t, check.Manifest(manifest))
	})
	t.Run("golden", func(t *testing.T) {
		each(t, loaded, func(t *testing.T, v *vector.Vector) {
			t.Helper()
			if *update {
				require.NoError(t, v.Update(t.Context(), native, manifest))
			}
			report(t, v.Golden(t.Context(), native, manifest))
		})
	})
	t.Run("pure", func(t *testing.T) {
		for _, v := range loaded {
			report(t, v.Pure(t.Context(), native))
		}
	})
	t.Run("hostile", func(t *testing.T) {
		attacker := vector.NewAttacker(manifest)
		each(t, loaded, func(t *testing.T, v *vector.Vector) {
			t.Helper()
			report(t, attacker.Attack(t.Context(), native, v))
		})
	})
	if s.Sandbox != nil {
		t.Run("sandbox", func(t *testing.T) { s.testModule(t, buildModule(t), loaded) })
	}
	t.Run("coverage", func(t *testing.T) { report(t, vector.Coverage(t.Context(), native, manifest, loaded)) })
}

// TestModule compares a module, in whatever language it is written, with the connector: it describes itself as that one
// does, and answers to the byte what that one answers, to golden vectors and under attack. The module passes the suite
// by itself besides.
func (s Suite) TestModule(t *testing.T, module []byte) {
	t.Helper()
	loaded := load(t, s.Vectors)
	t.Run("same answers", func(t *testing.T) { s.testModule(t, module, loaded) })
	t.Run("alone", func(t *testing.T) {
		results, err := vector.Module(t.Context(), compile(t, s.Sandbox, module), loaded)
		require.NoError(t, err)
		for _, result := range results {
			t.Run(result.Name, func(t *testing.T) { report(t, result.Problems) })
		}
	})
}

// testModule makes every call of the vectors to the module, and compares its answers with the connector's.
func (s Suite) testModule(t *testing.T, module []byte, vectors []*vector.Vector) {
	t.Helper()
	connector, manifest := vector.Native(s.Connector), s.Connector.Describe()
	sandbox := vector.NewSandboxed(compile(t, s.Sandbox, module))
	t.Run("manifest", func(t *testing.T) { report(t, sandbox.SameManifest(t.Context(), manifest)) })
	t.Run("golden", func(t *testing.T) {
		each(t, vectors, func(t *testing.T, v *vector.Vector) {
			t.Helper()
			report(t, v.Same(t.Context(), connector, sandbox))
		})
		report(t, sandbox.Frugal())
	})
	t.Run("hostile", func(t *testing.T) {
		attacker := vector.NewAttacker(manifest)
		each(t, vectors, func(t *testing.T, v *vector.Vector) {
			t.Helper()
			report(t, attacker.SameUnderAttack(t.Context(), connector, sandbox, v))
		})
	})
	t.Run("again and again", func(t *testing.T) { report(t, sandbox.Lasting(t.Context())) })
	t.Run("not the contract's", func(t *testing.T) { report(t, sandbox.Guarded(t.Context())) })
	report(t, sandbox.Unharmed())
}

func load(t *testing.T, folder string) []*vector.Vector {
	t.Helper()
	loaded, err := vector.Load(folder)
	require.NoError(t, err)
	require.NotEmpty(t, loaded, "a plugin brings golden vectors")
	return loaded
}

func each(t *testing.T, vectors []*vector.Vector, test func(t *testing.T, v *vector.Vector)) {
	t.Helper()
	for _, v := range vectors {
		t.Run(v.Name, func(t *testing.T) { test(t, v) })
	}
}

// report fails the test with every problem.
func report(t *testing.T, problems []string) {
	t.Helper()
	for _, problem := range problems {
		t.Error(problem)
	}
}
