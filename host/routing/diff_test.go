package routing

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	abi "payrouter/abi/v1"
)

func ruleset(t *testing.T, version, rules string) *Ruleset {
	t.Helper()
	providers := append(collecting("a", "b", "c"),
		Provider{Name: "out", Flows: []*abi.Flow{{Kind: abi.Kind_KIND_PAYOUT}}})
	set, err := Compile(parseRules(t, rules), providers, version)
	require.NoError(t, err)
	return set
}

func TestDiff(t *testing.T) {
	t.Parallel()
	before := ruleset(t, "v1", `
- {name: euro, when: {currency: EUR}, to: [a, b]}
- {name: dollar, when: {currency: USD}, to: [b, c]}
- {name: pound, when: {currency: GBP}, to: c}
- {name: franc, when: {currency: CHF}, to: a}
- {name: rest, when: {currency: [JPY, SEK]}, to: a}`)
	after := ruleset(t, "v2", `
- {name: euro-large, when: {currency: EUR, amount: {min: 100}}, to: [b, a]}
- {name: euro, when: {currency: EUR}, to: [a, b]}
- {name: dollar, when: {currency: USD}, to: b}
- {name: sterling, when: {currency: GBP}, to: c}
- {name: rest, when: {currency: [JPY, PLN]}, to: a}`)
	var payments []Facts
	for i, p := range []struct{ amount, currency, provider string }{
		{"5", "EUR", ""},
		{"100", "EUR", ""},
		{"5", "USD", ""},
		{"200", "EUR", ""},
		{"5", "GBP", ""},
		{"5", "CHF", ""},
		{"5", "SEK", ""},
		{"5", "PLN", ""},
		{"5", "JPY", ""},
		{"300", "EUR", ""},
		{"5", "SEK", ""},
		{"400", "EUR", ""},
		{"500", "EUR", "a"},
		{"5", "XXX", ""},
	} {
		payments = append(payments,
			Facts{PaymentID: fmt.Sprintf("pay_%d", i), Amount: p.amount, Currency: p.currency, Provider: p.provider})
	}
	difference := Diff(before, after, payments)
	require.Equal(t, `of 14 payments, 8 move (3 have no provider any more) (1 had no provider before), `+
		`1 have others to fall back on, 2 go by another rule to the same
4: a, then b by rule euro
  → b, then a by rule euro-large
  such as pay_1, pay_3, pay_9
2: a by rule rest
  → no provider (no_rule)
  such as pay_6, pay_10
1: a by rule euro
  → a by rule euro-large
  such as pay_12
1: a by rule franc
  → no provider (no_rule)
  such as pay_5
1: b, then c by rule dollar
  → b by rule dollar
  such as pay_2
1: c by rule pound
  → c by rule sterling
  such as pay_4
1: no provider (no_rule)
  → a by rule rest
  such as pay_7
`, difference.Text())
	text, err := json.Marshal(Diff(before, after, payments[5:6]))
	require.NoError(t, err)
	require.JSONEq(t, `{"from": "v1", "to": "v2", "payments": 1, "moved": 1, "reordered": 0, "renamed": 0, "lost": 1,
	  "gained": 0, "held": 0, "freed": 0, "changes": [
		{"before": {"rule": "franc", "outcome": "routed", "order": ["a"]}, "after": {"outcome": "no_rule", "order": []},
		  "payments": 1, "examples": ["pay_5"]}]}`,
		string(text))
	require.Equal(t, "of 14 payments, 0 move, 0 have others to fall back on, 0 go by another rule to the same\n",
		Diff(before, before, payments).Text())
	none, err := json.Marshal(Diff(before, after, nil))
	require.NoError(t, err)
	require.Contains(t, string(none), `"changes":[]`)
}

// Weights that shift move only the payments between the two sides, as many as the shift says.
func TestDiffOfWeights(t *testing.T) {
	t.Parallel()
	before, after := ruleset(t, "v1", `[{name: x, to: [{split: {a: 70, b: 30}}]}]`), ruleset(t, "v2",
		`[{name: x, to: [{split: {a: 80, b: 20}}]}]`)
	var payments []Facts
	for i := range 10_000 {
		payments = append(payments, Facts{PaymentID: fmt.Sprintf("pay_%d", i)})
	}
	difference := Diff(before, after, payments)
	require.Zero(t, difference.Lost+difference.Gained+difference.Reordered+difference.Renamed)
	require.Equal(t, difference.Moved, difference.Changes[0].Payments+sumOf(difference.Changes[1:]))
}

func sumOf(changes []Change) (sum int) {
	for _, c := range changes {
		sum += c.Payments
	}
	return sum
}

// Whatever the rules, the counts add up, and the order of the payments changes no more than the examples.
func TestDiffAddsUp(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rules := func(version string) *Ruleset {
			set := &Ruleset{version: version, providers: map[string]Provider{"a": collecting("a")[0]}}
			doc, err := Parse("r.yaml", rulesNode(t, anyRules(t, true)), rulesNode(t, "{some: [DE, FR]}"), nil)
			require.NoError(t, err)
			for _, r := range doc.Rules {
				set.rules = append(set.rules,
					rule{name: r.Name, conditions: conditionsOf(r.When), to: []target{{shares: r.To[0].shares()}}})
			}
			return set
		}
		before, after := rules("v1"), rules("v2")
		var payments []Facts
		for range rapid.IntRange(0, 30).Draw(t, "payments") {
			payments = append(payments, Facts{
				Currency: rapid.SampledFrom([]string{"EUR", "USD"}).Draw(t, "currency"),
				Amount:   rapid.SampledFrom([]string{"1", "3"}).Draw(t, "amount"),
				Country:  rapid.SampledFrom([]string{"", "DE", "BR"}).Draw(t, "country"),
			})
		}
		difference := Diff(before, after, payments)
		require.Equal(t, len(payments), difference.Payments)
		require.Equal(t, difference.Moved+difference.Reordered+difference.Renamed, sumOf(difference.Changes))
		shuffled := Diff(before, after, rapid.Permutation(payments).Draw(t, "shuffled"))
		require.Equal(t, difference.Text(), shuffled.Text())
		require.Equal(t, difference.Moved, Diff(after, before, payments).Moved)
		require.Equal(t, difference.Lost, Diff(after, before, payments).Gained)
	})
}
