package native_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/abi/guest"
	"payrouter/abi/jsontext"
	"payrouter/abi/native"
	"payrouter/abi/native/schema"
	abi "payrouter/abi/v1"
)

var table = native.Table[bool]{{
	{
		Name: "Pay", Summary: "Pay.", Class: abi.Idempotency_IDEMPOTENCY_NONE, Final: true, SettleAfterMs: 7,
		Extra:      true,
		Documented: abi.Documented_DOCUMENTED_FULL, Reference: &abi.ReferenceForm{Alphabet: "01", Length: 8},
		Input: native.Fields{
			{Name: "to", Required: true, MaxLength: 3, Note: "Who gets it.", Example: "bob"},
			{Name: "sum", Form: &native.Amount, Required: true},
			{Name: "code", Matches: isLower, Pattern: "^[a-z]+$", OurReference: true},
			{
				Name: "how", Form: &native.Object,
				Members: native.Fields{{Name: "n", Form: &native.Integer, Required: true}},
			},
			{Name: "days", Form: &native.Integers},
			{Name: "count", Form: &native.Count},
			{Name: "now", Form: &native.Boolean},
		},
		Output: native.Fields{
			{Name: "id", Required: true},
			{Name: "fee", Form: &native.Amount},
			{Name: "of", Form: &native.Any, Note: "A ticker, or an object with one."},
			{
				Name: "parts", Form: &native.List,
				Members: native.Fields{{Name: "n", Form: &native.Integer, Required: true}},
			},
			{Name: "loose", Form: &native.Form{Shape: "digits", Has: isDigits, Lenient: true}},
			{Name: "key", Sensitive: true},
		},
	},
	{Name: "Read", Class: abi.Idempotency_IDEMPOTENCY_SAFE, Open: true, Output: native.Fields{
		{Name: "list", Form: &native.List, Required: true, Members: native.Fields{{Name: "n", Form: &native.Integer}}},
		{Name: "text"},
	}},
}}

func isLower(text string) bool {
	return text != "" && strings.Trim(text, "abcdefghijklmnopqrstuvwxyz") == ""
}

func isDigits(value jsontext.Value) bool { return strings.Trim(value.Text(), "0123456789") == "" }

func parsed(t *testing.T, text string) jsontext.Value {
	t.Helper()
	value, err := jsontext.Parse([]byte(text))
	require.NoError(t, err)
	return value
}

func TestInputsAreRefusedByName(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ input, field, message string }{
		{`{"to":"bob","sum":"1.5","code":"ab","how":{"n":-1},"days":[1,2],"count":1,"now":false}`, "", ""},
		{`{"to":"bob","sum":"1","code":null}`, "", ""},
		{`{"sum":"1"}`, "/to", "to is missing"},
		{`{"to":"","sum":"1"}`, "/to", "to is missing"},
		{`{"to":"bobby","sum":"1"}`, "/to", "to has to be a text of at most 3 characters"},
		{`{"to":7,"sum":"1"}`, "/to", "to has to be a text of at most 3 characters"},
		{`{"to":"bob","sum":1}`, "/sum", "sum has to be an amount, as a text above 0"},
		{`{"to":"bob","sum":"0"}`, "/sum", "sum has to be an amount, as a text above 0"},
		{`{"to":"bob","sum":"0.5"}`, "", ""},
		{`{"to":"bob","sum":"01"}`, "/sum", "sum has to be an amount, as a text above 0"},
		{`{"to":"bob","sum":"00.10"}`, "/sum", "sum has to be an amount, as a text above 0"},
		{`{"to":"bob","sum":"1","sum":"-1"}`, "/sum", "sum has to be an amount, as a text above 0"},
		{`{"to":"bob","sum":"1","code":"A"}`, "/code", "code has to be a text of the form ^[a-z]+$"},
		{`{"to":"bob","sum":"1","how":{}}`, "/how", "how has to be an object with its members"},
		{`{"to":"bob","sum":"1","how":{"n":1.5}}`, "/how", "how has to be an object with its members"},
		{`{"to":"bob","sum":"1","days":[1,"2"]}`, "/days", "days has to be a list of whole numbers"},
		{`{"to":"bob","sum":"1","count":0}`, "/count", "count has to be a whole number above 0"},
		{`{"to":"bob","sum":"1","now":"true"}`, "/now", "now has to be true or false"},
		{`{"to":"bob","sum":"1","a/b~c":1}`, "/a~1b~0c", "Pay takes no such member"},
		{`{"to":"bob","sum":"1","":1}`, "", "Pay takes no such member"},
	} {
		step := table.Find("Pay").Reject(parsed(t, row.input))
		require.Equal(t, row.field, step.GetReject().GetField(), row.input)
		require.Equal(t, row.message, step.GetReject().GetMessage(), row.input)
		require.Equal(t, row.message == "", step == nil, row.input)
	}
	require.Nil(t, table.Find("Read").Reject(parsed(t, `{"further":[]}`)))
}

