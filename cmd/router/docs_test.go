package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
	"payrouter/host/attempt"
	"payrouter/host/config"
	"payrouter/host/payment"
	"payrouter/host/plugin"
	"payrouter/host/router"
	"payrouter/host/routing"
)

const root = "../.."

// document is a page of the documentation.
type document struct {
	path, text string
}

func documents(t *testing.T) []document {
	t.Helper()
	paths := []string{filepath.Join(root, "README.md"), filepath.Join(root, "CONTRIBUTING.md")}
	require.NoError(t, filepath.WalkDir(filepath.Join(root, "docs"), func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".md") {
			paths = append(paths, path)
		}
		return err
	}))
	pages := make([]document, 0, len(paths))
	for _, path := range paths {
		pages = append(pages, readPage(t, path))
	}
	return pages
}

func readPage(t *testing.T, path string) document {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return document{path, string(text)}
}

var fence = regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)^```$")

// blocks are a page's code blocks of a language; "" for those that name none.
func (d document) blocks(language string) []string {
	var found []string
	for _, match := range fence.FindAllStringSubmatch(d.text, -1) {
		if match[1] == language {
			found = append(found, match[2])
		}
	}
	return found
}

// prose is the page without its code blocks.
func (d document) prose() string {
	return fence.ReplaceAllString(d.text, "")
}

// anchors are what its headings are linked by, as GitHub makes them.
func (d document) anchors() map[string]bool {
	anchors := map[string]bool{}
	for line := range strings.Lines(d.prose()) {
		if title, isHeading := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); isHeading && line[0] == '#' {
			anchors[anchor(title)] = true
		}
	}
	return anchors
}

func anchor(title string) string {
	kept := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		case r == ' ':
			return '-'
		}
		return -1
	}, strings.ToLower(strings.TrimSpace(title)))
	return kept
}

var link = regexp.MustCompile(`\]\(([^)]+)\)`)

func TestDocumentsLinkToWhatIsThere(t *testing.T) {
	t.Parallel()
	for _, d := range documents(t) {
		for _, match := range link.FindAllStringSubmatch(d.prose(), -1) {
			target, fragment, _ := strings.Cut(match[1], "#")
			require.NotContains(t, target, "://", "%s: %s", d.path, match[1])
			to := d
			if target != "" {
				path := filepath.Join(filepath.Dir(d.path), target)
				require.FileExists(t, path, "%s: %s", d.path, match[1])
				to = readPage(t, path)
			}
			require.True(t, fragment == "" || to.anchors()[fragment], "%s: %s", d.path, match[1])
		}
	}
}

func TestEveryDocumentIsLinkedTo(t *testing.T) {
	t.Parallel()
	linked := map[string]bool{filepath.Join(root, "README.md"): true}
	for _, d := range documents(t) {
		for _, match := range link.FindAllStringSubmatch(d.prose(), -1) {
			target, _, _ := strings.Cut(match[1], "#")
			linked[filepath.Join(filepath.Dir(d.path), target)] = true
		}
	}
	for _, d := range documents(t) {
		require.True(t, linked[d.path], d.path)
	}
}

// Commands in the documents are commands that there are: the router's with their flags, and the Makefile's targets.
func TestDocumentsCommandsAreThere(t *testing.T) {
	t.Parallel()
	modules := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(modules, "paygrt.wasm"), nil, 0o600))
	makefile := readPage(t, filepath.Join(root, "Makefile")).text
	found := 0
	for _, d := range documents(t) {
		for line := range strings.Lines(strings.ReplaceAll(strings.Join(d.blocks(""), ""), "\\\n", "")) {
			line, _, _ = strings.Cut(strings.TrimPrefix(line, "$ "), " #")
			line = strings.TrimSpace(strings.NewReplacer(
				"[FILE]", "routing.yaml", "build/plugins", modules, "build/next", modules,
				" plugins/", " "+root+"/plugins/").Replace(line))
			name, arguments, _ := strings.Cut(line, " ")
			switch name {
			case "build/router":
				commands, err := kong.New(&cli{}, kong.Name("router"))
				require.NoError(t, err)
				_, err = commands.Parse(strings.Fields(arguments))
				require.NoError(t, err, "%s: %s", d.path, line)
				found++
			case "make":
				require.Contains(t, makefile, "\n"+strings.Fields(arguments)[0]+":", "%s: %s", d.path, line)
				found++
			}
		}
	}
	require.Greater(t, found, 5, "the documents show commands")
}

// The README's first rule routes as described, and the commands print what it shows.
func TestReadmesRuleDoesWhatItSays(t *testing.T) {
	t.Parallel()
	readme := readPage(t, filepath.Join(root, "README.md"))
	require.Len(t, readme.blocks("yaml"), 1)
	rule, above := readme.blocks("yaml")[0], "  - name: fiat-small\n"
	shipped := readPage(t, filepath.Join(root, "routing.yaml")).text
	require.Contains(t, shipped, above)
	edited := strings.Replace(shipped, above, rule+"\n"+above, 1)

	routes, rules := compiledRoutes(t, edited)
	requireShown(t, readme,
		fmt.Sprintf("is in order: %d providers, %d rules, version %s\n", len(routes.Providers), len(routes.Rules.Rules),
			routes.Version))
	explained := rules.Decide(routing.Facts{PaymentID: "pay_example", Amount: "49.90", Currency: "EUR", Country: "PL"},
		nil).Explain()
	requireShown(t, readme, explained)

	_, err := config.Read("/home/you/payrouter/routing.yaml",
		[]byte(strings.Replace(edited, "country: PL", "contry: PL", 1)), nil)
	require.Error(t, err)
	requireShown(t, readme, "router: "+err.Error())
}

func TestRoutingPageShowsFilesThatHold(t *testing.T) {
	t.Parallel()
	page := readPage(t, filepath.Join(root, "docs", "routing.md"))
	compiledRoutes(t, page.blocks("yaml")[0])

	shipped := readPage(t, filepath.Join(root, "routing.yaml")).text
	_, rules := compiledRoutes(t, shipped)
	explained := rules.Decide(routing.Facts{PaymentID: "pay_example", Amount: "1500", Currency: "EUR"}, nil).Explain()
	requireShown(t, page, explained)

	providers, _, _ := strings.Cut(shipped, "\nrules:")
	examples := 0
	for _, block := range page.blocks("yaml") {
		if strings.HasPrefix(block, "groups:") || strings.HasPrefix(block, "rules:") {
			compiledRoutes(t, providers+"\n"+block)
			examples++
		}
	}
	require.Equal(t, 4, examples)
}

// changing is what any edit of routing.yaml changes in what commands print: versions, and places in the file.
var changing = regexp.MustCompile(`\b[0-9a-f]{12}\b|yaml:[0-9]+:[0-9]+`)

// requireShown wants a page's code blocks to show a text, but for what any edit changes.
func requireShown(t *testing.T, d document, text string) {
	t.Helper()
	require.Contains(t, changing.ReplaceAllString(strings.Join(d.blocks(""), ""), "…"),
		changing.ReplaceAllString(text, "…"), d.path)
}

// compiledRoutes checks a routing file as "router route check" does.
func compiledRoutes(t *testing.T, text string) (*config.Config, *routing.Ruleset) {
	t.Helper()
	routes, err := config.Read("routing.yaml", []byte(text), nil)
	require.NoError(t, err)
	rules, err := routes.Ruleset(manifests(t))
	require.NoError(t, err)
	return routes, rules
}

func manifests(t *testing.T) map[string]*abi.Manifest {
	t.Helper()
	dir, compiled := plugins(t)
	registry, unload, err := router.LoadPlugins(t.Context(), dir, compiled, plugin.Settings{},
		slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	defer func() { require.NoError(t, unload(t.Context())) }()
	return registry.Manifests()
}

// cells are a table's rows, by the first cell, of the table whose head begins so.
func (d document) cells(t *testing.T, head string) map[string][]string {
	t.Helper()
	_, table, found := strings.Cut(d.text, "\n| "+head+" |")
	require.True(t, found, "%s has no table of %s", d.path, head)
	rows := map[string][]string{}
	for line := range strings.Lines(table) {
		if line == "\n" {
			break
		}
		if line[0] != '|' || strings.HasPrefix(line, "| ---") {
			continue // the rest of the head, and the line below it
		}
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.Trim(strings.TrimSpace(cells[i]), "`")
		}
		rows[cells[0]] = cells[1:]
	}
	return rows
}

