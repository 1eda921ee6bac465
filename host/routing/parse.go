package routing

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"go.yaml.in/yaml/v3"
)

// Parse reads the list under "rules" of a file, the country groups under "groups" and the list under "approval"; nil
// where it has none. It reports every problem of form, joined, each a *Problem; the document then has what could be
// read.
func Parse(file string, rules, groups, approval *yaml.Node) (Document, error) {
	r := &reader{file: file, groups: map[string]*group{}}
	if groups != nil {
		r.readGroups(groups)
	}
	doc := Document{At: r.at(rules), source: source{rules, groups, approval}}
	if approval != nil {
		doc.Approvals = r.readApprovals(approval)
	}
	if rules.Kind != yaml.SequenceNode || len(rules.Content) == 0 {
		r.report(rules, "rules is not a list of rules",
			"write one rule under it: \"- name: default\" and \"to: [<provider>]\"")
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
	groups   map[string]*group
	problems []error
	// cel is made for the first expression.
	cel *cel.Env
}

func (r *reader) err() error { return errors.Join(r.problems...) }

func (r *reader) at(n *yaml.Node) Position {
	return Position{File: r.file, Line: n.Line, Column: n.Column}
}

func (r *reader) report(n *yaml.Node, what, mend string) {
	r.reportAt(r.at(n), what, mend)
}

func (r *reader) reportAt(at Position, what, mend string) {
	r.problems = append(r.problems, &Problem{At: at, What: what, Mend: mend})
}

// refuseAliases refuses aliases: a value has one position in the file, and a few lines cannot expand to a million.
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
	has := r.members(node, "a rule", []string{"name", "description", "when", "if", "limits", "to"},
		func(key string, value *yaml.Node) {
			switch key {
			case "name":
				rule.Name = r.name(value)
			case "description":
				rule.Description, _ = r.text(value, "description")
			case "when":
				rule.When = r.when(value, "when", 0)
			case "if":
				rule.If = r.expression(value)
			case "limits":
				rule.Limits = r.limits(value)
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
	if ok && (len(name) > longest || !onlyOf(name, "abcdefghijklmnopqrstuvwxyz0123456789-") ||
		strings.Trim(name, "-") == "") {
		r.report(node, fmt.Sprintf("%q cannot be a name", name),
			"write lower-case letters, digits and dashes, 64 at most")
	}
	return name
}

// members passes each known member of a mapping to read, and returns which there were.
func (r *reader) members(node *yaml.Node, of string, known []string,
	read func(key string, value *yaml.Node),
) map[string]bool {
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
