package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"payrouter/host/routing"
)

const (
	// maxSize of a file, in bytes: some ten thousand rules.
	maxSize = 1 << 20
	// delimiter between the levels of a path. YAML cannot write it, so that no key contains it.
	delimiter = "\x00"
)

// source is a parsed file: its values, and the position of each.
type source struct {
	file     string
	tree     map[string]any
	rules    *yaml.Node
	groups   *yaml.Node
	approval *yaml.Node
	origins  map[string]origin
	problems []error
}

// origin is where a value comes from.
type origin struct{ key, value routing.Position }

// parse reads the file. Its error is for a text that is not YAML; mistakes in valid YAML are collected.
func parse(file string, text []byte) (*source, error) {
	s := &source{file: file, tree: map[string]any{}, origins: map[string]origin{}}
	root, problem := s.document(text)
	if problem != nil {
		return nil, problem
	}
	s.note(nil, root, root)
	if root.Kind != yaml.MappingNode {
		s.report(s.position(root), "the file is not a mapping",
			"write \"providers:\" and \"rules:\" at the left margin")
		return nil, s.err()
	}
	s.tree = s.mapping(nil, root)
	return s, nil
}

func (s *source) document(text []byte) (*yaml.Node, error) {
	whole := routing.Position{File: s.file}
	if len(text) > maxSize {
		return nil, &routing.Problem{At: whole, What: fmt.Sprintf("the file is larger than %d bytes", maxSize)}
	}
	if !utf8.Valid(text) {
		return nil, &routing.Problem{At: whole, What: "the file is not UTF-8", Mend: "save it as UTF-8"}
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var doc yaml.Node
	if err := decoder.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, &routing.Problem{At: whole, What: "the file is empty", Mend: "write \"providers:\" and \"rules:\""}
	} else if err != nil {
		return nil, s.syntaxProblem(err)
	}
	if err := decoder.Decode(&yaml.Node{}); err == nil {
		return nil, &routing.Problem{
			At: whole, What: "the file holds more than one document",
			Mend: "remove the line \"---\" and what follows it",
		}
	} else if !errors.Is(err, io.EOF) {
		return nil, s.syntaxProblem(err)
	}
	if len(doc.Content) != 1 {
		return nil, &routing.Problem{At: whole, What: "the file is empty", Mend: "write \"providers:\" and \"rules:\""}
	}
	return doc.Content[0], nil
}

// The parser has the line in its error's text only; it is extracted so that every problem has the same form.
var syntaxError = regexp.MustCompile(`^yaml: (?:line (\d+): )?(?s:(.*))$`)

func (s *source) syntaxProblem(err error) error {
	at := routing.Position{File: s.file}
	what := err.Error()
	if m := syntaxError.FindStringSubmatch(what); m != nil {
		what = m[2]
		if line, err := strconv.Atoi(m[1]); err == nil {
			at.Line, at.Column = line, 1
		}
	}
	return &routing.Problem{At: at, What: "this is not YAML", Mend: what}
}

func (s *source) position(n *yaml.Node) routing.Position {
	return routing.Position{File: s.file, Line: n.Line, Column: n.Column}
}

func (s *source) report(at routing.Position, what, mend string) {
	s.problems = append(s.problems, &routing.Problem{At: at, What: what, Mend: mend})
}

// err joins the problems so far, in the order of the file.
func (s *source) err() error {
	var sorted []error
	for _, p := range routing.Problems(errors.Join(s.problems...)) {
		sorted = append(sorted, p)
	}
	return errors.Join(sorted...)
}

func (s *source) note(path []string, key, value *yaml.Node) {
	s.origins[strings.Join(path, delimiter)] = origin{s.position(key), s.position(value)}
}

func (s *source) mapping(path []string, node *yaml.Node) map[string]any {
	values := make(map[string]any, len(node.Content)/2)
	lines := map[string]int{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		name := key.Value
		if key.Kind != yaml.ScalarNode || strings.Contains(name, delimiter) || key.ShortTag() == "!!merge" {
			s.report(s.position(key), "this is not a key",
				"write \"key: value\" lines; merges (<<) and lists are not read as keys")
			continue
		}
		if line, twice := lines[name]; twice {
			s.report(s.position(key), fmt.Sprintf("%q is already on line %d", name, line), "remove one")
			continue
		}
		lines[name] = key.Line
		at := append(slices.Clip(path), name)
		s.note(at, key, value)
		if own := s.ofRules(name); len(path) == 0 && own != nil {
			*own = value
			values[name] = outline(value)
			continue
		}
		if v := s.value(at, value); v != nil {
			values[name] = v
		}
	}
	return values
}

// ofRules is the field for a part of the file that package routing reads; nil for any other.
func (s *source) ofRules(name string) **yaml.Node {
	switch name {
	case "rules":
		return &s.rules
	case "groups":
		return &s.groups
	case "approval":
		return &s.approval
	}
	return nil
}

// value turns a node into what encoding/json would have read; nil where it cannot.
func (s *source) value(path []string, node *yaml.Node) any {
	switch node.Kind {
	case yaml.MappingNode:
		return s.mapping(path, node)
	case yaml.SequenceNode:
		list := make([]any, 0, len(node.Content))
		for i, item := range node.Content {
			at := append(slices.Clip(path), strconv.Itoa(i))
			s.note(at, item, item)
			if v := s.value(at, item); v != nil {
				list = append(list, v)
			}
		}
		return list
	case yaml.ScalarNode:
		return s.scalar(node)
	case yaml.DocumentNode, yaml.AliasNode:
	}
	s.report(s.position(node), "aliases are not read", "write the value out")
	return nil
}

func (s *source) scalar(node *yaml.Node) any {
	switch node.ShortTag() {
	case "!!str", "!!timestamp":
		return node.Value
	case "!!bool":
		return strings.EqualFold(node.Value, "true")
	case "!!int", "!!float":
		if json.Valid([]byte(node.Value)) {
			return json.Number(node.Value)
		}
		s.report(s.position(node), fmt.Sprintf("%q is not a plain number", node.Value),
			"write digits as in 1200 or 0.5, or quote it to keep it a text")
	case "!!null":
		s.report(s.position(node), "there is no value", "write one, or remove the line")
	default:
		s.report(s.position(node), "tags (!name) are not read", "remove the tag")
	}
	return nil
}

// outline has a node's texts and shape, so that two lists of rules can be compared.
func outline(node *yaml.Node) any {
	if node.Kind == yaml.ScalarNode {
		return node.Value
	}
	items := make([]any, 0, len(node.Content))
	for _, item := range node.Content {
		items = append(items, outline(item))
	}
	return items
}

func (s *source) readRules(providers []*Provider) routing.Document {
	if s.rules == nil {
		s.report(routing.Position{File: s.file}, "there are no rules",
			"add \"rules:\" with at least one rule under it: \"- name: default\" and \"to: [<provider>]\"")
		return routing.Document{}
	}
	names := make([]string, 0, len(providers))
	for _, p := range providers {
		names = append(names, p.Name)
	}
	doc, err := routing.Parse(s.file, s.rules, s.groups, s.approval)
	s.problems = append(s.problems, err, doc.Check(names))
	return doc
}