func TestArchitecturesRetryTableIsTheEngines(t *testing.T) {
	t.Parallel()
	events := []attempt.Event{
		attempt.Accepted, attempt.NotSent, attempt.Unable, attempt.Refused, attempt.Unanswered, attempt.DeclinedSoft,
		attempt.DeclinedHard,
		attempt.Duplicate, attempt.NotFound,
	}
	classes := []abi.Idempotency{
		abi.Idempotency_IDEMPOTENCY_SAFE, abi.Idempotency_IDEMPOTENCY_KEYED, abi.Idempotency_IDEMPOTENCY_ABANDONABLE,
		abi.Idempotency_IDEMPOTENCY_NONE,
	}
	shown := readPage(t, filepath.Join(root, "docs", "architecture.md")).cells(t, "event")
	for _, event := range events {
		var held []string
		for _, class := range classes {
			held = append(held, inWords(attempt.RuleFor(event, class)))
		}
		require.Equal(t, held, shown[string(event)], event)
	}
}

func inWords(rule attempt.Rule) string {
	var words []string
	if rule.Abandon {
		words = append(words, "abandon")
	}
	if rule.Retry {
		words = append(words, "retry")
	}
	then := map[attempt.Resolution]string{
		attempt.Stay: "stands", attempt.TryNext: "next", attempt.HoldUnknown: "unknown", attempt.Fail: "failed",
	}[rule.Then]
	if rule.Retry {
		then = "then " + then
	}
	return strings.Join(append(words, then), ", ")
}

