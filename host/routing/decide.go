package routing

import (
	"fmt"
	"slices"
	"time"
)

// Facts are what rules match of a payment. They are expected normalized: upper-case currency and country, a decimal
// amount.
type Facts struct {
	PaymentID string
	// At is the time of the decision; the zero time is in no time window.
	At time.Time
	// Kind is "collect", "payout", "recharge" or "transfer"; empty means "collect".
	Kind     string
	Amount   string
	Currency string
	// Country is the payer's, ISO 3166-1 alpha-2; empty where it is not known.
	Country string
	// Method is empty where the payer has no preference.
	Method   string
	Merchant string
	Metadata map[string]string
	// Payer identifies the payer, by an e-mail address or a telephone number; empty where it is not known. Splits may
	// hash it. No decision contains it.
	Payer string
	// Provider pins the payment to an account: of the rules that match, the first that names it applies.
	Provider string
}

func (f Facts) kind() string {
	if f.Kind == "" {
		return kinds[0].name
	}
	return f.Kind
}

// Decision is which providers may take a payment, in which order, and why: the whole trace. A payment stores a Stored
// instead, and earlier releases stored this, so its JSON form only grows. It contains no metadata, and of the payer
// only the country.
type Decision struct {
	Outcome Outcome `json:"outcome"`
	// Rule that matched; empty where none did.
	Rule string `json:"rule,omitempty"`
	// Pinned is the provider that the request named, if it did.
	Pinned        string `json:"pinned,omitempty"`
	ConfigVersion string `json:"config_version"`
	// Approval is the entry of the configuration by which the payment needs a person's approval; empty where none does.
	Approval string `json:"approval,omitempty"`
	// Reason is why no provider is asked; empty where Outcome is Routed.
	Reason string `json:"reason,omitempty"`
	// Tried are the rules in their order, up to the one that matched.
	Tried []Tried `json:"tried"`
	// Candidates are the providers that the rule names, in the order of failover, those skipped included.
	Candidates []Candidate `json:"candidates"`
	// Incomplete is why a stored decision is shown without its trace, or with another one than was made; empty where
	// nothing is missing.
	Incomplete string `json:"incomplete,omitempty"`

	// answers and reached are what the rules asked for while they decided; see observer.
	answers, reached []string
}

// Outcome is the result of a decision. Callers decide on it, never on a reason's text.
type Outcome string

// The outcomes of a decision.
const (
	// Routed: Order names at least one provider.
	Routed Outcome = "routed"
	// NoRule: no rule matches the payment.
	NoRule Outcome = "no_rule"
	// NotAllowed: the payment is pinned to an account that no rule sends such payments to.
	NotAllowed Outcome = "not_allowed"
	// UnknownProvider: the payment is pinned to an account that the configuration does not have, or that no rule sends
	// any payment of its merchant to.
	UnknownProvider Outcome = "unknown_provider"
	// Unsupported: none of the candidates can take such a payment, now or later.
	Unsupported Outcome = "unsupported"
	// Unavailable: a candidate can take such a payment, but not now.
	Unavailable Outcome = "unavailable"
)

// Tried is a rule that was evaluated.
type Tried struct {
	Rule    string `json:"rule"`
	Matched bool   `json:"matched"`
	// Why is the first condition that failed: "currency EUR is not USD or BTC". Empty where the rule matched.
	Why string `json:"why,omitempty"`
	// Limit is the rule's limit that was reached, by its key in the file: "per_minute".
	Limit string `json:"limit,omitempty"`
	// Group is the country group by which the rule matched.
	Group string `json:"group,omitempty"`
}

// Candidate is a provider that the rule names.
type Candidate struct {
	Provider string `json:"provider"`
	// Rank is its place in the order of failover, from 1, those skipped counted.
	Rank int `json:"rank"`
	// Weight and Total are its part of a split; 0 outside one.
	Weight int `json:"weight,omitempty"`
	Total  int `json:"total,omitempty"`
	// Sticky is the name of what the split hashed: "payer", "merchant", "metadata.customer", or "payment_id" where the
	// payment has no such value. It is empty for a split by the payment's id.
	Sticky string `json:"sticky,omitempty"`
	// Strategy that ranked it among others, and the Figure that it ranked by: "97 %", "340 ms", "1.20 EUR"; empty where
	// too little is known.
	Strategy Strategy `json:"strategy,omitempty"`
	Figure   string   `json:"figure,omitempty"`
	// Explored: it is asked before the others because too little is known of it.
	Explored bool `json:"explored,omitempty"`
	// Skipped candidates are not asked; Reason is why.
	Skipped bool   `json:"skipped"`
	Reason  string `json:"reason,omitempty"`
}

// Order is the providers to ask, the first one first. It is empty unless Outcome is Routed.
func (d Decision) Order() []string {
	var order []string
	for _, c := range d.Candidates {
		if !c.Skipped {
			order = append(order, c.Provider)
		}
	}
	return order
}

// Decide decides on a payment. A nil standing means that every provider is available and nothing else is known of it.
// The same facts and standing give the same decision, on every router that has this configuration.
func (r *Ruleset) Decide(f Facts, s Standing) Decision {
	seen := &observer{of: s}
	d := r.route(f, seen)
	d.answers, d.reached = seen.answers, seen.reached(d.Tried)
	if required, needed := r.NeedsApproval(f.Spending()); needed && d.Outcome == Routed {
		d.Approval = required.Name
	}
	return d
}

