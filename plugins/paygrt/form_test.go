package main

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestFormValue(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ form, want string }{
		"plain":               {"b=1&a=2", "2"},
		"blanks and percent":  {"a=x+y%20z%C3%A9%2b", "x y zé+"},
		"an encoded name":     {"%61=2", "2"},
		"the first of two":    {"a=1&a=2", "1"},
		"not there":           {"b=1&aa=2&=3", ""},
		"no value":            {"a&b=1", ""},
		"half an escape":      {"a=%4", ""},
		"no escape":           {"a=%zz", ""},
		"beside a broken one": {"%zz=1&b=%zz&a=2", "2"},
		"not UTF-8":           {"a=x%ff", "x\uFFFD"},
		"longer than any":     {"a=2&b=" + strings.Repeat("x", longestForm), ""},
		"nothing":             {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, row.want, formValue(row.form, "a"))
		})
	}
}

func TestFormValueReadsWhatIsEncoded(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		require.Equal(t, text, formValue(url.Values{"a": {text}, "b": {"x"}}.Encode(), "a"))
	})
}
