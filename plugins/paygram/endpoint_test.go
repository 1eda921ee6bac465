package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
)

// endpoint is a line of testdata/endpoints.txt: every endpoint that PayGram's document names.
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
	require.Len(t, named, 31)
	var documented, listed []string
	for _, operation := range manifest().GetOperations() {
		if operation.GetDocumented() != abi.Documented_DOCUMENTED_NO {
			documented = append(documented, operation.GetName())
		}
	}
	shown := requestsShown(t)
	for _, e := range named {
		listed = append(listed, e.operation)
		want := strings.ReplaceAll(e.request, "{token}", "{{secret:token}}")
		want, _, _ = strings.Cut(want, "{callbackData}")
		sent := slices.ContainsFunc(shown[e.operation], func(line string) bool {
			line, _, _ = strings.Cut(line, "?")
			return line == want || strings.HasSuffix(want, "/") && strings.HasPrefix(line, want)
		})
		require.True(t, sent, "no vector of %s sends %s: %v", e.operation, want, shown[e.operation])
	}
	require.ElementsMatch(t, listed, documented)
}

// Where the document shows more than a name, the manifest does not call it named alone; and the other way round.
func TestHowFarADocumentGoesIsSaid(t *testing.T) {
	t.Parallel()
	sources := make(map[string]string)
	for _, e := range endpoints(t) {
		sources[e.operation] = e.source
	}
	for _, operation := range manifest().GetOperations() {
		if operation.GetDocumented() == full {
			require.Contains(t, sources[operation.GetName()], "request and response", operation.GetName())
			require.Contains(t, operation.GetInputSchema(), `dditionalProperties`, operation.GetName())
		}
		if strings.HasSuffix(sources[operation.GetName()], ": named") {
			require.Equal(t, partial, operation.GetDocumented(), operation.GetName())
			require.NotContains(t, operation.GetInputSchema(), "additionalProperties", "%s: what is not public may be given", operation.GetName())
		}
	}
}

// requestsShown has the first lines of the requests that the vectors show, by operation.
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
				shown[call.Operation] = append(shown[call.Operation], line)
			}
		}
	}
	return shown
}

// The page about PayGram has a row for every operation, with its class and how far the document goes.
func TestThePageHasEveryOperation(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile("../../docs/providers/paygram.md")
	require.NoError(t, err)
	_, table, found := strings.Cut(string(content), "| method | class | evidence | |\n| --- | --- | --- | --- |\n")
	require.True(t, found)
	table, _, _ = strings.Cut(table, "\n\n")
	var rows, want []string
	for line := range strings.Lines(table) {
		cells := strings.SplitN(line, " | ", 4)
		rows = append(rows, strings.Join(cells[:3], " | "))
	}
	words := map[abi.Documented]string{full: "full", partial: "partial", abi.Documented_DOCUMENTED_NO: "no"}
	for _, operation := range manifest().GetOperations() {
		class := strings.TrimPrefix(operation.GetIdempotency().String(), "IDEMPOTENCY_")
		if setting := operation.GetKeyedBySetting(); setting != "" {
			class += "; KEYED with `" + setting + "`"
		}
		want = append(want, "| `"+operation.GetName()+"` | "+class+" | "+words[operation.GetDocumented()])
	}
	require.ElementsMatch(t, want, rows)
}
