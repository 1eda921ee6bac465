package schema_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/host/schema"
)

const transfer = `{"type":"object","required":["amount","to"],"additionalProperties":false,"properties":{
	"amount":{"type":"string","pattern":"^[0-9]+$"},
	"note":{"type":["string","null"],"maxLength":3},
	"code":{"type":"integer","maximum":9},
	"to":{"type":"object","required":["a/b"],"properties":{
		"a/b":{"type":"string"},"list":{"type":"array","items":{"type":"integer"}}}}}}`

func TestWhatIsWrongIsToldByPlace(t *testing.T) {
	t.Parallel()
	compiled, err := schema.Compile(transfer)
	require.NoError(t, err)
	for instance, want := range map[string][][2]string{
		`{"amount":"1","to":{"a/b":""}}`:             nil,
		`{"amount":"1","to":{"a/b":""},"note":null}`: nil,
		`{"amount":"1","to":{"a/b":""},"code":9.0}`:  nil,
		`{"to":{}}`: {{"/amount", "is required"}, {"/to/a~1b", "is required"}},
		`{"amount":"1","to":{"a/b":""},"x~":1,"y":2}`: {
			{"/x~0", "is not a known member"},
			{"/y", "is not a known member"},
		},
		`{"amount":1,"to":{"a/b":"","list":[1,"2"]}}`: {
			{"/amount", "got number, want string"},
			{"/to/list/1", "got string, want integer"},
		},
		`{"amount":"1","to":{"a/b":""},"note":"long"}`: {{"/note", "maxLength: got 4, want 3"}},
		`[]`: {{"", "got array, want object"}},
		`{"amount":"1","to":{"a/b":""},"code":1e401}`:           {{"/code", "is a number of too many digits"}},
		`{"amount":"1","to":{"a/b":"","list":[-1E-999999999]}}`: {{"/to/list/0", "is a number of too many digits"}},
	} {
		var found [][2]string
		for _, violation := range compiled.Check([]byte(instance)) {
			found = append(found, [2]string{violation.Pointer, violation.Reason})
		}
		require.Equal(t, want, found, instance)
	}
	require.Len(t, compiled.Check([]byte(`{"amount":`)), 1)
	require.Contains(t, compiled.Check([]byte(`{"amount":`))[0].Reason, "is not JSON")
	require.Equal(t, "/code",
		compiled.Check([]byte(`{"amount":"1","to":{"a/b":""},"code":` + strings.Repeat("9", 401) + `}`))[0].Pointer)
}

func TestHowMuchIsSaidOfOneInstance(t *testing.T) {
	t.Parallel()
	compiled, err := schema.Compile(`{"items":{"type":"string"}}`)
	require.NoError(t, err)
	require.Len(t, compiled.Check([]byte("["+strings.Repeat("1,", 500)+"1]")), 100)
}

func TestNoSchemaTakesEverything(t *testing.T) {
	t.Parallel()
	compiled, err := schema.Compile("")
	require.NoError(t, err)
	require.Empty(t, compiled.Check([]byte(`{"anything":[1]}`)))
	require.JSONEq(t, `{"anything":1}`, string(compiled.Mask([]byte(`{"anything":1}`))))
}

func TestASchemaReadsNothingFromElsewhere(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{"$ref":"file:///etc/passwd"}`, `{"$ref":"https://127.0.0.1:1/x"}`,
		`{"type":"nonsense"}`, `{`,
	} {
		_, err := schema.Compile(text)
		require.Error(t, err, text)
	}
}

func TestMembersThatNobodyIsToSeeAreMasked(t *testing.T) {
	t.Parallel()
	hidden := `{"type":["string","null"],"writeOnly":true}`
	for name, row := range map[string]struct{ schema, instance, want string }{
		"a member": {
			`{"properties":{"seed":` + hidden + `}}`, `{"seed":"s3cret","n":1.10}`,
			`{"n":1.10,"seed":"{{masked}}"}`,
		},
		"null stays null": {`{"properties":{"seed":` + hidden + `}}`, `{"seed":null}`, `{"seed":null}`},
		"an object": {
			`{"properties":{"seed":{"writeOnly":true}}}`, `{"seed":{"a":"s3cret"}}`,
			`{"seed":"{{masked}}"}`,
		},
		"below": {
			`{"properties":{"list":{"items":{"properties":{"seed":` + hidden + `}}}}}`,
			`{"list":[{"seed":"s3cret"},{"x":"<&>"}]}`, `{"list":[{"seed":"{{masked}}"},{"x":"<&>"}]}`,
		},
		"any member": {`{"additionalProperties":` + hidden + `}`, `{"a":"s3cret"}`, `{"a":"{{masked}}"}`},
		"by reference": {
			`{"properties":{"seed":{"$ref":"#/$defs/s"}},"$defs":{"s":` + hidden + `}}`,
			`{"seed":"s3cret"}`, `{"seed":"{{masked}}"}`,
		},
		"by another": {`{"properties":{"seed":{"type":"string"}},"allOf":[{"properties":{"seed":` + hidden +
			`}}]}`, `{"seed":"s3cret"}`, `{"seed":"{{masked}}"}`},
		"back to itself": {
			`{"properties":{"seed":` + hidden + `,"next":{"$ref":"#"}}}`,
			`{"next":{"next":{"seed":"s3cret"}}}`, `{"next":{"next":{"seed":"{{masked}}"}}}`,
		},
		"nothing but self": {
			`{"$ref":"#","properties":{"seed":` + hidden + `}}`, `{"seed":"s3cret"}`,
			`{"seed":"{{masked}}"}`,
		},
		"none":            {`{"properties":{"seed":{"type":"string"}}}`, `{ "seed" : "open" }`, `{ "seed" : "open" }`},
		"what is no JSON": {`{"properties":{"seed":` + hidden + `}}`, `{"seed":"s3cret`, ``},
	} {
		compiled, err := schema.Compile(row.schema)
		require.NoError(t, err, name)
		require.Equal(t, row.want, string(compiled.Mask([]byte(row.instance))), name)
		for _, hidden := range compiled.Hidden([]byte(row.instance)) {
			require.Contains(t, []string{"s3cret", `{"a":"s3cret"}`}, hidden, name)
		}
	}
}

func TestWhatIsHiddenIsToldAsItStandsInJSON(t *testing.T) {
	t.Parallel()
	compiled, err := schema.Compile(`{"properties":{"list":{"items":{"writeOnly":true}}}}`)
	require.NoError(t, err)
	require.Equal(t, []string{`a\"<b>`, "1.10", "true"}, compiled.Hidden([]byte(`{"list":["a\"<b>",1.10,null,true]}`)))
}

// FuzzCheck: whatever a caller sends, it is told calmly.
func FuzzCheck(f *testing.F) {
	compiled, err := schema.Compile(transfer)
	require.NoError(f, err)
	for _, seed := range []string{
		`{"amount":"1","to":{"a/b":""}}`, `{"code":1e400}`, `{"code":-0.0e-400}`, `[[[]]]`,
		`{"to":{"list":[1e1]}}`, "\xff",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, instance []byte) {
		found := compiled.Check(instance)
		if len(found) == 0 {
			require.True(t, json.Valid(instance))
		}
		_ = compiled.Mask(instance)
	})
}
