// Package routing decides which providers may take a payment, in which order, and why.
//
// It hides the language of rules: the document (rule.go), what a condition can match (condition.go, value.go,
// window.go, expression.go) and how much a rule takes (limit.go); what needs approval (approval.go); how they are
// parsed (parse.go, parse_when.go, parse_to.go, group.go), checked (compile.go, reach.go with box.go), decided on
// (decide.go, capability.go, split.go, strategy.go), explained (explain.go) and compared (diff.go). It is pure: a
// decision is a function of the rules, the payment's facts, the time among them, and the standing of providers and
// rules that the caller passes.
package routing

// Document is the rules as written, in their order, as Parse reads them. Check reports what is wrong with it, Compile
// makes a Ruleset of it.
type Document struct {
	Rules []Rule
	// Approvals are what needs a person's approval, in their order.
	Approvals []Approval
	// At is where the list of rules begins.
	At Position

	// source is the nodes that Parse read.
	source source
}

// Rule sends the payments that it matches to providers. The first rule that matches a payment applies.
type Rule struct {
	Name        string
	Description string
	// When is every condition that a payment must meet, as written. A rule without one matches every payment.
	When []Match
	// If must be true of a payment as well; nil for no expression.
	If *Expression
	// Limits are how much the rule takes; a rule that reached one matches nothing.
	Limits Limits
	// To is the providers in the order of failover.
	To []Target
	At Position

	// malformed: part of the rule could not be read, so that what it matches is not known.
	malformed bool
}

// Match is one condition. Which of its fields are set follows from Key.
type Match struct {
	// Key is "kind", "currency", "country", "method", "merchant", "amount", "metadata.<key>", "time", "any" or "not".
	Key string
	// Values are the texts of which the payment's must be one.
	Values []Value
	// Min and Max bound "amount", both ends included, as decimal texts; an empty end is open.
	Min, Max string
	// Windows are for "time": it must lie in one of them.
	Windows []Window
	// Any are the alternatives of "any": all conditions of one of them must be met.
	Any [][]Match
	// Not are the conditions of "not": one of them must not be met.
	Not []Match
	At  Position

	// bounds are Min and Max as numbers.
	bounds span
}

// Value is a text in the file.
type Value struct {
	Text string
	// Group is the countries that Text, a group's name, stands for; nil for a text that stands for itself.
	Group []string
	At    Position
}

// texts are what the value stands for.
func (v Value) texts() []string {
	if v.Group != nil {
		return v.Group
	}
	return []string{v.Text}
}

// Target is one step in the order of failover: a provider, or several that share or compete for the payments.
type Target struct {
	Provider string
	// Split is set instead of Provider.
	Split []Share
	// By is what a split hashes instead of the payment's id: "payer", "merchant" or "metadata.<key>".
	By string
	// Strategy orders Among, which is set instead of Provider.
	Strategy Strategy
	Among    []Share
	At       Position
}

// Share is a provider's part in a split: Weight of the sum of all weights there.
type Share struct {
	Provider string
	Weight   int
	At       Position
}

// shares are a target's providers; a plain target is a split with one.
func (t Target) shares() []Share {
	switch {
	case t.Split != nil:
		return t.Split
	case t.Among != nil:
		return t.Among
	}
	return []Share{{Provider: t.Provider, Weight: 1, At: t.At}}
}
