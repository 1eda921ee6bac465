package routing

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	abi "payrouter/abi/v1"
)

// Provider is an account that rules may send payments to.
type Provider struct {
	// Name is the account's: "paygram-eu".
	Name string
	// Plugin is the name in its plugin's manifest.
	Plugin string
	// Flows are what it can take, from the manifest. Without one it takes nothing.
	Flows []*abi.Flow
	// Unknown: its plugin is not active, so that Flows and Operations say nothing of what it takes. It is not checked.
	Unknown bool
	// Operations are the names of all that its plugin can be asked to do.
	Operations []string
}

// Ruleset decides by compiled rules. It does not change and is safe for concurrent use; an edited file makes another.
type Ruleset struct {
	version   string
	rules     []rule
	approval  []Approval
	providers map[string]Provider
	// methods are the payment methods that providers and rules name; anyMethod: a rule's expression reads the method.
	methods   []string
	anyMethod bool
	// written is the ruleset as Restore reads it, made when it is first wanted.
	written func() written
}

type rule struct {
	name       string
	conditions allOf
	expression *Expression
	limits     Limits
	to         []target
}

// Version is the configuration's, as decisions carry it.
func (r *Ruleset) Version() string { return r.version }

// Check reports every problem that shows without manifests, joined, each a *Problem: names used twice, providers that
// are not among the given accounts or come twice in a rule, amounts without a currency or of several, rules that no
// payment reaches.
func (d Document) Check(accounts []string) error {
	var problems []error
	report := func(at Position, mend, what string, args ...any) {
		problems = append(problems, &Problem{At: at, What: fmt.Sprintf(what, args...), Mend: mend})
	}
	named := make(map[string]Position, len(d.Rules))
	for _, rule := range d.Rules {
		if first, twice := named[rule.Name]; twice && rule.Name != "" {
			report(rule.At, "give each its own name", "rule %q is already at %s", rule.Name, first)
		}
		named[rule.Name] = rule.At
		for _, share := range rule.unknownProviders(accounts) {
			report(share.At, DidYouMean(share.Provider, accounts), "rule %q sends to an unknown provider %q", rule.Name,
				share.Provider)
		}
		for _, share := range rule.repeatedProviders() {
			report(share.At, "remove one", "rule %q sends to %q twice", rule.Name, share.Provider)
		}
		for _, amount := range amountsWithoutCurrency(rule.When, false) {
			report(amount.At, "add currency beside it: 1000 JPY is not 1000 BTC",
				"an amount is bounded without a currency")
		}
		if rule.Limits.AmountPerDay != "" && !rule.hasOneCurrency() {
			report(rule.Limits.At, "let the rule match one currency: 1000 JPY is not 1000 BTC",
				"%s adds up several currencies", amountPerDay)
		}
	}
	d.checkApprovals(accounts, report)
	d.unreachable(report)
	return errors.Join(problems...)
}

