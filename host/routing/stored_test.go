package routing

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"

	abi "payrouter/abi/v1"
)

// anyTraffic draws rules of every form, accounts, a payment and a standing.
func anyTraffic(t *rapid.T) (*Ruleset, Facts, Standing) {
	providers := []Provider{
		{Name: "a", Flows: []*abi.Flow{{Kind: abi.Kind_KIND_COLLECT, Currencies: []string{"EUR"}}}},
		{Name: "b", Flows: []*abi.Flow{{
			Kind: abi.Kind_KIND_COLLECT, Bounds: []*abi.Bound{{Currency: "EUR", Min: "2", Max: "100"}},
			Countries: []string{"DE", "BR"},
		}}},
		{Name: "c%", Unknown: true},
		{Name: "d", Flows: []*abi.Flow{{Kind: abi.Kind_KIND_COLLECT}, {Kind: abi.Kind_KIND_PAYOUT}}},
	}
	targets := []string{
		`d`, `[a, b]`, `[{split: {a: 70, "c%": 20, d: 10}, by: payer}, b]`, `[{split: {b: 1, d: 1}, by: metadata.t}]`,
		`[{healthiest: [a, b, d]}, "c%"]`, `[{fastest: [b, "c%", a]}]`, `[{cheapest: [d, a, b]}, {split: {"c%": 1}}]`,
	}
	var text strings.Builder
	for i := range rapid.IntRange(1, 30).Draw(t, "rules") {
		fmt.Fprintf(&text, "- name: r%d\n  to: %s\n", i, rapid.SampledFrom(targets).Draw(t, "to"))
		if rapid.IntRange(0, 9).Draw(t, "conditional") > 0 {
			fmt.Fprintf(&text, "  when: %s\n", anyConditions(t, 2, false))
		}
		if rapid.IntRange(0, 3).Draw(t, "if") == 0 {
			fmt.Fprintf(&text, "  if: %s\n", rapid.SampledFrom([]string{
				`country == "DE"`, `metadata.t == "g"`, `'amount > decimal("1.5")'`, `'!("t" in metadata)'`,
			}).Draw(t, "expression"))
		}
		if rapid.IntRange(0, 2).Draw(t, "limit") == 0 {
			text.WriteString("  limits: {per_minute: 2, per_day: 5}\n")
		}
	}
	var approval *yaml.Node
	if rapid.Bool().Draw(t, "approval") {
		approval = rulesNode(t, `[{name: large, kind: payout, currency: EUR, over: 2}]`)
	}
	groups := rulesNode(t, `{some: [DE, FR]}`)
	doc, err := Parse("rules.yaml", rulesNode(t, text.String()), groups, approval)
	require.NoError(t, err)
	return assemble(doc, providers, "v1"), anyFacts(t), anyStanding(t)
}

func anyFacts(t *rapid.T) Facts {
	return Facts{
		PaymentID: rapid.StringMatching(`pay_[0-9a-z]{4}`).Draw(t, "id"),
		At: rapid.SampledFrom([]time.Time{
			{}, time.Date(2026, 3, 2, 9, 0, 0, 1, time.UTC), time.Date(2026, 3, 4, 9, 0, 0, 0, time.UTC),
		}).Draw(t, "at"),
		Kind:     rapid.SampledFrom([]string{"", "collect", "payout"}).Draw(t, "kind"),
		Amount:   rapid.SampledFrom([]string{"", "1", "2.50", "300"}).Draw(t, "amount"),
		Currency: rapid.SampledFrom([]string{"EUR", "USD"}).Draw(t, "currency"),
		Country:  rapid.SampledFrom([]string{"", "DE", "BR"}).Draw(t, "country"),
		Method:   rapid.SampledFrom([]string{"", "card"}).Draw(t, "method"),
		Merchant: "shop", Payer: rapid.SampledFrom([]string{"", "ada@example.com"}).Draw(t, "payer"),
		Metadata: rapid.SampledFrom([]map[string]string{nil, {"t": "g"}, {"t": "x"}}).Draw(t, "metadata"),
		Provider: rapid.SampledFrom([]string{"", "", "", "a", "c%", "none"}).Draw(t, "pinned"),
	}
}