func TestAnswersThatDifferFromTheTable(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		method, answer string
		check          native.Check
		why            string
	}{
		{"Pay", `{"id":"1","fee":1.5,"of":{},"parts":[{"n":1}],"loose":"x","more":[]}`, 0, ""},
		{"Pay", `{"id":"1","fee":null}`, 0, ""},
		{"Pay", `{}`, 0, "id is missing"},
		{"Pay", `{"id":null}`, 0, "id is missing"},
		{"Pay", `{"id":"1","id":2}`, 0, "id is not a text"},
		{"Pay", `{"id":"1","id":"1"}`, 0, ""},
		{"Pay", `{"id":"1","id":"1"}`, native.Once, "id stands twice"},
		{"Pay", `{"id":"1","fee":"free"}`, 0, "fee is not an amount, as a text"},
		{"Pay", `{"id":"1","parts":{}}`, 0, "parts is not a list"},
		{"Pay", `{"id":"1","parts":[{}]}`, 0, "n is missing"},
		{"Read", `{"list":[{"n":"x"}],"text":7}`, 0, ""},
		{"Read", `{"list":[{"n":"x"}],"text":7}`, native.All, "n is not a whole number"},
		{"Read", `{"list":[7]}`, 0, "list has an item that is not an object"},
		{"Read", `{"list":[{"n":1,"n":1}]}`, native.Once, "n stands twice"},
	} {
		require.Equal(t, row.why, table.Find(row.method).Mismatch(parsed(t, row.answer), row.check), row.answer)
	}
}

func TestTheManifestHasTheMethods(t *testing.T) {
	t.Parallel()
	operations := table.Operations(func(name string) (string, string) { return name + " in", name + " out" })
	require.Len(t, operations, 2)
	require.Equal(t, &abi.Operation{
		Name: "Pay", Summary: "Pay.", Idempotency: abi.Idempotency_IDEMPOTENCY_NONE, DeclineIsFinal: true,
		Documented: abi.Documented_DOCUMENTED_FULL, SettleAfterMs: 7, InputSchema: "Pay in", OutputSchema: "Pay out",
		Reference: &abi.ReferenceForm{Alphabet: "01", Length: 8},
	}, operations[0])
	require.True(t, operations[1].GetDeclineIsFinal(), "a SAFE method")
	require.Nil(t, table.Find("None"))
	require.True(t, table.Find("Pay").Extra)
	require.Equal(t, "code", table.Find("Pay").Input.OurReference())
	require.Empty(t, table.Find("Pay").Output.OurReference())
}

func TestTheRestOfAnInput(t *testing.T) {
	t.Parallel()
	body := jsontext.NewObject().String("a", "1")
	table.Find("Pay").Input.Rest(body, parsed(t, `{"to":"bob","more":[1.50],"other":null}`))
	require.Equal(t, `{"a":"1","more":[1.50],"other":null}`, string(body.JSON()))
}

func TestAnAnswerIsTheOutput(t *testing.T) {
	t.Parallel()
	isAmount := func(name string) bool { return name == "fee" }
	step := native.Answered(guest.Accepted(0, "1"), parsed(t, `{"id":"1","fee":1.50,"n":2}`), isAmount)
	require.Equal(t, `{"id":"1","fee":"1.50","n":2}`, string(step.GetDone().GetOutput()))
	require.Equal(t, "1", step.GetDone().GetProviderReference())
	step = native.Answered(guest.Accepted(0, "1"), parsed(t, `{"fee":1e999}`), isAmount)
	require.Equal(t, "the answer: fee is not an amount", step.GetDone().GetFailure().GetMessage())
}

func TestSchemas(t *testing.T) {
	t.Parallel()
	source, err := schema.Of(table, schema.Input, schema.Output).Source()
	require.NoError(t, err)
	for _, want := range []string{
		`{"type":"object","properties":{"to":{"type":"string","minLength":1,"maxLength":3,"description":"Who gets it.",` +
			`"examples":["bob"]},"sum":{"type":"string",` +
			`"pattern":"^(0|[1-9][0-9]*)(\\.[0-9]+)?$"},"code":{"type":"string",` +
			`"pattern":"^[a-z]+$"},"how":{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]},` +
			`"days":{"type":"array","items":{"type":"integer"}},"count":{"type":"integer","minimum":1},` +
			`"now":{"type":"boolean"}},"required":["to","sum"],"additionalProperties":false}`,
		`{"type":"object","properties":{"id":{"type":"string"},"fee":{"type":["string","null"]},` +
			`"of":{"description":"A ticker, or an object with one."},"parts":{"type":["array","null"],` +
			`"items":{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]}},"loose":{},` +
			`"key":{"type":["string","null"],"writeOnly":true}},"required":["id"]}`,
		`{"type":"object","properties":{}}`,
		`{"type":"object","properties":{"list":{"type":"array","items":{"type":"object","properties":` +
			`{"n":{"description":"As far as is known: a whole number."}}}},` +
			`"text":{"description":"As far as is known: a text."}},"required":["list"]}`,
	} {
		require.Contains(t, string(source), want)
	}
	require.Equal(t, `{"type":"object","additionalProperties":{"type":"string"}}`,
		string(schema.Map(&native.Field{}).JSON()))
}
