package vector

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// bare is a module with a custom section, and a type section.
const bare = "\x00asm\x01\x00\x00\x00" + "\x00\x05\x04name" + "\x01\x04\x01\x60\x00\x00"

func small(t *testing.T, name, comment string) *Vector {
	t.Helper()
	v, err := parse(name+".txtar", []byte(comment+"\n-- call.json --\n{\"operation\": \"Make\"}\n"))
	require.NoError(t, err)
	return v
}

func TestVectorsGoWithTheirModule(t *testing.T) {
	t.Parallel()
	none, err := Embedded([]byte(bare))
	require.NoError(t, err)
	require.Empty(t, none)

	long := strings.Repeat("a long comment ", 2000)
	made, err := Embed([]byte(bare), []*Vector{small(t, "b", "second"), small(t, "a", long)})
	require.NoError(t, err)
	require.True(t, bytes.HasPrefix(made, []byte(bare)), "the module itself stays as it is")
	vectors, err := Embedded(made)
	require.NoError(t, err)
	require.Len(t, vectors, 2)
	require.Equal(t, "b", vectors[0].Name)
	require.Equal(t, "a", vectors[1].Name)
	require.Equal(t, long+"\n", string(vectors[1].archive.Comment))
	require.Equal(t, "Make", vectors[1].Call().GetOperation())

	again, err := Embed(made, vectors)
	require.NoError(t, err)
	require.Equal(t, made, again, "they are not there twice")
	without, err := Embed(made, nil)
	require.NoError(t, err)
	require.Equal(t, bare, string(without))
}

func TestEmbeddedVectorsAreBounded(t *testing.T) {
	t.Parallel()
	large := small(t, "large", strings.Repeat("x", mostEmbeddedBytes))
	_, err := Embed([]byte(bare), []*Vector{large})
	require.ErrorContains(t, err, "at most 1000 vectors, and 8 MiB of them")
	many := make([]*Vector, mostEmbedded+1)
	for i := range many {
		many[i] = small(t, fmt.Sprint(i), "")
	}
	_, err = Embed([]byte(bare), many)
	require.ErrorContains(t, err, "at most 1000 vectors")
	// By another hand, without the bounds.
	half, err := Embed([]byte(bare), many[1:])
	require.NoError(t, err)
	other, err := Embed([]byte(bare), many[:1])
	require.NoError(t, err)
	_, err = Embedded(append(half, other[len(bare):]...))
	require.ErrorContains(t, err, "at most 1000 vectors")

	text := "-- call.json --\n{\"operation\": \"Make\"}\n" + strings.Repeat("-- request-1 --\n", 200)
	_, err = parse("v.txtar", []byte(text))
	require.ErrorContains(t, err, "it has 201 sections, and may have 200")
}

func TestWhatIsNoModuleHasNoVectors(t *testing.T) {
	t.Parallel()
	for _, code := range []string{
		"", "\x00asm", "MZ\x00\x00\x00\x00\x00\x00\x00", bare + "\x00", bare + "\x00\x05", bare + "\x00\x80",
		bare + "\x00\x00", bare + "\x00\x02\x02a", bare + "\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
	} {
		_, err := Embedded([]byte(code))
		require.ErrorIs(t, err, errNotModule, "%q", code)
		_, err = Embed([]byte(code), nil)
		require.ErrorIs(t, err, errNotModule, "%q", code)
	}
	made, err := Embed([]byte(bare), []*Vector{small(t, "v", "")})
	require.NoError(t, err)
	_, err = Embedded(bytes.ReplaceAll(made, []byte("Make"), []byte("M\"ke")))
	require.ErrorContains(t, err, `read the embedded vector "v"`)
}