func TestArchitectureHasEveryStatus(t *testing.T) {
	t.Parallel()
	text := readPage(t, filepath.Join(root, "docs", "architecture.md")).text
	for _, status := range payment.Statuses() {
		require.Contains(t, text, "`"+string(status)+"`")
	}
}

func TestAPIPageHasEveryFailureCode(t *testing.T) {
	t.Parallel()
	shown := readPage(t, filepath.Join(root, "docs", "api.md")).cells(t, "code")
	held := map[string][]string{}
	for code := range abi.FailureCodes {
		class, _ := attempt.ClassOf(code)
		held[code] = []string{string(class)}
	}
	require.Equal(t, held, shown)
}

var problemKinds = regexp.MustCompile(`problemKind\{\s*"([a-z-]+)",\s+http\.Status`)

func TestAPIPageHasEveryProblem(t *testing.T) {
	t.Parallel()
	shown := readPage(t, filepath.Join(root, "docs", "api.md")).cells(t, "`type`, after `urn:payrouter:problem:`")
	require.ElementsMatch(t, problems(t), slices.Collect(maps.Keys(shown)))
}

// problems are the API's, after "urn:payrouter:problem:".
func problems(t *testing.T) []string {
	t.Helper()
	source := readPage(t, filepath.Join(root, "host", "api", "problem.go")).text
	var held []string
	for _, match := range problemKinds.FindAllStringSubmatch(source, -1) {
		held = append(held, match[1])
	}
	require.Greater(t, len(held), 10)
	return held
}

var pluginProblem = regexp.MustCompile("`(plugin-[a-z-]+)`")

func TestProblemsOfPluginsThatDocumentsNameAreTheAPIs(t *testing.T) {
	t.Parallel()
	held, found := problems(t), 0
	for _, d := range documents(t) {
		for _, match := range pluginProblem.FindAllStringSubmatch(d.text, -1) {
			require.Contains(t, held, match[1], d.path)
			found++
		}
	}
	require.Greater(t, found, 10, "the documents name problems")
}

// The page on the API has every call of the OpenAPI document; those on endpoints are the page's on webhooks.
func TestAPIPageHasEveryCall(t *testing.T) {
	t.Parallel()
	text := readPage(t, filepath.Join(root, "docs", "api.md")).text +
		strings.ReplaceAll(readPage(t, filepath.Join(root, "docs", "webhooks.md")).text, "…", "/v1/webhook-endpoints")
	var api struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	require.NoError(t, json.Unmarshal([]byte(readPage(t, filepath.Join(root, "docs", "openapi.json")).text), &api))
	require.NotEmpty(t, api.Paths)
	for path, methods := range api.Paths {
		for method := range methods {
			if method == "parameters" {
				continue // of all the path's methods
			}
			call := strings.ToUpper(method) + " " + path
			require.Regexp(t, "`"+regexp.QuoteMeta(call)+"[`?]", text)
		}
	}
}

