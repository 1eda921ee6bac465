package routing

import (
	"fmt"
	"strings"
)

// Explain is the decision in lines for a terminal.
func (d Decision) Explain() string {
	var b strings.Builder
	fmt.Fprintf(&b, "configuration %s\n", d.ConfigVersion)
	if d.Pinned != "" {
		fmt.Fprintf(&b, "pinned to %s: the first rule applies that matches and names it\n", d.Pinned)
	}
	if d.Incomplete != "" {
		fmt.Fprintf(&b, "incomplete: %s\n", d.Incomplete)
	}
	for _, t := range d.Tried {
		verdict := "matches"
		if t.Group != "" {
			verdict += " by country group " + t.Group
		}
		if !t.Matched {
			verdict = "does not match: " + t.Why
		}
		fmt.Fprintf(&b, "rule %s %s\n", t.Rule, verdict)
	}
	for _, c := range d.Candidates {
		fmt.Fprintf(&b, "  %d. %s%s%s%s\n", c.Rank, c.Provider, c.share(), c.standing(), c.skip())
	}
	if d.Outcome == Routed {
		if d.Approval != "" {
			fmt.Fprintf(&b, "await approval %s\n", d.Approval)
		}
		fmt.Fprintf(&b, "ask %s\n", strings.Join(d.Order(), ", then "))
	} else {
		fmt.Fprintf(&b, "ask no provider (%s): %s\n", d.Outcome, d.Reason)
	}
	return b.String()
}

func (c Candidate) share() string {
	if c.Total == 0 {
		return ""
	}
	by := ""
	if c.Sticky != "" {
		by = " by " + c.Sticky
	}
	return fmt.Sprintf(" (%d of %d%s)", c.Weight, c.Total, by)
}

func (c Candidate) standing() string {
	switch {
	case c.Strategy == "":
		return ""
	case c.Explored:
		return fmt.Sprintf(" (%s: not known, asked first to find out)", c.Strategy)
	case c.Figure == "":
		return fmt.Sprintf(" (%s: not known)", c.Strategy)
	}
	return fmt.Sprintf(" (%s: %s)", c.Strategy, c.Figure)
}

func (c Candidate) skip() string {
	if !c.Skipped {
		return ""
	}
	return ", skipped: " + c.Reason
}