func anyStanding(t *rapid.T) Standing {
	if rapid.IntRange(0, 9).Draw(t, "nothing known") == 0 {
		return nil
	}
	s := standing{
		Down: map[string]string{}, Records: map[string]Record{}, Prices: map[string]string{}, Use: map[string]Use{},
	}
	for _, provider := range []string{"a", "b", "c%", "d"} {
		if rapid.IntRange(0, 2).Draw(t, "down") == 0 {
			s.Down[provider] = rapid.SampledFrom([]string{
				"", "breaker of " + provider + " is open until 2026-03-01T12:00:00Z", "100 % lost", "=", "%", "\xff",
			}).Draw(t, "why")
		}
		tries := rapid.IntRange(0, 50).Draw(t, "tries")
		s.Records[provider] = Record{
			Tries: tries, Succeeded: rapid.IntRange(0, tries).Draw(t, "succeeded"),
			Median: time.Duration(rapid.Int64Range(0, 9_999_999_999).Draw(t, "median")),
		}
		if rapid.Bool().Draw(t, "priced") {
			s.Prices[provider] = rapid.SampledFrom([]string{"1.20", "-0.5", "3", "", "-", "x"}).Draw(t, "price")
		}
	}
	for i := range 30 {
		s.Use[fmt.Sprintf("r%d", i)] = Use{
			Minute: rapid.IntRange(0, 3).Draw(t, "minute"), Day: rapid.IntRange(3, 6).Draw(t, "day"),
		}
	}
	return s
}

// throughJournal stores a decision and its rules, and reads both back.
func throughJournal(t require.TestingT, rules *Ruleset, d Decision) (*Ruleset, Stored) {
	text, err := json.Marshal(rules.Store(d))
	require.NoError(t, err)
	var stored Stored
	require.NoError(t, json.Unmarshal(text, &stored))
	require.Equal(t, rules.Store(d), stored)
	require.Equal(t, d.Order(), stored.Order())
	restored, err := Restore(stored.Ruleset, rules.Written())
	require.NoError(t, err)
	return restored, stored
}

func TestTraceFromAStoredDecisionIsTheOneThatWasMade(t *testing.T) {
	t.Parallel()
	routed := 0
	rapid.Check(t, func(t *rapid.T) {
		rules, facts, s := anyTraffic(t)
		made := rules.Decide(facts, s)
		restored, stored := throughJournal(t, rules, made)
		again, err := restored.Recall(stored, facts)
		require.NoError(t, err)
		if made.Outcome == Routed {
			routed++
		}
		reached := 0
		for i := range made.Tried {
			if made.Tried[i].Limit != "" {
				if reached++; reached > keptLimits {
					made.Tried[i].Limit, made.Tried[i].Why = "", limitForgotten
				}
			}
		}
		if made.Outcome == Routed || reached <= keptLimits {
			require.Empty(t, again.Incomplete)
			want, err := json.Marshal(made)
			require.NoError(t, err)
			got, err := json.Marshal(again)
			require.NoError(t, err)
			require.Equal(t, string(want), string(got))
			require.Equal(t, made.Explain(), again.Explain())
		}
	})
	require.NotZero(t, routed)
}

