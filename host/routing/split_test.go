package routing

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	abi "payrouter/abi/v1"
)

func drawShares(t *rapid.T) []Share {
	weights := rapid.SliceOfN(rapid.IntRange(1, 100), 2, 5).Draw(t, "weights")
	shares := make([]Share, 0, len(weights))
	for i, w := range weights {
		shares = append(shares, Share{Provider: string(rune('a' + i)), Weight: w})
	}
	return shares
}

func names(shares []Share) []string {
	var names []string
	for _, s := range shares {
		names = append(names, s.Provider)
	}
	return names
}

func TestSplitAsksEveryProviderOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		shares := drawShares(t)
		order := target{shares: shares, split: true}.order(rapid.String().Draw(t, "id"), rapid.String().Draw(t, "rule"),
			0)
		require.ElementsMatch(t, shares, order)
	})
}

func TestSplitDoesNotDependOnTheOrderInTheFile(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		shares := drawShares(t)
		shuffled := rapid.Permutation(shares).Draw(t, "shuffled")
		id := rapid.String().Draw(t, "id")
		require.Equal(t, target{shares: shares}.order(id, "rule", 0), target{shares: shuffled}.order(id, "rule", 0))
	})
}

// Of many payments each provider gets its share as the first to be asked; and of those that the first one failed, the
// others get theirs.
func TestSplitConverges(t *testing.T) {
	t.Parallel()
	const payments = 20_000
	split := target{shares: []Share{
		{Provider: "a", Weight: 70},
		{Provider: "b", Weight: 20},
		{Provider: "c", Weight: 10},
	}, split: true}
	first, second := map[string]int{}, map[string]int{}
	for i := range payments {
		order := names(split.order(fmt.Sprintf("pay_%d", i), "rule", 0))
		first[order[0]]++
		if order[0] == "a" {
			second[order[1]]++
		}
	}
	near := func(want, got int) { require.InDelta(t, want, got, payments*0.01) }
	near(payments*70/100, first["a"])
	near(payments*20/100, first["b"])
	near(payments*10/100, first["c"])
	near(first["a"]*20/30, second["b"])
	near(first["a"]*10/30, second["c"])
}

// A payment that was split by one rule must not be bound to the same side in the next, or under the next split of a
// rule.
func TestSplitsAreIndependent(t *testing.T) {
	t.Parallel()
	const payments = 20_000
	split := target{shares: []Share{{Provider: "a", Weight: 50}, {Provider: "b", Weight: 50}}, split: true}
	otherRule, otherSplit := 0, 0
	for i := range payments {
		id := fmt.Sprintf("pay_%d", i)
		here := split.order(id, "rule", 0)[0]
		if here == split.order(id, "other", 0)[0] {
			otherRule++
		}
		if here == split.order(id, "rule", 1)[0] {
			otherSplit++
		}
	}
	require.InDelta(t, payments/2, otherRule, payments*0.02)
	require.InDelta(t, payments/2, otherSplit, payments*0.02)
}

// Pinned once and for all: routers of two versions share traffic while one is replaced, and must agree.
func TestSplitNeverChangesBetweenReleases(t *testing.T) {
	t.Parallel()
	split := target{shares: []Share{
		{Provider: "a", Weight: 70},
		{Provider: "b", Weight: 20},
		{Provider: "c", Weight: 10},
	}, split: true}
	var got []string
	for i := range 8 {
		order := names(split.order(fmt.Sprintf("pay_%d", i), "eu-crypto", 0))
		got = append(got, order[0]+order[1]+order[2])
	}
	require.Equal(t, []string{"bac", "cab", "cba", "abc", "acb", "abc", "abc", "abc"}, got)
}

func TestUnrelatedRuleDoesNotMoveAPayment(t *testing.T) {
	t.Parallel()
	const split = `- {name: split, when: {currency: EUR}, to: [{split: {a: 1, b: 1, c: 1}}]}`
	before, err := Compile(parseRules(t, split), collecting("a", "b", "c"), "v1")
	require.NoError(t, err)
	after, err := Compile(parseRules(t, "- {name: new, when: {currency: USD}, to: [c, {split: {b: 9, a: 1}}]}\n"+split),
		collecting("a", "b", "c"), "v2")
	require.NoError(t, err)
	rapid.Check(t, func(t *rapid.T) {
		f := Facts{PaymentID: rapid.String().Draw(t, "id"), Currency: "EUR"}
		require.Equal(t, before.Decide(f, nil).Order(), after.Decide(f, nil).Order())
	})
}

// Whatever the facts, there is one decision, and it holds together.
func TestDecideIsTotalAndDeterministic(t *testing.T) {
	t.Parallel()
	doc := parseRules(t, `
- {name: one, when: {kind: [collect, payout], currency: [EUR, USD], amount: {min: 1, max: "500.50"}},
  to: [{split: {a: 3, b: 1}}, c]}
- {name: two, when: {country: DE, metadata.tier: gold}, to: [c, {split: {b: 1, a: 1}}]}
- {name: three, when: {method: card, merchant: m1}, to: a}`)
	providers := collecting("a", "b", "c")
	providers[1].Flows = append(providers[1].Flows, &abi.Flow{Kind: abi.Kind_KIND_PAYOUT, Currencies: []string{"EUR"}})
	rules, err := Compile(doc, providers, "v1")
	require.NoError(t, err)
	word := func(words ...string) *rapid.Generator[string] {
		return rapid.OneOf(rapid.SampledFrom(words), rapid.String())
	}
	rapid.Check(t, func(t *rapid.T) {
		f := Facts{
			PaymentID: rapid.String().Draw(t, "id"),
			Kind:      word("", "collect", "payout").Draw(t, "kind"),
			Amount:    word("", "0.99", "1", "500.50", "500.51", "1e9").Draw(t, "amount"),
			Currency:  word("EUR", "USD").Draw(t, "currency"),
			Country:   word("DE").Draw(t, "country"),
			Method:    word("card").Draw(t, "method"),
			Merchant:  word("m1").Draw(t, "merchant"),
			Metadata:  map[string]string{"tier": word("gold").Draw(t, "tier")},
			Provider:  rapid.SampledFrom([]string{"", "", "a", "x"}).Draw(t, "provider"),
		}
		down := rapid.SliceOf(rapid.SampledFrom([]string{"a", "b", "c"})).Draw(t, "down")
		health := unavailable(func(p string) error {
			if slices.Contains(down, p) {
				return fmt.Errorf("%s is down", p)
			}
			return nil
		})
		d := rules.Decide(f, health)
		require.Equal(t, d, rules.Decide(f, health))
		require.Equal(t, d.Outcome == Routed, len(d.Order()) > 0)
		require.Equal(t, d.Outcome == Routed, d.Reason == "")
		require.NotEmpty(t, d.Explain())
		for _, p := range d.Order() {
			require.NotContains(t, down, p)
		}
		for i, tried := range d.Tried {
			require.Equal(t, tried.Matched, tried.Why == "")
			require.Equal(t, tried.Matched, d.Rule == tried.Rule)
			require.False(t, tried.Matched && i < len(d.Tried)-1, "the first match holds")
		}
		for i, c := range d.Candidates {
			require.Equal(t, i+1, c.Rank)
			require.Equal(t, c.Skipped, c.Reason != "")
		}
	})
}
