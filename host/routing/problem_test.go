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
			`r.yaml:1:1: rules is not a list of rules: write one rule under it: "- name: default" and "to: ` +
				`[<provider>]"`,
		}},
		{"an empty list", `[]`, []string{
			`r.yaml:1:1: rules is not a list of rules: write one rule under it: "- name: default" and "to: ` +
				`[<provider>]"`,
		}},
		{"a rule that is a word", `[eu]`, []string{`r.yaml:1:2: a rule is not a mapping: write "key: value" lines`}},
		{"no name, no to", "- description: x", []string{
			`r.yaml:1:3: a rule has no name: add "name: <lower-case-words>"; decisions and reports refer to it`,
			`r.yaml:1:3: a rule does not say where to: add "to: [<provider>, <next provider>]"`,
		}},
		{"a name with a blank", "- {name: My Rule, to: a}", []string{
			`r.yaml:1:10: "My Rule" cannot be a name: write lower-case letters, digits and dashes, 64 at most`,
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
		{
			"a key twice", "- {name: x, name: y, to: a}",
			[]string{`r.yaml:1:13: "name" is already on line 1: remove one`},
		},
		{"metadata without a key", "- {name: x, when: {metadata: {tier: gold}}, to: a}", []string{
			`r.yaml:1:20: metadata is matched key by key: write metadata.<key>: <value>`,
		}},
		{"metadata with an empty key", "- {name: x, when: {metadata.: gold}, to: a}", []string{
			`r.yaml:1:20: unknown key "metadata." in when: write one of kind, currency, country, method, merchant, ` +
				`amount, metadata.<key>, time, any, not`,
		}},
		{"an empty when", "- {name: x, when: {}, to: a}", []string{
			`r.yaml:1:19: when holds no condition: leave it out: a rule without it matches every payment`,
		}},
		{
			"a when without a value", "- name: x\n  when:\n  to: a",
			[]string{`r.yaml:2:8: when is not a mapping: write "key: value" lines`},
		},
		{"a condition without a value", "- name: x\n  when: {country: }\n  to: a", []string{
			`r.yaml:2:19: country has no value: write one, or remove the line`,
		}},
		{"an empty list of values", "- {name: x, when: {country: []}, to: a}", []string{
			`r.yaml:1:29: country lists no value, so it matches nothing: name one, or remove the line`,
		}},
		{
			"a value twice", "- {name: x, when: {country: [DE, FR, DE]}, to: a}",
			[]string{`r.yaml:1:38: country lists "DE" twice: remove one`},
		},
		{"a mapping as a value", "- {name: x, when: {country: {not: DE}}, to: a}", []string{
			`r.yaml:1:29: country is not a single value: write one word or number`,
		}},
		{"an alias", "- {name: &n x, to: [*n]}", []string{`r.yaml:1:21: aliases are not read: write the value out`}},
		{
			"an unknown kind", "- {name: x, when: {kind: colect}, to: a}",
			[]string{`r.yaml:1:26: "colect" is not a kind: did you mean "collect"?`},
		},
		{
			"a lower-case currency", "- {name: x, when: {currency: eur}, to: a}",
			[]string{`r.yaml:1:30: "eur" is not a currency: write EUR`},
		},
		{"no currency at all", "- {name: x, when: {currency: €}, to: a}", []string{
			`r.yaml:1:30: "€" is not a currency: write an ISO 4217 code or a crypto ticker, such as EUR or USDT`,
		}},
		{"countries that do not exist", "- {name: x, when: {country: [UK, de, Germany, XX]}, to: a}", []string{
			`r.yaml:1:30: "UK" is not a country: write GB`,
			`r.yaml:1:34: "de" is not a country: write DE`,
			`r.yaml:1:38: "Germany" is not a country: write an ISO 3166-1 alpha-2 code, such as DE`,
			`r.yaml:1:47: "XX" is not a country: write an ISO 3166-1 alpha-2 code, such as DE`,
		}},
		{
			"an empty text", `- {name: x, when: {metadata.tier: ""}, to: a}`,
			[]string{`r.yaml:1:35: "" is not a tier: write the text to match`},
		},
		{"an amount that is no range", "- {name: x, when: {currency: EUR, amount: 50}, to: a}", []string{
			`r.yaml:1:43: amount is a range: write amount: {min: "10", max: "500"}, or one end of it`,
		}},
		{"an unknown end", "- {name: x, when: {currency: EUR, amount: {mni: 5}}, to: a}", []string{
			`r.yaml:1:44: unknown key "mni" in amount: did you mean "min"?`,
		}},
		{"amounts that are none", `- {name: x, when: {currency: EUR, amount: {min: -1, max: 1e3}}, to: a}`, []string{
			`r.yaml:1:49: "-1" is not an amount: write a decimal number such as 49.90, without sign, exponent or ` +
				`separators`,
			`r.yaml:1:58: "1e3" is not an amount: write a decimal number such as 49.90, without sign, exponent or ` +
				`separators`,
		}},
		{"an amount with separators", `- {name: x, when: {currency: EUR, amount: {min: "1,000"}}, to: a}`, []string{
			`r.yaml:1:49: "1,000" is not an amount: write a decimal number such as 49.90, without sign, exponent or ` +
				`separators`,
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
		{
			"a provider twice", "- {name: x, to: [{split: {a: 1, b: 1}}, a]}",
			[]string{`r.yaml:1:41: rule "x" sends to "a" twice: remove one`},
		},
		{"a split that is a list", "- {name: x, to: [{split: [a, b]}]}", []string{
			`r.yaml:1:26: split names no provider: write split: {<provider>: 70, <other>: 30}`,
		}},
		{"weights that are none", "- {name: x, to: [{split: {a: 0, b: 1.5, paygram-eu: -1}}]}", []string{
			`r.yaml:1:30: "0" is not a weight: write a whole number from 1 to 1000000; a provider that is to be ` +
				`asked last is an entry of its own, after the split`,
			`r.yaml:1:36: "1.5" is not a weight: write a whole number from 1 to 1000000; a provider that is to be ` +
				`asked last is an entry of its own, after the split`,
			`r.yaml:1:53: "-1" is not a weight: write a whole number from 1 to 1000000; a provider that is to be ` +
				`asked last is an entry of its own, after the split`,
		}},
		{"a provider that is a list", "- {name: x, to: [[a, b]]}", []string{
			`r.yaml:1:18: an entry of to is not a mapping: write "key: value" lines`,
		}},
		{
			"a name that is a list", "- {name: [x], to: a}",
			[]string{`r.yaml:1:10: name is not a single value: write one word or number`},
		},
		{
			"to without a value", "- {name: x, to: }",
			[]string{`r.yaml:1:17: to has no value: write one, or remove the line`},
		},
		{"a weight that is a list", "- {name: x, to: [{split: {a: [1], b: 1}}]}", []string{
			`r.yaml:1:30: a weight is not a single value: write one word or number`,
		}},
		{
			"a key that is a list", "- {name: x, ? [a] : b, to: a}",
			[]string{`r.yaml:1:15: a key of a rule is not a word: write "key: value" lines`},
		},
		{
			"what a half-read rule covers is not guessed",
			"- {name: x, when: {curency: EUR}, to: a}\n- {name: y, to: b}",
			[]string{
				`r.yaml:1:20: unknown key "curency" in when: did you mean "currency"?`,
			},
		},
		{"any that is no list", "- {name: x, when: {any: {country: DE}}, to: a}", []string{
			`r.yaml:1:25: any is not a list of alternatives: write any: [{country: DE}, {method: card}]`,
		}},
		{"an empty any", "- {name: x, when: {any: []}, to: a}", []string{
			`r.yaml:1:25: any is not a list of alternatives: write any: [{country: DE}, {method: card}]`,
		}},
		{"an empty alternative", "- {name: x, when: {any: [{}]}, to: a}", []string{
			`r.yaml:1:26: an alternative of any holds no condition: write one, or remove it`,
		}},
		{
			"an empty not", "- {name: x, when: {not: {}}, to: a}",
			[]string{`r.yaml:1:25: not holds no condition: write one, or remove it`},
		},
		{"a typing mistake within", "- {name: x, when: {not: {any: [{contry: DE}]}}, to: a}", []string{
			`r.yaml:1:33: unknown key "contry" in an alternative of any: did you mean "country"?`,
		}},
		{
			"an amount in a branch without a currency",
			"- {name: x, when: {any: [{currency: EUR}, {amount: {max: 5}}]}, to: a}",
			[]string{
				`r.yaml:1:44: an amount is bounded without a currency: add currency beside it: 1000 JPY is not ` +
					`1000 BTC`,
			},
		},
		{
			"an amount beside a currency that is excluded",
			"- {name: x, when: {not: {currency: EUR}, amount: {max: 5}}, to: a}",
			[]string{
				`r.yaml:1:42: an amount is bounded without a currency: add currency beside it: 1000 JPY is not ` +
					`1000 BTC`,
			},
		},
		{"conditions ever deeper", "- {name: x, when: " + strings.Repeat("{not: ", 10) + "{country: DE}" +
			strings.Repeat("}", 10) + ", to: a}", []string{
			`r.yaml:1:73: conditions stand more than 8 deep in each other: make two rules of this one, or write it ` +
				`under if`,
		}},
		{"a time that says nothing", "- {name: x, when: {time: {}}, to: a}", []string{
			`r.yaml:1:26: time has no window: write time: {days: [mon-fri], from: "08:00", to: "18:00", zone: ` +
				`Europe/Berlin}`,
		}},
		{"no times", "- {name: x, when: {time: []}, to: a}", []string{
			`r.yaml:1:26: time lists no window, so it matches nothing: write one, or remove the line`,
		}},
		{
			"a time that is a word", "- {name: x, when: {time: noon}, to: a}",
			[]string{`r.yaml:1:26: time is not a mapping: write "key: value" lines`},
		},
		{
			"days, hours and zones that are none",
			"- {name: x, when: {time: {days: [monday, mo-fr], from: 8am, to: '24:01', zone: Berlin}}, to: a}",
			[]string{
				`r.yaml:1:34: "monday" is not a day: write mon, tue, wed, thu, fri, sat, sun, or a range such as ` +
					`mon-fri`,
				`r.yaml:1:42: "mo-fr" is not a day: write mon, tue, wed, thu, fri, sat, sun, or a range such as ` +
					`mon-fri`,
				`r.yaml:1:56: "8am" is not a time of day: write hours and minutes from "00:00" to "24:00"`,
				`r.yaml:1:65: "24:01" is not a time of day: write hours and minutes from "00:00" to "24:00"`,
				`r.yaml:1:80: "Berlin" is not a time zone: write a name of the IANA database, such as Europe/Berlin, ` +
					`or UTC`,
			},
		},
		{"a zone that is another elsewhere", "- {name: x, when: {time: {zone: Local}}, to: a}", []string{
			`r.yaml:1:33: "Local" is not a time zone: write a name of the IANA database, such as Europe/Berlin, or UTC`,
		}},
		{
			"no day", "- {name: x, when: {time: {days: []}}, to: a}",
			[]string{`r.yaml:1:33: days lists no day: name one, or remove it for every day`},
		},
		{"no time between", "- {name: x, when: {time: {from: '08:00', to: '08:00'}}, to: a}", []string{
			`r.yaml:1:26: no time is from 08:00 until 08:00: leave from and to out for the whole day`,
		}},
		{"from the day's end", "- {name: x, when: {time: {from: '24:00', to: '08:00'}}, to: a}", []string{
			`r.yaml:1:26: no time is from 24:00 until 08:00: leave from and to out for the whole day`,
		}},
		{"an unknown group", "- {name: x, when: {country: [some, somme, dach, de]}, to: a}", []string{
			`r.yaml:1:36: "somme" is not a country: did you mean "some"?`,
			`r.yaml:1:43: "dach" is not a country: write an ISO 3166-1 alpha-2 code, such as DE, or one of the ` +
				`groups: some`,
			`r.yaml:1:49: "de" is not a country: write DE`,
		}},
		{
			"a group is no currency", "- {name: x, when: {currency: some}, to: a}",
			[]string{`r.yaml:1:30: "some" is not a currency: write SOME`},
		},
		{"no limit", "- {name: x, limits: {}, to: a}", []string{
			`r.yaml:1:21: limits holds no limit: leave it out, or write one of per_minute, per_hour, per_day, ` +
				`amount_per_day`,
		}},
		{
			"limits that are none",
			"- {name: x, when: {currency: EUR}, limits: {per_minute: 0, per_hour: many, per_week: 1, amount_per_day: " +
				"0.00}, to: a}",
			[]string{
				`r.yaml:1:57: "0" is not a number of payments: write a whole number from 1`,
				`r.yaml:1:70: "many" is not a number of payments: write a whole number from 1`,
				`r.yaml:1:76: unknown key "per_week" in limits: write one of per_minute, per_hour, per_day, ` +
					`amount_per_day`,
				`r.yaml:1:105: "0.00" is not an amount to be limited to: write a decimal number above 0, such as ` +
					`10000, without sign or exponent`,
			},
		},
		{
			"a limit in several currencies",
			"- {name: x, when: {currency: [EUR, USD]}, limits: {amount_per_day: 5}, to: a}",
			[]string{
				`r.yaml:1:68: amount_per_day adds up several currencies: let the rule match one currency: 1000 JPY ` +
					`is not 1000 BTC`,
			},
		},
		{"a limit in any currency", "- {name: x, limits: {amount_per_day: 5}, to: a}", []string{
			`r.yaml:1:38: amount_per_day adds up several currencies: let the rule match one currency: 1000 JPY is ` +
				`not 1000 BTC`,
		}},
		{"a typing mistake in a strategy", "- {name: x, to: [{cheepest: [a, b]}]}", []string{
			`r.yaml:1:19: unknown key "cheepest" in an entry of to: did you mean "cheapest"?`,
		}},
		{"two strategies at once", "- {name: x, to: [{split: {a: 1}, fastest: [b]}]}", []string{
			`r.yaml:1:34: an entry of to is a split and a fastest: make two entries of it`,
		}},
		{"a strategy with weights", "- {name: x, to: [{healthiest: {a: 1, b: 2}}]}", []string{
			`r.yaml:1:31: healthiest names no provider: write healthiest: [<provider>, <other>]`,
		}},
		{"a strategy with an unknown provider", "- {name: x, to: [{healthiest: [a, paygram-ue]}]}", []string{
			`r.yaml:1:35: rule "x" sends to an unknown provider "paygram-ue": did you mean "paygram-eu"?`,
		}},
		{
			"a strategy with a provider twice", "- {name: x, to: [{healthiest: [a, a]}]}",
			[]string{`r.yaml:1:35: rule "x" sends to "a" twice: remove one`},
		},
		{"what a split does not go by", "- {name: x, to: [{split: {a: 1, b: 1}, by: mercant}, paygram-eu]}", []string{
			`r.yaml:1:44: a split does not go by "mercant": did you mean "merchant"?`,
		}},
		{"by without a split", "- {name: x, to: [{cheapest: [a, b], by: payer}]}", []string{
			`r.yaml:1:18: by stands without a split: write {split: {<provider>: 70, <other>: 30}, by: payer}, or ` +
				`remove it`,
		}},
		{"an empty expression", "- {name: x, if: ' ', to: a}", []string{
			`r.yaml:1:17: if holds no expression: write an expression such as amount >= decimal("10.50") && country ` +
				`== "DE"`,
		}},
		{
			"an expression that is a list", "- {name: x, if: [a], to: a}",
			[]string{`r.yaml:1:17: if is not a single value: write one word or number`},
		},
		{
			"a typing mistake in an expression", "- {name: x, if: kind == contry, to: a}",
			[]string{`r.yaml:1:25: if: unknown name "contry": did you mean "country"?`},
		},
		{
			"the same in quotes", "- {name: x, if: 'kind == contry', to: a}",
			[]string{`r.yaml:1:26: if: unknown name "contry": did you mean "country"?`},
		},
		{"the same in a block", "- name: x\n  to: a\n  if: |\n    kind == 'payout' ||\n    kind == contry", []string{
			`r.yaml:5:9: if: unknown name "contry": did you mean "country"?`,
		}},
		{
			"the same where lines are folded",
			"- name: x\n  to: a\n  if: >-\n    kind == 'payout' ||\n    kind == contry",
			[]string{
				`r.yaml:3:7: if: unknown name "contry": did you mean "country"?`,
			},
		},
		{"an expression that is none", "- {name: x, if: kind ==, to: a}", []string{
			`r.yaml:1:24: if: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', ` +
				`'true', 'false', 'null', NUM_FLOAT, ` +
				`NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}`,
		}},
		{"an expression that is no condition", "- {name: x, if: country + method, to: a}", []string{
			`r.yaml:1:17: if gives a string: write an expression that is true or false`,
		}},
		{"an amount as a number", "- {name: x, if: amount > 10.5, to: a}", []string{
			`r.yaml:1:24: if: found no matching overload for '_>_' applied to '(decimal, double)': ` +
				`compare like with like; amounts with decimals, as in amount >= decimal("10.50")`,
		}},
		{"a decimal that is none", `- {name: x, if: 'amount > decimal("1e3")', to: a}`, []string{
			`r.yaml:1:35: if: "1e3" is not an amount: write a decimal number such as 49.90, without sign, exponent ` +
				`or separators`,
		}},
		{"a pattern from metadata", "- {name: x, if: country.matches(metadata.p), to: a}", []string{
			`r.yaml:1:41: if: a pattern is made while payments are routed: write the pattern out, or compare with ` +
				`==, contains, startsWith`,
		}},
		{"a function that is not there", "- {name: x, if: now() > time, to: a}", []string{
			`r.yaml:1:20: if: unknown function "now": write one of bool, bytes, contains, decimal, double, duration, ` +
				`dyn, endsWith, getDate, getDayOfMonth and 17 more`,
		}},
		{"a rule after the default", "- {name: all, to: a}\n- {name: x, when: {country: DE}, to: b}", []string{
			`r.yaml:2:3: no payment reaches rule "x": every one that it matches is taken by rule "all" at ` +
				`r.yaml:1:3: move it up, narrow the other, or remove it`,
		}},
		{
			"a rule after a wider one",
			"- {name: wide, when: {currency: [EUR, USD], amount: {max: 500}}, to: a}\n" +
				"- {name: x, when: {currency: EUR, country: DE, amount: {min: 1, max: 500.00}}, to: b}",
			[]string{
				`r.yaml:2:3: no payment reaches rule "x": every one that it matches is taken by rule "wide" at ` +
					`r.yaml:1:3: move it up, narrow the other, or remove it`,
			},
		},
	} {
		t.Run(c.claim, func(t *testing.T) {
			t.Parallel()
			doc, err := Parse("r.yaml", rulesNode(t, c.rules), rulesNode(t, "{some: [DE, FR]}"), nil)
			err = errors.Join(err, doc.Check([]string{"a", "b", "paygram-eu"}))
			var got []string
			for _, p := range Problems(err) {
				got = append(got, p.Error())
			}
			require.Equal(t, c.problems, got)
		})
	}
}

func TestMistakesInGroups(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		claim, groups string
		problems      []string
	}{
		{"not a mapping", "[eu]", []string{`r.yaml:1:1: groups is not a mapping: write "key: value" lines`}},
		{"names that are none", "{EU: [DE], de: [AT], x: [DE], 'a b': [DE], 'é-u': [DE], '-1': [DE]}", []string{
			`r.yaml:1:2: "EU" cannot be a group's name: write lower-case letters, digits and dashes, 2 to 64`,
			`r.yaml:1:12: "de" cannot be a group's name: it reads like the country DE`,
			`r.yaml:1:22: "x" cannot be a group's name: write lower-case letters, digits and dashes, 2 to 64`,
			`r.yaml:1:31: "a b" cannot be a group's name: write lower-case letters, digits and dashes, 2 to 64`,
			`r.yaml:1:44: "é-u" cannot be a group's name: write lower-case letters, digits and dashes, 2 to 64`,
			`r.yaml:1:57: "-1" cannot be a group's name: write lower-case letters, digits and dashes, 2 to 64`,
		}},
		{
			"an empty group", "{eu: []}",
			[]string{`r.yaml:1:6: group "eu" lists no country: name one, or remove the group`},
		},
		{"what is no country", "{eu: [DE, fr, Germany, ue]}", []string{
			`r.yaml:1:11: "fr" is not a country: write FR`,
			`r.yaml:1:15: "Germany" is not a country: write an ISO 3166-1 alpha-2 code, such as DE`,
			`r.yaml:1:24: "ue" is not a country: did you mean "eu"?`,
		}},
		{
			"a circle", "{one: [two, DE], two: [three], three: [FR, one]}",
			[]string{`r.yaml:1:44: group "one" contains itself: one → two → three → one: remove one of them`},
		},
		{
			"a circle of one", "{one: [one]}",
			[]string{`r.yaml:1:8: group "one" contains itself: one → one: remove one of them`},
		},
		{"an alias", "{aa: &x [DE], bb: *x}", []string{`r.yaml:1:19: aliases are not read: write the value out`}},
	} {
		t.Run(c.claim, func(t *testing.T) {
			t.Parallel()
			_, err := Parse("r.yaml", rulesNode(t, "[{name: x, to: a}]"), rulesNode(t, c.groups), nil)
			var got []string
			for _, p := range Problems(err) {
				got = append(got, p.Error())
			}
			require.Equal(t, c.problems, got)
		})
	}
}

func TestGroupsMayOverlapAndNest(t *testing.T) {
	t.Parallel()
	doc, err := Parse("r.yaml", rulesNode(t, "[{name: x, when: {country: [dach, eu, europe]}, to: a}]"),
		rulesNode(t, "{europe: [eu, dach, GB], dach: [DE, AT, CH], eu: [DE, FR, AT], one: DE}"), nil)
	require.NoError(t, err)
	values := doc.Rules[0].When[0].Values
	require.Equal(t, []string{"AT", "CH", "DE"}, values[0].Group)
	require.Equal(t, []string{"AT", "DE", "FR"}, values[1].Group)
	require.Equal(t, []string{"AT", "CH", "DE", "FR", "GB"}, values[2].Group)
}

func TestGroupsAreNotNestedForEver(t *testing.T) {
	t.Parallel()
	var groups strings.Builder
	for i := range 40 {
		fmt.Fprintf(&groups, "g%02d: [g%02d]\n", i, i+1)
	}
	groups.WriteString("g40: [DE]\n")
	_, err := Parse("r.yaml", rulesNode(t, "[{name: x, to: a}]"), rulesNode(t, groups.String()), nil)
	require.ErrorContains(t, err, "is nested more than 16 groups deep")
}

func TestWhatIsNoMistake(t *testing.T) {
	t.Parallel()
	for claim, rules := range map[string]string{
		"one provider without a list": `[{name: x, to: a}]`,
		"Norway is a country":         `[{name: x, when: {country: NO}, to: a}]`,
		"a wider rule after a narrower one": `[{name: x, when: {currency: EUR, amount: {max: 5}}, to: a}, ` +
			`{name: y, when: {currency: EUR, amount: {max: 5.01}}, to: a}]`,
		"the same for another currency": `[{name: x, when: {currency: EUR}, to: a}, {name: y, when: ` +
			`{currency: USD}, to: a}]`,
		"an open end after a closed one": `[{name: x, when: {currency: EUR, amount: {max: 5}}, to: a}, ` +
			`{name: y, when: {currency: EUR, amount: {min: 1}}, to: a}]`,
		"an amount under a currency around it": `[{name: x, when: {currency: EUR, any: [{amount: {max: 5}}, {not: ` +
			`{amount: {max: 50}}}]}, to: a}]`,
		"every key of a time": `[{name: x, when: {time: [{days: fri-mon, from: "22:00", to: ` +
			`"24:00", zone: UTC}, {to: 06:00}]}, to: a}]`,
		"a limit of one currency in every branch": `[{name: x, when: {any: [{currency: EUR}, {currency: EUR, ` +
			`country: DE}]}, limits: {amount_per_day: 5}, to: a}]`,
		"names that an expression makes itself": `[{name: x, if: 'metadata.exists(k, metadata[k] == "x") && ` +
			`type(kind) == string', to: a}]`,
		"metadata that looks like a number": `[{name: x, when: {metadata.n: [1, 1.0, true]}, to: a}]`,
	} {
		doc, err := Parse("r.yaml", rulesNode(t, rules), nil, nil)
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
		{
			Name:  "india",
			Flows: []*abi.Flow{{Kind: abi.Kind_KIND_RECHARGE, Currencies: []string{"INR"}, Countries: []string{"IN"}}},
		},
		{Name: "idle"},
	}
	for _, c := range []struct {
		claim, rules string
		problems     []string
	}{
		{"a provider of another kind", "- {name: x, when: {kind: collect}, to: [fiat, india]}", []string{
			`r.yaml:1:47: provider "india" takes no payment that rule "x" matches: it takes recharge, currency INR, ` +
				`country IN`,
		}},
		{"a provider of another country", "- {name: x, when: {country: [DE, FR]}, to: [fiat, india]}", []string{
			`r.yaml:1:51: provider "india" takes no payment that rule "x" matches: it takes recharge, currency INR, ` +
				`country IN`,
		}},
		{"a currency that nobody takes", "- {name: x, when: {currency: [EUR, EURR]}, to: fiat}", []string{
			`r.yaml:1:36: no provider of rule "x" takes currency EURR: correct it, remove it, or add a provider ` +
				`that does`,
		}},
		{"a method that nobody takes", "- {name: x, when: {method: [card, cash]}, to: fiat}", []string{
			`r.yaml:1:35: no provider of rule "x" takes method cash: correct it, remove it, or add a provider ` +
				`that does`,
		}},
		{"amounts out of bounds", "- {name: x, when: {currency: EUR, amount: {min: 100.01}}, to: fiat}", []string{
			`r.yaml:1:30: no provider of rule "x" takes currency EUR: correct it, remove it, or add a provider ` +
				`that does`,
			`r.yaml:1:63: provider "fiat" takes no payment that rule "x" matches: it takes collect, currency EUR or ` +
				`USD, method card`,
		}},
		{"a provider that takes nothing", "- {name: x, to: idle}", []string{
			`r.yaml:1:17: provider "idle" takes no payment that rule "x" matches: it takes no payments`,
		}},
		{
			"bounds that only one currency has",
			"- {name: x, when: {currency: [EUR, USD], amount: {min: 100.01}}, to: fiat}",
			[]string{
				`r.yaml:1:31: no provider of rule "x" takes currency EUR: correct it, remove it, or add a provider ` +
					`that does`,
			},
		},
		{"a value in a branch", "- {name: x, when: {any: [{currency: EURR}, {method: card}]}, to: fiat}", []string{
			`r.yaml:1:37: no provider of rule "x" takes currency EURR: correct it, remove it, or add a provider ` +
				`that does`,
		}},
		{"what is left of a negation", "- {name: x, when: {not: {currency: [EUR, USD]}}, to: fiat}", []string{
			`r.yaml:1:54: provider "fiat" takes no payment that rule "x" matches: it takes collect, currency EUR or ` +
				`USD, method card`,
		}},
		{
			"amounts under a negation", "- {name: x, when: {currency: EUR, not: {amount: {max: 100}}}, to: fiat}",
			[]string{
				`r.yaml:1:30: no provider of rule "x" takes currency EUR: correct it, remove it, or add a provider ` +
					`that does`,
				`r.yaml:1:67: provider "fiat" takes no payment that rule "x" matches: it takes collect, currency EUR ` +
					`or USD, method card`,
			},
		},
		{
			"a value that is excluded elsewhere",
			"- {name: x, when: {currency: [EUR, EURR], not: {currency: EURR}}, to: fiat}", nil,
		},
		{"a group of which nobody takes any", "- {name: x, when: {country: [IN, some]}, to: india}", []string{
			`r.yaml:1:34: no provider of rule "x" takes country some: correct it, remove it, or add a provider ` +
				`that does`,
		}},
		{"amounts that meet at an end", "- {name: x, when: {currency: EUR, amount: {min: 100}}, to: fiat}", nil},
		{"a default over all", "- {name: x, to: [fiat, india]}", nil},
	} {
		t.Run(c.claim, func(t *testing.T) {
			t.Parallel()
			doc, err := Parse("r.yaml", rulesNode(t, c.rules), rulesNode(t, "{some: [DE, FR]}"), nil)
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
	bad := Provider{
		Name: "a", Plugin: "p",
		Flows: []*abi.Flow{{Kind: abi.Kind_KIND_COLLECT, Bounds: []*abi.Bound{{Currency: "EUR", Min: "five"}}}},
	}
	_, err := Compile(parseRules(t, `[{name: x, to: a}]`), []Provider{bad}, "v1")
	require.ErrorContains(t, err,
		`provider "a": the manifest of plugin "p" bounds EUR by "five", which is not an amount`)
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
		{
			"zzz",
			[]string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"},
			`write one of a, b, c, d, e, f, g, h, i, j and 2 more`,
		},
		{strings.Repeat("long", 50), []string{"min"}, `write min`},
	} {
		require.Equal(t, c.want, DidYouMean(c.word, c.known), c.word)
	}
}
