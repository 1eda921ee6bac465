// Package tree checks the repository's files: their places, sizes and lines, and what is built of them.
package tree

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

const (
	root = "../.."
	// maxSize is the largest file outside testdata, in bytes.
	maxSize = 200_000
	maxLine = 120
)

// inRoot are the names in the root.
var inRoot = []string{
	".ci", ".editorconfig", ".gitignore", ".golangci.yml", "abi", "buf.gen.yaml", "buf.yaml", "CHANGELOG.md", "cmd",
	"CONTRIBUTING.md", "docs", "examples", "go.mod", "go.sum", "host", "LICENSE", "Makefile", "plugins", "README.md",
	"routing.yaml", "SECURITY.md", "test", "tools",
}

// large are files over maxSize that are generated.
var large = []string{"abi/v1/abi.pb.go"}

// files are the repository's files, committed or about to be.
func files(t *testing.T) []string {
	t.Helper()
	list, err := exec.CommandContext(t.Context(), "git", "-C", root, "ls-files", "-z", "--cached", "--others",
		"--exclude-standard").Output()
	if err != nil {
		t.Skip("this is no clone of the repository")
	}
	var there []string
	for path := range strings.SplitSeq(strings.TrimRight(string(list), "\x00"), "\x00") {
		if _, err := os.Lstat(filepath.Join(root, path)); err == nil {
			there = append(there, path)
		}
	}
	require.NotEmpty(t, there)
	return there
}

func TestTheRootHasKnownFilesOnly(t *testing.T) {
	t.Parallel()
	for _, path := range files(t) {
		name, _, _ := strings.Cut(path, "/")
		require.Contains(t, inRoot, name, "put the file into a folder, or add its name to inRoot")
	}
}

func TestFilesOutsideOfTestdataAreSmall(t *testing.T) {
	t.Parallel()
	for _, path := range files(t) {
		if strings.Contains(path, "testdata/") || slices.Contains(large, path) {
			continue
		}
		info, err := os.Lstat(filepath.Join(root, path))
		require.NoError(t, err)
		require.LessOrEqual(t, info.Size(), int64(maxSize), path)
	}
}

// Go files are the linter's. Tables, and what tools write, may be longer.
func TestLinesEndByColumn120(t *testing.T) {
	t.Parallel()
	var long []string
	for _, path := range files(t) {
		if !wrapped(path) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(root, path))
		require.NoError(t, err)
		for line := range strings.Lines(string(text)) {
			line = strings.TrimRight(line, "\n")
			if utf8.RuneCountInString(line) > maxLine && !strings.HasPrefix(strings.TrimSpace(line), "|") {
				long = append(long, path+": "+line)
			}
		}
	}
	require.Empty(t, long)
}

func wrapped(path string) bool {
	if strings.Contains(path, "testdata/") {
		return false
	}
	switch filepath.Ext(path) {
	case ".md", ".yaml", ".yml", ".sql", ".proto", ".sh", ".rs":
		return true
	case "":
		return !slices.Contains([]string{"LICENSE"}, filepath.Base(path))
	}
	return false
}

// The binary that "make build" writes needs no loader and no libraries, so that it runs in an empty container.
func TestTheRouterIsAStaticBinary(t *testing.T) {
	t.Parallel()
	if testing.Short() || runtime.GOOS != "linux" {
		t.Skip("builds a Linux binary")
	}
	folder := t.TempDir()
	router := filepath.Join(folder, "router")
	build := exec.CommandContext(t.Context(), "make", "-C", root, "build", "ROUTER="+router)
	build.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "CGO_ENABLED=") })
	output, err := build.CombinedOutput()
	require.NoError(t, err, "%s", output)
	binary, err := elf.Open(router)
	require.NoError(t, err)
	defer binary.Close()
	for _, segment := range binary.Progs {
		require.NotEqual(t, elf.PT_INTERP, segment.Type, "the binary names an interpreter")
	}
	libraries, err := binary.ImportedLibraries()
	require.NoError(t, err)
	require.Empty(t, libraries)
	requireRunsInAnEmptyRoot(t, folder)
}
