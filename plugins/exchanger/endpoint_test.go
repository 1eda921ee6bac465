package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/abi/conformance/evidence"
)

// Where the document shows a method's fields and its answer, the manifest states so, and takes no other fields; where
// it has no more than a name, further ones may be given, unless they would move money.
func TestHowFarADocumentGoesIsSaid(t *testing.T) {
	t.Parallel()
	sources := make(map[string]string)
	for _, e := range evidence.Endpoints(t, ".") {
		sources[e.Operation] = e.Source
	}
	for _, operation := range manifest().GetOperations() {
		name := operation.GetName()
		if operation.GetDocumented() == full {
			require.Contains(t, sources[name], "answer", name)
		}
		if strings.HasSuffix(sources[name], ": named") {
			require.Equal(t, partial, operation.GetDocumented(), name)
		}
		reads := strings.HasPrefix(name, "get_direction")
		require.Equal(t, !reads, strings.Contains(operation.GetInputSchema(), `"additionalProperties":false`), name)
	}
}
