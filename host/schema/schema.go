// Package schema validates JSON of callers and plugins by the JSON Schemas of plugins' manifests.
//
// It is the host's only set-up of the schema compiler: no schema makes the host read a file or the network, no number
// takes long to evaluate, and violations are located by JSON pointers.
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

// Masked replaces a member that is writeOnly.
const Masked = "{{masked}}"

// Schema is a compiled JSON Schema (2020-12). It is safe for concurrent use.
type Schema struct {
	compiled *jsonschema.Schema
	// hasWriteOnly: some member in it is writeOnly.
	hasWriteOnly bool
}

// Violation is what is wrong at one place of an instance.
type Violation struct {
	// Pointer is a JSON pointer (RFC 6901); empty for the instance as a whole. Path are its members and indexes.
	Pointer string
	Path    []string
	Reason  string
	// Unknown: the instance has a member there that the schema does not allow.
	Unknown bool
}

// Compile reads a schema's text. An empty one accepts any JSON.
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
	return &Schema{compiled: compiled, hasWriteOnly: hasWriteOnly(compiled, map[*jsonschema.Schema]bool{})}, nil
}

type noLoader struct{}

// Load implements jsonschema.URLLoader.
func (noLoader) Load(url string) (any, error) {
	return nil, fmt.Errorf("a plugin's schema cannot refer to %s", url)
}

// maxViolations bounds what is reported of one instance.
const maxViolations = 100

// Check reports everything that is wrong with an instance, sorted by pointer; at most 100 violations.
func (s *Schema) Check(instance []byte) []Violation {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(instance))
	if err != nil {
		return []Violation{{Reason: "is not JSON: " + err.Error()}}
	}
	if at, found := unwieldy(value, nil); found {
		return []Violation{violation(at, "is a number of too many digits")}
	}
	var found []Violation
	if invalid, is := errors.AsType[*jsonschema.ValidationError](s.compiled.Validate(value)); is {
		found = violations(invalid, message.NewPrinter(language.English))
	}
	slices.SortStableFunc(found, func(a, b Violation) int { return strings.Compare(a.Pointer, b.Pointer) })
	found = slices.CompactFunc(found, func(a, b Violation) bool { return a.Pointer == b.Pointer && a.Reason == b.Reason })
	return found[:min(len(found), maxViolations)]
}

// Members are the names of the members that the schema itself lists, sorted.
func (s *Schema) Members() []string { return slices.Sorted(maps.Keys(s.compiled.Properties)) }

func violation(path []string, reason string) Violation {
	return Violation{Pointer: pointer(path), Path: path, Reason: reason}
}

// violations are the innermost causes: the outer ones only repeat that something inside them is wrong.
func violations(invalid *jsonschema.ValidationError, printer *message.Printer) []Violation {
	var all []Violation
	for _, cause := range invalid.Causes {
		all = append(all, violations(cause, printer)...)
	}
	if len(all) > 0 {
		return all
	}
	member := func(name string) []string { return append(slices.Clip(invalid.InstanceLocation), name) }
	switch what := invalid.ErrorKind.(type) {
	case *kind.Required:
		for _, name := range what.Missing {
			all = append(all, violation(member(name), "is required"))
		}
	case *kind.AdditionalProperties:
		for _, name := range what.Properties {
			unknown := violation(member(name), "is not a known member")
			unknown.Unknown = true
			all = append(all, unknown)
		}
	default:
		all = append(all, violation(invalid.InstanceLocation, invalid.ErrorKind.LocalizedString(printer)))
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

// The longest number, and the largest exponent, that is evaluated: exact arithmetic takes long with more.
const (
	maxDigits   = 400
	maxExponent = 400
)

// unwieldy finds a number that is not evaluated.
func unwieldy(value any, at []string) (where []string, found bool) {
	switch v := value.(type) {
	case json.Number:
		return at, isUnwieldy(string(v))
	case map[string]any:
		for name, member := range v {
			if where, found = unwieldy(member, append(slices.Clip(at), name)); found {
				return where, true
			}
		}
	case []any:
		for i, item := range v {
			if where, found = unwieldy(item, append(slices.Clip(at), strconv.Itoa(i))); found {
				return where, true
			}
		}
	}
	return nil, false
}

func isUnwieldy(number string) bool {
	if len(number) > maxDigits {
		return true
	}
	_, exponent, has := strings.Cut(strings.ToLower(number), "e")
	if !has {
		return false
	}
	size, err := strconv.Atoi(exponent)
	return err != nil || size > maxExponent || size < -maxExponent
}

// Mask replaces an instance's writeOnly members by Masked. Numbers keep their text; where something is masked, members
// may change their order.
func (s *Schema) Mask(instance []byte) []byte {
	masked, _ := s.mask(instance)
	return masked
}

// Hidden are the texts of an instance's writeOnly members, as JSON writes them: to be masked wherever else they occur.
func (s *Schema) Hidden(instance []byte) []string {
	_, hidden := s.mask(instance)
	return hidden
}

func (s *Schema) mask(instance []byte) (masked []byte, hidden []string) {
	if !s.hasWriteOnly || len(instance) == 0 {
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
	applicable := appendApplicable(nil, by)
	if slices.ContainsFunc(applicable, func(schema *jsonschema.Schema) bool { return schema.WriteOnly }) {
		if value != Masked {
			hidden(value)
		}
		return Masked
	}
	switch v := value.(type) {
	case map[string]any:
		for name := range v {
			for _, schema := range applicable {
				if member := schemaOfMember(schema, name); member != nil {
					v[name] = mask(member, v[name], hidden)
				}
			}
		}
	case []any:
		for i := range v {
			for _, schema := range applicable {
				if schema.Items2020 != nil {
					v[i] = mask(schema.Items2020, v[i], hidden)
				}
			}
		}
	}
	return value
}

// schemaOfMember is the schema of a member; nil where there is none.
func schemaOfMember(of *jsonschema.Schema, name string) *jsonschema.Schema {
	if member := of.Properties[name]; member != nil {
		return member
	}
	rest, _ := of.AdditionalProperties.(*jsonschema.Schema)
	return rest
}

// appendApplicable appends the schemas that apply to the same instance as one does, itself among them. A schema may
// refer back to itself.
func appendApplicable(all []*jsonschema.Schema, schema *jsonschema.Schema) []*jsonschema.Schema {
	if schema == nil || slices.Contains(all, schema) {
		return all
	}
	all = append(all, schema)
	for _, nested := range slices.Concat(schema.AllOf, schema.AnyOf, schema.OneOf,
		[]*jsonschema.Schema{schema.Ref, schema.Then, schema.Else}) {
		all = appendApplicable(all, nested)
	}
	return all
}

// hasWriteOnly reports whether any member of a schema is writeOnly; seen are the schemas that were visited.
func hasWriteOnly(schema *jsonschema.Schema, seen map[*jsonschema.Schema]bool) bool {
	if schema == nil || seen[schema] {
		return false
	}
	seen[schema] = true
	below := append(appendApplicable(nil, schema)[1:], schema.Items2020)
	if rest, is := schema.AdditionalProperties.(*jsonschema.Schema); is {
		below = append(below, rest)
	}
	below = slices.AppendSeq(below, maps.Values(schema.Properties))
	return schema.WriteOnly ||
		slices.ContainsFunc(below, func(nested *jsonschema.Schema) bool { return hasWriteOnly(nested, seen) })
}
