package routing

import (
	"fmt"
	"slices"
	"time"

	"github.com/cockroachdb/apd/v3"
	"go.yaml.in/yaml/v3"

	abi "payrouter/abi/v1"
)

// Approval is an entry of the list under "approval": money that leaves only after a person's approval. Entries are no
// rules: each holds on its own, for pinned payments too, and one that matches is enough.
type Approval struct {
	Name string
	// Kinds are of moneyOut, or "confirm"; none means all of moneyOut. Merchants: none means every merchant.
	Kinds, Merchants []Value
	// Currencies: none means every currency. Over, a decimal, is the largest amount that leaves without approval, in
	// the one currency; empty for no amount.
	Currencies []Value
	Over       string
	// Provider and Operations are an account and native operations of it, none meaning all that may move money. An
	// entry with a Provider is about native operations alone.
	Provider   Value
	Operations []Value
	// Expires is how long a payment may wait.
	Expires time.Duration
	At      Position

	over *apd.Decimal
}

// moneyOut are the kinds by which an account's money leaves.
//
//nolint:gochecknoglobals // a lookup table
var moneyOut = []string{"payout", "recharge", "transfer"}

// ConfirmKind is, to an approval, the confirmation of a payment by an operation that may move money.
const ConfirmKind = "confirm"

const (
	approvalExpires        = 72 * time.Hour
	shortestWait           = time.Minute
	longestWait            = 30 * 24 * time.Hour
	overKey, operationsKey = "over", "operation"
)

// Spending is an act that may let money out, as entries match it.
type Spending struct {
	// Kinds are what it does, in the words of Approval.Kinds.
	Kinds    []string
	Merchant string
	// Currency and Amount are empty where the router does not know them. They may then be any.
	Currency, Amount string
	// Provider and Operation are those of a native run; empty for a payment.
	Provider, Operation string
	// Harmless: by its manifest the operation moves no money out. Only an entry that names it matches then.
	Harmless bool
}

// NeedsApproval is the first entry that matches an act; false where none does, and it needs no approval.
func (r *Ruleset) NeedsApproval(s Spending) (Approval, bool) {
	i := slices.IndexFunc(r.approval, func(a Approval) bool { return a.matches(s) })
	if i < 0 {
		return Approval{}, false
	}
	return r.approval[i], true
}

func (a Approval) matches(s Spending) bool {
	if len(a.Merchants) > 0 && !has(a.Merchants, s.Merchant) {
		return false
	}
	if a.Provider.Text != "" {
		return s.Operation != "" && s.Provider == a.Provider.Text &&
			(len(a.Operations) == 0 && !s.Harmless || has(a.Operations, s.Operation))
	}
	return slices.ContainsFunc(s.Kinds, a.isAbout) && a.mayCover(s.Currency, s.Amount)
}

func (a Approval) isAbout(kind string) bool {
	if len(a.Kinds) == 0 {
		return slices.Contains(moneyOut, kind)
	}
	return has(a.Kinds, kind)
}

// mayCover reports whether an amount is, or may be, over the bound. What is not known may be.
func (a Approval) mayCover(currency, amount string) bool {
	if len(a.Currencies) > 0 && currency != "" && !has(a.Currencies, currency) {
		return false
	}
	known, ok := parseAmount(amount)
	return a.over == nil || !ok || known.Cmp(a.over) > 0
}

func has(values []Value, text string) bool {
	return slices.ContainsFunc(values, func(v Value) bool { return v.Text == text })
}

// Spending is what a payment's facts are to approvals.
func (f Facts) Spending() Spending {
	return Spending{Kinds: []string{f.kind()}, Merchant: f.Merchant, Currency: f.Currency, Amount: f.Amount}
}

// readApprovals reads the list under "approval".
func (r *reader) readApprovals(node *yaml.Node) (entries []Approval) {
	if node.Kind != yaml.SequenceNode {
		r.report(node, "approval is not a list of entries",
			"write one entry under it: \"- name: large-payouts\", and below it \"kind: payout\"")
		return nil
	}
	if r.refuseAliases(node) {
		return nil
	}
	for _, n := range node.Content {
		entries = append(entries, r.approval(n))
	}
	return entries
}