// The page on running the router has every flag of serve, with its default.
func TestRunningPageHasEveryFlag(t *testing.T) {
	t.Parallel()
	page := readPage(t, filepath.Join(root, "docs", "running.md"))
	commands, err := kong.New(&cli{}, kong.Name("router"))
	require.NoError(t, err)
	serve := slices.IndexFunc(commands.Model.Children, func(n *kong.Node) bool { return n.Name == "serve" })
	var flags []string
	shown := page.cells(t, "flag")
	for _, flag := range commands.Model.Children[serve].Flags {
		flags = append(flags, "--"+flag.Name)
		if flag.HasDefault {
			require.Equal(t, flag.Default, shown["--"+flag.Name][0], flag.Name)
		}
	}
	require.ElementsMatch(t, flags, slices.Collect(maps.Keys(shown)))
	for _, variable := range []string{router.SecretVariable, "ROUTER_COMPILED"} {
		require.Contains(t, page.cells(t, "variable"), variable)
	}
}

// A provider's page has what its plugin's manifest has, and its set-up passes the check.
func TestProvidersPagesSayWhatManifestsSay(t *testing.T) {
	t.Parallel()
	known := manifests(t)
	accounts, names := "", []string{}
	for name, manifest := range known {
		d := readPage(t, filepath.Join(root, "docs", "providers", name+".md"))
		for _, word := range words(t, manifest) {
			require.Contains(t, d.text, "`"+word+"`", "%s", d.path)
		}
		account, _, _ := strings.Cut(strings.TrimSpace(d.blocks("yaml")[0]), ":")
		accounts += d.blocks("yaml")[0]
		names = append(names, account)
	}
	require.Len(t, names, 5)
	_, rules := compiledRoutes(t, "providers:\n"+accounts+"rules:\n  - name: default\n    to: ["+strings.Join(names,
		", ")+"]\n")
	require.NotNil(t, rules)
}

// A plugin's page has a row for every operation, with its class and how far the document goes.
func TestProvidersPagesListEveryOperation(t *testing.T) {
	t.Parallel()
	for name, manifest := range manifests(t) {
		d := readPage(t, filepath.Join(root, "docs", "providers", name+".md"))
		want := map[string][]string{}
		for _, operation := range manifest.GetOperations() {
			want[operation.GetName()] = []string{strings.Trim(classOf(operation),
				"`"), lower(operation.GetDocumented(), "DOCUMENTED_")}
		}
		shown := d.cells(t, "operation | class | evidence")
		for operation, cells := range shown {
			shown[operation] = cells[:2]
		}
		require.Equal(t, want, shown, d.path)
	}
}

// words are what a page about a plugin has to name: secrets, settings, the operations of its payments, and failure
// codes.
func words(t *testing.T, manifest *abi.Manifest) []string {
	t.Helper()
	var names []string
	for _, secret := range manifest.GetSecrets() {
		names = append(names, secret.GetName())
	}
	var schema struct {
		Properties map[string]any `json:"properties"`
	}
	require.NoError(t, json.Unmarshal([]byte(manifest.GetSettingsSchema()), &schema))
	names = slices.AppendSeq(names, maps.Keys(schema.Properties))
	for _, flow := range manifest.GetFlows() {
		for _, action := range flow.GetActions() {
			names = append(names, action.GetOperation())
		}
	}
	for _, rule := range manifest.GetFailures() {
		names = append(names, rule.GetCode())
	}
	return names
}

var (
	testNamed   = regexp.MustCompile("`(Test[A-Za-z0-9]+)`")
	testWritten = regexp.MustCompile(`(?m)^func (Test[A-Za-z0-9]+)\(`)
)

func TestTestsThatDocumentsNameAreThere(t *testing.T) {
	t.Parallel()
	written := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		for _, match := range testWritten.FindAllStringSubmatch(readPage(t, path).text, -1) {
			written[match[1]] = true
		}
		return nil
	})
	require.NoError(t, err)
	for _, d := range documents(t) {
		for _, match := range testNamed.FindAllStringSubmatch(d.text, -1) {
			require.True(t, written[match[1]], "%s: %s", d.path, match[1])
		}
	}
}

var fileNamed = regexp.MustCompile("`((?:abi|cmd|examples|host|plugins|test|tools)/[A-Za-z0-9_./-]+)`")

func TestFilesAndFoldersThatDocumentsNameAreThere(t *testing.T) {
	t.Parallel()
	found := 0
	for _, d := range documents(t) {
		for _, match := range fileNamed.FindAllStringSubmatch(d.text, -1) {
			_, err := os.Stat(filepath.Join(root, match[1]))
			require.NoError(t, err, d.path)
			found++
		}
	}
	require.Greater(t, found, 10, "the documents name files")
}
