// Package words checks that names in the code follow the glossary, docs/glossary.md.
package words

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
)

const root = "../.."

// kind is how a name is declared.
type kind int

const (
	typeName  kind = 1 << iota
	funcName       // functions and methods
	fieldName      // struct fields, and methods of interfaces
	localName      // variables, constants, parameters
	jsonName       // names in json tags

	declared = typeName | funcName | fieldName
	anyName  = declared | localName | jsonName
)

// row bans words in names.
type row struct {
	words []string
	// whole bans only names that consist of the word. Otherwise the word is banned as a part of a name too, and with a
	// plural's s: "purse" bans PurseOf, Purses and purse_id.
	whole bool
	kinds kind
	// in are the folders where the words are banned; none means everywhere. A word that is an ordinary one elsewhere
	// has the folders where it had a meaning of its own.
	in []string
	// instead is the word to use.
	instead string
}

// rows are the words that docs/glossary.md replaces.
var rows = []row{
	{words: []string{"purse"}, kinds: anyName, instead: "wallet"},
	{words: []string{"sort"}, whole: true, kinds: fieldName | jsonName, in: []string{"host"}, instead: "category"},
	{
		words: []string{"told", "tell", "teller", "untold"}, kinds: anyName,
		instead: "Result, Fetch…, lookupError",
	},
	{
		words: []string{"question", "subject"}, whole: true, kinds: typeName | funcName | fieldName,
		in:      []string{"host"},
		instead: "Query, QueryKind, target",
	},
	{
		words: []string{"gather", "absence", "desk"}, kinds: declared,
		in:      []string{"host/account", "host/payment", "host/operation", "host/attempt", "host/quote", "host/api"},
		instead: "Aggregator, AccountError",
	},
	{
		words: []string{"shelf", "shelves", "lineup", "keeper", "sight", "pend"}, kinds: anyName,
		instead: "Registry, ActiveSet, config manager, snapshot, setPending",
	},
	{words: []string{"serving"}, whole: true, kinds: typeName | fieldName | jsonName, instead: "Active"},
	{
		words: []string{"turn"}, whole: true, kinds: typeName | fieldName, in: []string{"host"},
		instead: "Call, Step, Flow",
	},
	{words: []string{"trial"}, whole: true, kinds: declared, in: []string{"host"}, instead: "Attempt, probe"},
	{words: []string{"book"}, whole: true, kinds: typeName, in: []string{"host"}, instead: "a noun of what it holds"},
	{words: []string{"converse", "conversation"}, kinds: anyName, in: []string{"host"}, instead: "Flow"},
	{
		words: []string{"grave", "stray", "silent", "absent"}, whole: true, kinds: declared | jsonName,
		in: []string{
			"host/payment", "host/attempt", "host/operation", "host/account", "host/egress", "host/quote", "abi",
		},
		instead: "hasSideEffects, onOrphanReport, noResponse, onNotFound",
	},
	{words: []string{"holds"}, whole: true, kinds: fieldName, in: []string{"host"}, instead: "notFoundUnreliable"},
	{
		words: []string{"ruling", "performance"}, kinds: anyName,
		instead: "ManualResolution, OperationRequest",
	},
	{
		words: []string{"origin"}, whole: true, kinds: typeName,
		in: []string{"host/payment", "host/attempt", "host/operation"}, instead: "Cause",
	},
	{
		words: []string{"patience", "strange", "doubted", "calm", "lately"}, whole: true, kinds: declared | jsonName,
		instead: "WaitTimeout, unknownPaymentBackoff, recheckBackoff, quietPeriod, health statistics",
	},
	{
		words: []string{"takes", "gives", "lacks", "twin", "place", "must"}, whole: true, kinds: declared | jsonName,
		in: []string{"abi", "plugins"}, instead: "Input, Output, validate, maskedPair, encoding context, Required",
	},
	{
		words: []string{"strange", "doubted", "calm", "patience"}, whole: true, kinds: anyName,
		in: []string{"host/callback"}, instead: "as above",
	},
	{words: []string{"forged"}, kinds: declared | jsonName, in: []string{"host"}, instead: "signature invalid"},
	{words: []string{"house", "town", "one"}, whole: true, kinds: typeName, instead: "harness, fixture"},
	{words: []string{"house", "town"}, whole: true, kinds: funcName, instead: "newHarness, newFixture"},
}

// find is a banned word in a name.
type find struct {
	path string
	line int
	text string
}

func (f find) String() string { return fmt.Sprintf("%s:%d: %s", f.path, f.line, f.text) }

func TestNamesFollowTheGlossary(t *testing.T) {
	t.Parallel()
	var wrong []string
	for _, f := range findings(t) {
		wrong = append(wrong, f.String())
	}
	require.Empty(t, wrong, "docs/glossary.md has these words:\n%s", strings.Join(wrong, "\n"))
}

// The table bans what it is written for, and leaves ordinary words alone.
func TestABannedWordIsFoundWhereItIsBanned(t *testing.T) {
	t.Parallel()
	const source = `package p
type purse struct {
	Told    bool   ` + "`json:\"told_at\"`" + `
	Sort    string ` + "`json:\"sort,omitempty\"`" + `
	Sorted  bool
	Retold  string
	Purses  []int  ` + "`json:\"conversations\"`" + `
}
func (p *purse) town(strange int) { calm := strange; _ = calm; for _, told := range []int{} { _ = told } }
var untold, fine = 1, 2
type one interface { Teller() }
func use() { one := 1; _ = one }
`
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, "host/callback/p.go", source, parser.SkipObjectResolution)
	require.NoError(t, err)
	var got []string
	for _, f := range inFile(files, file, "host/callback/p.go") {
		name, _, _ := strings.Cut(f.text, " ")
		got = append(got, fmt.Sprint(f.line, " ", name))
	}
	require.Equal(t, []string{
		"2 purse", "3 Told", "3 told_at", "4 Sort", "4 sort", "7 Purses", "7 conversations", "9 town", "9 strange", "9 calm",
		"9 told", "10 untold", "11 one", "11 Teller",
	}, got)
}

