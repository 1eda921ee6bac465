// Package jsontext reads and writes JSON whose numbers stay text, so that no amount ever becomes a float. It costs a
// guest a sixth of what encoding/json does.
package jsontext

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/valyala/fastjson"

	"payrouter/abi/decimal"
)

// Value is a JSON value, or the absence of one: the zero Value is absent, and every question to it has a harmless answer.
// It borrows nothing from the bytes it was parsed from.
type Value struct {
	json *fastjson.Value
}

// maxDepth bounds the nesting of arrays and objects.
const maxDepth = 64

// Parse reads one JSON text (RFC 8259), nested at most 64 deep.
func Parse(data []byte) (Value, error) {
	// The parser alone takes nan, 01 and raw control characters, and its errors grow with the square of the depth.
	if tooDeep(data) {
		return Value{}, fmt.Errorf("read JSON: nested deeper than %d levels", maxDepth)
	}
	if err := fastjson.ValidateBytes(data); err != nil {
		return Value{}, fmt.Errorf("read JSON: %w", err)
	}
	parsed, err := fastjson.ParseBytes(data)
	if err != nil {
		return Value{}, fmt.Errorf("read JSON: %w", err)
	}
	return Value{json: parsed}, nil
}

func tooDeep(data []byte) bool {
	depth, quoted := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quoted:
			if c == '\\' {
				i++
			}
			quoted = c != '"'
		case c == '"':
			quoted = true
		case c == '[' || c == '{':
			if depth++; depth > maxDepth {
				return true
			}
		case c == ']' || c == '}':
			depth--
		}
	}
	return false
}

// Get follows keys into objects; an array is entered by an index in decimal.
func (v Value) Get(keys ...string) Value {
	if v.json == nil {
		return v
	}
	return Value{json: v.json.Get(keys...)}
}

// Fold is Get of one key, whatever its case.
func (v Value) Fold(key string) Value {
	var found Value
	v.Each(func(name string, member Value) {
		if !found.Exists() && strings.EqualFold(name, key) {
			found = member
		}
	})
	return found
}

// Exists is false where nothing, or null, stands.
func (v Value) Exists() bool {
	return v.json != nil && v.json.Type() != fastjson.TypeNull
}

// IsObject tells an object.
func (v Value) IsObject() bool {
	return v.json != nil && v.json.Type() == fastjson.TypeObject
}

// IsArray tells an array.
func (v Value) IsArray() bool {
	return v.json != nil && v.json.Type() == fastjson.TypeArray
}

// IsString tells a string.
func (v Value) IsString() bool {
	return v.json != nil && v.json.Type() == fastjson.TypeString
}

// Text is a string's content, a number's digits as they were sent, "true" or "false"; and empty for all else. Bytes that
// are not UTF-8 are replaced.
func (v Value) Text(keys ...string) string {
	at := v.Get(keys...).json
	if at == nil {
		return ""
	}
	switch at.Type() {
	case fastjson.TypeString:
		content, _ := at.StringBytes()
		return strings.ToValidUTF8(string(content), "\uFFFD")
	case fastjson.TypeNumber, fastjson.TypeTrue, fastjson.TypeFalse:
		return string(at.MarshalTo(nil))
	case fastjson.TypeNull, fastjson.TypeObject, fastjson.TypeArray:
	}
	return ""
}

// Decimal is the plain decimal text of a number, or of a string that holds one; ok is false for anything else.
func (v Value) Decimal(keys ...string) (text string, ok bool) {
	d, err := decimal.Parse(v.Text(keys...))
	if err != nil {
		return "", false
	}
	return d.String(), true
}

// Bool is true for true alone.
func (v Value) Bool(keys ...string) bool {
	at := v.Get(keys...).json
	return at != nil && at.Type() == fastjson.TypeTrue
}

// Items are an array's elements.
func (v Value) Items(keys ...string) []Value {
	at := v.Get(keys...)
	if !at.IsArray() {
		return nil
	}
	elements, _ := at.json.Array()
	items := make([]Value, len(elements))
	for i, element := range elements {
		items[i] = Value{json: element}
	}
	return items
}

