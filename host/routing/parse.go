package routing

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Parse reads the list under "rules" of a file. It reports every problem of form, joined, each a *Problem; the document
// then holds what could be read.
func Parse(file string, rules *yaml.Node) (Document, error) {
	r := &reader{file: file}
	doc := Document{At: r.at(rules)}
	if rules.Kind != yaml.SequenceNode || len(rules.Content) == 0 {
		r.report(rules, "rules is not a list of rules", "write one rule under it: \"- name: default\" and \"to: [<provider>]\"")
		return doc, r.err()
	}
	if r.refuseAliases(rules) {
		return doc, r.err()
	}
	for _, node := range rules.Content {
		doc.Rules = append(doc.Rules, r.rule(node))
	}
	return doc, r.err()
}

// reader collects problems while it reads nodes.
type reader struct {
	file     string
	problems []error
}

func (r *reader) err() error { return errors.Join(r.problems...) }

func (r *reader) at(n *yaml.Node) Position {
	return Position{File: r.file, Line: n.Line, Column: n.Column}
}

func (r *reader) report(n *yaml.Node, what, mend string) {
	r.problems = append(r.problems, &Problem{At: r.at(n), What: what, Mend: mend})
}

// refuseAliases: a place in the file is one place, and a few lines of aliases cannot stand for a million.
func (r *reader) refuseAliases(node *yaml.Node) bool {
	if node.Kind == yaml.AliasNode {
		r.report(node, "aliases are not read", "write the value out")
		return true
	}
	found := false
	for _, n := range node.Content {
		found = r.refuseAliases(n) || found
	}
	return found
}

func (r *reader) rule(node *yaml.Node) Rule {
	rule := Rule{At: r.at(node)}
	before := len(r.problems)
	has := r.members(node, "a rule", []string{"name", "description", "when", "to"}, func(key string, value *yaml.Node) {
		switch key {
		case "name":
			rule.Name = r.name(value)
		case "description":
			rule.Description, _ = r.text(value, "description")
		case "when":
			rule.When = r.when(value)
		case "to":
			rule.To = r.to(value)
		}
	})
	if node.Kind == yaml.MappingNode && !has["name"] {
		r.report(node, "a rule has no name", "add \"name: <lower-case-words>\"; decisions and reports refer to it")
	}
	if node.Kind == yaml.MappingNode && !has["to"] {
		r.report(node, "a rule does not say where to", "add \"to: [<provider>, <next provider>]\"")
	}
	rule.malformed = len(r.problems) > before
	return rule
}

func (r *reader) name(node *yaml.Node) string {
	const longest = 64
	name, ok := r.text(node, "name")
	if ok && (len(name) > longest || !onlyOf(name, "abcdefghijklmnopqrstuvwxyz0123456789-") || strings.Trim(name, "-") == "") {
		r.report(node, fmt.Sprintf("%q cannot be a rule's name", name), "write lower-case letters, digits and dashes, 64 at most")
	}
	return name
}

func (r *reader) when(node *yaml.Node) []Match {
	if node.Kind == yaml.MappingNode && len(node.Content) == 0 {
		r.report(node, "when holds no condition", "leave it out: a rule without it matches every payment")
	}
	var when []Match
	isKey := func(key string) bool {
		_, ok := fieldByKey(key)
		return ok || key == amountKey
	}
	r.eachMember(node, "when", func(key, value *yaml.Node) {
		switch {
		case key.Value == amountKey:
			when = append(when, r.amount(key, value))
		case key.Value+"." == metadataPrefix:
			r.report(key, "metadata is matched key by key", "write metadata.<key>: <value>")
		case !isKey(key.Value):
			r.report(key, fmt.Sprintf("unknown key %q in when", key.Value), DidYouMean(key.Value, conditionKeys()))
		default:
			when = append(when, Match{Key: key.Value, Values: r.values(key.Value, value), At: r.at(key)})
		}
	})
	return when
}

