package routing

import "fmt"

// Facts are what rules look at in a payment. They are taken as normalized: upper-case currency and country, a decimal
// amount.
type Facts struct {
	PaymentID string
	// Kind is "collect", "payout", "recharge" or "transfer"; empty means "collect".
	Kind     string
	Amount   string
	Currency string
	// Country is the payer's, ISO 3166-1 alpha-2; empty where it is not known.
	Country string
	// Method is empty where the payer has no wish.
	Method   string
	Merchant string
	Metadata map[string]string
	// Provider pins the payment to an account: rules are not asked, but it must be able to take it.
	Provider string
}

func (f Facts) kind() string {
	if f.Kind == "" {
		return kinds[0].name
	}
	return f.Kind
}

// Decision is where a payment may go, in which order, and why. It is stored with the payment, so its JSON form only grows.
// It repeats no metadata and nothing of the payer's but the country.
type Decision struct {
	Outcome Outcome `json:"outcome"`
	// Rule that matched; empty where none did, and where the payment is pinned.
	Rule string `json:"rule,omitempty"`
	// Pinned is the provider that the request named, if it did.
	Pinned        string `json:"pinned,omitempty"`
	ConfigVersion string `json:"config_version"`
	// Reason says in words why there is nobody to ask; empty where Outcome is Routed.
	Reason string `json:"reason,omitempty"`
	// Tried are the rules in their order, up to the one that matched.
	Tried []Tried `json:"tried"`
	// Candidates are the providers that the rule names, in the order of failover, those skipped included.
	Candidates []Candidate `json:"candidates"`
}

// Outcome is what came of a decision. Callers decide on it, never on a reason's text.
type Outcome string

// The outcomes of a decision.
const (
	// Routed: Order names at least one provider.
	Routed Outcome = "routed"
	// NoRule: no rule matches the payment.
	NoRule Outcome = "no_rule"
	// UnknownProvider: the payment is pinned to an account that the configuration does not have.
	UnknownProvider Outcome = "unknown_provider"
	// Unsupported: none of the candidates can take such a payment, now or later.
	Unsupported Outcome = "unsupported"
	// Unavailable: a candidate can take such a payment, but not now.
	Unavailable Outcome = "unavailable"
)

// Tried is a rule that was looked at.
type Tried struct {
	Rule    string `json:"rule"`
	Matched bool   `json:"matched"`
	// Why is the first condition that failed: "currency EUR is not USD or BTC". Empty where the rule matched.
	Why string `json:"why,omitempty"`
}

// Candidate is a provider that the rule names.
type Candidate struct {
	Provider string `json:"provider"`
	// Rank is its place in the order of failover, from 1, those skipped counted.
	Rank int `json:"rank"`
	// Weight and Total are its part of a split; 0 outside one.
	Weight int `json:"weight,omitempty"`
	Total  int `json:"total,omitempty"`
	// Skipped candidates are not asked; Reason says why, in words.
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

// Decide decides on a payment. health answers for a provider that could take it: nil, or why it is not to be asked now (its
// breaker is open, no plugin is loaded); it is asked once for each. A nil health means that all are well. The same facts
// and health give the same decision, on every router that has this configuration.
func (r *Ruleset) Decide(f Facts, health func(provider string) error) Decision {
	d := Decision{ConfigVersion: r.version, Tried: []Tried{}, Candidates: []Candidate{}}
	if f.Provider != "" {
		return r.decidePinned(d, f, health)
	}
	for _, rule := range r.rules {
		why := rule.whyNot(f)
		d.Tried = append(d.Tried, Tried{Rule: rule.name, Matched: why == "", Why: why})
		if why == "" {
			d.Rule = rule.name
			return r.weigh(d, rule.candidates(f.PaymentID), f, health)
		}
	}
	d.Outcome, d.Reason = NoRule, "no rule matches"
	return d
}

func (r *Ruleset) decidePinned(d Decision, f Facts, health func(string) error) Decision {
	d.Pinned = f.Provider
	if _, known := r.providers[f.Provider]; !known {
		d.Outcome, d.Reason = UnknownProvider, fmt.Sprintf("there is no provider %q", f.Provider)
		return d
	}
	return r.weigh(d, []Candidate{{Provider: f.Provider}}, f, health)
}

// weigh says of each candidate whether it can be asked, and what comes of it all.
func (r *Ruleset) weigh(d Decision, candidates []Candidate, f Facts, health func(string) error) Decision {
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
		if health != nil {
			if err := health(c.Provider); err != nil {
				c.Skipped, c.Reason = true, err.Error()
				continue
			}
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

func (r rule) whyNot(f Facts) string {
	for _, c := range r.conditions {
		if why := c.whyNot(f); why != "" {
			return why
		}
	}
	return ""
}

func (r rule) candidates(paymentID string) []Candidate {
	var candidates []Candidate
	splits := uint64(0)
	for _, e := range r.to {
		total := 0
		if e.split {
			total = totalWeight(e.shares)
		}
		for _, share := range e.order(paymentID, r.name, splits) {
			c := Candidate{Provider: share.Provider}
			if e.split {
				c.Weight, c.Total = share.Weight, total
			}
			candidates = append(candidates, c)
		}
		if e.split {
			splits++
		}
	}
	return candidates
}