// Each visits an object's members in their order.
func (v Value) Each(visit func(name string, member Value)) {
	if !v.IsObject() {
		return
	}
	object, _ := v.json.Object()
	object.Visit(func(key []byte, member *fastjson.Value) {
		visit(strings.ToValidUTF8(string(key), "\uFFFD"), Value{json: member})
	})
}

// JSON is the value as JSON text; "null" where it is absent.
func (v Value) JSON() []byte {
	return appendValue(nil, v)
}

// Object writes a JSON object, member by member, in order. Make one with NewObject.
type Object struct {
	text []byte
}

// NewObject starts an empty object.
func NewObject() *Object {
	return &Object{text: []byte{'{'}}
}

// String adds a string member. Bytes that are not UTF-8 are replaced.
func (o *Object) String(name, text string) *Object {
	o.name(name)
	o.text = appendString(o.text, text)
	return o
}

// Number adds a number by its decimal text. Text that is not a decimal becomes a string: it must not break the document.
func (o *Object) Number(name, text string) *Object {
	d, err := decimal.Parse(text)
	if err != nil {
		return o.String(name, text)
	}
	return o.raw(name, d.String())
}

// Bool adds true or false.
func (o *Object) Bool(name string, value bool) *Object {
	return o.raw(name, strconv.FormatBool(value))
}

// Null adds null.
func (o *Object) Null(name string) *Object {
	return o.raw(name, "null")
}

// Strings adds an array of strings.
func (o *Object) Strings(name string, texts []string) *Object {
	o.name(name)
	o.text = append(o.text, '[')
	for i, text := range texts {
		if i > 0 {
			o.text = append(o.text, ',')
		}
		o.text = appendString(o.text, text)
	}
	o.text = append(o.text, ']')
	return o
}

// Value adds a value that was read elsewhere; null where it is absent.
func (o *Object) Value(name string, value Value) *Object {
	o.name(name)
	o.text = appendValue(o.text, value)
	return o
}

// Object adds an object as it stands now.
func (o *Object) Object(name string, object *Object) *Object {
	return o.raw(name, string(object.JSON()))
}

// JSON is the object as JSON text. More members may follow.
func (o *Object) JSON() []byte {
	return append(bytes.Clone(o.text), '}')
}

func (o *Object) name(name string) {
	if len(o.text) > 1 {
		o.text = append(o.text, ',')
	}
	o.text = append(appendString(o.text, name), ':')
}

func (o *Object) raw(name, text string) *Object {
	o.name(name)
	o.text = append(o.text, text...)
	return o
}

func appendValue(text []byte, v Value) []byte {
	switch {
	case !v.Exists():
		return append(text, "null"...)
	case v.IsString():
		return appendString(text, v.Text())
	case v.IsArray():
		text = append(text, '[')
		for i, item := range v.Items() {
			if i > 0 {
				text = append(text, ',')
			}
			text = appendValue(text, item)
		}
		return append(text, ']')
	case v.IsObject():
		text = append(text, '{')
		first := true
		v.Each(func(name string, member Value) {
			if !first {
				text = append(text, ',')
			}
			first = false
			text = appendValue(append(appendString(text, name), ':'), member)
		})
		return append(text, '}')
	}
	return v.json.MarshalTo(text)
}

// appendString escapes what RFC 8259 section 7 says must be, and nothing else. (fastjson's own writer uses Go's escapes for some
// characters, which are not JSON.)
func appendString(text []byte, content string) []byte {
	const hex = "0123456789abcdef"
	content = strings.ToValidUTF8(content, "\uFFFD")
	text = append(text, '"')
	start := 0
	for i := range len(content) {
		c := content[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		text = append(text, content[start:i]...)
		start = i + 1
		switch c {
		case '"', '\\':
			text = append(text, '\\', c)
		case '\n':
			text = append(text, '\\', 'n')
		case '\t':
			text = append(text, '\\', 't')
		case '\r':
			text = append(text, '\\', 'r')
		default:
			text = append(text, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	return append(append(text, content[start:]...), '"')
}