// Compile makes a ruleset of a document over these providers. It reports every problem, joined: those of Check, and a
// rule's providers or values that by the manifests can never apply. Every decision has the version.
func Compile(doc Document, providers []Provider, version string) (*Ruleset, error) {
	set := assemble(doc, providers, version)
	var problems []error
	for _, p := range providers {
		problems = append(problems, checkBounds(p))
	}
	problems = append(problems, doc.Check(slices.Sorted(maps.Keys(set.providers))))
	for _, a := range doc.Approvals {
		problems = append(problems, a.checkCapability(set.providers)...)
	}
	for _, r := range doc.Rules {
		problems = append(problems, r.checkCapability(set.providers))
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return set, nil
}

// assemble makes a ruleset of what is taken to be right.
func assemble(doc Document, providers []Provider, version string) *Ruleset {
	set := &Ruleset{
		version: version, approval: doc.Approvals, providers: make(map[string]Provider, len(providers)),
		written: sync.OnceValue(func() written { return write(doc, providers) }),
	}
	for _, p := range providers {
		set.providers[p.Name] = p
	}
	for _, r := range doc.Rules {
		compiled := rule{name: r.Name, conditions: conditionsOf(r.When), expression: r.If, limits: r.Limits}
		for _, e := range r.To {
			compiled.to = append(compiled.to,
				target{shares: e.shares(), split: e.Split != nil, by: e.By, strategy: e.Strategy})
		}
		set.rules = append(set.rules, compiled)
	}
	set.nameMethods(doc.Rules)
	return set
}

func (m Match) texts() []string {
	texts := make([]string, 0, len(m.Values))
	for _, v := range m.Values {
		texts = append(texts, v.texts()...)
	}
	return texts
}

// amountsWithoutCurrency are the amounts of conditions that name no currency beside them or around them; within means
// that a condition around them does.
func amountsWithoutCurrency(when []Match, within bool) []Match {
	within = within || slices.ContainsFunc(when, func(m Match) bool { return m.Key == currencyKey })
	var found []Match
	for _, m := range when {
		if m.Key == amountKey && !within {
			found = append(found, m)
		}
		for _, inner := range slices.Concat(m.Any, [][]Match{m.Not}) {
			found = append(found, amountsWithoutCurrency(inner, within)...)
		}
	}
	return found
}

// hasOneCurrency reports whether all payments that the rule matches have the same currency. It is false for a rule
// with too many boxes.
func (r Rule) hasOneCurrency() bool {
	currency := ""
	boxes, known := boxesOf(r.When, false, nil)
	return known && !slices.ContainsFunc(boxes, func(b box) bool {
		i := slices.IndexFunc(b, func(a area) bool { return a.dimension == currencyKey })
		if i < 0 || b[i].except || len(b[i].texts) != 1 || currency != "" && currency != b[i].texts[0] {
			return true
		}
		currency = b[i].texts[0]
		return false
	})
}

func (r Rule) shares() []Share {
	var all []Share
	for _, e := range r.To {
		all = append(all, e.shares()...)
	}
	return all
}

func (r Rule) unknownProviders(accounts []string) []Share {
	return slices.DeleteFunc(r.shares(), func(s Share) bool { return slices.Contains(accounts, s.Provider) })
}

func (r Rule) repeatedProviders() []Share {
	seen := make(map[string]bool)
	return slices.DeleteFunc(r.shares(), func(s Share) bool {
		first := !seen[s.Provider]
		seen[s.Provider] = true
		return first
	})
}

// checkCapability finds a provider that takes no payment of this rule, and a value that none of its providers takes.
// Both are mistakes that would show only when payments fail.
func (r Rule) checkCapability(providers map[string]Provider) error {
	boxes, known := boxesOf(r.When, false, nil)
	if !known || len(boxes) == 0 {
		return nil // too many boxes, or Check reports it
	}
	var problems []error
	var all []box
	for _, share := range r.shares() {
		provider, known := providers[share.Provider]
		if !known || provider.Unknown {
			return nil // Check reports the one; of the other nothing can be said
		}
		takes := provider.boxes()
		all = append(all, takes...)
		if !meet(takes, boxes) {
			problems = append(problems, &Problem{
				At:   share.At,
				What: fmt.Sprintf("provider %q takes no payment that rule %q matches", share.Provider, r.Name),
				Mend: "it takes " + describeFlows(provider.Flows),
			})
		}
	}
	if len(all) > 0 {
		problems = append(problems, r.checkValues(r.When, all)...)
	}
	return errors.Join(problems...)
}

// checkValues reports values of these conditions of the rule, and of alternatives among them, that no provider takes.
func (r Rule) checkValues(when []Match, takes []box) (problems []error) {
	for _, match := range when {
		for _, alternative := range match.Any {
			problems = append(problems, r.checkValues(alternative, takes)...)
		}
		if !isCapability(match.Key) {
			continue
		}
		for _, value := range match.Values {
			boxes, known := boxesOf(r.When, false, &focus{at: match.At, value: value})
			if known && len(boxes) > 0 && !meet(takes, boxes) {
				problems = append(problems, &Problem{
					At:   value.At,
					What: fmt.Sprintf("no provider of rule %q takes %s %s", r.Name, match.Key, value.Text),
					Mend: "correct it, remove it, or add a provider that does",
				})
			}
		}
	}
	return problems
}

// boxes are the payments that the provider takes.
func (p Provider) boxes() []box {
	var boxes []box
	for _, flow := range p.Flows {
		boxes = append(boxes, flowBoxes(flow)...)
	}
	return boxes
}

func meet(some, others []box) bool {
	return slices.ContainsFunc(some, func(b box) bool { return slices.ContainsFunc(others, b.meets) })
}

func checkBounds(p Provider) error {
	for _, flow := range p.Flows {
		for _, b := range flow.GetBounds() {
			for _, end := range []string{b.GetMin(), b.GetMax()} {
				if _, ok := parseAmount(end); end != "" && !ok {
					return fmt.Errorf("provider %q: the manifest of plugin %q bounds %s by %q, which is not an amount",
						p.Name, p.Plugin, b.GetCurrency(), end)
				}
			}
		}
	}
	return nil
}
