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

// endpoint is a line of testdata/endpoints.txt: every endpoint that Paygrt's document names.
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
	require.Len(t, named, 4)
	requests := requestsShown(t)
	var listed, operations []string
	for _, e := range named {
		listed = append(listed, e.operation)
		require.Contains(t, requests[e.operation], strings.ReplaceAll(e.request, "{merchant_id}", "AP0001"), "no vector of %s sends it", e.operation)
	}
	for _, operation := range manifest().GetOperations() {
		operations = append(operations, operation.GetName())
	}
	require.ElementsMatch(t, listed, operations)
}

// requestsShown has the first lines of the requests that the vectors show, by operation.
func requestsShown(t *testing.T) map[string][]string {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txtar")
	require.NoError(t, err)
	requests := make(map[string][]string)
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
				requests[call.Operation] = append(requests[call.Operation], line)
			}
		}
	}
	return requests
}

// The page about Paygrt has a row for every operation, with its class and how far the document goes.
func TestThePageHasEveryOperation(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile("../../docs/providers/paygrt.md")
	require.NoError(t, err)
	_, table, found := strings.Cut(string(content), "| operation | class | evidence | |\n| --- | --- | --- | --- |\n")
	require.True(t, found)
	table, _, _ = strings.Cut(table, "\n\n")
	var rows, want []string
	for line := range strings.Lines(table) {
		rows = append(rows, strings.Join(strings.SplitN(line, " | ", 4)[:3], " | "))
	}
	for _, operation := range manifest().GetOperations() {
		require.Equal(t, abi.Documented_DOCUMENTED_FULL, operation.GetDocumented())
		class := strings.TrimPrefix(operation.GetIdempotency().String(), "IDEMPOTENCY_")
		want = append(want, "| `"+operation.GetName()+"` | "+class+" | full")
	}
	require.ElementsMatch(t, want, rows)
}