// places are the folders in the last column of a table of the glossary.
var places = regexp.MustCompile("`((?:abi|host|plugins|test)[a-z0-9/]*)`")

func TestEveryTermLivesWhereTheGlossarySays(t *testing.T) {
	t.Parallel()
	glossary, err := os.ReadFile(filepath.Join(root, "docs", "glossary.md"))
	require.NoError(t, err)
	found, terms := 0, map[string]bool{}
	for line := range strings.Lines(string(glossary)) {
		cells := strings.Split(line, " | ")
		if len(cells) != 3 || cells[0] == "| ---" {
			continue
		}
		require.False(t, terms[cells[0]], "%s stands twice", cells[0])
		terms[cells[0]] = cells[0] != "| term"
		for _, place := range places.FindAllStringSubmatch(cells[2], -1) {
			found++
			require.DirExists(t, filepath.Join(root, place[1]), "%s", cells[0])
		}
	}
	require.Greater(t, found, 50)
}

// findings are the banned words of all Go files, generated ones aside.
func findings(t *testing.T) []find {
	t.Helper()
	var finds []find
	files := token.NewFileSet()
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains([]string{".git", "build", "testdata", "node_modules"}, entry.Name()):
			return filepath.SkipDir
		case entry.IsDir() || !strings.HasSuffix(path, ".go"):
			return nil
		}
		file, err := parser.ParseFile(files, path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		if relative, err := filepath.Rel(root, path); err == nil && !ast.IsGenerated(file) {
			finds = append(finds, inFile(files, file, filepath.ToSlash(relative))...)
		}
		return nil
	})
	require.NoError(t, err)
	return finds
}

// inFile are the banned words in the names that a file declares, in the order of their lines.
func inFile(files *token.FileSet, file *ast.File, path string) []find {
	var finds []find
	check := func(name string, at token.Pos, of kind) {
		for _, r := range rows {
			if r.bans(name, path, of) {
				finds = append(finds, find{path, files.Position(at).Line, name + " (use " + r.instead + ")"})
			}
		}
	}
	idents := func(of kind, names ...*ast.Ident) {
		for _, name := range names {
			check(name.Name, name.Pos(), of)
		}
	}
	defined := func(expressions ...ast.Expr) {
		for _, expression := range expressions {
			if name, is := expression.(*ast.Ident); is {
				idents(localName, name)
			}
		}
	}
	fields := func(list *ast.FieldList, of kind) {
		if list == nil {
			return
		}
		for _, field := range list.List {
			idents(of, field.Names...)
			if name := jsonOf(field); name != "" {
				check(name, field.Tag.Pos(), jsonName)
			}
		}
	}
	ast.Inspect(file, func(node ast.Node) bool {
		switch n := node.(type) {
		case *ast.TypeSpec:
			idents(typeName, n.Name)
		case *ast.FuncDecl:
			idents(funcName, n.Name)
			fields(n.Recv, localName)
		case *ast.FuncType:
			fields(n.Params, localName)
			fields(n.Results, localName)
		case *ast.StructType:
			fields(n.Fields, fieldName)
		case *ast.InterfaceType:
			fields(n.Methods, fieldName)
		case *ast.ValueSpec:
			idents(localName, n.Names...)
		case *ast.AssignStmt:
			if n.Tok == token.DEFINE {
				defined(n.Lhs...)
			}
		case *ast.RangeStmt:
			if n.Tok == token.DEFINE {
				defined(n.Key, n.Value)
			}
		}
		return true
	})
	slices.SortStableFunc(finds, func(a, b find) int { return cmp.Compare(a.line, b.line) })
	return finds
}

// jsonOf is the name in a field's json tag, or empty.
func jsonOf(field *ast.Field) string {
	if field.Tag == nil {
		return ""
	}
	tag, err := strconv.Unquote(field.Tag.Value)
	if err != nil {
		return ""
	}
	name, _, _ := strings.Cut(reflect.StructTag(tag).Get("json"), ",")
	return name
}

func (r row) bans(name, path string, of kind) bool {
	if r.kinds&of == 0 || r.in != nil && !slices.ContainsFunc(r.in, func(in string) bool { return within(path, in) }) {
		return false
	}
	if r.whole {
		return slices.Contains(r.words, strings.ToLower(name))
	}
	// a test is named as a claim, in a sentence's words
	if strings.HasSuffix(path, "_test.go") && of == funcName && claim.MatchString(name) {
		return false
	}
	return slices.ContainsFunc(parts(name), func(part string) bool {
		return slices.Contains(r.words, part) || slices.Contains(r.words, strings.TrimSuffix(part, "s"))
	})
}

// claim matches the names of tests.
var claim = regexp.MustCompile(`^(Test|Fuzz|Benchmark)[A-Z]`)

func within(path, folder string) bool { return path == folder || strings.HasPrefix(path, folder+"/") }

// parts are the words of a name in camel or snake case, in lower case.
func parts(name string) []string {
	var words []string
	start := 0
	letters := []rune(name)
	end := func(at int) {
		if at > start {
			words = append(words, strings.ToLower(string(letters[start:at])))
		}
	}
	for i, letter := range letters {
		switch {
		case letter == '_' || letter == '-' || letter == '.':
			end(i)
			start = i + 1
		case i > start && unicode.IsUpper(letter) && !unicode.IsUpper(letters[i-1]):
			end(i)
			start = i
		}
	}
	end(len(letters))
	return words
}