func (r *Ruleset) route(f Facts, s Standing) Decision {
	d := Decision{ConfigVersion: r.version, Tried: []Tried{}, Candidates: []Candidate{}}
	if f.Provider != "" {
		return r.decidePinned(d, f, s)
	}
	for _, rule := range r.rules {
		tried := rule.try(f, s)
		d.Tried = append(d.Tried, tried)
		if tried.Matched {
			d.Rule = rule.name
			return r.weigh(d, r.candidates(rule, f, s), f, s)
		}
	}
	d.Outcome, d.Reason = NoRule, "no rule matches"
	return d
}

// Limits are those of a rule, by its name; zero for a rule that has none or is not there.
func (r *Ruleset) Limits(name string) Limits {
	for _, rule := range r.rules {
		if rule.name == name {
			return rule.limits
		}
	}
	return Limits{}
}

func (r *Ruleset) decidePinned(d Decision, f Facts, s Standing) Decision {
	d.Pinned = f.Provider
	merchants, anybody := r.Merchants(f.Provider)
	if !anybody && !slices.Contains(merchants, f.Merchant) {
		// An account of other merchants alone is none to this one: even its name is theirs.
		d.Outcome = UnknownProvider
		d.Reason = fmt.Sprintf("no rule sends the merchant's payments to a provider %q", f.Provider)
		return d
	}
	pinned := []Candidate{{Provider: f.Provider}}
	if r.providers[f.Provider].cannot(f) != "" {
		return r.weigh(d, pinned, f, s)
	}
	limited := false
	for _, rule := range r.rules {
		if !rule.names(f.Provider) {
			continue
		}
		tried := rule.try(f, s)
		d.Tried = append(d.Tried, tried)
		if tried.Matched {
			d.Rule = rule.name
			return r.weigh(d, pinned, f, s)
		}
		limited = limited || tried.Limit != ""
	}
	if limited {
		d.Outcome, d.Reason = Unavailable, fmt.Sprintf("the rules that send such payments to %s reached their limits",
			f.Provider)
		return d
	}
	d.Outcome, d.Reason = NotAllowed, fmt.Sprintf("no rule sends such payments to %s", f.Provider)
	return d
}

// names reports whether the rule sends payments to a provider.
func (r rule) names(provider string) bool {
	return slices.ContainsFunc(r.to, func(t target) bool {
		return slices.ContainsFunc(t.shares, func(s Share) bool { return s.Provider == provider })
	})
}

// Merchants are the merchants whose rules send payments to a provider, sorted. anybody: a rule without a merchant
// does.
func (r *Ruleset) Merchants(provider string) (merchants []string, anybody bool) {
	for _, rule := range r.rules {
		if !rule.names(provider) {
			continue
		}
		i := slices.IndexFunc(rule.conditions, func(c condition) bool {
			in, ok := c.(valueIn)
			return ok && in.field.key == merchantKey
		})
		if i < 0 {
			anybody = true
			continue
		}
		only, _ := rule.conditions[i].(valueIn)
		merchants = append(merchants, only.texts...)
	}
	slices.Sort(merchants)
	return slices.Compact(merchants), anybody
}

// weigh sets for each candidate whether it can be asked, and the outcome.
func (r *Ruleset) weigh(d Decision, candidates []Candidate, f Facts, s Standing) Decision {
	d.Outcome, d.Reason = Unsupported, "no candidate can take such a payment"
	routed, able := false, false
	for i := range candidates {
		c := &candidates[i]
		c.Rank = i + 1
		if c.Reason = r.providers[c.Provider].cannot(f); c.Reason != "" {
			c.Skipped = true
			continue
		}
		able = true
		if err := s.Unavailable(c.Provider); err != nil {
			c.Skipped, c.Reason = true, err.Error()
			continue
		}
		routed = true
	}
	switch {
	case routed:
		d.Outcome, d.Reason = Routed, ""
	case able:
		d.Outcome, d.Reason = Unavailable, "every candidate that can take such a payment is unavailable now"
	}
	d.Candidates = candidates
	return d
}

// try evaluates the rule. Its use is read last, and only where it has limits.
func (r rule) try(f Facts, s Standing) Tried {
	t := Tried{Rule: r.name, Why: r.conditions.whyNot(f)}
	if t.Why == "" && r.expression != nil {
		t.Why = r.expression.whyNot(f)
	}
	if t.Why == "" && r.limits.Any() {
		t.Limit, t.Why = r.limits.Reached(s.Used(r.name), f.Amount)
	}
	t.Matched = t.Why == ""
	if t.Matched {
		t.Group = groupOf(r.conditions, f)
	}
	return t
}

func (r *Ruleset) candidates(rule rule, f Facts, s Standing) []Candidate {
	var candidates []Candidate
	splits, strategies := uint64(0), uint64(0)
	for _, e := range rule.to {
		switch {
		case e.strategy != "":
			candidates = append(candidates, r.ranked(e, f, s, rule.name, strategies)...)
			strategies++
		case e.split:
			candidates = append(candidates, e.divided(f, rule.name, splits)...)
			splits++
		default:
			candidates = append(candidates, Candidate{Provider: e.shares[0].Provider})
		}
	}
	return candidates
}

// divided are a split's providers in the order in which one payment asks them.
func (t target) divided(f Facts, rule string, split uint64) []Candidate {
	key, sticky := t.key(f)
	total := totalWeight(t.shares)
	var candidates []Candidate
	for _, share := range t.order(key, rule, split) {
		candidates = append(candidates,
			Candidate{Provider: share.Provider, Weight: share.Weight, Total: total, Sticky: sticky})
	}
	return candidates
}
