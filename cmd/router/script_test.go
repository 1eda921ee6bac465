package main

import (
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"
)

// The command line as a person types it. $PLUGINS holds the shipped plugins, $ROUTING is the shipped routing file.
func TestCommandLine(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("every command is a process of its own, in which nothing runs at once")
	}
	dir, compiled := plugins(t)
	routing, err := filepath.Abs("../../routing.yaml")
	require.NoError(t, err)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("PLUGINS", dir)
			env.Setenv("ROUTING", routing)
			env.Setenv("ROUTER_COMPILED", compiled)
			return nil
		},
	})
}
