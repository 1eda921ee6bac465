package routing

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/cockroachdb/apd/v3"

	abi "payrouter/abi/v1"
)

// Provider is an account that rules may send payments to.
type Provider struct {
	// Name is the account's: "paygram-eu".
	Name string
	// Plugin is the name in its plugin's manifest.
	Plugin string
	// Flows say what it can take; from the manifest. Without one it takes nothing.
	Flows []*abi.Flow
}

// Ruleset decides. It does not change, so any number of goroutines may use one; an edited file makes another.
type Ruleset struct {
	version   string
	rules     []rule
	providers map[string]Provider
}

type rule struct {
	name       string
	conditions []condition
	to         []entry
}

// Version is the configuration's, as decisions carry it.
func (r *Ruleset) Version() string { return r.version }

// Check reports every problem that shows without manifests, joined, each a *Problem: names used twice, providers that are
// not among the given accounts or come twice in a rule, amounts without a currency, rules that no payment reaches.
func (d Document) Check(accounts []string) error {
	var problems []error
	report := func(at Position, mend, what string, args ...any) {
		problems = append(problems, &Problem{At: at, What: fmt.Sprintf(what, args...), Mend: mend})
	}
	named := make(map[string]Position, len(d.Rules))
	for i, rule := range d.Rules {
		if first, twice := named[rule.Name]; twice && rule.Name != "" {
			report(rule.At, "give each its own name", "rule %q is already at %s", rule.Name, first)
		}
		named[rule.Name] = rule.At
		for _, share := range rule.unknownProviders(accounts) {
			report(share.At, DidYouMean(share.Provider, accounts), "rule %q sends to an unknown provider %q", rule.Name, share.Provider)
		}
		for _, share := range rule.repeatedProviders() {
			report(share.At, "remove one", "rule %q sends to %q twice", rule.Name, share.Provider)
		}
		if amount, ok := rule.match(amountKey); ok {
			if _, ok := rule.match("currency"); !ok {
				report(amount.At, "add currency beside it: 1000 JPY is not 1000 BTC", "an amount is bounded without a currency")
			}
		}
		if earlier, ok := d.covering(i); ok {
			report(rule.At, "move it up, narrow the other, or remove it",
				"no payment reaches rule %q: every one that it matches is taken by rule %q at %s", rule.Name, earlier.Name, earlier.At)
		}
	}
	return errors.Join(problems...)
}

