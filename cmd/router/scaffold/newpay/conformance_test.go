package main

import (
	"testing"

	"payrouter/abi/conformance"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	conformance.Test(t, connector{}, "testdata")
}
