package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
)

// update is -update.
var update = flag.Bool("update", false, "write docs/coverage.md")

// endpoint is a line of a plugin's testdata/endpoints.txt: an endpoint that the provider's documents name, the operation that speaks with it,
// and how far which document goes.
type endpoint struct {
	method, path, operation, source string
}

func endpoints(t *testing.T, plugin string) []endpoint {
	t.Helper()
	path := filepath.Join(root, "plugins", plugin, "testdata", "endpoints.txt")
	content, err := os.ReadFile(path)
	require.NoError(t, err, "every endpoint that the documents of %s name", plugin)
	var all []endpoint
	for line := range strings.Lines(string(content)) {
		cells := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		require.Len(t, cells, 3, "%s: %s", path, line)
		method, route, found := strings.Cut(cells[0], " ")
		require.True(t, found, "%s: %s", path, line)
		all = append(all, endpoint{method, route, cells[1], cells[2]})
	}
	return all
}

// is tells whether a request's path is the endpoint's. A variable stands for one segment.
func (e endpoint) is(method, path string) bool {
	path, _, _ = strings.Cut(path, "?")
	wanted, segments := strings.Split(e.path, "/"), strings.Split(path, "/")
	return method == e.method && slices.EqualFunc(wanted, segments, func(want, segment string) bool {
		return want == segment || strings.HasPrefix(want, "{") && segment != ""
	})
}

// shownRequest is a request that a golden vector shows.
type shownRequest struct {
	method, path, operation string
}

func shownRequests(t *testing.T, plugin string) []shownRequest {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "plugins", plugin, "testdata", "*.txtar"))
	require.NoError(t, err)
	var shown []shownRequest
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		require.NoError(t, err)
		var call struct {
			Operation string `json:"operation"`
		}
		for _, section := range archive.Files {
			if section.Name == "call.json" {
				require.NoError(t, json.Unmarshal(section.Data, &call), file)
			}
		}
		for _, section := range archive.Files {
			if strings.HasPrefix(section.Name, "request-") {
				shown = append(shown, readShown(call.Operation, section.Data))
			}
		}
	}
	return shown
}

// readShown reads a request's first line, as vectors write it: "GET /payments/1?a=b as GetPayment".
func readShown(operation string, section []byte) shownRequest {
	line, _, _ := strings.Cut(string(section), "\n")
	line, other, performs := strings.Cut(line, " as ")
	if performs {
		operation = other
	}
	method, target, _ := strings.Cut(line, " ")
	if host, found := strings.CutPrefix(target, "https://"); found {
		_, path, _ := strings.Cut(host, "/")
		target = "/" + path
	}
	return shownRequest{method, target, operation}
}

// Every endpoint that the documents name is an operation, and a golden vector shows its request; docs/coverage.md says so, and is written
// from the same lists and manifests.
func TestCoverage(t *testing.T) {
	t.Parallel()
	known := manifests(t)
	require.Len(t, known, 5)
	path := filepath.Join(root, "docs", "coverage.md")
	page := coveragePage(t, known)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(page), 0o600))
	}
	difference := diff.Diff(path, []byte(readPage(t, path).text), "as it has to be", []byte(page))
	require.Empty(t, string(difference), "the page is not up to date: make generate writes it")
}

const coverageIntroduction = `# Coverage: every endpoint of the providers' documents

This page is written by ` + "`make generate`" + ` from the plugins' manifests and from the lists of what the documents name, ` + "`plugins/*/testdata/endpoints.txt`" + `. CI fails
where an endpoint has no operation, where no golden vector shows its request, or where this page is not up to date.

*Class* is the [idempotency class](architecture.md#what-may-be-repeated-and-what-may-move-on). *Documented* is how far the provider's own document goes: full, partial
(named; some fields come from elsewhere), no (known from elsewhere altogether). *Serves* are the payments' and the account's roles; every operation can be called by
itself besides.
`

