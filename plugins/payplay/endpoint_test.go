package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
)

// endpoint is a line of testdata/endpoints.txt: every endpoint that PayPlay's document names, and those known from elsewhere.
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

func TestEveryEndpointIsAnOperation(t *testing.T) {
	t.Parallel()
	named := endpoints(t)
	require.Len(t, named, 15)
	var described, listed []string
	for _, operation := range manifest().GetOperations() {
		described = append(described, operation.GetName())
	}
	shown := requestsShown(t)
	for _, e := range named {
		listed = append(listed, e.operation)
		wanted := regexp.MustCompile("^" + regexp.MustCompile(`\\\{[A-Za-z_]+\\\}`).ReplaceAllString(regexp.QuoteMeta(e.request), `[A-Za-z0-9-]+`) + `(\?.*)?$`)
		require.True(t, slices.ContainsFunc(shown[e.operation], wanted.MatchString), "no vector of %s sends %s: %v", e.operation, e.request, shown[e.operation])
	}
	require.ElementsMatch(t, listed, described)
}

// Where the document shows an operation, the manifest says so, and takes no member that is not shown; and the other way round.
func TestHowFarADocumentGoesIsSaid(t *testing.T) {
	t.Parallel()
	sources := make(map[string]string)
	for _, e := range endpoints(t) {
		sources[e.operation] = e.source
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

// requestsShown has the first lines of the requests that the vectors show, by the operation that they perform.
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
			switch {
			case section.Name == "call.json":
				require.NoError(t, json.Unmarshal(section.Data, &call))
			case strings.HasPrefix(section.Name, "request-"):
				line, _, _ := strings.Cut(string(section.Data), "\n")
				line, performed, isOther := strings.Cut(line, " as ")
				if !isOther {
					performed = call.Operation
				}
				shown[performed] = append(shown[performed], line)
			}
		}
	}
	return shown
}

// The page about PayPlay has a row for every operation, with its class and how far the document goes.
func TestThePageHasEveryOperation(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile("../../docs/providers/payplay.md")
	require.NoError(t, err)
	_, table, found := strings.Cut(string(content), "| operation | class | evidence | |\n| --- | --- | --- | --- |\n")
	require.True(t, found)
	table, _, _ = strings.Cut(table, "\n\n")
	var rows, want []string
	for line := range strings.Lines(table) {
		cells := strings.SplitN(line, " | ", 4)
		rows = append(rows, strings.Join(cells[:3], " | "))
	}
	words := map[abi.Documented]string{full: "full", elsewhere: "no"}
	for _, operation := range manifest().GetOperations() {
		class := strings.TrimPrefix(operation.GetIdempotency().String(), "IDEMPOTENCY_")
		want = append(want, "| `"+operation.GetName()+"` | "+class+" | "+words[operation.GetDocumented()])
	}
	require.ElementsMatch(t, want, rows)
}
