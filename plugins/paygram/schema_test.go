//go:build !wasip1

package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// The schemas are written out because a guest pays for what it builds.
func TestSchemasAreThoseOfTheTable(t *testing.T) {
	t.Parallel()
	want, err := generated().Source()
	require.NoError(t, err)
	written, err := os.ReadFile("schema.go")
	require.NoError(t, err)
	require.Equal(t, string(want), string(written), "go generate ./plugins/paygram")
}
