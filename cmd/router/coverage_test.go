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
	"github.com/stretchr/testify/require"

	"payrouter/abi/conformance/evidence"
	abi "payrouter/abi/v1"
)

// update is -update.
var update = flag.Bool("update", false, "write docs/coverage.md and docs/providers/README.md")

// Every documented endpoint is an operation, and a golden vector shows its request; docs/coverage.md is written from
// the same lists and manifests.
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

// docs/providers/README.md is written from the manifests.
func TestActsOfProviders(t *testing.T) {
	t.Parallel()
	path := filepath.Join(root, "docs", "providers", "README.md")
	page := actsPage(manifests(t))
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(page), 0o600))
	}
	difference := diff.Diff(path, []byte(readPage(t, path).text), "as it has to be", []byte(page))
	require.Empty(t, string(difference), "the page is not up to date: make generate writes it")
}

const actsIntroduction = `# Providers: what can be done to a payment

` + "`make generate`" + ` writes this page from the plugins' manifests; CI fails if it is not up to date. *By
reference* is whether a look-up finds a payment whose create was not answered. *Expire* is who ends a payment that was
not paid by its ` + "`expires_at`" + `: the provider, to which it is passed on, or [the
router](../architecture.md#status), after a look-up.
A refund is an operation of the provider's own, where there is one: see the provider's page.

`

func actsPage(known map[string]*abi.Manifest) string {
	var text strings.Builder
	text.WriteString(actsIntroduction)
	text.WriteString("| provider | kind | look up | by reference | cancel | confirm | update | expire | quote |\n" +
		"| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n")
	for _, name := range slices.Sorted(maps.Keys(known)) {
		for _, flow := range known[name].GetFlows() {
			cells := []string{
				fmt.Sprintf("[%s](%s.md)", known[name].GetTitle(), name), lower(flow.GetKind(), "KIND_"),
				roleCell(flow, abi.Role_ROLE_LOOKUP), byReference(known[name], flow), roleCell(flow, abi.Role_ROLE_CANCEL),
				roleCell(flow, abi.Role_ROLE_CONFIRM), roleCell(flow, abi.Role_ROLE_UPDATE), expireCell(flow),
				roleCell(flow, abi.Role_ROLE_QUOTE),
			}
			text.WriteString("| " + strings.Join(cells, " | ") + " |\n")
		}
	}
	return text.String()
}

// roleCell lists the operations that a flow has for a role.
func roleCell(flow *abi.Flow, role abi.Role) string {
	var operations []string
	for _, action := range flow.GetActions() {
		if action.GetRole() == role {
			operations = append(operations, "`"+action.GetOperation()+"`")
		}
	}
	if operations == nil {
		return "–"
	}
	return strings.Join(operations, ", ")
}

func byReference(manifest *abi.Manifest, flow *abi.Flow) string {
	lookUp := abi.ActionFor(flow, abi.Role_ROLE_LOOKUP, "")
	if abi.OperationOf(manifest, lookUp.GetOperation()).GetFindsByReference() {
		return "yes"
	}
	return "no"
}

func expireCell(flow *abi.Flow) string {
	switch {
	case flow.GetExpires():
		return "the provider"
	case flow.GetKind() == abi.Kind_KIND_COLLECT:
		return "the router"
	}
	return "–"
}

const coverageIntroduction = `# Coverage: every endpoint of the providers' documents

` + "`make generate`" + ` writes this page from the plugins' manifests and from the lists of the documented endpoints,
` + "`plugins/*/testdata/endpoints.txt`" + `. CI fails if an endpoint has no operation, if no golden vector shows its
request, or if this page is not up to date.

*Class* is the [idempotency class](architecture.md#what-may-be-repeated-and-what-may-move-on). *Documented* is the
coverage by the provider's own document: full, partial (named there; some fields come from elsewhere) or no (known from
elsewhere). *Serves* lists the roles for payments and accounts; every operation can also be called by itself.
`

