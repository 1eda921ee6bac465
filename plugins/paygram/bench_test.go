package main

import (
	"testing"

	"payrouter/abi/conformance"
	"payrouter/host/wasm/wasmtest"
)

// One invoice: prepare and interpret.
func BenchmarkIssueInvoice(b *testing.B) {
	conformance.Benchmark(b, connector{}, "testdata/issue-with-page.txtar", wasmtest.Unmetered(b), wasmtest.Sandbox(b))
}

// One invoice, its calls on a shared instance and pristine.
func BenchmarkIsolation(b *testing.B) {
	conformance.BenchmarkIsolation(b, "testdata/issue-with-page.txtar", wasmtest.Sandbox(b))
}
