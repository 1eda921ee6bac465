package abi_test

import (
	"flag"
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/printer"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the SDK's functions and methods into docs/plugins.md")

const (
	manual = "../docs/plugins.md"
	begin  = "<!-- functions and methods: go test ./abi -update -->\n"
	end    = "<!-- end -->\n"
)

// The manual's list of what the SDK reads and writes by is that of the code.
func TestTheManualListsTheSDK(t *testing.T) {
	t.Parallel()
	var list strings.Builder
	for _, name := range []string{"jsontext", "formtext", "decimal", "guest", "native", "native/schema"} {
		fmt.Fprintf(&list, "\n`abi/%s`:\n\n| | |\n| --- | --- |\n", name)
		for _, row := range rows(t, name) {
			list.WriteString(row)
		}
	}
	list.WriteString("\n")
	page, err := os.ReadFile(manual)
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(page), begin)
	require.True(t, found)
	_, after, found := strings.Cut(rest, end)
	require.True(t, found)
	want := before + begin + list.String() + end + after
	if *update {
		require.NoError(t, os.WriteFile(manual, []byte(want), 0o600))
		page = []byte(want)
	}
	require.Equal(t, want, string(page), "go test ./abi -run TestTheManualListsTheSDK -update")
}

// rows are a package's exported functions and methods, with the first sentence of what is documented.
func rows(t *testing.T, folder string) []string {
	t.Helper()
	files := token.NewFileSet()
	paths, err := filepath.Glob(folder + "/*.go")
	require.NoError(t, err)
	var parsed []*ast.File
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") || strings.HasSuffix(path, "_wasip1.go") {
			continue
		}
		file, err := parser.ParseFile(files, path, nil, parser.ParseComments)
		require.NoError(t, err)
		parsed = append(parsed, file)
	}
	described, err := doc.NewFromFiles(files, parsed, "payrouter/abi/"+folder)
	require.NoError(t, err)
	var listed []string
	add := func(functions []*doc.Func) {
		for _, f := range functions {
			listed = append(listed, fmt.Sprintf("| `%s` | %s |\n", signature(t, files, f),
				strings.ReplaceAll(described.Synopsis(f.Doc), "|", "\\|")))
		}
	}
	add(described.Funcs)
	for _, kind := range described.Types {
		add(kind.Funcs)
		add(kind.Methods)
	}
	return listed
}

// signature is a function as it is declared, without "func", the receiver's name and type parameters.
func signature(t *testing.T, files *token.FileSet, f *doc.Func) string {
	t.Helper()
	var text strings.Builder
	require.NoError(t, (&printer.Config{Mode: printer.RawFormat}).Fprint(&text, files, f.Decl.Type))
	withoutParameters := strings.NewReplacer("[Extra any]", "", "[Extra]", "")
	name, arguments := f.Name, withoutParameters.Replace(strings.TrimPrefix(text.String(), "func"))
	if f.Recv != "" {
		receiver, _, _ := strings.Cut(strings.TrimPrefix(f.Recv, "*"), "[")
		name = receiver + "." + name
	}
	return name + strings.ReplaceAll(strings.Join(strings.Fields(arguments), " "), "|", "\\|")
}
