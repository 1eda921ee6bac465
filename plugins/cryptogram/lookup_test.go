package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOnlyIDsStandInPaths(t *testing.T) {
	t.Parallel()
	require.True(t, isID("7344515a-926b-411b-bf95-8064a2341dec"))
	for _, bad := range []string{"", "..", "-", "a/b", "a b", "a?b", "ä", string(make([]byte, 65))} {
		require.False(t, isID(bad), bad)
	}
}
