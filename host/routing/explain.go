package routing

import (
	"fmt"
	"slices"
	"strings"
)

// whyNot names the value, unless it is the merchant's metadata: that may be somebody's, and decisions are kept and shown.
func (v valueIn) whyNot(f Facts) string {
	value := v.field.get(f)
	switch {
	case value == "":
		return fmt.Sprintf("%s is not given; the rule wants %s", v.field.key, oneOf(v.values))
	case slices.Contains(v.values, value):
		return ""
	case strings.HasPrefix(v.field.key, metadataPrefix):
		return fmt.Sprintf("%s is not %s", v.field.key, oneOf(v.values))
	}
	return fmt.Sprintf("%s %s is not %s", v.field.key, value, oneOf(v.values))
}

func (s span) whyNot(f Facts) string {
	if s.min == nil && s.max == nil {
		return ""
	}
	amount, ok := parseAmount(f.Amount)
	switch {
	case f.Amount == "":
		return "amount is not given"
	case !ok:
		return "amount is not a decimal number"
	case s.min != nil && amount.Cmp(s.min) < 0:
		return fmt.Sprintf("amount %s %s is below %s", f.Amount, f.Currency, s.min.Text('f'))
	case s.max != nil && amount.Cmp(s.max) > 0:
		return fmt.Sprintf("amount %s %s is above %s", f.Amount, f.Currency, s.max.Text('f'))
	}
	return ""
}

// Explain tells the decision to a person, in lines for a terminal.
func (d Decision) Explain() string {
	var b strings.Builder
	fmt.Fprintf(&b, "configuration %s\n", d.ConfigVersion)
	if d.Pinned != "" {
		fmt.Fprintf(&b, "pinned to %s: rules are not asked\n", d.Pinned)
	}
	for _, t := range d.Tried {
		verdict := "matches"
		if !t.Matched {
			verdict = "does not match: " + t.Why
		}
		fmt.Fprintf(&b, "rule %s %s\n", t.Rule, verdict)
	}
	for _, c := range d.Candidates {
		fmt.Fprintf(&b, "  %d. %s%s%s\n", c.Rank, c.Provider, c.share(), c.skip())
	}
	if d.Outcome == Routed {
		fmt.Fprintf(&b, "ask %s\n", strings.Join(d.Order(), ", then "))
	} else {
		fmt.Fprintf(&b, "ask nobody (%s): %s\n", d.Outcome, d.Reason)
	}
	return b.String()
}

func (c Candidate) share() string {
	if c.Total == 0 {
		return ""
	}
	return fmt.Sprintf(" (%d of %d)", c.Weight, c.Total)
}

func (c Candidate) skip() string {
	if !c.Skipped {
		return ""
	}
	return ", skipped: " + c.Reason
}
