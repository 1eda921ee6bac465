package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/abi/conformance"
	"payrouter/host/wasm/wasmtest"
)

// The contract belongs to no language: the example that is written in Rust answers to the byte what this one answers.
func TestTheExampleInRustIsThisOnesTwin(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it compiles and attacks a module twice")
	}
	suite := conformance.Suite{Connector: connector{}, Vectors: "testdata", Sandbox: wasmtest.Sandbox(t)}
	suite.TestModule(t, rustModule(t))
}

// noCompiler is how the build script ends where no Rust compiler knows WebAssembly.
const noCompiler = 3

func rustModule(t *testing.T) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "example.wasm")
	output, err := exec.CommandContext(t.Context(), "../plugin-rust/build", path).CombinedOutput()
	if failed, ended := errors.AsType[*exec.ExitError](err); ended && failed.ExitCode() == noCompiler &&
		os.Getenv("CI") == "" {
		t.Skipf("%s: install Debian's cargo and libstd-rust-dev-wasm32, or rustup's target wasm32-unknown-unknown",
			output)
	}
	require.NoError(t, err, "build the module in Rust:\n%s", output)
	code, err := os.ReadFile(path)
	require.NoError(t, err)
	return code
}