func (r *reader) approval(node *yaml.Node) Approval {
	entry := Approval{At: r.at(node), Expires: approvalExpires}
	keys := []string{"name", kindKey, "merchant", currencyKey, overKey, "provider", operationsKey, "expires"}
	has := r.members(node, "an entry of approval", keys, func(key string, value *yaml.Node) {
		switch key {
		case "name":
			entry.Name = r.name(value)
		case kindKey:
			entry.Kinds = r.list(key, value, checkMoneyOut)
		case "merchant":
			entry.Merchants = r.list(key, value, checkAnything)
		case currencyKey:
			entry.Currencies = r.list(key, value, checkCurrency)
		case overKey:
			entry.Over, entry.over = r.over(value)
		case "provider":
			entry.Provider.Text, _ = r.text(value, key)
			entry.Provider.At = r.at(value)
		case operationsKey:
			entry.Operations = r.list(key, value, checkAnything)
		case "expires":
			entry.Expires = r.wait(value)
		}
	})
	if node.Kind != yaml.MappingNode {
		return entry
	}
	if !has["name"] {
		r.report(node, "an entry of approval has no name",
			"add \"name: <lower-case-words>\"; a payment that waits shows it")
	}
	if has[overKey] && len(entry.Currencies) != 1 {
		r.report(node, "an amount is bounded without one currency",
			"add one currency beside over: 1000 JPY is not 1000 BTC")
	}
	if has[operationsKey] && !has["provider"] {
		r.report(node, "operations are named without their account", "add provider beside operation")
	}
	for _, key := range []string{kindKey, currencyKey, overKey} {
		if has["provider"] && has[key] {
			r.report(node, fmt.Sprintf("provider stands beside %s, and the router reads no %s in what a native operation "+
				"takes", key, key), "remove "+key+", or write an entry of its own for payments")
		}
	}
	return entry
}

func checkMoneyOut(kind string) string {
	known := append(slices.Clone(moneyOut), ConfirmKind)
	if slices.Contains(known, kind) {
		return ""
	}
	return DidYouMean(kind, known)
}

func (r *reader) over(node *yaml.Node) (text string, amount *apd.Decimal) {
	text, ok := r.text(node, overKey)
	amount, isAmount := parseAmount(text)
	if ok && !isAmount {
		r.report(node, fmt.Sprintf("%q is not an amount", text),
			"write a decimal number such as 49.90, without sign, exponent or separators")
	}
	if !ok || !isAmount {
		return "", nil
	}
	return text, amount
}

func (r *reader) wait(node *yaml.Node) time.Duration {
	text, ok := r.text(node, "expires")
	wait, err := time.ParseDuration(text)
	if ok && (err != nil || wait < shortestWait || wait > longestWait) {
		r.report(node, fmt.Sprintf("%q is not how long a payment may wait", text),
			"write a number with a unit, such as 90m or 72h; 1m at least and 720h at most")
	}
	return wait
}

// checkApprovals reports names that are used twice, and accounts that there are not.
func (d Document) checkApprovals(accounts []string, report func(at Position, mend, what string, args ...any)) {
	named := make(map[string]Position, len(d.Approvals))
	for _, a := range d.Approvals {
		if first, twice := named[a.Name]; twice && a.Name != "" {
			report(a.At, "give each its own name", "approval %q is already at %s", a.Name, first)
		}
		named[a.Name] = a.At
		if name := a.Provider.Text; name != "" && !slices.Contains(accounts, name) {
			report(a.Provider.At, DidYouMean(name, accounts), "approval %q names an unknown provider %q", a.Name, name)
		}
	}
}

// checkCapability finds what no act can be: an entry with a slip of the finger would let money out.
func (a Approval) checkCapability(providers map[string]Provider) (problems []error) {
	if provider, known := providers[a.Provider.Text]; known && !provider.Unknown {
		for _, operation := range a.Operations {
			if !slices.Contains(provider.Operations, operation.Text) {
				problems = append(problems, &Problem{
					At:   operation.At,
					What: fmt.Sprintf("plugin %q has no operation %q", provider.Plugin, operation.Text),
					Mend: DidYouMean(operation.Text, provider.Operations),
				})
			}
		}
	}
	for _, currency := range a.Currencies {
		if !a.paidOut(currency.Text, providers) {
			problems = append(problems, &Problem{
				At:   currency.At,
				What: fmt.Sprintf("no provider takes a payment of approval %q in %s", a.Name, currency.Text),
				Mend: "correct it, remove it, or add a provider that does",
			})
		}
	}
	return problems
}

// paidOut reports whether a provider has a flow of the entry's kinds in a currency.
func (a Approval) paidOut(currency string, providers map[string]Provider) bool {
	for _, provider := range providers {
		if provider.Unknown || slices.ContainsFunc(provider.Flows, func(flow *abi.Flow) bool {
			return (a.isAbout(kindName(flow.GetKind())) || a.isAbout(ConfirmKind)) &&
				(len(flow.GetCurrencies()) == 0 || slices.Contains(flow.GetCurrencies(), currency))
		}) {
			return true
		}
	}
	return false
}
