package routing

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// anyConditions draws conditions over few values, so that rules cover, exclude and contradict each other.
func anyConditions(t *rapid.T, depth int, exact bool) string {
	forms := []string{"kind", "currency", "country", "amount", "metadata.t", "method"}
	if depth > 0 {
		forms = append(forms, "any", "not")
	}
	if !exact {
		forms = append(forms, "time")
	}
	var parts []string
	for _, form := range rapid.SliceOfNDistinct(rapid.SampledFrom(forms), 1, 3, rapid.ID).Draw(t, "conditions") {
		list := func(values ...string) string {
			return "[" +
				strings.Join(rapid.SliceOfNDistinct(rapid.SampledFrom(values), 1, len(values), rapid.ID).Draw(t, form),
					", ") + "]"
		}
		switch form {
		case "kind":
			parts = append(parts, "kind: "+list("collect", "payout", "recharge", "transfer"))
		case "currency":
			parts = append(parts, "currency: "+list("EUR", "USD"))
		case "country":
			parts = append(parts, "country: "+list("DE", "BR", "some"))
		case "metadata.t":
			parts = append(parts, "metadata.t: "+list("g", "s"))
		case "method":
			parts = append(parts, "method: card")
		case "amount":
			low := rapid.IntRange(0, 3).Draw(t, "min")
			parts = append(parts, "amount: "+rapid.SampledFrom([]string{
				fmt.Sprintf("{min: %d}", low), fmt.Sprintf("{max: %d}", low),
				fmt.Sprintf("{min: %d, max: %d}", low, low+rapid.IntRange(0, 2).Draw(t, "max")),
			}).Draw(t, "range"))
		case "time":
			parts = append(parts,
				"time: {days: "+rapid.SampledFrom([]string{"mon", "tue", "mon-tue"}).Draw(t, "days")+"}")
		case "any":
			var alternatives []string
			for range rapid.IntRange(1, 3).Draw(t, "alternatives") {
				alternatives = append(alternatives, anyConditions(t, depth-1, exact))
			}
			parts = append(parts, "any: ["+strings.Join(alternatives, ", ")+"]")
		case "not":
			parts = append(parts, "not: "+anyConditions(t, depth-1, exact))
		}
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func anyRules(t *rapid.T, exact bool) string {
	var b strings.Builder
	for i := range rapid.IntRange(1, 6).Draw(t, "rules") {
		fmt.Fprintf(&b, "- name: r%d\n  to: a\n", i)
		if rapid.IntRange(0, 9).Draw(t, "conditional") > 0 {
			fmt.Fprintf(&b, "  when: %s\n", anyConditions(t, 2, exact))
		}
		if !exact && rapid.IntRange(0, 3).Draw(t, "if") == 0 {
			fmt.Fprintf(&b, "  if: %s\n",
				rapid.SampledFrom([]string{`country == "DE"`, `metadata.t == "g"`, `currency != "EUR"`}).Draw(t,
					"expression"))
		}
		if !exact && rapid.IntRange(0, 3).Draw(t, "limit") == 0 {
			b.WriteString("  limits: {per_minute: 1}\n")
		}
	}
	return b.String()
}

// everyPayment has one of every kind that anyRules can tell from another.
func everyPayment(yield func(Facts) bool) {
	times := []time.Time{
		{},
		time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC), time.Date(2026, 3, 3, 12, 0, 0, 0, time.UTC),
		time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC),
	}
	for _, kind := range []string{"collect", "payout", "recharge", "transfer"} {
		for _, currency := range []string{"EUR", "USD", "XXX"} {
			for _, country := range []string{"", "DE", "FR", "BR", "JP"} {
				for _, amount := range []string{
					"0", "0.5", "1", "1.5", "2", "2.5", "3", "3.5", "4", "4.5", "5",
					"5.5",
				} {
					for _, tier := range []string{"", "g", "s"} {
						for _, method := range []string{"", "card"} {
							for _, at := range times {
								f := Facts{
									Kind: kind, Currency: currency, Country: country, Amount: amount,
									Method: method, Metadata: map[string]string{"t": tier}, At: at,
								}
								if !yield(f) {
									return
								}
							}
						}
					}
				}
			}
		}
	}
}

