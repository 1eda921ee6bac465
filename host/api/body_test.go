package api

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBodiesThatTwoReadersCouldUnderstandDifferently(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"a": 1, "a": 2}`:                     "/a comes twice",
		`{"metadata": {"x": "", "x": ""}}`:     "/metadata/x comes twice",
		`{"a/b": {"c~d": [{"e": 1, "e": 2}]}}`: "/a~1b/c~0d/0/e comes twice",
		`{"\u0061": 1, "a": 2}`:                "/a comes twice",
		"{\"a\": \"\xff\"}":                    "is not valid UTF-8",
		`{} {}`:                                "holds more than one JSON value",
		`{"a": `:                               "is not JSON: it ends too early",
	} {
		_, refused := canonical([]byte(body))
		require.NotNil(t, refused, body)
		require.Equal(t, want, refused.Error())
	}
	text, refused := canonical([]byte(`{"b/c": 1.50, "a": [true, null, "x"]}`))
	require.Nil(t, refused)
	require.True(t, bytes.Equal([]byte(`{"a":[true,null,"x"],"b/c":1.50}`), text), "to the byte: %s", text)
}

// A replacer for each member was half of what a payment allocated.
func TestReadingABodyAllocatesLittleForAMember(t *testing.T) {
	few, many := []byte(`{"a": 1}`), []byte(`{"a": 1, "b": 2, "c": 3, "d": 4, "e": 5, "f": 6}`)
	count := func(body []byte) float64 {
		return testing.AllocsPerRun(100, func() { _, _ = read(body) })
	}
	require.LessOrEqual(t, (count(many)-count(few))/5, 16.0)
}
