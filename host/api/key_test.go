package api

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The header is an RFC 8941 string in draft-ietf-httpapi-idempotency-key-header, and bare in most of the world.
func TestIdempotencyKeysQuotedAndBare(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		header, key, problem string
	}{
		{`"8e03978e-40d5-43dd-bc93-6894a57f9324"`, "8e03978e-40d5-43dd-bc93-6894a57f9324", ""},
		{`8e03978e-40d5-43dd-bc93-6894a57f9324`, "8e03978e-40d5-43dd-bc93-6894a57f9324", ""},
		{`  "k"  `, "k", ""},
		{`"k";v=1`, "k", ""},
		{`"a \"quoted\" key"`, `a "quoted" key`, ""},
		{`"back\\slash"`, `back\slash`, ""},
		{`bare"quote`, `bare"quote`, ""},
		{``, "", "missing"},
		{`   `, "", "missing"},
		{`""`, "", "missing"},
		{`"  "`, "", "missing"},
		{`"`, "", "no closing quote"},
		{`"k`, "", "no closing quote"},
		{`"k\"`, "", "no closing quote"},
		{`"a" "b"`, "", "behind its closing quote"},
		{`"a\n"`, "", "backslash"},
		{`"a\`, "", "backslash"},
		{"k\x00", "", "printable"},
		{"schlüssel", "", "printable"},
		{strings.Repeat("k", 255), strings.Repeat("k", 255), ""},
		{strings.Repeat("k", 256), "", "at most 255"},
	} {
		key, err := idempotencyKey(row.header)
		if row.problem != "" {
			require.ErrorContains(t, err, row.problem, "%q", row.header)
			continue
		}
		require.NoError(t, err, "%q", row.header)
		require.Equal(t, row.key, key)
	}
}

func FuzzIdempotencyKey(f *testing.F) {
	for _, seed := range []string{`"k"`, `k`, `"a\"b";x`, `"`, ``} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		key, err := idempotencyKey(header)
		if err != nil {
			return
		}
		require.NotEmpty(t, key)
		require.LessOrEqual(t, len(key), maxKey)
		quoted := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(key) + `"`
		again, err := idempotencyKey(quoted)
		require.NoError(t, err)
		require.Equal(t, key, again, "quoted and bare are one key")
	})
}