func (r *reader) values(key string, node *yaml.Node) []Value {
	nodes := []*yaml.Node{node}
	if node.Kind == yaml.SequenceNode {
		nodes = node.Content
	}
	if len(nodes) == 0 {
		r.report(node, key+" lists no value, so it matches nothing", "name one, or remove the line")
	}
	field, _ := fieldByKey(key)
	var values []Value
	for _, n := range nodes {
		text, ok := r.text(n, key)
		if !ok {
			continue
		}
		if mend := field.check(text); mend != "" {
			r.report(n, fmt.Sprintf("%q is not a %s", text, strings.TrimPrefix(key, metadataPrefix)), mend)
		}
		if slices.ContainsFunc(values, func(v Value) bool { return v.Text == text }) {
			r.report(n, fmt.Sprintf("%s lists %q twice", key, text), "remove one")
		}
		values = append(values, Value{Text: text, At: r.at(n)})
	}
	return values
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
			r.report(value, fmt.Sprintf("%q is not an amount", text), "write a decimal number such as 49.90, without sign, exponent or separators")
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

func (r *reader) to(node *yaml.Node) []Entry {
	if node.Kind == yaml.ScalarNode {
		name, ok := r.text(node, "to")
		if !ok {
			return nil
		}
		return []Entry{{Provider: name, At: r.at(node)}}
	}
	if node.Kind != yaml.SequenceNode || len(node.Content) == 0 {
		r.report(node, "to names no provider", "write a list in the order of failover: [<provider>, <next provider>]")
		return nil
	}
	var entries []Entry
	for _, n := range node.Content {
		if n.Kind == yaml.ScalarNode {
			if name, ok := r.text(n, "an entry of to"); ok {
				entries = append(entries, Entry{Provider: name, At: r.at(n)})
			}
			continue
		}
		r.members(n, "an entry of to", []string{"split"}, func(_ string, value *yaml.Node) {
			if shares := r.split(value); shares != nil {
				entries = append(entries, Entry{Split: shares, At: r.at(n)})
			}
		})
	}
	return entries
}

func (r *reader) split(node *yaml.Node) []Share {
	if node.Kind != yaml.MappingNode || len(node.Content) == 0 {
		r.report(node, "split names no provider", "write split: {<provider>: 70, <other>: 30}")
		return nil
	}
	const heaviest = 1_000_000
	var shares []Share
	r.eachMember(node, "split", func(key, value *yaml.Node) {
		text, ok := r.text(value, "a weight")
		if !ok {
			return
		}
		weight, err := strconv.Atoi(text)
		if err != nil || weight < 1 || weight > heaviest {
			r.report(value, fmt.Sprintf("%q is not a weight", text),
				"write a whole number from 1 to 1000000; a provider that is to be asked last is an entry of its own, after the split")
			return
		}
		shares = append(shares, Share{Provider: key.Value, Weight: weight, At: r.at(key)})
	})
	return shares
}

// members hands each known member of a mapping to read, and tells which there were.
func (r *reader) members(node *yaml.Node, of string, known []string, read func(key string, value *yaml.Node)) map[string]bool {
	has := make(map[string]bool, len(known))
	r.eachMember(node, of, func(key, value *yaml.Node) {
		if !slices.Contains(known, key.Value) {
			r.report(key, fmt.Sprintf("unknown key %q in %s", key.Value, of), DidYouMean(key.Value, known))
			return
		}
		has[key.Value] = true
		read(key.Value, value)
	})
	return has
}

func (r *reader) eachMember(node *yaml.Node, of string, read func(key, value *yaml.Node)) {
	if node.Kind != yaml.MappingNode {
		r.report(node, of+" is not a mapping", "write \"key: value\" lines")
		return
	}
	lines := make(map[string]int, len(node.Content)/2)
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		if key.Kind != yaml.ScalarNode {
			r.report(key, "a key of "+of+" is not a word", "write \"key: value\" lines")
			continue
		}
		if line, twice := lines[key.Value]; twice {
			r.report(key, fmt.Sprintf("%q is already on line %d", key.Value, line), "remove one")
			continue
		}
		lines[key.Value] = key.Line
		read(key, value)
	}
}

// text is a scalar's text as written: NO is Norway and 1.10 stays 1.10.
func (r *reader) text(node *yaml.Node, what string) (string, bool) {
	switch {
	case node.Kind != yaml.ScalarNode:
		r.report(node, what+" is not a single value", "write one word or number")
	case node.ShortTag() == "!!null":
		r.report(node, what+" has no value", "write one, or remove the line")
	default:
		return node.Value, true
	}
	return "", false
}