// Of every rule it is tried out whether a payment reaches it. What is reported is true; and where rules are one box
// each, a rule that one earlier rule covers is reported.
func TestUnreachableRulesAgainstAllPayments(t *testing.T) {
	t.Parallel()
	for _, exact := range []bool{true, false} {
		t.Run(fmt.Sprintf("exact=%t", exact), func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				doc, err := Parse("r.yaml", rulesNode(t, anyRules(t, exact)), rulesNode(t, `{some: [DE, FR]}`), nil)
				require.NoError(t, err)
				reached, covered := reachedRules(doc)
				reported := map[string]bool{}
				doc.unreachable(func(_ Position, _, _ string, args ...any) {
					name, _ := args[0].(string)
					reported[name] = true
				})
				for i, rule := range doc.Rules {
					require.False(t, reached[i] && reported[rule.Name], "%s is reached", rule.Name)
					if exact && covered[i] {
						require.True(t, reported[rule.Name], "%s is covered", rule.Name)
					}
				}
			})
		})
	}
}

// reachedRules are the rules that a payment reaches, where no limit is reached or all are; and those whose payments
// one earlier rule matches all, both being one box.
func reachedRules(doc Document) (reached, covered []bool) {
	rules := make([]rule, 0, len(doc.Rules))
	for _, r := range doc.Rules {
		rules = append(rules, rule{name: r.Name, conditions: conditionsOf(r.When), expression: r.If, limits: r.Limits})
	}
	reached, covered = make([]bool, len(rules)), make([]bool, len(rules))
	// beyond[i][j]: a payment matches rule i and not rule j.
	beyond := make([][]bool, len(rules))
	for i := range beyond {
		beyond[i] = make([]bool, len(rules))
	}
	for f := range everyPayment {
		matches := make([]bool, len(rules))
		for i, rule := range rules {
			matches[i] = rule.conditions.whyNot(f) == "" && (rule.expression == nil || rule.expression.whyNot(f) == "")
		}
		for i := range rules {
			for j := range i {
				beyond[i][j] = beyond[i][j] || matches[i] && !matches[j]
			}
		}
		for i, rule := range rules {
			if !matches[i] {
				continue
			}
			reached[i] = true
			if !rule.limits.Any() {
				break
			}
		}
	}
	for i := range rules {
		for j := range i {
			one := len(doc.Rules[i].reachOf().boxes) == 1 && len(doc.Rules[j].reachOf().boxes) == 1
			covered[i] = covered[i] || one && !beyond[i][j]
		}
	}
	return reached, covered
}

