package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMarkComesBack(t *testing.T) {
	t.Parallel()
	for _, page := range []string{
		"https://shop.example", "https://shop.example/", "https://shop.example/a?b=c", "https://shop.example/a?b=c#d?e",
		"https://shop.example/#d", "https://shop.example/?payrouter_reference=old",
	} {
		require.Equal(t, "abc123", markOf(marked(page, "abc123")), page)
	}
	require.Empty(t, markOf("https://shop.example/#?payrouter_reference=abc"))
	require.Empty(t, marked("", "abc123"))
	require.Equal(t, "https://shop.example", marked("https://shop.example", ""))
}
