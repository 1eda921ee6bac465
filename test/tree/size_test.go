package tree

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What a package exports has to be learnt at once.
const (
	maxExported = 80
	maxMethods  = 6
)

// No package exports more than a reader can keep in mind, and no interface asks for more than its user calls. An
// interface may be composed of small ones.
func TestPackagesAndInterfacesAreSmall(t *testing.T) {
	t.Parallel()
	for _, folder := range packageFolders(t) {
		var exported []string
		for _, path := range files(t) {
			if filepath.Dir(path) != folder || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, path), nil,
				parser.ParseComments|parser.SkipObjectResolution)
			require.NoError(t, err)
			if !ast.IsGenerated(file) {
				exported = append(exported, exportedNames(file)...)
				requireSmallInterfaces(t, path, file)
			}
		}
		require.LessOrEqual(t, len(exported), maxExported, "%s exports %s", folder, strings.Join(exported, ", "))
	}
}

// exportedNames are what a file declares for other packages, methods aside.
func exportedNames(file *ast.File) []string {
	var names []string
	add := func(ids ...*ast.Ident) {
		for _, id := range ids {
			if id.IsExported() {
				names = append(names, id.Name)
			}
		}
	}
	for _, decl := range file.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil {
				add(d.Name)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch s := spec.(type) {
				case *ast.TypeSpec:
					add(s.Name)
				case *ast.ValueSpec:
					add(s.Names...)
				}
			}
		}
	}
	return names
}

func requireSmallInterfaces(t *testing.T, path string, file *ast.File) {
	t.Helper()
	ast.Inspect(file, func(n ast.Node) bool {
		spec, is := n.(*ast.TypeSpec)
		if !is {
			return true
		}
		methods := 0
		if i, is := spec.Type.(*ast.InterfaceType); is {
			for _, field := range i.Methods.List {
				methods += len(field.Names)
			}
		}
		require.LessOrEqual(t, methods, maxMethods, "%s: %s", path, spec.Name.Name)
		return true
	})
}
