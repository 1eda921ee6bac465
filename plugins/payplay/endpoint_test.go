package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/abi/conformance/evidence"
)

// Where the document shows an operation, the manifest states so, and takes no member that is not shown; and the other
// way round.
func TestHowFarADocumentGoesIsSaid(t *testing.T) {
	t.Parallel()
	sources := make(map[string]string)
	for _, e := range evidence.Endpoints(t, ".") {
		sources[e.Operation] = e.Source
	}
	shut := []string{showCryptoOrder, accountBalance, showFees} // which have nothing but a path
	for _, operation := range manifest().GetOperations() {
		documented := strings.HasPrefix(sources[operation.GetName()], "HTTP API document")
		require.Equal(t, documented, operation.GetDocumented() == full, operation.GetName())
		require.Equal(t, !documented, operation.GetDocumented() == elsewhere, operation.GetName())
		closed := strings.Contains(operation.GetInputSchema(), `"additionalProperties":false`)
		require.Equal(t, documented || slices.Contains(shut, operation.GetName()), closed, operation.GetName())
	}
}
