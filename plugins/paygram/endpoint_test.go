package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/abi/conformance/evidence"
)

// Where the document shows more than a name, the manifest does not call it named alone; and the other way round.
func TestHowFarADocumentGoesIsSaid(t *testing.T) {
	t.Parallel()
	sources := make(map[string]string)
	for _, e := range evidence.Endpoints(t, ".") {
		sources[e.Operation] = e.Source
	}
	for _, operation := range manifest().GetOperations() {
		if operation.GetDocumented() == full {
			require.Contains(t, sources[operation.GetName()], "request and response", operation.GetName())
			require.Contains(t, operation.GetInputSchema(), `dditionalProperties`, operation.GetName())
		}
		if strings.HasSuffix(sources[operation.GetName()], ": named") {
			require.Equal(t, partial, operation.GetDocumented(), operation.GetName())
			require.NotContains(t, operation.GetInputSchema(), "additionalProperties",
				"%s: what is not public may be given", operation.GetName())
		}
	}
}