func coveragePage(t *testing.T, known map[string]*abi.Manifest) string {
	t.Helper()
	var text strings.Builder
	text.WriteString(coverageIntroduction)
	text.WriteString("\n| provider | endpoints | operations |\n| --- | --- | --- |\n")
	names := slices.Sorted(maps.Keys(known))
	for _, name := range names {
		_, _ = fmt.Fprintf(&text, "| [%s](providers/%s.md) | %d | %d |\n", known[name].GetTitle(), name, len(endpoints(t, name)), len(known[name].GetOperations()))
	}
	for _, name := range names {
		_, _ = fmt.Fprintf(&text, "\n## %s\n\n| endpoint | operation | class | documented | serves | vector | evidence |\n| --- | --- | --- | --- | --- | --- | --- |\n", known[name].GetTitle())
		for _, line := range coverageRows(t, name, known[name]) {
			text.WriteString("| " + strings.Join(line, " | ") + " |\n")
		}
		callbacks := known[name].GetCallback()
		require.True(t, callbacks.GetSupported())
		text.WriteString("\nCallbacks: " + callbacks.GetSummary() + "\n")
	}
	return text.String()
}

func coverageRows(t *testing.T, name string, manifest *abi.Manifest) [][]string {
	t.Helper()
	shown := shownRequests(t, name)
	left := map[string]*abi.Operation{}
	for _, operation := range manifest.GetOperations() {
		left[operation.GetName()] = operation
	}
	var rows [][]string
	for _, e := range endpoints(t, name) {
		at := slices.IndexFunc(manifest.GetOperations(), func(o *abi.Operation) bool { return o.GetName() == e.operation })
		require.GreaterOrEqual(t, at, 0, "%s: %s %s has no operation: there is no %q", name, e.method, e.path, e.operation)
		require.True(t, slices.ContainsFunc(shown, func(r shownRequest) bool { return r.operation == e.operation && e.is(r.method, r.path) }),
			"%s: no golden vector of %s shows %s %s", name, e.operation, e.method, e.path)
		rows = append(rows, append([]string{"`" + e.method + " " + e.path + "`"}, coverageCells(manifest, manifest.GetOperations()[at], e.source)...))
		delete(left, e.operation)
	}
	for _, operation := range manifest.GetOperations() {
		if left[operation.GetName()] != nil {
			rows = append(rows, append([]string{"not among the documents'"}, coverageCells(manifest, operation, "see the provider's page")...))
		}
	}
	return rows
}

func coverageCells(manifest *abi.Manifest, operation *abi.Operation, source string) []string {
	class := strings.TrimPrefix(operation.GetIdempotency().String(), "IDEMPOTENCY_")
	if setting := operation.GetKeyedBySetting(); setting != "" {
		class += "; KEYED with `" + setting + "`"
	}
	var serves []string
	for _, flow := range manifest.GetFlows() {
		for _, action := range flow.GetActions() {
			if action.GetOperation() == operation.GetName() {
				serves = append(serves, lower(flow.GetKind(), "KIND_")+": "+lower(action.GetRole(), "ROLE_"))
			}
		}
	}
	for _, action := range manifest.GetActions() {
		if action.GetOperation() == operation.GetName() {
			serves = append(serves, strings.TrimSpace(lower(action.GetRole(), "ROLE_")+" "+action.GetTopic()))
		}
	}
	if serves == nil {
		serves = []string{"–"}
	}
	return []string{"`" + operation.GetName() + "`", class, lower(operation.GetDocumented(), "DOCUMENTED_"), strings.Join(serves, ", "), "yes", source}
}

// The two collections that providers publish name no endpoint that the lists do not.
func TestEveryRequestOfACollectionIsAnEndpoint(t *testing.T) {
	t.Parallel()
	for plugin, least := range map[string]int{"cryptogram": 3, "paygrt": 6} {
		content, err := os.ReadFile(filepath.Join(root, "host", "sandbox", "testdata", "postman", plugin+".json"))
		require.NoError(t, err)
		var collection struct {
			Items []struct {
				Request struct {
					Method string `json:"method"`
					URL    string `json:"url"`
				} `json:"request"`
			} `json:"item"`
		}
		require.NoError(t, json.Unmarshal(content, &collection))
		require.GreaterOrEqual(t, len(collection.Items), least)
		listed := endpoints(t, plugin)
		for _, item := range collection.Items {
			path, found := strings.CutPrefix(item.Request.URL, "{{base_url}}")
			require.True(t, found, item.Request.URL)
			require.True(t, slices.ContainsFunc(listed, func(e endpoint) bool { return e.is(item.Request.Method, path) }),
				"%s: %s %s", plugin, item.Request.Method, item.Request.URL)
		}
	}
}
