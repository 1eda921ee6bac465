package main

import (
	"testing"

	"payrouter/abi/conformance"
	"payrouter/host/wasm/wasmtest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	conformance.Suite{Connector: connector{}, Vectors: "testdata", Sandbox: wasmtest.Sandbox(t)}.Test(t)
}
