// Package review checks what a security review of a release asks for: the list of what the router is made of, and the
// search for known vulnerabilities.
package review

import (
	"debug/buildinfo"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	router = flag.String("router", "", "the router's binary")
	sbom   = flag.String("sbom", "", "its bill of materials")
)

// bill is the part of CycloneDX 1.6 that is checked (ECMA-424).
type bill struct {
	Format   string `json:"bomFormat"`
	Spec     string `json:"specVersion"`
	Version  int    `json:"version"`
	Serial   string `json:"serialNumber"`
	Metadata struct {
		Timestamp  string     `json:"timestamp"`
		Component  component  `json:"component"`
		Properties []property `json:"properties"`
	} `json:"metadata"`
	Components   []component `json:"components"`
	Dependencies []struct {
		Ref       string   `json:"ref"`
		DependsOn []string `json:"dependsOn"`
	} `json:"dependencies"`
}

type component struct {
	Ref     string `json:"bom-ref"`
	Type    string `json:"type"`
	Name    string `json:"name"`
	Version string `json:"version"`
	PURL    string `json:"purl"`
	Hashes  []struct {
		Algorithm string `json:"alg"`
		Content   string `json:"content"`
	} `json:"hashes"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// The bill lists exactly the modules that are linked into the binary, each with what identifies it, and nothing that
// differs between two runs. "make sbom" runs this with a binary and its bill.
func TestBillOfMaterials(t *testing.T) {
	t.Parallel()
	if *sbom == "" {
		t.Skip("there is no bill: make sbom writes one")
	}
	text, err := os.ReadFile(*sbom)
	require.NoError(t, err)
	var b bill
	require.NoError(t, json.Unmarshal(text, &b))
	require.Equal(t, "CycloneDX", b.Format)
	require.Equal(t, "1.6", b.Spec)
	require.Equal(t, 1, b.Version)
	require.Empty(t, b.Serial+b.Metadata.Timestamp, "two runs write the same bytes")
	require.Equal(t, "application", b.Metadata.Component.Type)
	require.Equal(t, "payrouter", b.Metadata.Component.Name)
	require.NotEmpty(t, b.Metadata.Component.Version)

	info, err := buildinfo.ReadFile(*router)
	require.NoError(t, err)
	linked := []string{"std " + info.GoVersion}
	for _, module := range info.Deps {
		for module.Replace != nil {
			module = module.Replace
		}
		linked = append(linked, module.Path+" "+module.Version)
	}
	var listed []string
	refs := map[string]bool{b.Metadata.Component.Ref: true}
	for _, c := range b.Components {
		listed = append(listed, c.Name+" "+c.Version)
		refs[c.Ref] = true
		require.Equal(t, "library", c.Type, c.Name)
		require.True(t, strings.HasPrefix(c.PURL, "pkg:golang/"+c.Name+"@"+c.Version), c.PURL)
		if c.Name != "std" {
			require.Len(t, c.Hashes, 1, c.Name)
			require.Equal(t, "SHA-256", c.Hashes[0].Algorithm)
			require.Len(t, c.Hashes[0].Content, 64)
		}
	}
	require.ElementsMatch(t, linked, listed)
	require.NotEmpty(t, b.Dependencies)
	for _, d := range b.Dependencies {
		for _, ref := range append(d.DependsOn, d.Ref) {
			require.True(t, refs[ref], "%s is no component", ref)
		}
	}
}

// A vulnerability that the code calls fails the search; one in a module that is not called does not. Where the public
// database cannot be reached the search says so and succeeds; a database that is named has to be one.
func TestSearchForVulnerabilities(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("govulncheck loads the whole program")
	}
	for name, c := range map[string]struct {
		variables []string
		succeeds  bool
		output    string
	}{
		"called": {[]string{"VULNDB=" + database(t, "Rename")}, false, "GO-2000-0001"},
		"not called": {
			[]string{"VULNDB=" + database(t, "NeverCalled")}, true, "your code is affected by 0 vulnerabilities",
		},
		"unreachable": {
			[]string{"VULNDB=", "HTTPS_PROXY=http://127.0.0.1:1", "NO_PROXY=", "no_proxy="},
			true,
			"vulnerabilities: skipped, the database cannot be reached",
		},
		"not a database": {[]string{"VULNDB=file://" + t.TempDir()}, false, "has no index/db.json"},
	} {
		search := exec.CommandContext(t.Context(), "../../tools/vuln", "./host/atomicfile")
		search.Env = append(os.Environ(), c.variables...)
		output, err := search.CombinedOutput()
		require.Equal(t, c.succeeds, err == nil, "%s: %v\n%s", name, err, output)
		require.Contains(t, strings.ToLower(string(output)), strings.ToLower(c.output), name)
	}
}

// database is a vulnerability database with one made-up entry: a function of package os, which package
// atomicfile calls or not (https://go.dev/doc/security/vuln/database).
func database(t *testing.T, function string) string {
	t.Helper()
	const id, module, at = "GO-2000-0001", "stdlib", "2026-01-01T00:00:00Z"
	dir := t.TempDir()
	for file, text := range map[string]string{
		"index/db.json": fmt.Sprintf(`{"modified":%q}`, at),
		"index/modules.json": fmt.Sprintf(`[{"path":%q,"vulns":[{"id":%q,"modified":%q}]}]`, module, id,
			at),
		"index/vulns.json": fmt.Sprintf(`[{"id":%q,"modified":%q}]`, id, at),
		"ID/" + id + ".json": fmt.Sprintf(`{"schema_version":"1.3.1","id":%q,"modified":%q,"published":%[2]q,`+
			`"summary":"A made-up vulnerability","details":"Made up.","affected":[{"package":{"name":%q,`+
			`"ecosystem":"Go"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}],`+
			`"ecosystem_specific":{"imports":[{"path":"os","symbols":[%q]}]}}]}`, id, at, module, function),
	} {
		path := filepath.Join(dir, file)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o750))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	return "file://" + dir
}
