package main

import (
	"testing"

	"payrouter/abi/conformance"
)

// One invoice: prepare and interpret.
func BenchmarkIssueInvoice(b *testing.B) {
	conformance.Benchmark(b, connector{}, "testdata/issue-with-page.txtar")
}
