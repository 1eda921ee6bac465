package routing

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Difference is what an edit changes for payments that were made before it.
type Difference struct {
	// From and To are the configurations' versions.
	From string `json:"from"`
	To   string `json:"to"`
	// Payments that were compared. Moved ones would ask another provider first; Reordered ones the same first and
	// others, or in another order, after it; Renamed ones reach the same providers by another rule, or need another
	// approval. The others do not change.
	Payments  int `json:"payments"`
	Moved     int `json:"moved"`
	Reordered int `json:"reordered"`
	Renamed   int `json:"renamed"`
	// Lost payments, among the moved, have no provider any more; Gained ones had none before.
	Lost   int `json:"lost"`
	Gained int `json:"gained"`
	// Held payments need an approval that they did not need before; Freed ones need none any more. Both may be moved,
	// reordered or renamed as well.
	Held  int `json:"held"`
	Freed int `json:"freed"`
	// Changes are the payments that change, grouped by their routes before and after: most payments first.
	Changes []Change `json:"changes"`
}

// Change is how the route of some payments changes.
type Change struct {
	Before Route `json:"before"`
	After  Route `json:"after"`
	// Payments are how many; Examples are ids of the first of them, as they were handed in.
	Payments int      `json:"payments"`
	Examples []string `json:"examples"`
}

// Route is where payments go, and why.
type Route struct {
	// Rule that matches; empty where none does.
	Rule    string  `json:"rule,omitempty"`
	Outcome Outcome `json:"outcome"`
	// Approval is as a Decision's.
	Approval string `json:"approval,omitempty"`
	// Order is the providers to ask; empty unless Outcome is Routed.
	Order []string `json:"order"`
}

func routeOf(d Decision) Route {
	return Route{Rule: d.Rule, Outcome: d.Outcome, Approval: d.Approval, Order: append([]string{}, d.Order()...)}
}

// String is "paygram-eu, then payplay by rule fiat-large".
func (r Route) String() string {
	to := "no provider (" + string(r.Outcome) + ")"
	if len(r.Order) > 0 {
		to = strings.Join(r.Order, ", then ")
	}
	if r.Rule != "" {
		to += " by rule " + r.Rule
	}
	if r.Approval != "" {
		to += " after approval " + r.Approval
	}
	return to
}

func (r Route) first() string {
	if len(r.Order) == 0 {
		return ""
	}
	return r.Order[0]
}

// exampled is how many payments a change lists.
const exampled = 3

// Diff decides on payments by two configurations, and returns what differs. Every provider counts as available and
// unmeasured, and no limit as used: a difference comes from the edit alone. The same arguments give the same
// Difference.
func Diff(before, after *Ruleset, payments []Facts) Difference {
	d := Difference{From: before.version, To: after.version, Payments: len(payments), Changes: []Change{}}
	indexes := map[string]int{}
	for _, f := range payments {
		from, to := routeOf(before.Decide(f, nil)), routeOf(after.Decide(f, nil))
		if !d.count(from, to) {
			continue
		}
		key := from.key() + to.key()
		index, known := indexes[key]
		if !known {
			index = len(d.Changes)
			indexes[key] = index
			d.Changes = append(d.Changes, Change{Before: from, After: to, Examples: []string{}})
		}
		c := &d.Changes[index]
		c.Payments++
		if len(c.Examples) < exampled {
			c.Examples = append(c.Examples, f.PaymentID)
		}
	}
	slices.SortStableFunc(d.Changes, func(a, b Change) int {
		return cmp.Or(cmp.Compare(b.Payments, a.Payments), cmp.Compare(a.Before.String(), b.Before.String()),
			cmp.Compare(a.After.String(), b.After.String()))
	})
	return d
}

// key identifies a route; no name contains a line break.
func (r Route) key() string {
	return strings.Join(append([]string{r.Rule, string(r.Outcome), r.Approval}, r.Order...), "\n") + "\n\n"
}

// count counts how a payment changes, and reports whether it does.
func (d *Difference) count(from, to Route) bool {
	switch {
	case from.Approval == "" && to.Approval != "":
		d.Held++
	case from.Approval != "" && to.Approval == "":
		d.Freed++
	}
	switch {
	case from.first() != to.first():
		d.Moved++
		if to.first() == "" {
			d.Lost++
		}
		if from.first() == "" {
			d.Gained++
		}
	case !slices.Equal(from.Order, to.Order):
		d.Reordered++
	case from.Rule != to.Rule || from.Outcome != to.Outcome || from.Approval != to.Approval:
		d.Renamed++
	default:
		return false
	}
	return true
}

// Text is the difference in lines for a terminal.
func (d Difference) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "of %d payments, %d move", d.Payments, d.Moved)
	for _, part := range []struct {
		count int
		what  string
	}{
		{d.Lost, "have no provider any more"},
		{d.Gained, "had no provider before"},
	} {
		if part.count > 0 {
			fmt.Fprintf(&b, " (%d %s)", part.count, part.what)
		}
	}
	fmt.Fprintf(&b, ", %d have others to fall back on, %d go by another rule to the same\n", d.Reordered, d.Renamed)
	if d.Held+d.Freed > 0 {
		fmt.Fprintf(&b, "%d need approval that did not, %d need none any more\n", d.Held, d.Freed)
	}
	for _, c := range d.Changes {
		fmt.Fprintf(&b, "%d: %s\n  → %s\n  such as %s\n", c.Payments, c.Before, c.After, strings.Join(c.Examples, ", "))
	}
	return b.String()
}
