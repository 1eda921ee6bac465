// Package schema holds JSON that callers and plugins bring to the JSON Schemas of plugins' manifests.
//
// It hides how: no schema makes the host read a file or the network, no number makes it reckon for long, and what is
// wrong is told by JSON pointers.
package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// Masked stands where a member was that nobody is to see.
const Masked = "{{masked}}"

// Schema is a compiled JSON Schema (2020-12). It is safe for concurrent use.
type Schema struct {
	compiled *jsonschema.Schema
	// hides: somewhere in it is a member that is writeOnly.
	hides bool
}

// Violation says what is wrong at one place of an instance.
type Violation struct {
	// Pointer is a JSON pointer (RFC 6901); empty for the instance as a whole.
	Pointer string
	Reason  string
}

// Compile reads a schema's text. An empty one takes everything.
func Compile(text string) (*Schema, error) {
	if text == "" {
		text = "true"
	}
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("read a schema: %w", err)
	}
	const name = "schema.json"
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	compiler.UseLoader(noLoader{})
	if err := compiler.AddResource(name, document); err != nil {
		return nil, fmt.Errorf("read a schema: %w", err)
	}
	compiled, err := compiler.Compile(name)
	if err != nil {
		return nil, fmt.Errorf("compile a schema: %w", err)
	}
	return &Schema{compiled: compiled, hides: hides(compiled, map[*jsonschema.Schema]bool{})}, nil
}

type noLoader struct{}

// Load implements jsonschema.URLLoader.
func (noLoader) Load(url string) (any, error) {
	return nil, fmt.Errorf("a plugin's schema cannot refer to %s", url)
}

// mostViolations is how much is said of one instance.
const mostViolations = 100

// Check says everything that is wrong with an instance, in the order of its places; the first 100 of it.
func (s *Schema) Check(instance []byte) []Violation {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(instance))
	if err != nil {
		return []Violation{{Reason: "is not JSON: " + err.Error()}}
	}
	if at, found := unwieldy(value, ""); found {
		return []Violation{{Pointer: at, Reason: "is a number of too many digits"}}
	}
	var found []Violation
	if invalid, is := errors.AsType[*jsonschema.ValidationError](s.compiled.Validate(value)); is {
		found = violations(invalid, message.NewPrinter(language.English))
	}
	slices.SortStableFunc(found, func(a, b Violation) int { return strings.Compare(a.Pointer, b.Pointer) })
	found = slices.Compact(found)
	return found[:min(len(found), mostViolations)]
}

// violations are the innermost causes: the outer ones only say that something inside them is wrong.
func violations(invalid *jsonschema.ValidationError, printer *message.Printer) []Violation {
	if len(invalid.Causes) > 0 {
		var all []Violation
		for _, cause := range invalid.Causes {
			all = append(all, violations(cause, printer)...)
		}
		return all
	}
	at := pointer(invalid.InstanceLocation)
	switch what := invalid.ErrorKind.(type) {
	case *kind.Required:
		return each(at, what.Missing, "is required")
	case *kind.AdditionalProperties:
		return each(at, what.Properties, "is no member of it")
	}
	return []Violation{{Pointer: at, Reason: invalid.ErrorKind.LocalizedString(printer)}}
}

func each(at string, members []string, reason string) []Violation {
	all := make([]Violation, len(members))
	for i, member := range members {
		all[i] = Violation{Pointer: at + pointer([]string{member}), Reason: reason}
	}
	return all
}

