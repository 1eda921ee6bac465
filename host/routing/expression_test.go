package routing

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// Whatever is written, an expression is refused with a place or gives an answer, quickly, and repeats nothing of the
// metadata.
func FuzzExpression(f *testing.F) {
	for _, text := range []string{
		`amount >= decimal("0.1")`, `metadata.tier.startsWith("gold") || metadata["since"] < "2020"`,
		`metadata.all(k, metadata.all(l, k != l))`,
		`decimal(metadata.a) == amount`, `time.getHours("Europe/Berlin") in [9, 10]`, `kind.matches("^(a+)+$")`,
		`int(metadata.a) / 0 == 1`,
		`[1, 2, 3].map(i, i * 2).exists(i, i == amount)`, `{"a": amount}["a"] == amount`, `string(amount) == "1"`,
		`type(amount) == decimal`,
		`duration(metadata.a) > duration("1s")`, `amount in [decimal("1")]`, `dyn(amount) == 1`,
		`amount < amount ? true : false`, `"\`, `((((`,
		`currency + currency + currency == "x"`, `time - time == duration("0s")`, `metadata == {"a": "b"}`,
		`has(metadata.a)`, `b"\xff" == b""`,
	} {
		f.Add(text, "1", "EUR", "secret-of-a-payer")
	}
	f.Fuzz(func(t *testing.T, text, amount, currency, value string) {
		node := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text, Line: 3, Column: 7}
		r := &reader{file: "r.yaml"}
		x := r.expression(node)
		for _, p := range Problems(r.err()) {
			require.Equal(t, "r.yaml", p.At.File)
			require.GreaterOrEqual(t, p.At.Line, 3)
			require.Positive(t, p.At.Column)
			require.NotEmpty(t, p.What)
		}
		if r.err() != nil {
			return
		}
		began := time.Now()
		facts := Facts{
			Amount: amount, Currency: currency, Metadata: map[string]string{"a": value, value: "b"},
			At: time.Unix(1_800_000_000, 0),
		}
		for _, facts := range []Facts{facts, {}} {
			why := x.whyNot(facts)
			require.Equal(t, why, x.whyNot(facts))
			if len(value) > 8 && !strings.Contains(text, value) {
				require.NotContains(t, why, value)
			}
		}
		require.Less(t, time.Since(began), 5*time.Second)
	})
}

// Whatever the file, reading it ends, and what is read decides.
func FuzzRules(f *testing.F) {
	f.Add(`[{name: x, when: {any: [{country: eu}, {not: {currency: EUR, amount: {min: 1}}}], `+
		`time: {days: mon-fri, from: "22:00", to: "06:00"}}, to: a}]`, `{eu: [DE]}`)
	f.Add("- name: x\n  if: |\n    amount > decimal('1')\n  limits: {per_day: 1, amount_per_day: 5}\n  when: "+
		"{currency: EUR}\n  to: [{split: {a: 1, b: 2}, by: metadata.x}, {cheapest: [c]}]", `{aa: [bb], bb: [aa]}`)
	f.Add(`[{name: x, to: [{fastest: [a, b]}]}]`, `[]`)
	f.Fuzz(func(t *testing.T, rules, groups string) {
		var root, grouped yaml.Node
		if yaml.Unmarshal([]byte(rules), &root) != nil || len(root.Content) != 1 ||
			yaml.Unmarshal([]byte(groups), &grouped) != nil || len(grouped.Content) != 1 {
			return
		}
		doc, err := Parse("r.yaml", root.Content[0], grouped.Content[0], nil)
		for _, p := range Problems(err) {
			require.NotEmpty(t, p.What)
		}
		checked := doc.Check([]string{"a", "b", "c"})
		if err != nil || checked != nil {
			return
		}
		set, err := Compile(doc, collecting("a", "b", "c"), "v1")
		if err != nil {
			return
		}
		d := set.Decide(Facts{
			PaymentID: "pay_1", Amount: "5", Currency: "EUR", Country: "DE",
			At: time.Unix(1_800_000_000, 0),
		}, nil)
		require.NotEmpty(t, d.Outcome)
		require.NotEmpty(t, d.Explain())
	})
}

func TestExpressionIsUsedByManyAtOnce(t *testing.T) {
	t.Parallel()
	rules, err := Compile(parseRules(t,
		`[{name: x, if: 'amount > decimal("5") && metadata.exists(k, k == "a")', to: a}]`), collecting("a"), "v1")
	require.NoError(t, err)
	done := make(chan bool)
	for i := range 8 {
		go func() {
			matched := true
			for range 200 {
				d := rules.Decide(Facts{Amount: []string{"4", "6"}[i%2], Metadata: map[string]string{"a": ""}}, nil)
				matched = matched && (d.Rule == "x") == (i%2 == 1)
			}
			done <- matched
		}()
	}
	for range 8 {
		require.True(t, <-done)
	}
}

func BenchmarkExpression(b *testing.B) {
	r := &reader{file: "r.yaml"}
	x := r.expression(&yaml.Node{
		Kind: yaml.ScalarNode, Tag: "!!str",
		Value: `amount > decimal("5") && currency in ["EUR", "USD"] && metadata.tier == "gold"`,
	})
	require.NoError(b, r.err())
	f := Facts{Amount: "49.90", Currency: "EUR", Metadata: map[string]string{"tier": "gold"}}
	b.ReportAllocs()
	for b.Loop() {
		if x.whyNot(f) != "" {
			b.Fatal("no match")
		}
	}
}
