// Package conformance is the suite that every plugin passes, so that the router may rely on what the contract says.
//
// A plugin's test calls Test with its connector and the folder of its golden vectors; package vector tells how those
// are written. The expected sections are written by the suite itself when the test runs with -update: read the
// difference before you commit it.
package conformance

import (
	"flag"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/abi/conformance/check"
	"payrouter/abi/conformance/vector"
	"payrouter/abi/guest"
	abi "payrouter/abi/v1"
)

//nolint:gochecknoglobals // a test's flag has to be known before any test runs
var update = flag.Bool("update", false, "write what the plugin answers into its golden vectors")

// Test runs the whole suite on a connector, with the golden vectors in a folder. Call it from a test of the plugin's
// own package, which is built as a module and run in the sandbox too.
func Test(t *testing.T, connector guest.Connector, vectors string) {
	t.Helper()
	loaded := load(t, vectors)
	manifest, native := connector.Describe(), vector.Native(connector)

	t.Run("manifest", func(t *testing.T) {
		require.Empty(t, check.Manifest(manifest))
	})
	t.Run("golden", func(t *testing.T) {
		each(t, loaded, func(t *testing.T, v *vector.Vector) {
			t.Helper()
			if *update {
				require.NoError(t, v.Update(t.Context(), native, manifest))
			}
			hold(t, v.Golden(t.Context(), native, manifest))
		})
	})
	t.Run("pure", func(t *testing.T) {
		for _, v := range loaded {
			hold(t, v.Pure(t.Context(), native))
		}
	})
	t.Run("hostile", func(t *testing.T) {
		attacker := vector.NewAttacker(manifest)
		each(t, loaded, func(t *testing.T, v *vector.Vector) {
			t.Helper()
			hold(t, attacker.Attack(t.Context(), native, v))
		})
	})
	t.Run("sandbox", func(t *testing.T) { testTwin(t, native, manifest, buildModule(t), loaded) })
	t.Run("coverage", func(t *testing.T) { hold(t, vector.Coverage(t.Context(), native, manifest, loaded)) })
}

// TestTwin holds a module, in whatever language it is written, to a connector: it describes itself as that one does,
// and answers to the byte what that one answers, to golden vectors and under attack. The module passes the suite by
// itself besides.
func TestTwin(t *testing.T, connector guest.Connector, module []byte, vectors string) {
	t.Helper()
	loaded := load(t, vectors)
	t.Run("twin", func(t *testing.T) { testTwin(t, vector.Native(connector), connector.Describe(), module, loaded) })
	t.Run("alone", func(t *testing.T) {
		results, err := vector.Module(t.Context(), compile(t, module), loaded)
		require.NoError(t, err)
		for _, result := range results {
			t.Run(result.Name, func(t *testing.T) { hold(t, result.Problems) })
		}
	})
}

// testTwin asks the module everything that the connector was asked, and wants the same answers to the byte.
func testTwin(t *testing.T, connector vector.Machine, manifest *abi.Manifest, module []byte, vectors []*vector.Vector) {
	t.Helper()
	sandbox := vector.NewSandboxed(compile(t, module))
	t.Run("manifest", func(t *testing.T) { hold(t, sandbox.SameManifest(t.Context(), manifest)) })
	t.Run("golden", func(t *testing.T) {
		each(t, vectors, func(t *testing.T, v *vector.Vector) {
			t.Helper()
			hold(t, v.Same(t.Context(), connector, sandbox))
		})
		hold(t, sandbox.Frugal())
	})
	t.Run("hostile", func(t *testing.T) {
		attacker := vector.NewAttacker(manifest)
		each(t, vectors, func(t *testing.T, v *vector.Vector) {
			t.Helper()
			hold(t, attacker.SameUnderAttack(t.Context(), connector, sandbox, v))
		})
	})
	t.Run("again and again", func(t *testing.T) { hold(t, sandbox.Lasting(t.Context())) })
	t.Run("not the contract's", func(t *testing.T) { hold(t, sandbox.Guarded(t.Context())) })
	hold(t, sandbox.Unharmed())
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

// hold fails with every problem in its own words.
func hold(t *testing.T, problems []string) {
	t.Helper()
	for _, problem := range problems {
		t.Error(problem)
	}
}
