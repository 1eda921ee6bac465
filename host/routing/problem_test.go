package routing

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
)

// Every mistake is told with its place and how to mend it.
func TestMistakesInRules(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		claim, rules string
		problems     []string
	}{
		{"not a list", `{name: x}`, []string{
			`r.yaml:1:1: rules is not a list of rules: write one rule under it: "- name: default" and "to: [<provider>]"`,
		}},
		{"an empty list", `[]`, []string{
			`r.yaml:1:1: rules is not a list of rules: write one rule under it: "- name: default" and "to: [<provider>]"`,
		}},
		{"a rule that is a word", `[eu]`, []string{`r.yaml:1:2: a rule is not a mapping: write "key: value" lines`}},
		{"no name, no to", "- description: x", []string{
			`r.yaml:1:3: a rule has no name: add "name: <lower-case-words>"; decisions and reports refer to it`,
			`r.yaml:1:3: a rule does not say where to: add "to: [<provider>, <next provider>]"`,
		}},
		{"a name with a blank", "- {name: My Rule, to: a}", []string{
			`r.yaml:1:10: "My Rule" cannot be a rule's name: write lower-case letters, digits and dashes, 64 at most`,
		}},
		{"two rules of a name", "- {name: x, when: {country: DE}, to: a}\n- {name: x, to: a}", []string{
			`r.yaml:2:3: rule "x" is already at r.yaml:1:3: give each its own name`,
		}},
		{"a typing mistake in a key", "- {name: x, whne: {country: DE}, to: a}", []string{
			`r.yaml:1:13: unknown key "whne" in a rule: did you mean "when"?`,
		}},
		{"a typing mistake in a condition", "- {name: x, when: {curency: EUR}, to: a}", []string{
			`r.yaml:1:20: unknown key "curency" in when: did you mean "currency"?`,
		}},
		{"a key twice", "- {name: x, name: y, to: a}", []string{`r.yaml:1:13: "name" is already on line 1: remove one`}},
		{"metadata without a key", "- {name: x, when: {metadata: {tier: gold}}, to: a}", []string{
			`r.yaml:1:20: metadata is matched key by key: write metadata.<key>: <value>`,
		}},
		{"metadata with an empty key", "- {name: x, when: {metadata.: gold}, to: a}", []string{
			`r.yaml:1:20: unknown key "metadata." in when: write one of kind, currency, country, method, merchant, amount, metadata.<key>, time, any, not`,
		}},
		{"an empty when", "- {name: x, when: {}, to: a}", []string{
			`r.yaml:1:19: when holds no condition: leave it out: a rule without it matches every payment`,
		}},
		{"a when without a value", "- name: x\n  when:\n  to: a", []string{`r.yaml:2:8: when is not a mapping: write "key: value" lines`}},
		{"a condition without a value", "- name: x\n  when: {country: }\n  to: a", []string{
			`r.yaml:2:19: country has no value: write one, or remove the line`,
		}},
		{"an empty list of values", "- {name: x, when: {country: []}, to: a}", []string{
			`r.yaml:1:29: country lists no value, so it matches nothing: name one, or remove the line`,
		}},
		{"a value twice", "- {name: x, when: {country: [DE, FR, DE]}, to: a}", []string{`r.yaml:1:38: country lists "DE" twice: remove one`}},
		{"a mapping as a value", "- {name: x, when: {country: {not: DE}}, to: a}", []string{
			`r.yaml:1:29: country is not a single value: write one word or number`,
		}},
		{"an alias", "- {name: &n x, to: [*n]}", []string{`r.yaml:1:21: aliases are not read: write the value out`}},
		{"an unknown kind", "- {name: x, when: {kind: colect}, to: a}", []string{`r.yaml:1:26: "colect" is not a kind: did you mean "collect"?`}},
		{"a lower-case currency", "- {name: x, when: {currency: eur}, to: a}", []string{`r.yaml:1:30: "eur" is not a currency: write EUR`}},
		{"no currency at all", "- {name: x, when: {currency: €}, to: a}", []string{
			`r.yaml:1:30: "€" is not a currency: write an ISO 4217 code or a crypto ticker, such as EUR or USDT`,
		}},
		{"countries that do not exist", "- {name: x, when: {country: [UK, de, Germany, XX]}, to: a}", []string{
			`r.yaml:1:30: "UK" is not a country: write GB`,
			`r.yaml:1:34: "de" is not a country: write DE`,
			`r.yaml:1:38: "Germany" is not a country: write an ISO 3166-1 alpha-2 code, such as DE`,
			`r.yaml:1:47: "XX" is not a country: write an ISO 3166-1 alpha-2 code, such as DE`,
		}},
		{"an empty text", `- {name: x, when: {metadata.tier: ""}, to: a}`, []string{`r.yaml:1:35: "" is not a tier: write the text to match`}},
		{"an amount that is no range", "- {name: x, when: {currency: EUR, amount: 50}, to: a}", []string{
			`r.yaml:1:43: amount is a range: write amount: {min: "10", max: "500"}, or one end of it`,
		}},
		{"an unknown end", "- {name: x, when: {currency: EUR, amount: {mni: 5}}, to: a}", []string{
			`r.yaml:1:44: unknown key "mni" in amount: did you mean "min"?`,
		}},
		{"amounts that are none", `- {name: x, when: {currency: EUR, amount: {min: -1, max: 1e3}}, to: a}`, []string{
			`r.yaml:1:49: "-1" is not an amount: write a decimal number such as 49.90, without sign, exponent or separators`,
			`r.yaml:1:58: "1e3" is not an amount: write a decimal number such as 49.90, without sign, exponent or separators`,
		}},
		{"an amount with separators", `- {name: x, when: {currency: EUR, amount: {min: "1,000"}}, to: a}`, []string{
			`r.yaml:1:49: "1,000" is not an amount: write a decimal number such as 49.90, without sign, exponent or separators`,
		}},
		{"min above max", `- {name: x, when: {currency: EUR, amount: {min: 10, max: 9.99}}, to: a}`, []string{
			`r.yaml:1:43: no amount is at least 10 and at most 9.99: swap min and max`,
		}},
		{"an amount without a currency", "- {name: x, when: {amount: {max: 1000}}, to: a}", []string{
			`r.yaml:1:20: an amount is bounded without a currency: add currency beside it: 1000 JPY is not 1000 BTC`,
		}},
		{"nobody", "- {name: x, to: []}", []string{
			`r.yaml:1:17: to names no provider: write a list in the order of failover: [<provider>, <next provider>]`,
		}},
		{"an unknown provider", "- {name: x, to: [a, paygram-ue]}", []string{
			`r.yaml:1:21: rule "x" sends to an unknown provider "paygram-ue": did you mean "paygram-eu"?`,
		}},
		{"an unknown provider in a split", "- {name: x, to: [{split: {a: 1, zzzzzz: 1}}]}", []string{
			`r.yaml:1:33: rule "x" sends to an unknown provider "zzzzzz": write one of a, b, paygram-eu`,
		}},
		{"a provider twice", "- {name: x, to: [{split: {a: 1, b: 1}}, a]}", []string{`r.yaml:1:41: rule "x" sends to "a" twice: remove one`}},
		{"a split that is a list", "- {name: x, to: [{split: [a, b]}]}", []string{
			`r.yaml:1:26: split names no provider: write split: {<provider>: 70, <other>: 30}`,
		}},
		{"weights that are none", "- {name: x, to: [{split: {a: 0, b: 1.5, paygram-eu: -1}}]}", []string{
			`r.yaml:1:30: "0" is not a weight: write a whole number from 1 to 1000000; a provider that is to be asked last is an entry of its own, after the split`,
			`r.yaml:1:36: "1.5" is not a weight: write a whole number from 1 to 1000000; a provider that is to be asked last is an entry of its own, after the split`,
			`r.yaml:1:53: "-1" is not a weight: write a whole number from 1 to 1000000; a provider that is to be asked last is an entry of its own, after the split`,
		}},
		{"a provider that is a list", "- {name: x, to: [[a, b]]}", []string{
			`r.yaml:1:18: an entry of to is not a mapping: write "key: value" lines`,
		}},
		{"a name that is a list", "- {name: [x], to: a}", []string{`r.yaml:1:10: name is not a single value: write one word or number`}},
		{"to without a value", "- {name: x, to: }", []string{`r.yaml:1:17: to has no value: write one, or remove the line`}},
		{"a weight that is a list", "- {name: x, to: [{split: {a: [1], b: 1}}]}", []string{
			`r.yaml:1:30: a weight is not a single value: write one word or number`,
		}},
		{"a key that is a list", "- {name: x, ? [a] : b, to: a}", []string{`r.yaml:1:15: a key of a rule is not a word: write "key: value" lines`}},
		{"what a half-read rule covers is not guessed", "- {name: x, when: {curency: EUR}, to: a}\n- {name: y, to: b}", []string{
			`r.yaml:1:20: unknown key "curency" in when: did you mean "currency"?`,
		}},
		{"a rule after the default", "- {name: all, to: a}\n- {name: x, when: {country: DE}, to: b}", []string{
			`r.yaml:2:3: no payment reaches rule "x": every one that it matches is taken by rule "all" at r.yaml:1:3: move it up, narrow the other, or remove it`,
		}},
		{
			"a rule after a wider one",
			"- {name: wide, when: {currency: [EUR, USD], amount: {max: 500}}, to: a}\n" +
				"- {name: x, when: {currency: EUR, country: DE, amount: {min: 1, max: 500.00}}, to: b}",
			[]string{
				`r.yaml:2:3: no payment reaches rule "x": every one that it matches is taken by rule "wide" at r.yaml:1:3: move it up, narrow the other, or remove it`,
			},
		},
	} {
		t.Run(c.claim, func(t *testing.T) {
			t.Parallel()
			doc, err := Parse("r.yaml", rulesNode(t, c.rules), nil)
			err = errors.Join(err, doc.Check([]string{"a", "b", "paygram-eu"}))
			var got []string
			for _, p := range Problems(err) {
				got = append(got, p.Error())
			}
			require.Equal(t, c.problems, got)
		})
	}
}

