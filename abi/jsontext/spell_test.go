package jsontext_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/abi/jsontext"
)

func TestSpellMakesTextOfNamedNumbersAlone(t *testing.T) {
	t.Parallel()
	isAmount := func(name string) bool { return name == "amount" }
	for _, row := range [][2]string{
		{`{"amount": 100, "id": 7}`, `{"amount": "100", "id": 7}`},
		{` {"amount" :-0.10}`, `{"amount" :"-0.10"}`},
		{`{"amount":1E-8,"more":[{"amount":2.50}]}`, `{"amount":"0.00000001","more":[{"amount":"2.50"}]}`},
		{`{"\u0061mount":3}`, `{"\u0061mount":"3"}`},
		{`{"amount":"4","id":"amount"}`, `{"amount":"4","id":"amount"}`},
		{`{"amount":null}`, `{"amount":null}`},
		{`{"amount":true}`, `{"amount":true}`},
		{`{"amount":[5,{"amount":6}]}`, `{"amount":[5,{"amount":"6"}]}`},
		{`["amount",8,{"id":9}]`, `["amount",8,{"id":9}]`},
		{
			`{"amount":55534228.52065455,"amount":123456789.0000000001}`,
			`{"amount":"55534228.52065455","amount":"123456789.0000000001"}`,
		},
		{`10`, `10`},
		{`"text"`, `"text"`},
	} {
		v, err := jsontext.Parse([]byte(row[0]))
		require.NoError(t, err)
		text, wrong := v.Spell(isAmount)
		require.Empty(t, wrong)
		require.Equal(t, row[1], string(text))
	}
	v, err := jsontext.Parse([]byte(`{"list":[{"id":1},{"amount":2}],"amount":1e99}`))
	require.NoError(t, err)
	part, wrong := v.Get("list").Spell(isAmount)
	require.Empty(t, wrong)
	want := `[{"id":1},{"amount":"2"}]`
	require.Equal(t, want, string(part), "a part of a document")
	_, wrong = v.Spell(isAmount)
	require.Equal(t, "amount", wrong)
	absent, _ := jsontext.Value{}.Spell(isAmount)
	require.Equal(t, "null", string(absent))
}
