package api

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBodiesThatTwoReadersCouldUnderstandDifferently(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"a": 1, "a": 2}`:                        "/a comes twice",
		`{"metadata": {"x": "", "x": ""}}`:        "/metadata/x comes twice",
		`{"a/b": {"c~d": [{"e": 1, "e": 2}]}}`:    "/a~1b/c~0d/0/e comes twice",
		`{"\u0061": 1, "a": 2}`:                   "/a comes twice",
		"{\"a\": \"\xff\"}":                       "is not valid UTF-8",
		`{} {}`:                                   "holds more than one JSON value",
		`{"a": `:                                  "is not JSON: it ends too early",
		`[` + strings.Repeat("0,", 10_000) + `0]`: "has more than 10000 values",
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

// encoding/json puts U+FFFD where half of a pair stands, and reads on.
func TestHalvesOfSurrogatePairs(t *testing.T) {
	t.Parallel()
	for body, at := range map[string]string{
		`{"a":"\ud800"}`:             "/a",
		`{"a":"x\uD83Dy"}`:           "/a",
		`{"a":"\ude00\ud83d"}`:       "/a",
		`{"a":"\ud83d\u0041"}`:       "/a",
		`{"a":"\ud83d\ud83d\ude00"}`: "/a",
		`{"a":{"\udfff":1}}`:         "/a",
		`{"a":["x","\\\ud800"]}`:     "/a/1",
	} {
		_, refused := canonical([]byte(body))
		require.NotNil(t, refused, body)
		require.Equal(t, at, refused.pointer, body)
		require.Contains(t, refused.reason, "surrogate", body)
	}
	for _, body := range []string{
		`{"a":"\ud83d\ude00"}`, `{"a":"\\ud800"}`, `{"a":"` + "\ufffd" + `"}`, `{"a":"\ufffd \ud83d\ude00"}`,
	} {
		_, refused := canonical([]byte(body))
		require.Nil(t, refused, body)
	}
}

func TestNumbersThatFewReadersKnow(t *testing.T) {
	t.Parallel()
	_, refused := canonical([]byte(`{"a":[1e999]}`))
	require.Equal(t, "/a/0", refused.pointer)
	_, refused = canonical([]byte(`{"a":1e308}`))
	require.Nil(t, refused)
}

// What is read has one reading: encoding/json's, which the handlers see, and one canonical form.
func FuzzBody(f *testing.F) {
	for _, seed := range []string{
		`{"a":1,"b":[true,null,"x"]}`, `{"a":1,"a":2}`, `{"a":"\ud83d\ude00"}`, `{"a":"\ud800"}`, `{"a":"` + "\xff" + `"}`,
		`[1e999,-0,1.50]`, `{"\u0061":{"a/b":"~"}}`, ` {} `, `{}{}`, `"`, `{"a":`, `tru`, "\"\x00\"", `{"a":"\ufffd"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		text, refused := canonical(body)
		if refused != nil {
			require.NotEmpty(t, refused.reason)
			return
		}
		var sent, kept any
		require.NoError(t, unmarshal(body, &sent), "what is read can be decoded")
		require.NoError(t, json.Unmarshal(text, &kept))
		require.Equal(t, sent, kept, "both mean the same")
		again, refused := canonical(text)
		require.Nil(t, refused)
		require.Equal(t, string(text), string(again), "the canonical form is its own")
	})
}