func coveragePage(t *testing.T, known map[string]*abi.Manifest) string {
	t.Helper()
	var text strings.Builder
	text.WriteString(coverageIntroduction)
	text.WriteString("\n| provider | endpoints | operations |\n| --- | --- | --- |\n")
	names := slices.Sorted(maps.Keys(known))
	for _, name := range names {
		_, _ = fmt.Fprintf(&text, "| [%s](providers/%s.md) | %d | %d |\n", known[name].GetTitle(), name,
			len(evidence.Endpoints(t, filepath.Join(root, "plugins", name))), len(known[name].GetOperations()))
	}
	for _, name := range names {
		_, _ = fmt.Fprintf(&text,
			"\n## %s\n\n| endpoint | operation | class | documented | serves | vector | evidence |\n| --- | --- | "+
				"--- | --- | --- | --- | --- |\n", known[name].GetTitle())
		for _, line := range coverageRows(t, name, known[name]) {
			text.WriteString("| " + strings.Join(line, " | ") + " |\n")
		}
		callbacks := known[name].GetCallback()
		require.True(t, callbacks.GetSupported())
		text.WriteString("\n" + wrapped("Callbacks: "+callbacks.GetSummary(), 120) + "\n")
	}
	return text.String()
}

// wrapped breaks a text at spaces, so that no line is longer than width unless a word is.
func wrapped(text string, width int) string {
	var b strings.Builder
	column := 0
	for word := range strings.FieldsSeq(text) {
		switch {
		case column == 0:
		case column+1+len(word) > width:
			b.WriteByte('\n')
			column = 0
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
}

func coverageRows(t *testing.T, name string, manifest *abi.Manifest) [][]string {
	t.Helper()
	folder := filepath.Join(root, "plugins", name)
	shown := evidence.Requests(t, folder)
	left := map[string]*abi.Operation{}
	for _, operation := range manifest.GetOperations() {
		left[operation.GetName()] = operation
	}
	var rows [][]string
	for _, e := range evidence.Endpoints(t, folder) {
		at := slices.IndexFunc(manifest.GetOperations(),
			func(o *abi.Operation) bool { return o.GetName() == e.Operation })
		require.GreaterOrEqual(t, at, 0, "%s: %s %s has no operation: there is no %q", name, e.Method, e.Path,
			e.Operation)
		require.True(t,
			slices.ContainsFunc(shown,
				func(r evidence.Request) bool { return r.Operation == e.Operation && e.Matches(r.Method, r.Target) }),
			"%s: no golden vector of %s shows %s %s", name, e.Operation, e.Method, e.Path)
		rows = append(rows,
			append([]string{"`" + e.Method + " " + e.Path + "`"},
				coverageCells(manifest, manifest.GetOperations()[at], e.Source)...))
		delete(left, e.Operation)
	}
	for _, operation := range manifest.GetOperations() {
		if left[operation.GetName()] != nil {
			sends := slices.ContainsFunc(shown,
				func(r evidence.Request) bool { return r.Operation == operation.GetName() })
			require.False(t, sends && operation.GetDocumented() != abi.Documented_DOCUMENTED_NO,
				"%s: %s is documented: list its endpoint", name, operation.GetName())
			rows = append(rows,
				append([]string{"not among the documents'"},
					coverageCells(manifest, operation, "see the provider's page")...))
		}
	}
	return rows
}

func coverageCells(manifest *abi.Manifest, operation *abi.Operation, source string) []string {
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
	return []string{
		"`" + operation.GetName() + "`", classOf(operation),
		lower(operation.GetDocumented(), "DOCUMENTED_"), strings.Join(serves, ", "), "yes", source,
	}
}

// classOf is an operation's class, and its class under a setting.
func classOf(operation *abi.Operation) string {
	class := strings.TrimPrefix(operation.GetIdempotency().String(), "IDEMPOTENCY_")
	if setting := operation.GetKeyedBySetting(); setting != "" {
		class += "; KEYED with `" + setting + "`"
	}
	return class
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
		listed := evidence.Endpoints(t, filepath.Join(root, "plugins", plugin))
		for _, item := range collection.Items {
			path, found := strings.CutPrefix(item.Request.URL, "{{base_url}}")
			require.True(t, found, item.Request.URL)
			require.True(t,
				slices.ContainsFunc(listed,
					func(e evidence.Endpoint) bool { return e.Matches(item.Request.Method, path) }),
				"%s: %s %s", plugin, item.Request.Method, item.Request.URL)
		}
	}
}
