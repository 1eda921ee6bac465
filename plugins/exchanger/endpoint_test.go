package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
)

// endpoint is a line of testdata/endpoints.txt: every method that the API document names.
type endpoint struct {
	request, operation, source string
}

func endpoints(t *testing.T) []endpoint {
	t.Helper()
	content, err := os.ReadFile("testdata/endpoints.txt")
	require.NoError(t, err)
	var all []endpoint
	for line := range strings.Lines(string(content)) {
		parts := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		require.Len(t, parts, 3, line)
		all = append(all, endpoint{parts[0], parts[1], parts[2]})
	}
	return all
}

func TestEveryEndpointOfTheDocumentIsAnOperation(t *testing.T) {
	t.Parallel()
	named := endpoints(t)
	require.Len(t, named, 15)
	var documented, listed []string
	for _, operation := range manifest().GetOperations() {
		require.NotEqual(t, abi.Documented_DOCUMENTED_NO, operation.GetDocumented())
		documented = append(documented, operation.GetName())
	}
	shown := requestsShown(t)
	for _, e := range named {
		listed = append(listed, e.operation)
		require.Contains(t, shown[e.operation], e.request, "no vector of %s sends it", e.operation)
	}
	require.ElementsMatch(t, listed, documented)
}

// Where the document tells a method's fields and its answer, the manifest says so, and takes no other fields; where it has no more than a
// name, further ones may be given, unless they would move money.
func TestHowFarADocumentGoesIsSaid(t *testing.T) {
	t.Parallel()
	sources := make(map[string]string)
	for _, e := range endpoints(t) {
		sources[e.operation] = e.source
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

// requestsShown has the first lines of the requests that the vectors show, by the operation that each performs.
func requestsShown(t *testing.T) map[string][]string {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txtar")
	require.NoError(t, err)
	shown := make(map[string][]string)
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		require.NoError(t, err)
		var call struct {
			Operation string `json:"operation"`
		}
		for _, section := range archive.Files {
			switch section.Name {
			case "call.json":
				require.NoError(t, json.Unmarshal(section.Data, &call))
			case "request-1":
				line, _, _ := strings.Cut(string(section.Data), "\n")
				if !strings.Contains(line, " as ") {
					shown[call.Operation] = append(shown[call.Operation], line)
				}
			}
		}
	}
	return shown
}

// The page about Exchanger has a row for every operation, with its class and how far the document goes.
func TestThePageHasEveryOperation(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile("../../docs/providers/exchanger.md")
	require.NoError(t, err)
	_, table, found := strings.Cut(string(content), "| method | class | evidence | |\n| --- | --- | --- | --- |\n")
	require.True(t, found)
	table, _, _ = strings.Cut(table, "\n\n")
	var rows, want []string
	for line := range strings.Lines(table) {
		cells := strings.SplitN(line, " | ", 4)
		rows = append(rows, strings.Join(cells[:3], " | "))
	}
	words := map[abi.Documented]string{full: "full", partial: "partial"}
	for _, operation := range manifest().GetOperations() {
		class := strings.TrimPrefix(operation.GetIdempotency().String(), "IDEMPOTENCY_")
		want = append(want, "| `"+operation.GetName()+"` | "+class+" | "+words[operation.GetDocumented()])
	}
	require.ElementsMatch(t, want, rows)
}
