package manifest

import (
	"fmt"
	"reflect"
	"slices"

	"payrouter/abi/proof"
	abi "payrouter/abi/v1"
)

// mostRules bounds the work of a comparison, which grows with the product of both tables.
const mostRules = 500

// failures compares what the two tables of failures decide. The first rule that matches holds, so that a rule that is
// added, moved or widened changes what others decide: what is compared is, for every failure there can be, the rule
// that holds before with the one that holds after.
//
// Every pair of rules that hold for one failure holds for the least special failure that both are about: what matches
// that one matches the other too. So there is nothing to look at but those.
func failures(c *comparison, at place, _, _ reflect.Value) {
	before, after := c.before.GetFailures(), c.after.GetFailures()
	if len(before) > mostRules || len(after) > mostRules {
		if !reflect.DeepEqual(before, after) {
			at.row.why = "more rules than can be compared"
			c.add(at, fmt.Sprintf("%d rules", len(before)), fmt.Sprintf("%d rules", len(after)), Looser)
		}
		return
	}
	for _, was := range append(slices.Clone(before), nil) {
		for _, is := range append(slices.Clone(after), nil) {
			both, meet := meeting(was, is)
			if !meet || holding(before, both) != was || holding(after, both) != is {
				continue
			}
			former, latter := effect(both, c.before, was), effect(both, c.after, is)
			// Where only one side believes anything of the failure, its meaning is the difference.
			if was == nil || is == nil || belief(is.GetMeaning()) == belief(abi.Meaning_MEANING_FAULT) {
				former.Proofs, latter.Proofs = nil, nil
			}
			c.message(at.below(pointName(both)).path, reflect.ValueOf(former).Elem(), reflect.ValueOf(latter).Elem())
		}
	}
}

// meeting is the failures that both rules are about, in a rule's members. A rule that is nil is about all. It reports
// false where there are none.
func meeting(a, b *abi.FailureRule) (*abi.FailureRule, bool) {
	both := &abi.FailureRule{
		Operation: a.GetOperation(), HttpStatus: a.GetHttpStatus(), ProviderCode: a.GetProviderCode(),
	}
	if both.Operation == "" {
		both.Operation = b.GetOperation()
	}
	if both.HttpStatus == 0 {
		both.HttpStatus = b.GetHttpStatus()
	}
	if both.ProviderCode == "" {
		both.ProviderCode = b.GetProviderCode()
	}
	covers := func(rule *abi.FailureRule) bool {
		return (rule.GetOperation() == "" || rule.GetOperation() == both.Operation) &&
			(rule.GetHttpStatus() == 0 || rule.GetHttpStatus() == both.HttpStatus) &&
			(rule.GetProviderCode() == "" || rule.GetProviderCode() == both.ProviderCode)
	}
	return both, covers(b)
}

// What no rule names stands for all that none names.
const (
	otherName   = "\x00"
	otherStatus = 1 << 31
)

// holding is the rule that holds for what a meeting is about, and for nothing more special.
func holding(rules []*abi.FailureRule, both *abi.FailureRule) *abi.FailureRule {
	operation, status, code := both.GetOperation(), both.GetHttpStatus(), both.GetProviderCode()
	if operation == "" {
		operation = otherName
	}
	if status == 0 {
		status = otherStatus
	}
	if code == "" {
		code = otherName
	}
	return abi.FirstMatch(rules, operation, status, code)
}

// effect is what a rule decides of a failure; of one that is nil, nothing.
func effect(about *abi.FailureRule, manifest *abi.Manifest, rule *abi.FailureRule) *abi.FailureRule {
	decided := new(abi.FailureRule)
	if rule != nil {
		*decided = *rule
		decided.Proofs = proof.Of(manifest, rule)
	}
	decided.Operation, decided.HttpStatus, decided.ProviderCode = about.Operation, about.HttpStatus, about.ProviderCode
	return decided
}

// proofs compares two lists of proofs, all of which an answer's body has to hold. Without any nothing is believed where
// money may have moved; so the first one is looser, and so is the loss of one.
func proofs(c *comparison, at place, before, after reflect.Value) {
	was, _ := reflect.TypeAssert[[]*abi.Proof](before)
	is, _ := reflect.TypeAssert[[]*abi.Proof](after)
	if reflect.DeepEqual(was, is) {
		return
	}
	direction := Stricter
	switch {
	case len(was) == 0 || !c.implies(is, was):
		direction = Looser
	case c.implies(was, is):
		direction = Neutral
	}
	c.add(at, spelled(before, ""), spelled(after, ""), direction)
}

// implies reports whether a body that holds the one list of proofs holds the other.
func (c *comparison) implies(held, others []*abi.Proof) bool {
	return !slices.ContainsFunc(others, func(other *abi.Proof) bool {
		return !slices.ContainsFunc(held, func(one *abi.Proof) bool {
			of := &comparison{rows: c.rows, before: c.before, after: c.after}
			of.message("", reflect.ValueOf(other).Elem(), reflect.ValueOf(one).Elem())
			return len(Loosened(of.changes)) == 0
		})
	})
}