// manyRules are n rules of which the last one matches, with four accounts, of which two are down.
func manyRules(t require.TestingT, n int, limits bool) (*Ruleset, Facts, Standing) {
	s := standing{
		Down: map[string]string{}, Records: map[string]Record{}, Use: map[string]Use{},
	}
	var text strings.Builder
	for i := range n - 1 {
		fmt.Fprintf(&text, "- {name: rule-%d-of-many, when: {currency: EUR, merchant: shop-%d}, to: paygram-eu}\n", i, i)
		if limits {
			fmt.Fprintf(&text, "- {name: limited-%d, when: {currency: EUR}, limits: {per_hour: 1000}, to: paygram-eu}\n", i)
			s.Use[fmt.Sprintf("limited-%d", i)] = Use{Hour: 1000}
		}
	}
	text.WriteString("- {name: collect-euro-large, to: [{healthiest: [paygram-eu, cryptogram, payplay, exchanger]}]}\n")
	for _, name := range []string{"paygram-eu", "payplay"} {
		s.Down[name] = "breaker of " + name + " is open until 2026-03-01T12:00:00Z"
	}
	for _, name := range []string{"paygram-eu", "cryptogram", "payplay", "exchanger"} {
		s.Records[name] = Record{Tries: 200, Succeeded: 190, Median: 340 * time.Millisecond}
	}
	doc, err := Parse("rules.yaml", rulesNode(t, text.String()), nil, nil)
	require.NoError(t, err)
	rules := assemble(doc, collecting("paygram-eu", "cryptogram", "payplay", "exchanger"), "3f2a91c04d7e")
	return rules, Facts{PaymentID: "pay_01jd3x6v7q8r9s0t1v2w3x4y5z", Amount: "49.90", Currency: "EUR"}, s
}

func TestStoredDecisionIsSmallAtAnyNumberOfRules(t *testing.T) {
	t.Parallel()
	const most = 400
	for _, limits := range []bool{false, true} {
		for _, n := range []int{10, 1_000, 10_000} {
			rules, facts, s := manyRules(t, n, limits)
			made := rules.Decide(facts, s)
			require.Equal(t, "collect-euro-large", made.Rule)
			whole, err := json.Marshal(made)
			require.NoError(t, err)
			stored := rules.Store(made)
			text, err := json.Marshal(stored)
			require.NoError(t, err)
			t.Logf("%d rules, limits %v: %d bytes, with the trace %d; the rules %d", n, limits, len(text), len(whole),
				len(rules.Written()))
			require.LessOrEqual(t, len(text), most, "%d rules, limits %v: %s", n, limits, text)
			again, err := rules.Recall(stored, facts)
			require.NoError(t, err)
			require.Empty(t, again.Incomplete)
		}
	}
}

func TestDecisionOfAnEarlierReleaseKeepsItsTrace(t *testing.T) {
	t.Parallel()
	const old = `{"outcome":"routed","rule":"euro","config_version":"3f2a","tried":[{"rule":"euro","matched":true}],` +
		`"candidates":[{"provider":"a","rank":1,"skipped":true,"reason":"breaker open"},` +
		`{"provider":"b","rank":2,"skipped":false}]}`
	var stored Stored
	require.NoError(t, json.Unmarshal([]byte(old), &stored))
	require.Equal(t, "euro", stored.Rule)
	require.Equal(t, Routed, stored.Outcome)
	require.Equal(t, []string{"b"}, stored.Order())
	whole, ok := stored.Whole()
	require.True(t, ok)
	require.Equal(t, "breaker open", whole.Candidates[0].Reason)
	again, err := json.Marshal(stored)
	require.NoError(t, err)
	require.True(t, bytes.Equal([]byte(old), again), "a later change of the payment stores it as it was")

	stored.Metadata = map[string]string{"tier": "gold"}
	again, err = json.Marshal(stored)
	require.NoError(t, err)
	var edited Stored
	require.NoError(t, json.Unmarshal(again, &edited))
	require.Equal(t, stored, edited)
}