func TestWhatIsNoMistake(t *testing.T) {
	t.Parallel()
	for claim, rules := range map[string]string{
		"one provider without a list":       `[{name: x, to: a}]`,
		"Norway is a country":               `[{name: x, when: {country: NO}, to: a}]`,
		"a wider rule after a narrower one": `[{name: x, when: {currency: EUR, amount: {max: 5}}, to: a}, {name: y, when: {currency: EUR, amount: {max: 5.01}}, to: a}]`,
		"the same for another currency":     `[{name: x, when: {currency: EUR}, to: a}, {name: y, when: {currency: USD}, to: a}]`,
		"an open end after a closed one":    `[{name: x, when: {currency: EUR, amount: {max: 5}}, to: a}, {name: y, when: {currency: EUR, amount: {min: 1}}, to: a}]`,
		"metadata that looks like a number": `[{name: x, when: {metadata.n: [1, 1.0, true]}, to: a}]`,
	} {
		doc, err := Parse("r.yaml", rulesNode(t, rules), nil)
		require.NoError(t, err, claim)
		require.NoError(t, doc.Check([]string{"a"}), claim)
	}
}

// What a manifest rules out shows before a payment fails.
func TestMistakesThatManifestsShow(t *testing.T) {
	t.Parallel()
	providers := []Provider{
		{Name: "fiat", Flows: []*abi.Flow{{
			Kind: abi.Kind_KIND_COLLECT, Currencies: []string{"EUR", "USD"}, Methods: []string{"card"},
			Bounds: []*abi.Bound{{Currency: "EUR", Min: "5", Max: "100"}},
		}}},
		{Name: "india", Flows: []*abi.Flow{{Kind: abi.Kind_KIND_RECHARGE, Currencies: []string{"INR"}, Countries: []string{"IN"}}}},
		{Name: "idle"},
	}
	for _, c := range []struct {
		claim, rules string
		problems     []string
	}{
		{"a provider of another kind", "- {name: x, when: {kind: collect}, to: [fiat, india]}", []string{
			`r.yaml:1:47: provider "india" takes no payment that rule "x" matches: it takes recharge, currency INR, country IN`,
		}},
		{"a provider of another country", "- {name: x, when: {country: [DE, FR]}, to: [fiat, india]}", []string{
			`r.yaml:1:51: provider "india" takes no payment that rule "x" matches: it takes recharge, currency INR, country IN`,
		}},
		{"a currency that nobody takes", "- {name: x, when: {currency: [EUR, EURR]}, to: fiat}", []string{
			`r.yaml:1:36: no provider of rule "x" takes currency EURR: correct it, remove it, or add a provider that does`,
		}},
		{"a method that nobody takes", "- {name: x, when: {method: [card, cash]}, to: fiat}", []string{
			`r.yaml:1:35: no provider of rule "x" takes method cash: correct it, remove it, or add a provider that does`,
		}},
		{"amounts out of bounds", "- {name: x, when: {currency: EUR, amount: {min: 100.01}}, to: fiat}", []string{
			`r.yaml:1:30: no provider of rule "x" takes currency EUR: correct it, remove it, or add a provider that does`,
			`r.yaml:1:63: provider "fiat" takes no payment that rule "x" matches: it takes collect, currency EUR or USD, method card`,
		}},
		{"a provider that takes nothing", "- {name: x, to: idle}", []string{
			`r.yaml:1:17: provider "idle" takes no payment that rule "x" matches: it takes no payments`,
		}},
		{"bounds that only one currency has", "- {name: x, when: {currency: [EUR, USD], amount: {min: 100.01}}, to: fiat}", []string{
			`r.yaml:1:31: no provider of rule "x" takes currency EUR: correct it, remove it, or add a provider that does`,
		}},
		{"amounts that meet at an end", "- {name: x, when: {currency: EUR, amount: {min: 100}}, to: fiat}", nil},
		{"a default over all", "- {name: x, to: [fiat, india]}", nil},
	} {
		t.Run(c.claim, func(t *testing.T) {
			t.Parallel()
			doc, err := Parse("r.yaml", rulesNode(t, c.rules), nil)
			require.NoError(t, err)
			rules, err := Compile(doc, providers, "v1")
			var got []string
			for _, p := range Problems(err) {
				got = append(got, p.Error())
			}
			require.Equal(t, c.problems, got)
			require.Equal(t, c.problems == nil, rules != nil)
		})
	}
}

