// Package jsontext reads and writes JSON whose numbers stay text, so that no amount ever becomes a float. It costs a
// guest a sixth of what encoding/json does.
package jsontext

import (
	"fmt"
	"strings"

	"github.com/valyala/fastjson"

	"payrouter/abi/decimal"
)

// Value is a JSON value, or the absence of one: the zero Value is absent, and every question to it has a harmless answer.
// It borrows nothing from the bytes it was parsed from.
type Value struct {
	json *fastjson.Value
}

// Parse reads one JSON text (RFC 8259).
func Parse(data []byte) (Value, error) {
	parsed, err := fastjson.ParseBytes(data)
	if err != nil {
		return Value{}, fmt.Errorf("read JSON: %w", err)
	}
	return Value{json: parsed}, nil
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
	if v.json == nil {
		return []byte("null")
	}
	return v.json.MarshalTo(nil)
}

// Object writes a JSON object, member by member, in order. Make one with NewObject.
type Object struct {
	arena *fastjson.Arena
	json  *fastjson.Value
}

// NewObject starts an empty object.
func NewObject() *Object {
	arena := new(fastjson.Arena)
	return &Object{arena: arena, json: arena.NewObject()}
}

// String adds a string member.
func (o *Object) String(name, text string) *Object {
	o.json.Set(name, o.arena.NewString(text))
	return o
}

// Number adds a number by its decimal text. Text that is not a decimal becomes a string: it must not break the document.
func (o *Object) Number(name, text string) *Object {
	d, err := decimal.Parse(text)
	if err != nil {
		return o.String(name, text)
	}
	o.json.Set(name, o.arena.NewNumberString(d.String()))
	return o
}

// Bool adds true or false.
func (o *Object) Bool(name string, value bool) *Object {
	if value {
		o.json.Set(name, o.arena.NewTrue())
	} else {
		o.json.Set(name, o.arena.NewFalse())
	}
	return o
}

// Null adds null.
func (o *Object) Null(name string) *Object {
	o.json.Set(name, o.arena.NewNull())
	return o
}

// Strings adds an array of strings.
func (o *Object) Strings(name string, texts []string) *Object {
	array := o.arena.NewArray()
	for i, text := range texts {
		array.SetArrayItem(i, o.arena.NewString(text))
	}
	o.json.Set(name, array)
	return o
}

// Value adds a value that was read elsewhere; null where it is absent.
func (o *Object) Value(name string, value Value) *Object {
	if value.json == nil {
		return o.Null(name)
	}
	o.json.Set(name, value.json)
	return o
}

// Object adds an object.
func (o *Object) Object(name string, object *Object) *Object {
	o.json.Set(name, object.json)
	return o
}

// JSON is the object as JSON text.
func (o *Object) JSON() []byte {
	return o.json.MarshalTo(nil)
}
