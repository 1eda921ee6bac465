package routing

import (
	"fmt"
	"slices"
	"strings"
)

// reach is what is known of the payments that come to a rule.
type reach struct {
	// boxes are what the rule matches, where known: with limits, at most that.
	boxes []box
	known bool
	// certain: it takes every one of them, at any time.
	certain bool
}

// reachOf never guesses: where a rule is malformed or too intricate, nothing is known. A time or an expression is a
// dimension of its own, so that the same one in two rules is the same; that two different ones never meet is not seen.
func (r *Rule) reachOf() reach {
	if r.malformed {
		return reach{}
	}
	boxes, ok := boxesOf(r.When, false, nil)
	if ok && r.If != nil {
		boxes, ok = join(boxes, []box{{conditionArea("if " + strings.TrimSpace(r.If.Text))}}, false)
	}
	return reach{boxes: boxes, known: ok, certain: ok && !r.Limits.Any()}
}

// key tells windows apart that are not the same, however many of them are shown to a reader.
func (w inWindow) key() string {
	return "time " + strings.Join(w.texts(), "; ")
}

const (
	// mostParts is into how many parts a rule may fall while the rules before it are taken away.
	mostParts = 1_000
	// mostSteps bounds the work on a whole file.
	mostSteps = 20_000_000
)

// unreachable reports the rules that no payment comes to.
func (d Document) unreachable(report func(at Position, mend, what string, args ...any)) {
	reaches := make([]reach, len(d.Rules))
	for i := range d.Rules {
		reaches[i] = d.Rules[i].reachOf()
	}
	steps := mostSteps
	for i, rule := range d.Rules {
		switch {
		case !reaches[i].known:
		case len(reaches[i].boxes) == 0:
			report(rule.At, "correct or remove them", "no payment matches rule %q: its conditions exclude each other",
				rule.Name)
		default:
			if takers := takersOf(reaches[:i], reaches[i].boxes, &steps); takers != nil {
				report(rule.At, "move it up, narrow the other, or remove it",
					"no payment reaches rule %q: every one that it matches is taken by %s", rule.Name, d.list(takers))
			}
		}
	}
}

// takersOf are the earlier rules that together take all of the boxes: one where one does. It is nil where something is
// left, or might be.
func takersOf(earlier []reach, boxes []box, steps *int) []int {
	left := boxes
	var takers []int
	for i, r := range earlier {
		if !r.certain {
			continue
		}
		before := left
		if left = without(left, r.boxes, steps); left == nil {
			return nil
		}
		if len(left) == len(before) && (len(left) == 0 || &left[0] == &before[0]) {
			continue
		}
		takers = append(takers, i)
		if rest := without(boxes, r.boxes, steps); rest != nil && len(rest) == 0 {
			return []int{i}
		}
		if len(left) == 0 {
			return takers
		}
	}
	return nil
}

// without takes the boxes of one set out of another; the same slice where nothing was taken, nil where it was too much
// work.
func without(left, taken []box, steps *int) []box {
	for _, t := range taken {
		if !slices.ContainsFunc(left, func(b box) bool { *steps--; return b.meets(t) }) {
			continue
		}
		rest := make([]box, 0, len(left))
		for _, b := range left {
			rest = append(rest, b.without(t)...)
		}
		*steps -= len(rest)
		if len(rest) > mostParts || *steps < 0 {
			return nil
		}
		left = rest
	}
	return left
}

// list names rules for a reader.
func (d Document) list(rules []int) string {
	const shown = 3
	names := make([]string, 0, shown)
	for _, i := range rules[:min(len(rules), shown)] {
		names = append(names, fmt.Sprintf("rule %q at %s", d.Rules[i].Name, d.Rules[i].At))
	}
	text := strings.Join(names, " and ")
	if len(rules) > shown {
		text += fmt.Sprintf(" and %d more", len(rules)-shown)
	}
	return text
}