func pointer(steps []string) string {
	var at strings.Builder
	for _, step := range steps {
		at.WriteString("/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(step))
	}
	return at.String()
}

// The longest number, and the largest exponent, that is reckoned with: exact arithmetic takes its time with more.
const (
	mostDigits   = 400
	mostExponent = 400
)

// unwieldy finds a number that is not reckoned with.
func unwieldy(value any, at string) (where string, found bool) {
	switch v := value.(type) {
	case json.Number:
		return at, isUnwieldy(string(v))
	case map[string]any:
		for name, member := range v {
			if where, found = unwieldy(member, at+pointer([]string{name})); found {
				return where, true
			}
		}
	case []any:
		for i, item := range v {
			if where, found = unwieldy(item, at+"/"+strconv.Itoa(i)); found {
				return where, true
			}
		}
	}
	return "", false
}

func isUnwieldy(number string) bool {
	if len(number) > mostDigits {
		return true
	}
	_, exponent, has := strings.Cut(strings.ToLower(number), "e")
	if !has {
		return false
	}
	size, err := strconv.Atoi(exponent)
	return err != nil || size > mostExponent || size < -mostExponent
}

// Mask puts Masked where an instance has members that the schema says are writeOnly. Numbers keep their text; where
// something is masked, members may change their order.
func (s *Schema) Mask(instance []byte) []byte {
	masked, _ := s.mask(instance)
	return masked
}

// Hidden are the texts of members that the schema says are writeOnly, as they stand in JSON: what is to be masked
// wherever else it shows up.
func (s *Schema) Hidden(instance []byte) []string {
	_, hidden := s.mask(instance)
	return hidden
}

func (s *Schema) mask(instance []byte) (masked []byte, hidden []string) {
	if !s.hides || len(instance) == 0 {
		return instance, nil
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(instance))
	if err != nil {
		return nil, nil // what cannot be read cannot be masked
	}
	value = mask(s.compiled, value, func(member any) {
		text := string(encode(member))
		if _, is := member.(string); is {
			text = text[1 : len(text)-1]
		}
		hidden = append(hidden, text)
	})
	return encode(value), hidden
}

// encode is what was decoded, which cannot fail.
func encode(value any) []byte {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(value) //nolint:errchkjson // see above
	return bytes.TrimSpace(text.Bytes())
}

func mask(by *jsonschema.Schema, value any, hidden func(any)) any {
	if value == nil {
		return nil
	}
	alike := speaking(by, nil)
	if slices.ContainsFunc(alike, func(one *jsonschema.Schema) bool { return one.WriteOnly }) {
		if value != Masked {
			hidden(value)
		}
		return Masked
	}
	switch v := value.(type) {
	case map[string]any:
		for name := range v {
			for _, one := range alike {
				if of := memberOf(one, name); of != nil {
					v[name] = mask(of, v[name], hidden)
				}
			}
		}
	case []any:
		for i := range v {
			for _, one := range alike {
				if one.Items2020 != nil {
					v[i] = mask(one.Items2020, v[i], hidden)
				}
			}
		}
	}
	return value
}

// memberOf is what a schema says of a member; nil where it says nothing.
func memberOf(of *jsonschema.Schema, name string) *jsonschema.Schema {
	if member := of.Properties[name]; member != nil {
		return member
	}
	rest, _ := of.AdditionalProperties.(*jsonschema.Schema)
	return rest
}

// speaking adds the schemas that speak of the same instance as one does, itself among them. A schema may come back to
// itself.
func speaking(of *jsonschema.Schema, so []*jsonschema.Schema) []*jsonschema.Schema {
	if of == nil || slices.Contains(so, of) {
		return so
	}
	so = append(so, of)
	for _, one := range slices.Concat(of.AllOf, of.AnyOf, of.OneOf, []*jsonschema.Schema{of.Ref, of.Then, of.Else}) {
		so = speaking(one, so)
	}
	return so
}

// hides tells whether anything in a schema is writeOnly; seen are those that were looked at.
func hides(of *jsonschema.Schema, seen map[*jsonschema.Schema]bool) bool {
	if of == nil || seen[of] {
		return false
	}
	seen[of] = true
	below := append(speaking(of, nil)[1:], of.Items2020)
	if rest, is := of.AdditionalProperties.(*jsonschema.Schema); is {
		below = append(below, rest)
	}
	below = slices.AppendSeq(below, maps.Values(of.Properties))
	return of.WriteOnly || slices.ContainsFunc(below, func(one *jsonschema.Schema) bool { return hides(one, seen) })
}
