package api

import (
	"net/url"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/stretchr/testify/require"
)

func filters() []*huma.Param {
	declared := []*huma.Param{
		{Name: "status", In: "query", Schema: &huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeString}}},
		{Name: "reference", In: "query", Schema: &huma.Schema{Type: huma.TypeString}},
		{Name: "limit", In: "query", Schema: &huma.Schema{Type: huma.TypeInteger}},
		{Name: "live", In: "query", Schema: &huma.Schema{Type: huma.TypeBoolean}},
		{Name: "from", In: "query", Schema: &huma.Schema{Type: huma.TypeString, Format: "date-time"}},
		{Name: "id", In: "path", Schema: &huma.Schema{Type: huma.TypeString}},
	}
	for _, p := range declared {
		p.Schema.PrecomputeMessages()
	}
	return declared
}

func TestQueries(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]map[string]string{
		"":                           {},
		"&&":                         {},
		"reference=a+b%2Bc&limit=10": {"reference": "a b+c", "limit": "10"},
		"status=a&status=b,c":        {"status": "a,b,c"},
		"status=a%2Cb":               {"status": "a,b"},
		"live=true&from=2026-03-01T12:00:00%2B02:00": {"live": "true", "from": "2026-03-01T12:00:00+02:00"},
		"%72eference=x=y": {"reference": "x=y"},
	} {
		got, refused := readQuery(raw, filters())
		require.Empty(t, refused, raw)
		require.Equal(t, want, got, raw)
	}
	for raw, want := range map[string][2]string{
		"reference=50%-off":              {"reference", "write %25"},
		"reference=":                     {"reference", "is empty"},
		"reference":                      {"reference", "is empty"},
		"reference=a&reference=a":        {"reference", "comes 2 times"},
		"reference=a;b":                  {"reference", "semicolon"},
		"reference=%ff":                  {"reference", "UTF-8"},
		"reference=%00":                  {"reference", "control"},
		"ref%erence=a":                   {"ref%erence", "its name does not parse"},
		"Reference=a":                    {"Reference", "takes status, reference, limit, live, from"},
		"id=a":                           {"id", "is unknown"},
		"limit=+1":                       {"limit", "whole number"},
		"limit=01":                       {"limit", "whole number"},
		"limit=9223372036854775808":      {"limit", "whole number"},
		"live=1":                         {"live", "true or false"},
		"from=2026-03-01":                {"from", "RFC 3339"},
		"from=2026-03-01T12:00:00+02:00": {"from", "%2B"},
		"status=":                        {"status", "is empty"},
		"status=a,":                      {"status", "an empty item"},
		"status=a&status=b,a":            {"status", `"a" twice`},
	} {
		_, refused := readQuery(raw, filters())
		require.Len(t, refused, 1, raw)
		require.Equal(t, "query "+want[0], refused[0].Parameter, raw)
		require.Contains(t, refused[0].Detail, want[1], raw)
	}
}

// What is read of a query is all that is in it, and written again it reads the same.
func FuzzQuery(f *testing.F) {
	for _, seed := range []string{
		"", "limit=10&status=a,b&status=c", "reference=50%-off", "reference=", "a;b", "&=&", "from=2026-03-01T12:00:00Z",
		"reference=%ff", "status=,", "limit=007", "live=true&live=true", "reference=a+b%2B",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		values, refused := readQuery(raw, filters())
		for _, one := range refused {
			require.NotEmpty(t, one.Detail)
			require.True(t, strings.HasPrefix(one.Parameter, "query"))
		}
		if len(refused) > 0 {
			return
		}
		lenient, err := url.ParseQuery(raw)
		require.NoError(t, err, "nothing is taken that net/url does not read")
		require.Len(t, values, len(lenient), "nothing is left out")
		again := url.Values{}
		for name, value := range values {
			require.Equal(t, strings.Join(lenient[name], ","), value)
			again.Set(name, value)
		}
		reread, refused := readQuery(again.Encode(), filters())
		require.Empty(t, refused)
		require.Equal(t, values, reread)
	})
}