func TestManifestWithBadBoundsIsRefused(t *testing.T) {
	t.Parallel()
	bad := Provider{Name: "a", Plugin: "p", Flows: []*abi.Flow{{Kind: abi.Kind_KIND_COLLECT, Bounds: []*abi.Bound{{Currency: "EUR", Min: "five"}}}}}
	_, err := Compile(parseRules(t, `[{name: x, to: a}]`), []Provider{bad}, "v1")
	require.ErrorContains(t, err, `provider "a": the manifest of plugin "p" bounds EUR by "five", which is not an amount`)
}

func TestProblemsAreInTheOrderOfTheFile(t *testing.T) {
	t.Parallel()
	at := func(line int) *Problem { return &Problem{At: Position{File: "f", Line: line, Column: 1}, What: "x"} }
	err := fmt.Errorf("load: %w", errors.Join(at(3), errors.Join(at(1), errors.New("other")), at(3)))
	require.Equal(t, []*Problem{at(1), at(3)}, Problems(err))
	require.Empty(t, Problems(nil))
}

func TestDidYouMean(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		word  string
		known []string
		want  string
	}{
		{"curency", []string{"country", "currency"}, `did you mean "currency"?`},
		{"CURRENCY", []string{"country", "currency"}, `did you mean "currency"?`},
		{"mni", []string{"min", "max"}, `did you mean "min"?`},
		{"zzz", []string{"min", "max"}, `write min or max`},
		{"zzz", []string{"min"}, `write min`},
		{"zzz", nil, `there is none`},
		{"zzz", []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"}, `write one of a, b, c, d, e, f, g, h, i, j and 2 more`},
		{strings.Repeat("long", 50), []string{"min"}, `write min`},
	} {
		require.Equal(t, c.want, DidYouMean(c.word, c.known), c.word)
	}
}
