package routing

import (
	"slices"
	"strings"
)

// maxCompared is how many boxes a rule may have to be compared with other rules.
const maxCompared = 16

// reach is what a rule matches, for the comparison with others.
type reach struct {
	// boxes are what the rule matches, where known: with limits, at most that.
	boxes []box
	known bool
	// certain: it takes every payment that it matches, at any time.
	certain bool
}

// reachOf makes no guess: of a rule that is malformed or has too many boxes, nothing is known. A time or an expression
// is a dimension of its own: two that are equal are recognized, two different ones that exclude each other are not.
func (r *Rule) reachOf() reach {
	if r.malformed {
		return reach{}
	}
	boxes, ok := boxesOf(r.When, false, nil)
	if ok && r.If != nil {
		boxes, ok = join(boxes, []box{{conditionArea("if " + strings.TrimSpace(r.If.Text))}}, false)
	}
	ok = ok && len(boxes) <= maxCompared
	return reach{boxes: boxes, known: ok, certain: ok && !r.Limits.Any()}
}

// key identifies a window, also one of more parts than are shown to a reader.
func (w inWindow) key() string {
	return "time " + strings.Join(w.texts(), "; ")
}

// unreachable reports the rules that match no payment, and those that one earlier rule covers. A rule that only
// several earlier rules cover together is not found.
func (d Document) unreachable(report func(at Position, mend, what string, args ...any)) {
	reaches := make([]reach, len(d.Rules))
	for i := range d.Rules {
		reaches[i] = d.Rules[i].reachOf()
	}
	for i, rule := range d.Rules {
		switch {
		case !reaches[i].known:
		case len(reaches[i].boxes) == 0:
			report(rule.At, "correct or remove them", "no payment matches rule %q: its conditions exclude each other",
				rule.Name)
		default:
			covering := slices.IndexFunc(reaches[:i], reaches[i].coveredBy)
			if covering >= 0 {
				report(rule.At, "move it up, narrow the other, or remove it",
					"no payment reaches rule %q: every one that it matches is taken by rule %q at %s", rule.Name,
					d.Rules[covering].Name, d.Rules[covering].At)
			}
		}
	}
}

// coveredBy reports whether another rule takes every payment that this one matches: each box is within one of the
// other's.
func (r reach) coveredBy(other reach) bool {
	return other.certain && !slices.ContainsFunc(r.boxes, func(b box) bool {
		return !slices.ContainsFunc(other.boxes, b.within)
	})
}
