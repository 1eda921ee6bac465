package tree

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// parts are folders that belong to the package above them: a page that names that one has them.
var parts = []string{
	"abi/conformance", "abi/native", "host/attempt", "host/certificate", "host/payment", "host/sandbox", "host/store",
	"host/wasm", "cmd/router", "plugins", "test/bench", "test/chaos", "test/hostile", "test/slowclients",
	"test/storm", "examples",
}

// The pages and the linter name the packages that there are.
func TestTheLayoutIsTheTree(t *testing.T) {
	t.Parallel()
	packages := packageFolders(t)
	for page, names := range map[string][]string{
		"docs/architecture.md": named(t, "docs/architecture.md",
			"(?m)^\\| `((?:abi|host|cmd|test)[a-z0-9/]*)` \\|"),
		"README.md": named(t, "README.md",
			`(?m)((?:abi|host|cmd|plugins|test|examples)/(?:[a-z0-9]+/)*)(?: |;|,|$)`),
	} {
		for _, name := range names {
			require.DirExists(t, filepath.Join(root, name), "%s names %s", page, name)
		}
		for _, folder := range packages {
			if page == "docs/architecture.md" && (within(folder, "plugins") || within(folder, "examples")) {
				continue // they are no packages of the router
			}
			require.True(t, covered(folder, names), "%s does not name %s", page, folder)
		}
	}
	for _, name := range named(t, ".golangci.yml", `(?:\*\*/|payrouter/)((?:host|abi|test)/[a-z0-9/]+)`) {
		require.DirExists(t, filepath.Join(root, name), ".golangci.yml names %s", name)
	}
	for _, folder := range packages {
		if folder == "host/sandbox" || folder == "host/router" || folder == "host/api" || !within(folder, "host") {
			continue
		}
		imports := importsOf(t, folder)
		require.NotContains(t, imports, "payrouter/host/api", "%s is below host/api", folder)
		require.NotContains(t, imports, "payrouter/host/router", "%s is below host/router", folder)
	}
}

// No two top-level folders of packages import each other: what is below does not know what is above.
func TestNoFolderImportsWhatImportsIt(t *testing.T) {
	t.Parallel()
	imports := map[string][]string{}
	for _, folder := range packageFolders(t) {
		for _, path := range importsOf(t, folder) {
			if local, ours := strings.CutPrefix(path, "payrouter/"); ours && unit(local) != unit(folder) {
				imports[unit(folder)] = append(imports[unit(folder)], unit(local))
			}
		}
	}
	for from, targets := range imports {
		for _, to := range targets {
			require.NotContains(t, imports[to], from, "%s and %s import each other", from, to)
		}
	}
}

// unit is the folder that hides one decision: "host/payment", or "abi".
func unit(folder string) string {
	pieces := strings.Split(folder, "/")
	if pieces[0] == "host" && len(pieces) > 1 {
		// A package's own test helpers stand in a folder of their own.
		return strings.Join(pieces[:2], "/") + testHelper(pieces)
	}
	return pieces[0]
}

func testHelper(pieces []string) string {
	if last := pieces[len(pieces)-1]; len(pieces) > 2 && strings.HasSuffix(last, "test") {
		return "/" + last
	}
	return ""
}

func packageFolders(t *testing.T) []string {
	t.Helper()
	var folders []string
	for _, path := range files(t) {
		folder := filepath.Dir(path)
		if strings.HasSuffix(path, ".go") && !strings.Contains(path, "testdata/") && folder != "." &&
			!strings.HasPrefix(path, "tools/") {
			folders = append(folders, folder)
		}
	}
	slices.Sort(folders)
	return slices.Compact(folders)
}

// importsOf are what a package imports of the project, its tests aside.
func importsOf(t *testing.T, folder string) []string {
	t.Helper()
	var paths []string
	for _, path := range files(t) {
		if filepath.Dir(path) != folder || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, path), nil, parser.ImportsOnly)
		require.NoError(t, err)
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			require.NoError(t, err)
			if strings.HasPrefix(imported, "payrouter/") {
				paths = append(paths, imported)
			}
		}
	}
	return paths
}

// A page that says which test holds a promise names one that there is.
func TestPagesNameTestsThatThereAre(t *testing.T) {
	t.Parallel()
	there := map[string]bool{}
	require.NoError(t, filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, match := range regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`).FindAllSubmatch(text, -1) {
			there[string(match[1])] = true
		}
		return err
	}))
	pages, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	require.NoError(t, err)
	found := 0
	for _, page := range append(pages, filepath.Join(root, "SECURITY.md"), filepath.Join(root, "README.md")) {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, match := range regexp.MustCompile("`((?:Test|Fuzz)[A-Z]\\w+)`").FindAllSubmatch(text, -1) {
			found++
			require.True(t, there[string(match[1])], "%s names %s", page, match[1])
		}
	}
	require.Greater(t, found, 100)
}

func named(t *testing.T, page, pattern string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, page))
	require.NoError(t, err)
	var names []string
	for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(string(text), -1) {
		names = append(names, strings.Trim(match[1], "/"))
	}
	require.NotEmpty(t, names, page)
	return names
}

func covered(folder string, names []string) bool {
	if slices.Contains(names, folder) {
		return true
	}
	for _, part := range parts {
		if folder != part && within(folder, part) && slices.Contains(names, part) {
			return true
		}
	}
	return false
}

func within(path, folder string) bool { return path == folder || strings.HasPrefix(path, folder+"/") }
