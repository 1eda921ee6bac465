package replay

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	abi "payrouter/abi/v1"
)

// Kind is a kind of difference between two runs.
type Kind string

// The kinds of differences. An operator allows them by these names.
const (
	// Requests: another request would be sent, or none.
	Requests Kind = "requests"
	// Outcomes: the same response would be interpreted differently.
	Outcomes Kind = "outcomes"
	// Callbacks: the same callback would be read, trusted or answered differently.
	Callbacks Kind = "callbacks"
	// Failures: a call fails that did not, or the reverse.
	Failures Kind = "failures"
	// Fuel: the same calls use more fuel than is allowed.
	Fuel Kind = "fuel"
)

// Difference is one difference between two runs of a flow.
type Difference struct {
	Kind Kind
	// Operation is empty for a callback.
	Operation string
	// PaymentID is empty for operations that belong to no payment, and for fuel.
	PaymentID string
	// Step counts the plugin's calls from 1, the first of which prepares; 0 means all of them.
	Step int
	// Lines are what differs, without payers' data: "- body/amount: 49.90", "+ body/amount: 4990".
	Lines []string
}

// String has the difference on one line and its lines below.
func (d Difference) String() string {
	head := string(d.Kind) + " differ: " + cmp.Or(d.Operation, "a callback")
	if d.PaymentID != "" {
		head += " of " + d.PaymentID
	}
	if d.Step > 0 {
		head += fmt.Sprintf(", call %d", d.Step)
	}
	return strings.Join(append([]string{head}, d.Lines...), "\n  ")
}

// Compare returns the differences of a run from a former one of the same flow. Fuel is left out: that of
// single calls varies a little.
func Compare(former, run Recording) []Difference {
	if Identical(former, run) {
		return nil
	}
	masks := masksOf(former)
	var found []Difference
	for i := range max(len(former.Steps), len(run.Steps)) {
		var before, after Step
		if i < len(former.Steps) {
			before = former.Steps[i]
		}
		if i < len(run.Steps) {
			after = run.Steps[i]
		}
		kind, lines := differ(before, after, masks)
		if kind == "" {
			continue
		}
		found = append(found,
			Difference{Kind: kind, Operation: former.Operation, PaymentID: former.PaymentID, Step: i + 1, Lines: lines})
		if len(run.Steps) != len(former.Steps) && i+1 >= min(len(run.Steps), len(former.Steps)) {
			break // what is missing is missing because of this
		}
	}
	return found
}

// differ compares two answers to the same input. An empty kind means that they are equal.
func differ(before, after Step, m masks) (Kind, []string) {
	if (before.Answer == nil) != (after.Answer == nil) || before.Answer == nil && before.Failure != after.Failure {
		return Failures, change("ended", m.ending(before), m.ending(after))
	}
	was, is := before.read(), after.read()
	if same(was, is) {
		return "", nil
	}
	lines := diff(m.answer(was), m.answer(is))
	if len(lines) == 0 {
		lines = []string{"  the same members, in other bytes"}
	}
	switch {
	case was.GetError() != nil || is.GetError() != nil:
		return Failures, lines
	case was.GetStep().GetSend() != nil || is.GetStep().GetSend() != nil:
		return Requests, lines
	case was.GetReceipt() != nil || is.GetReceipt() != nil:
		return Callbacks, lines
	}
	return Outcomes, lines
}

// same reports whether two answers are encoded equally, except for the state, which only the plugin interprets.
func same(a, b *abi.Answer) bool {
	for _, answer := range []*abi.Answer{a, b} {
		if send := answer.GetStep().GetSend(); send != nil {
			send.State = nil
		}
	}
	first, err := a.MarshalVT()
	if err != nil {
		return false
	}
	second, err := b.MarshalVT()
	return err == nil && bytes.Equal(first, second)
}

func change(key, before, after string) []string {
	if before == after { // two texts of one length, neither of which is shown
		after += ", others"
	}
	return []string{"- " + key + ": " + before, "+ " + key + ": " + after}
}

// ending is the result of a call in a few words.
func (m masks) ending(s Step) string {
	answer := s.read()
	switch {
	case s.Failure != "":
		return m.text(firstLine(s.Failure))
	case answer.GetStep().GetSend() != nil:
		return "sends a request"
	case answer.GetStep().GetDone() != nil:
		return "done"
	case answer.GetStep().GetReject() != nil:
		return "rejects the call"
	case answer.GetReceipt() != nil:
		return "a receipt"
	case answer.GetError() != nil:
		return "fault " + answer.GetError().GetCode().String()
	}
	return "was not asked"
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// fact is one member of an answer. value is compared, shown is printed.
type fact struct{ key, value, shown string }

// diff lists removed and added facts, by key.
func diff(before, after []fact) []string {
	var lines []string
	for _, was := range before {
		i := slices.IndexFunc(after, func(f fact) bool { return f.key == was.key })
		switch {
		case i < 0:
			lines = append(lines, "- "+was.key+": "+was.shown)
		case after[i].value != was.value:
			lines = append(lines, change(was.key, was.shown, after[i].shown)...)
		}
	}
	for _, is := range after {
		if !slices.ContainsFunc(before, func(f fact) bool { return f.key == is.key }) {
			lines = append(lines, "+ "+is.key+": "+is.shown)
		}
	}
	return lines
}

// fewest flows of an operation whose fuel is compared: an instance's first calls, and those in which it
// collects garbage, use a multiple of the others.
const fewest = 5

// Burned compares the fuel of runs of the same flows, by operation and by median: more than percent above the
// former is a difference. Runs with other differences should not be among them.
func Burned(former, runs []Recording, percent int) []Difference {
	type sides struct{ before, after []int64 }
	byOperation := map[string]sides{}
	for i := range former {
		one := byOperation[former[i].Operation]
		one.before, one.after = append(one.before, former[i].Fuel()), append(one.after, runs[i].Fuel())
		byOperation[former[i].Operation] = one
	}
	var found []Difference
	for _, operation := range slices.Sorted(maps.Keys(byOperation)) {
		one := byOperation[operation]
		before, after := middle(one.before), middle(one.after)
		if len(one.before) < fewest || before == 0 || (after-before)*100 <= before*int64(percent) {
			continue
		}
		line := fmt.Sprintf("%d before, %d now: %d %% more, at most %d %% are taken", before, after,
			(after-before)*100/before, percent)
		found = append(found, Difference{Kind: Fuel, Operation: operation, Lines: []string{line}})
	}
	return found
}

func middle(values []int64) int64 {
	slices.Sort(values)
	return values[len(values)/2]
}

// Fuel is the fuel of all calls of the flow.
func (r Recording) Fuel() int64 {
	var sum int64
	for _, step := range r.Steps {
		sum += step.Fuel
	}
	return sum
}

// answer lists an answer's members.
func (m masks) answer(answer *abi.Answer) []fact {
	var f facts
	switch step := answer.GetStep(); {
	case answer.GetError() != nil:
		f.open("fault", abi.NameOf(answer.GetError().GetCode(), "CODE_"))
		f.closed("fault/message", answer.GetError().GetMessage())
	case answer.GetReceipt() != nil:
		m.receipt(&f, answer.GetReceipt())
	case step.GetSend() != nil:
		m.send(&f, step.GetSend())
	case step.GetDone() != nil:
		m.outcome(&f, step.GetDone())
	case step.GetReject() != nil:
		f.open("reject/code", step.GetReject().GetCode())
		f.open("reject/field", step.GetReject().GetField())
		f.closed("reject/message", step.GetReject().GetMessage())
	}
	return f
}
