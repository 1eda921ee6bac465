package routing

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
)

const payoutRules = "[{name: all, to: [bank]}]"

// approving compiles a list of approvals over one account that pays out, with everything that its plugin can do.
func approving(t *testing.T, approval string) (*Ruleset, error) {
	t.Helper()
	doc, err := Parse("r.yaml", rulesNode(t, payoutRules), nil, rulesNode(t, approval))
	if err != nil {
		return nil, err
	}
	flow := func(kind abi.Kind) *abi.Flow {
		return &abi.Flow{Kind: kind, Currencies: []string{"EUR", "USDT"}}
	}
	return Compile(doc, []Provider{{
		Name: "bank", Plugin: "banking", Operations: []string{"Withdraw", "Send"},
		Flows: []*abi.Flow{
			flow(abi.Kind_KIND_COLLECT), flow(abi.Kind_KIND_PAYOUT), flow(abi.Kind_KIND_RECHARGE),
			flow(abi.Kind_KIND_TRANSFER),
		},
	}}, "v1")
}

func TestWhatNeedsApproval(t *testing.T) {
	t.Parallel()
	large := `[{name: large, kind: payout, currency: USDT, over: "1000"}]`
	for _, c := range []struct {
		name, approval string
		act            Spending
		needed         bool
	}{
		{"over the bound", large, Spending{Kinds: []string{"payout"}, Currency: "USDT", Amount: "1000.01"}, true},
		{"at the bound", large, Spending{Kinds: []string{"payout"}, Currency: "USDT", Amount: "1000.00"}, false},
		{"below it", large, Spending{Kinds: []string{"payout"}, Currency: "USDT", Amount: "999"}, false},
		{"in another currency", large, Spending{Kinds: []string{"payout"}, Currency: "EUR", Amount: "5000"}, false},
		{"of another kind", large, Spending{Kinds: []string{"transfer"}, Currency: "USDT", Amount: "5000"}, false},
		{"an amount that is not known", large, Spending{Kinds: []string{"payout"}, Currency: "USDT"}, true},
		{"a currency that is not known", large, Spending{Kinds: []string{"payout"}}, true},
		{
			"any amount without a bound", "[{name: out, kind: payout}]",
			Spending{Kinds: []string{"payout"}, Currency: "EUR", Amount: "0.01"},
			true,
		},
		{"every kind of money out", "[{name: out}]", Spending{Kinds: []string{"recharge"}, Amount: "1"}, true},
		{"money that comes in", "[{name: out}]", Spending{Kinds: []string{"collect"}, Amount: "1"}, false},
		{"a confirm, where kind does not name it", "[{name: out}]", Spending{Kinds: []string{"confirm"}}, false},
		{"a confirm", "[{name: out, kind: [payout, confirm]}]", Spending{Kinds: []string{"confirm"}}, true},
		{
			"another merchant", "[{name: out, merchant: shop}]",
			Spending{Kinds: []string{"payout"}, Merchant: "desk"},
			false,
		},
		{"the merchant", "[{name: out, merchant: shop}]", Spending{Kinds: []string{"payout"}, Merchant: "shop"}, true},
		{
			"any entry is enough", `[{name: a, kind: transfer}, {name: b, merchant: desk}, {name: c, currency: EUR}]`,
			Spending{Kinds: []string{"payout"}, Merchant: "shop", Currency: "EUR", Amount: "1"},
			true,
		},
		{
			"a native operation that pays out, of an amount that nobody reads", large,
			Spending{Kinds: []string{"payout"}, Provider: "bank", Operation: "Withdraw"},
			true,
		},
		{
			"a native operation by its name", "[{name: n, provider: bank, operation: Send}]",
			Spending{Provider: "bank", Operation: "Send"},
			true,
		},
		{
			"another operation of the account", "[{name: n, provider: bank, operation: Send}]",
			Spending{Provider: "bank", Operation: "Withdraw"},
			false,
		},
		{
			"every operation of an account", "[{name: n, provider: bank}]",
			Spending{Provider: "bank", Operation: "Send"},
			true,
		},
		{
			"an operation by which no money leaves", "[{name: n, provider: bank}]",
			Spending{Provider: "bank", Operation: "Send", Harmless: true},
			false,
		},
		{
			"the same by its name", "[{name: n, provider: bank, operation: Send}]",
			Spending{Provider: "bank", Operation: "Send", Harmless: true},
			true,
		},
		{
			"an operation of another account", "[{name: n, provider: bank}]",
			Spending{Provider: "purse", Operation: "Send"},
			false,
		},
		{
			"a payment, where the entry is about native operations", "[{name: n, provider: bank}]",
			Spending{Kinds: []string{"payout"}, Amount: "1", Currency: "EUR"},
			false,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			set, err := approving(t, c.approval)
			require.NoError(t, err)
			_, needed := set.NeedsApproval(c.act)
			require.Equal(t, c.needed, needed)
		})
	}
}

