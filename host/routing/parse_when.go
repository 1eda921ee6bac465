package routing

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// deepest is how deep conditions may be nested.
const deepest = 8

// when reads a mapping of conditions; in is the key above it.
func (r *reader) when(node *yaml.Node, in string, depth int) []Match {
	if node.Kind == yaml.MappingNode && len(node.Content) == 0 {
		mend := "write one, or remove it"
		if in == "when" {
			mend = "leave it out: a rule without it matches every payment"
		}
		r.report(node, in+" holds no condition", mend)
	}
	if depth > deepest {
		r.report(node, fmt.Sprintf("conditions stand more than %d deep in each other", deepest),
			"make two rules of this one, or write it under if")
		return nil
	}
	var when []Match
	isField := func(key string) bool {
		_, ok := fieldByKey(key)
		return ok
	}
	r.eachMember(node, in, func(key, value *yaml.Node) {
		switch {
		case key.Value == amountKey:
			when = append(when, r.amount(key, value))
		case key.Value == timeKey:
			when = append(when, r.windows(key, value))
		case key.Value == anyKey:
			when = append(when, r.anyOf(key, value, depth))
		case key.Value == notKey:
			when = append(when, Match{Key: notKey, Not: r.when(value, notKey, depth+1), At: r.at(key)})
		case key.Value+"." == metadataPrefix:
			r.report(key, "metadata is matched key by key", "write metadata.<key>: <value>")
		case !isField(key.Value):
			r.report(key, fmt.Sprintf("unknown key %q in %s", key.Value, in), DidYouMean(key.Value, conditionKeys()))
		default:
			when = append(when, Match{Key: key.Value, Values: r.values(key.Value, value), At: r.at(key)})
		}
	})
	return when
}

func (r *reader) values(key string, node *yaml.Node) []Value {
	field, _ := fieldByKey(key)
	if key != countryKey {
		return r.list(key, node, field.check)
	}
	values := r.list(key, node, func(text string) string {
		if r.groups[text] != nil {
			return ""
		}
		return r.checkCountryOrGroup(text)
	})
	for i := range values {
		if group := r.groups[values[i].Text]; group != nil {
			values[i].Group = group.countries
		}
	}
	return values
}

// list reads one text or several. check returns how to correct one.
func (r *reader) list(key string, node *yaml.Node, check func(string) string) (values []Value) {
	nodes := []*yaml.Node{node}
	if node.Kind == yaml.SequenceNode {
		nodes = node.Content
	}
	if len(nodes) == 0 {
		r.report(node, key+" lists no value, so it matches nothing", "name one, or remove the line")
	}
	for _, n := range nodes {
		text, ok := r.text(n, key)
		if !ok {
			continue
		}
		if mend := check(text); mend != "" {
			r.report(n, fmt.Sprintf("%q is not a %s", text, strings.TrimPrefix(key, metadataPrefix)), mend)
		}
		if has(values, text) {
			r.report(n, fmt.Sprintf("%s lists %q twice", key, text), "remove one")
		}
		values = append(values, Value{Text: text, At: r.at(n)})
	}
	return values
}

// anyOf reads a list of alternatives, each a mapping of conditions.
func (r *reader) anyOf(key, node *yaml.Node, depth int) Match {
	match := Match{Key: anyKey, At: r.at(key)}
	if node.Kind != yaml.SequenceNode || len(node.Content) == 0 {
		r.report(node, "any is not a list of alternatives", "write any: [{country: DE}, {method: card}]")
		return match
	}
	for _, n := range node.Content {
		match.Any = append(match.Any, r.when(n, "an alternative of any", depth+1))
	}
	return match
}

func (r *reader) windows(key, node *yaml.Node) Match {
	match := Match{Key: timeKey, At: r.at(key)}
	nodes := []*yaml.Node{node}
	if node.Kind == yaml.SequenceNode {
		nodes = node.Content
	}
	if len(nodes) == 0 {
		r.report(node, "time lists no window, so it matches nothing", "write one, or remove the line")
	}
	for _, n := range nodes {
		if window, ok := r.window(n); ok {
			match.Windows = append(match.Windows, window)
		}
	}
	return match
}

// amount reads a range by the nodes' texts: a float would already have lost digits.
func (r *reader) amount(key, node *yaml.Node) Match {
	match := Match{Key: amountKey, At: r.at(key)}
	if node.Kind != yaml.MappingNode || len(node.Content) == 0 {
		r.report(node, "amount is a range", "write amount: {min: \"10\", max: \"500\"}, or one end of it")
		return match
	}
	r.members(node, "amount", []string{"min", "max"}, func(end string, value *yaml.Node) {
		text, ok := r.text(value, end)
		if _, isAmount := parseAmount(text); ok && !isAmount {
			r.report(value, fmt.Sprintf("%q is not an amount", text),
				"write a decimal number such as 49.90, without sign, exponent or separators")
			return
		}
		if end == "min" {
			match.Min = text
		} else {
			match.Max = text
		}
	})
	match.bounds = amountRange(match.Min, match.Max)
	if match.bounds.isEmpty() {
		r.report(node, fmt.Sprintf("no amount is at least %s and at most %s", match.Min, match.Max), "swap min and max")
	}
	return match
}