func TestDecisionThatTheRulesDoNotGiveIsNotShown(t *testing.T) {
	t.Parallel()
	rules, err := Compile(parseRules(t, `[{name: euro, when: {currency: EUR}, to: [a, b]}, {name: rest, to: b}]`),
		collecting("a", "b"), "v1")
	require.NoError(t, err)
	facts := Facts{Currency: "EUR"}
	stored := rules.Store(rules.Decide(facts, nil))
	for claim, change := range map[string]func(*Stored, *Facts){
		"another payment": func(_ *Stored, f *Facts) { f.Currency = "USD" },
		"another rule":    func(s *Stored, _ *Facts) { s.Rule = "rest" },
		"another order":   func(s *Stored, _ *Facts) { s.Asked = []string{"b", "a"} },
		"another outcome": func(s *Stored, _ *Facts) { s.Outcome = NoRule },
	} {
		changed, other := stored, facts
		change(&changed, &other)
		_, err := rules.Recall(changed, other)
		require.ErrorIs(t, err, ErrTrace, claim)
	}
	stored.checksum = "other"
	d, err := rules.Recall(stored, facts)
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b"}, d.Order())
	require.Contains(t, d.Explain(), "incomplete: this release gives other reasons")
}

func TestBareDecisionHasWhatIsKnownWithoutRules(t *testing.T) {
	t.Parallel()
	stored := Stored{Outcome: Routed, Rule: "euro", ConfigVersion: "v1", Asked: []string{"a", "b"}}
	require.Equal(t, "configuration v1\nincomplete: the rules are lost\n  1. a\n  2. b\nask a, then b\n",
		stored.Bare("the rules are lost").Explain())
}

func TestRulesetsThatDecideAlikeAreOne(t *testing.T) {
	t.Parallel()
	compile := func(text, version string, providers ...Provider) *Ruleset {
		rules, err := Compile(parseRules(t, text), providers, version)
		require.NoError(t, err)
		return rules
	}
	one := compile(`[{name: all, to: [a, b]}]`, "v1", collecting("a", "b")...)
	same := compile("# a comment: of-no-effect\n- name: \"all\" # another\n  to:\n  - a\n  - b\n", "v2",
		collecting("a", "b")...)
	require.Equal(t, one.ID(), same.ID())
	require.Equal(t, one.Written(), same.Written())
	require.NotContains(t, unpacked(t, same), "of-no-effect")
	for claim, other := range map[string]*Ruleset{
		"another order": compile(`[{name: all, to: [b, a]}]`, "v1", collecting("a", "b")...),
		"a plugin that takes other payments": compile(`[{name: all, to: [a, b]}]`, "v1", append(collecting("a"),
			Provider{Name: "b", Flows: []*abi.Flow{{Kind: abi.Kind_KIND_COLLECT, Currencies: []string{"EUR"}}}})...),
		"a plugin that is not known": compile(`[{name: all, to: [a, b]}]`, "v1", append(collecting("a"),
			Provider{Name: "b", Unknown: true})...),
	} {
		require.NotEqual(t, one.ID(), other.ID(), claim)
	}
}

func unpacked(t *testing.T, rules *Ruleset) string {
	t.Helper()
	text, err := unpack(rules.Written())
	require.NoError(t, err)
	return string(text)
}

func TestRulesetIsRestoredOnlyFromItsOwnText(t *testing.T) {
	t.Parallel()
	rules, err := Compile(parseRules(t, `[{name: all, to: a}]`), collecting("a"), "v1")
	require.NoError(t, err)
	other, err := Compile(parseRules(t, `[{name: all, to: b}]`), collecting("b"), "v1")
	require.NoError(t, err)
	cut := rules.Written()[:len(rules.Written())-5]
	for claim, text := range map[string][]byte{
		"another's": other.Written(), "cut": cut, "none": nil, "not compressed": bytes.Repeat([]byte("x"), 100),
	} {
		_, err := Restore(rules.ID(), text)
		require.Error(t, err, claim)
	}
	restored, err := Restore(rules.ID(), rules.Written())
	require.NoError(t, err)
	require.Equal(t, rules.ID(), restored.ID(), "written again it is the same")
}

func TestReasonIsNotedWithoutTheAccountsName(t *testing.T) {
	t.Parallel()
	require.Equal(t, "%breaker of % is open", noteReason("paygram-eu", errors.New("breaker of paygram-eu is open")))
}
