package jsontext

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPointers(t *testing.T) {
	t.Parallel()
	for pointer, keys := range map[string][]string{
		"": nil, "/": {""}, "/a": {"a"}, "/a/0": {"a", "0"}, "/a~1b~0c": {"a/b~c"}, "/~01": {"~1"}, "//x": {"", "x"},
	} {
		require.Equal(t, pointer, Pointer(keys...))
		require.Equal(t, keys, Keys(pointer))
	}
}