// Compile makes a document decide over these providers. It reports every problem, joined: those of Check, and a rule's
// providers or values that by the manifests can never come to anything. version is carried into every decision.
func Compile(doc Document, providers []Provider, version string) (*Ruleset, error) {
	set := &Ruleset{version: version, providers: make(map[string]Provider, len(providers))}
	var problems []error
	for _, p := range providers {
		set.providers[p.Name] = p
		problems = append(problems, checkBounds(p))
	}
	problems = append(problems, doc.Check(slices.Sorted(maps.Keys(set.providers))))
	for _, r := range doc.Rules {
		problems = append(problems, r.checkCapability(set.providers))
		compiled := rule{name: r.Name}
		for _, m := range r.When {
			compiled.conditions = append(compiled.conditions, m.condition())
		}
		for _, e := range r.To {
			compiled.to = append(compiled.to, entry{shares: e.shares(), split: e.Split != nil})
		}
		set.rules = append(set.rules, compiled)
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return set, nil
}

func (m Match) condition() condition {
	if m.Key == amountKey {
		return m.bounds
	}
	field, _ := fieldByKey(m.Key)
	return valueIn{field: field, values: m.texts()}
}

func (m Match) texts() []string {
	texts := make([]string, 0, len(m.Values))
	for _, v := range m.Values {
		texts = append(texts, v.Text)
	}
	return texts
}

func (r Rule) match(key string) (Match, bool) {
	i := slices.IndexFunc(r.When, func(m Match) bool { return m.Key == key })
	if i < 0 {
		return Match{}, false
	}
	return r.When[i], true
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

// covering is the first rule before the i-th that takes every payment from it.
func (d Document) covering(i int) (Rule, bool) {
	for earlier := range i {
		if d.Rules[earlier].covers(&d.Rules[i]) {
			return d.Rules[earlier], true
		}
	}
	return Rule{}, false
}

// covers tells that whatever other matches, r matches: each of r's conditions is met by one of other's. It runs for every
// two rules of a file, hence the pointers.
func (r *Rule) covers(other *Rule) bool {
	if r.malformed || other.malformed {
		return false
	}
	for i := range r.When {
		narrow := slices.IndexFunc(other.When, func(m Match) bool { return m.Key == r.When[i].Key })
		if narrow < 0 || !r.When[i].covers(&other.When[narrow]) {
			return false
		}
	}
	return true
}

func (m *Match) covers(narrow *Match) bool {
	if m.Key == amountKey {
		return m.bounds.covers(narrow.bounds)
	}
	return !slices.ContainsFunc(narrow.Values, func(v Value) bool { return !m.lists(v.Text) })
}

func (m *Match) lists(text string) bool {
	return slices.ContainsFunc(m.Values, func(v Value) bool { return v.Text == text })
}

// checkCapability finds what can never come to anything: a provider that takes no payment of this rule, and a value that
// none of its providers takes. Both are typing mistakes that would show only when payments fail.
func (r Rule) checkCapability(providers map[string]Provider) error {
	var problems []error
	var flows []*abi.Flow
	for _, share := range r.shares() {
		provider, known := providers[share.Provider]
		if !known {
			return nil // Check tells.
		}
		flows = append(flows, provider.Flows...)
		if !slices.ContainsFunc(provider.Flows, r.fits) {
			problems = append(problems, &Problem{
				At:   share.At,
				What: fmt.Sprintf("provider %q takes no payment that rule %q matches", share.Provider, r.Name),
				Mend: "it takes " + describeFlows(provider.Flows),
			})
		}
	}
	for _, match := range r.When {
		for _, value := range match.Values {
			narrowed := r.narrowed(match.Key, value)
			if isCapability(match.Key) && len(flows) > 0 && !slices.ContainsFunc(flows, narrowed.fits) {
				problems = append(problems, &Problem{
					At:   value.At,
					What: fmt.Sprintf("no provider of rule %q takes %s %s", r.Name, match.Key, value.Text),
					Mend: "correct it, remove it, or add a provider that does",
				})
			}
		}
	}
	return errors.Join(problems...)
}

// fits tells whether some payment that the rule matches may go through the flow.
func (r Rule) fits(flow *abi.Flow) bool {
	for _, limit := range flowLimits(flow) {
		match, ok := r.match(limit.key)
		if ok && !slices.ContainsFunc(match.texts(), limit.allows) {
			return false
		}
	}
	return r.fitsBounds(flow)
}

func (r Rule) fitsBounds(flow *abi.Flow) bool {
	amount, bounded := r.match(amountKey)
	if !bounded {
		return true
	}
	currency, _ := r.match("currency")
	return slices.ContainsFunc(currency.texts(), func(c string) bool {
		return boundOf(flow, c).overlaps(amount.bounds)
	})
}

// narrowed is the rule for one value of one of its conditions.
func (r Rule) narrowed(key string, value Value) Rule {
	r.When = slices.Clone(r.When)
	for i := range r.When {
		if r.When[i].Key == key {
			r.When[i].Values = []Value{value}
		}
	}
	return r
}

func checkBounds(p Provider) error {
	for _, flow := range p.Flows {
		for _, b := range flow.GetBounds() {
			for _, end := range []string{b.GetMin(), b.GetMax()} {
				if _, ok := parseAmount(end); end != "" && !ok {
					return fmt.Errorf("provider %q: the manifest of plugin %q bounds %s by %q, which is not an amount", p.Name, p.Plugin, b.GetCurrency(), end)
				}
			}
		}
	}
	return nil
}

// condition is one test of a payment's facts.
type condition interface {
	// whyNot is "" where the facts meet the condition, otherwise the reason in words: "currency EUR is not USD or BTC".
	whyNot(f Facts) string
}

// valueIn holds where a field has one of the values.
type valueIn struct {
	field  field
	values []string
}

// span is a range of amounts; a nil end is open.
type span struct{ min, max *apd.Decimal }

func amountRange(low, high string) span {
	var s span
	if d, ok := parseAmount(low); ok {
		s.min = d
	}
	if d, ok := parseAmount(high); ok {
		s.max = d
	}
	return s
}

func (s span) isEmpty() bool {
	return s.min != nil && s.max != nil && s.min.Cmp(s.max) > 0
}

func (s span) covers(narrow span) bool {
	return (s.min == nil || narrow.min != nil && narrow.min.Cmp(s.min) >= 0) &&
		(s.max == nil || narrow.max != nil && narrow.max.Cmp(s.max) <= 0)
}

func (s span) overlaps(other span) bool {
	below := s.min != nil && other.max != nil && other.max.Cmp(s.min) < 0
	above := s.max != nil && other.min != nil && other.min.Cmp(s.max) > 0
	return !below && !above
}
