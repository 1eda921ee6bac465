package main

import (
	"testing"

	"payrouter/abi/conformance"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	conformance.Suite{Connector: connector{}, Vectors: "testdata"}.Test(t)
}
