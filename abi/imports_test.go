package abi_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The SDK travels without the router, its tests included: it imports nothing of this module but itself.
func TestTheSDKImportsNothingOfTheRouter(t *testing.T) {
	t.Parallel()
	files := 0
	require.NoError(t, filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") {
			return err
		}
		files++
		parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		require.NoError(t, err)
		for _, spec := range parsed.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			require.NoError(t, err)
			outside := strings.HasPrefix(name, "payrouter/") && !strings.HasPrefix(name, "payrouter/abi/")
			require.False(t, outside, "%s imports %s", path, name)
		}
		return nil
	}))
	require.Greater(t, files, 30)
}
