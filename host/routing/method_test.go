package routing

import (
	"testing"

	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
)

func TestMethodsThatSomethingHereKnows(t *testing.T) {
	t.Parallel()
	collects := func(methods ...string) []Provider {
		return []Provider{{
			Name: "a", Plugin: "a", Flows: []*abi.Flow{{Kind: abi.Kind_KIND_COLLECT, Methods: methods}},
		}}
	}
	for _, row := range []struct {
		what, rules string
		providers   []Provider
		method      string
		taken       bool
	}{
		{"a provider's", `[{name: x, to: a}]`, collects("crypto"), "crypto", true},
		{"nobody's", `[{name: x, to: a}]`, collects("crypto"), "crpyto", false},
		{"none", `[{name: x, to: a}]`, collects("crypto"), "", true},
		{"a rule's", `[{name: x, when: {any: [{method: card}]}, to: a}, {name: y, to: a}]`, collects(), "card", true},
		{"a rule's exception", `[{name: x, when: {not: {method: card}}, to: a}]`, collects(), "card", true},
		{"not the rule's", `[{name: x, when: {method: card}, to: a}, {name: y, to: a}]`, collects(), "wallet", false},
		{"where nothing names one", `[{name: x, to: a}]`, collects(), "wallet", true},
		{
			"where an expression compares it", `[{name: x, if: 'method.startsWith("w")', to: a}, {name: y, to: a}]`,
			collects("crypto"), "wallet", true,
		},
	} {
		rules, err := Compile(parseRules(t, row.rules), row.providers, "v1")
		require.NoError(t, err, row.what)
		mend := rules.CheckMethod(row.method)
		require.Equal(t, row.taken, mend == "", "%s: %s", row.what, mend)
	}
}
