package manifest

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"

	"payrouter/abi/decimal"
)

// schema compares two JSON Schemas, keyword by keyword. A difference is stricter where that is plain: a shorter
// maxLength, a member more that is required. Whatever is not is looser.
func schema(c *comparison, at place, before, after reflect.Value) {
	if before.String() == after.String() {
		return
	}
	was, wasRead := readJSON(before.String())
	is, isRead := readJSON(after.String())
	if !wasRead || !isRead {
		c.add(at, before.String(), after.String(), Looser)
		return
	}
	(&schemas{c, refers(was) || refers(is)}).compare(at, was, is)
}

// refers reports a schema that refers to a part of itself. Such a part may be negated, so that less of it is more.
func refers(schema any) bool {
	switch value := schema.(type) {
	case map[string]any:
		for name, member := range value {
			if strings.HasSuffix(strings.ToLower(name), "ref") || refers(member) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(value, refers)
	}
	return false
}

func readJSON(text string) (read any, ok bool) {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	if decoder.Decode(&read) != nil {
		return nil, false
	}
	_, err := decoder.Token()
	return read, errors.Is(err, io.EOF)
}

// schemas is a comparison of schemas under way.
type schemas struct {
	*comparison
	refers bool
}

func (s *schemas) compare(at place, before, after any) {
	was, wasObject := before.(map[string]any)
	is, isObject := after.(map[string]any)
	if !wasObject || !isObject {
		if !reflect.DeepEqual(before, after) {
			s.add(at, text(before), text(after), Looser)
		}
		return
	}
	keywords := maps.Clone(was)
	maps.Copy(keywords, is)
	for _, keyword := range slices.Sorted(maps.Keys(keywords)) {
		a, had := was[keyword]
		b, has := is[keyword]
		at := at.below(keyword)
		switch {
		case had == has && reflect.DeepEqual(a, b):
		case had && a == nil || has && b == nil: // a null is not an absence
			s.add(at, text(a), text(b), Looser)
		case keyword == "properties":
			s.properties(at, a, b)
		case keyword == "items" && a != nil && b != nil:
			s.compare(at, a, b)
		default:
			direction := Looser
			if judge, plain := keywordRows[keyword]; plain {
				direction = judge(a, b)
			}
			if s.refers && direction == Stricter {
				direction = Looser
			}
			s.add(at, text(a), text(b), direction)
		}
	}
}

// properties compares the schemas of members. A member more is one that may be set.
func (s *schemas) properties(at place, before, after any) {
	was, _ := before.(map[string]any)
	is, _ := after.(map[string]any)
	names := maps.Clone(was)
	if names == nil {
		names = map[string]any{}
	}
	maps.Copy(names, is)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		a, had := was[name]
		b, has := is[name]
		if had && has {
			s.compare(at.below(name), a, b)
			continue
		}
		s.add(at.below(name), text(a), text(b), Looser)
	}
}

// keywordRows are the keywords whose difference has a plain direction. A keyword that is not there is nil.
//
//nolint:gochecknoglobals // a lookup table
var keywordRows = map[string]func(before, after any) Direction{
	"title": neutral[any], "description": neutral[any], "$comment": neutral[any], "examples": neutral[any],
	"deprecated": neutral[any], "readOnly": neutral[any], "writeOnly": neutral[any],
	"required": required, "enum": choice, "type": choice,
	"minLength": smallest, "minItems": smallest, "minProperties": smallest, "minimum": smallest,
	"exclusiveMinimum": smallest,
	"maxLength":        largest, "maxItems": largest, "maxProperties": largest, "maximum": largest,
	"exclusiveMaximum": largest,
	"pattern":          added, "const": added, "multipleOf": added, "format": added,
	"additionalProperties": closing,
}

func required(before, after any) Direction {
	was, wasList := before.([]any)
	is, isList := after.([]any)
	if before != nil && !wasList || after != nil && !isList {
		return Looser
	}
	return fewerOf(texts(was), texts(is))
}

func choice(before, after any) Direction {
	was, is := texts(listOf(before)), texts(listOf(after))
	if before == nil || after == nil {
		return looserIf(after == nil)
	}
	return moreOf(was, is)
}

func listOf(value any) []any {
	if list, isList := value.([]any); isList {
		return list
	}
	return []any{value}
}

func texts(values []any) []string {
	spelled := make([]string, len(values))
	for i, value := range values {
		spelled[i] = text(value)
	}
	return spelled
}

func smallest(before, after any) Direction { return bound(before, after, 1) }

func largest(before, after any) Direction { return bound(before, after, -1) }

// bound compares the values of a limit. sign is 1 where a larger one is stricter.
func bound(before, after any, sign int) Direction {
	if before == nil || after == nil {
		return looserIf(after == nil)
	}
	was, wasErr := decimal.Parse(text(before))
	is, isErr := decimal.Parse(text(after))
	if wasErr != nil || isErr != nil {
		return Looser
	}
	return byOrder(sign * is.Cmp(was))
}

// added is stricter where the keyword was not there.
func added(before, _ any) Direction { return looserIf(before != nil) }

// closing is stricter where members that are not named were accepted, and no longer are.
func closing(before, after any) Direction {
	return looserIf(before != nil && before != true || after != false)
}