// A pin asks no rule; the approval stands beside the rules.
func TestADecisionNamesTheApproval(t *testing.T) {
	t.Parallel()
	set, err := approving(t, `[{name: large, currency: EUR, over: "10", expires: 90m}, {name: all-out}]`)
	require.NoError(t, err)
	out := Facts{Kind: "payout", Currency: "EUR", Amount: "10.01", Merchant: "shop"}

	require.Equal(t, "large", set.Decide(out, nil).Approval, "the first that matches")
	require.Contains(t, set.Decide(out, nil).Explain(), "await approval large\nask bank\n")
	pinned := out
	pinned.Provider = "bank"
	require.Equal(t, "large", set.Decide(pinned, nil).Approval)
	in := out
	in.Kind = "collect"
	require.Empty(t, set.Decide(in, nil).Approval)
	nowhere := out
	nowhere.Currency = "GBP"
	require.Empty(t, set.Decide(nowhere, nil).Approval, "what no provider takes is refused, and awaits nothing")
	required, _ := set.NeedsApproval(out.Spending())
	require.Equal(t, 90*time.Minute, required.Expires)
	small := out
	small.Amount = "10"
	required, _ = set.NeedsApproval(small.Spending())
	require.Equal(t, "all-out", required.Name)
	require.Equal(t, 72*time.Hour, required.Expires, "the default")
}

func TestMistakesInApprovals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, approval string
		problems       []string
	}{
		{"a word", "yes", []string{
			`r.yaml:1:1: approval is not a list of entries: write one entry under it: "- name: large-payouts", and below ` +
				`it "kind: payout"`,
		}},
		{"an unknown key", "[{name: a, amount: 5}]", []string{
			`r.yaml:1:12: unknown key "amount" in an entry of approval: write one of name, kind, merchant, currency, over, ` +
				`provider, operation, expires`,
		}},
		{"no name", "[{kind: payout}]", []string{
			`r.yaml:1:2: an entry of approval has no name: add "name: <lower-case-words>"; a payment that waits shows it`,
		}},
		{"a kind by which no money leaves", "[{name: a, kind: collect}]", []string{
			`r.yaml:1:18: "collect" is not a kind: write one of payout, recharge, transfer, confirm`,
		}},
		{"an amount without a currency", `[{name: a, over: "5"}]`, []string{
			`r.yaml:1:2: an amount is bounded without one currency: add one currency beside over: 1000 JPY is not 1000 BTC`,
		}},
		{"an amount in two currencies", `[{name: a, currency: [EUR, USDT], over: "5"}]`, []string{
			`r.yaml:1:2: an amount is bounded without one currency: add one currency beside over: 1000 JPY is not 1000 BTC`,
		}},
		{"what is no amount", `[{name: a, currency: EUR, over: "1e3"}]`, []string{
			`r.yaml:1:33: "1e3" is not an amount: write a decimal number such as 49.90, without sign, exponent or ` +
				`separators`,
		}},
		{"an operation without its account", "[{name: a, operation: Send}]", []string{
			`r.yaml:1:2: operations are named without their account: add provider beside operation`,
		}},
		{"a kind beside an account", "[{name: a, provider: bank, kind: payout}]", []string{
			`r.yaml:1:2: provider stands beside kind, and the router reads no kind in what a native operation takes: ` +
				`remove kind, or write an entry of its own for payments`,
		}},
		{"a wait without a unit", "[{name: a, expires: 72}]", []string{
			`r.yaml:1:21: "72" is not how long a payment may wait: write a number with a unit, such as 90m or 72h; 1m at ` +
				`least and 720h at most`,
		}},
		{"a wait that never ends", "[{name: a, expires: 9000h}]", []string{
			`r.yaml:1:21: "9000h" is not how long a payment may wait: write a number with a unit, such as 90m or 72h; ` +
				`1m at least and 720h at most`,
		}},
		{"one name twice", "[{name: a}, {name: a}]", []string{
			`r.yaml:1:13: approval "a" is already at r.yaml:1:2: give each its own name`,
		}},
		{"an unknown account", "[{name: a, provider: bnak}]", []string{
			`r.yaml:1:22: approval "a" names an unknown provider "bnak": did you mean "bank"?`,
		}},
		{"an unknown operation", "[{name: a, provider: bank, operation: [Send, Withdrw]}]", []string{
			`r.yaml:1:46: plugin "banking" has no operation "Withdrw": did you mean "Withdraw"?`,
		}},
		{"a currency that nobody pays out", "[{name: a, currency: UDST}]", []string{
			`r.yaml:1:22: no provider takes a payment of approval "a" in UDST: correct it, remove it, or add a provider ` +
				`that does`,
		}},
		{"a merchant twice", "[{name: a, merchant: [shop, shop]}]", []string{
			`r.yaml:1:29: merchant lists "shop" twice: remove one`,
		}},
		{"an alias", "[&a {name: a}, *a]", []string{`r.yaml:1:16: aliases are not read: write the value out`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := approving(t, c.approval)
			var got []string
			for _, p := range Problems(err) {
				got = append(got, p.Error())
			}
			require.Equal(t, c.problems, got)
		})
	}
}

func TestDiffShowsWhatNeedsApprovalNow(t *testing.T) {
	t.Parallel()
	before, err := approving(t, `[{name: large, currency: EUR, over: "100"}]`)
	require.NoError(t, err)
	after, err := approving(t, `[{name: some, currency: EUR, over: "10"}, {name: coins, currency: USDT}]`)
	require.NoError(t, err)
	out := func(id, amount string) Facts {
		return Facts{PaymentID: id, Kind: "payout", Currency: "EUR", Amount: amount}
	}
	payments := []Facts{out("small", "5"), out("middle", "50"), out("large", "500")}

	difference := Diff(before, after, payments)

	require.Equal(t, 2, difference.Renamed)
	require.Equal(t, 1, difference.Held)
	require.Zero(t, difference.Freed)
	require.Contains(t, difference.Text(), "1 need approval that did not, 0 need none any more\n")
	require.Contains(t, difference.Text(), "bank by rule all\n  → bank by rule all after approval some\n  such as middle")
	require.Equal(t, 1, Diff(after, before, payments).Freed)
}
