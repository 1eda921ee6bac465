package formtext_test

import (
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"payrouter/abi/formtext"
)

func TestValue(t *testing.T) {
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
		"longer than any":     {"a=2&b=" + strings.Repeat("x", 8<<10), ""},
		"nothing":             {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, row.want, formtext.Value(row.form, "a"))
		})
	}
}

func TestValueReadsWhatIsEncoded(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		require.Equal(t, text, formtext.Value(url.Values{"a": {text}, "b": {"x"}}.Encode(), "a"))
	})
}

func TestEscapeIsWhatIsDecoded(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		decoded, err := url.QueryUnescape(formtext.Escape(text))
		require.NoError(t, err)
		require.Equal(t, text, decoded)
	})
}

func FuzzValue(f *testing.F) {
	f.Add("b=1&a=x+y%20z", "a")
	f.Add("%zz=1&a=%4", "a")
	f.Fuzz(func(t *testing.T, form, name string) {
		value := formtext.Value(form, name)
		require.True(t, utf8.ValidString(value))
		if len(form) > 8<<10 || strings.Contains(form, ";") {
			return // net/url reads any length, and refuses semicolons
		}
		fields, err := url.ParseQuery(form)
		if err != nil || !fields.Has(name) {
			return
		}
		require.Equal(t, strings.ToValidUTF8(fields.Get(name), "\uFFFD"), value)
	})
}