func TestUnreachableRules(t *testing.T) {
	t.Parallel()
	const unreached = `no payment reaches rule "x": every one that it matches is taken by `
	for _, c := range []struct {
		claim, rules string
		says         string
	}{
		{
			"two rules together, which is not looked for",
			"- {name: a, when: {currency: EUR}, to: a}\n- {name: b, when: {currency: USD}, to: a}\n- {name: x, " +
				"when: {currency: [EUR, USD]}, to: a}",
			"",
		},
		{
			"all kinds",
			"- {name: a, when: {kind: [collect, payout, recharge, transfer]}, to: a}\n- {name: x, to: a}",
			unreached + `rule "a" at r.yaml:1:3`,
		},
		{
			"the one that covers it is named",
			"- {name: a, when: {currency: EUR, country: DE}, to: a}\n- {name: b, when: {currency: EUR}, to: " +
				"a}\n- {name: x, when: {currency: EUR}, to: a}",
			unreached + `rule "b" at r.yaml:2:3`,
		},
		{
			"a condition and its opposite, which is not looked for",
			"- {name: a, when: {country: DE}, to: a}\n- {name: b, when: {not: {country: DE}}, to: a}\n- {name: " +
				"x, to: a}",
			"",
		},
		{
			"a range within another",
			"- {name: a, when: {currency: EUR, amount: {min: 1, max: 10}}, to: a}\n- {name: x, when: {currency: EUR, " +
				"amount: {min: 1, max: 9.99}}, to: a}",
			unreached + `rule "a" at r.yaml:1:3`,
		},
		{
			"a range within the complement of another",
			"- {name: a, when: {currency: EUR, not: {amount: {max: 9.99}}}, to: a}\n- {name: x, when: " +
				"{currency: EUR, " +
				"amount: {min: 10}}, to: a}",
			unreached + `rule "a" at r.yaml:1:3`,
		},
		{
			"a range that goes beyond another",
			"- {name: a, when: {currency: EUR, amount: {min: 1, max: 10}}, to: a}\n- {name: x, when: {currency: EUR, " +
				"amount: {min: 1, max: 10.01}}, to: a}", "",
		},
		{
			"ranges with a gap",
			"- {name: a, when: {currency: EUR, amount: {max: 10}}, to: a}\n- {name: b, when: {currency: EUR, amount: " +
				"{min: 10.01}}, to: a}\n" +
				"- {name: x, when: {currency: EUR}, to: a}", "",
		},
		{
			"every amount is at least 0",
			"- {name: a, when: {currency: EUR, amount: {min: 0.00}}, to: a}\n- {name: x, when: {currency: " +
				"EUR}, to: a}",
			unreached + `rule "a" at r.yaml:1:3`,
		},
		{
			"a group and its countries",
			"- {name: a, when: {country: [DE, FR]}, to: a}\n- {name: x, when: {country: some}, to: a}", unreached +
				`rule "a" at r.yaml:1:3`,
		},
		{
			"alternatives",
			"- {name: a, when: {any: [{country: DE}, {method: card}]}, to: a}\n- {name: x, when: {method: card, " +
				"country: FR}, to: a}",
			unreached + `rule "a" at r.yaml:1:3`,
		},
		{
			"a contradiction", "- {name: x, when: {country: DE, not: {country: some}}, to: a}",
			`no payment matches rule "x": its conditions exclude each other`,
		},
		{
			"a contradiction of amounts",
			"- {name: x, when: {currency: EUR, amount: {min: 5}, not: {amount: {min: 5}}}, to: a}",
			`no payment matches rule "x": its conditions exclude each other`,
		},
		{
			"the same hours",
			"- {name: a, when: {time: {days: mon}}, to: a}\n- {name: x, when: {time: {days: mon}, country: DE}, to: a}",
			unreached + `rule "a" at r.yaml:1:3`,
		},
		{
			"other hours",
			"- {name: a, when: {time: {days: mon-tue}}, to: a}\n- {name: x, when: {time: {days: mon}}, to: a}", "",
		},
		{
			"the same expression",
			"- {name: a, if: 'country > \"D\"', to: a}\n- {name: x, when: {currency: EUR}, if: 'country > " +
				"\"D\"', to: a}",
			unreached + `rule "a" at r.yaml:1:3`,
		},
		{"an expression may be false", "- {name: a, if: 'true', to: a}\n- {name: x, to: a}", ""},
		{"a limit may be reached", "- {name: a, limits: {per_minute: 1}, to: a}\n- {name: x, to: a}", ""},
		{
			"a rule with a limit is not reached either",
			"- {name: a, to: a}\n- {name: x, limits: {per_minute: 1}, to: a}",
			unreached + `rule "a" at r.yaml:1:3`,
		},
		{"too intricate", "- {name: a, to: a, when: {any: [" + strings.Repeat("{country: DE}, ", 300) +
			"{country: FR}]}}\n- {name: x, when: {country: FR}, to: a}", ""},
	} {
		t.Run(c.claim, func(t *testing.T) {
			t.Parallel()
			doc, err := Parse("r.yaml", rulesNode(t, c.rules), rulesNode(t, `{some: [DE, FR]}`), nil)
			require.NoError(t, err)
			problems := Problems(doc.Check([]string{"a"}))
			if c.says == "" {
				require.Empty(t, problems)
				return
			}
			require.Len(t, problems, 1)
			require.Equal(t, c.says, problems[0].What)
			require.NotEmpty(t, problems[0].Mend)
		})
	}
}

// A file as large as is read is checked in a time that its editor waits for.
func TestManyRulesAreCheckedQuickly(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for i := range 1_500 {
		fmt.Fprintf(&b,
			"- {name: r%d, when: {kind: collect, currency: [EUR, C%d], amount: {min: %d, max: %d}, not: {country: "+
				"DE}}, to: a}\n", i, i, i, i+1)
	}
	doc, err := Parse("r.yaml", rulesNode(t, b.String()), nil, nil)
	began := time.Now()
	err = errors.Join(err, doc.Check([]string{"a"}))
	require.NoError(t, err)
	require.Less(t, time.Since(began), 20*time.Second)
}

// An account whose plugin is not active may take anything, as far as the rules know: they compile, and payments are
// still decided on.
func TestAnAccountOfWhichNothingIsKnownIsNoMistake(t *testing.T) {
	t.Parallel()
	unknown := Provider{Name: "a", Plugin: "gone", Unknown: true}
	doc := Document{
		Rules: []Rule{{Name: "first", To: []Target{{Provider: "a"}}}},
	}
	rules, err := Compile(doc, []Provider{unknown}, "1")
	require.NoError(t, err)
	require.Equal(t, Routed, rules.Decide(Facts{Kind: "payout", Amount: "1", Currency: "XAU"}, nil).Outcome)
}
