// Package jsontext reads and writes JSON whose numbers stay text, so that no amount ever becomes a float.
//
// It reads a text once, into one flat list, because guests pay dearly for each allocation and each call: encoding/json
// costs them more than everything else that they do. valyala/fastjson takes what is not JSON (nan, 01), has no bound on
// nesting of its own, and writes escapes that are Go's and not JSON's.
package jsontext

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"payrouter/abi/decimal"
)

// Value is a JSON value, or the absence of one: the zero Value is absent, and every question to it has a harmless
// answer. It borrows the bytes that it was parsed from, and so do the texts that it gives: they must not change while
// those are used.
type Value struct {
	in *document
	at int32
}

// Parse reads one JSON text, strictly as RFC 8259 has it, nested at most 64 deep. Of members of one name the first
// counts. One byte order mark before the text is skipped, and is part of no value.
func Parse(data []byte) (Value, error) {
	if len(data) > math.MaxInt32 {
		return Value{}, errors.New("read JSON: too long")
	}
	read, err := read(data)
	if err != nil {
		return Value{}, err
	}
	return Value{in: read}, nil
}

// node is the value's own; of kind 0 where there is none.
func (v Value) node() node {
	if v.in == nil {
		return node{}
	}
	return v.in.nodes[v.at]
}

// Get follows keys into objects; an array is entered by an index in decimal.
func (v Value) Get(keys ...string) Value {
	for _, key := range keys {
		switch v.node().kind {
		case object:
			v = v.member(key)
		case array:
			v = v.item(key)
		default:
			return Value{}
		}
	}
	return v
}

// Fold is Get of one key, whatever its case.
func (v Value) Fold(key string) Value {
	if !v.IsObject() {
		return Value{}
	}
	for at := v.at + 1; at < v.node().next; at = v.in.nodes[at+1].next {
		if strings.EqualFold(v.in.content(v.in.nodes[at]), key) {
			return Value{in: v.in, at: at + 1}
		}
	}
	return Value{}
}

// Members looks for several members in one walk, where Get would take one each: into[i] becomes the first that is
// called names[i], and stays as it is where there is none. into is at least as long as names.
func (v Value) Members(names []string, into []Value) {
	if !v.IsObject() {
		return
	}
	nodes := v.in.nodes
	end := nodes[v.at].next
	for at := v.at + 1; at < end; at = nodes[at+1].next {
		name := v.in.content(nodes[at])
		for i, wanted := range names {
			if len(wanted) == len(name) && into[i].in == nil && wanted == name {
				into[i] = Value{in: v.in, at: at + 1}
				break
			}
		}
	}
}

// Twice reports whether an object has one of these members, at most 64, more than once: readers differ in which of them
// counts.
func (v Value) Twice(names ...string) bool {
	if !v.IsObject() {
		return false
	}
	var seen uint64 // a bit for each name
	nodes := v.in.nodes
	end := nodes[v.at].next
	for at := v.at + 1; at < end; at = nodes[at+1].next {
		i := slices.Index(names, v.in.content(nodes[at]))
		if i < 0 {
			continue
		}
		if seen&(1<<i) != 0 {
			return true
		}
		seen |= 1 << i
	}
	return false
}

// member is the first one of that name.
func (v Value) member(key string) Value {
	nodes := v.in.nodes
	end := nodes[v.at].next
	for at := v.at + 1; at < end; at = nodes[at+1].next {
		name := &nodes[at]
		if name.plain && int(name.end-name.start) != len(key) {
			continue
		}
		if v.in.content(*name) == key {
			return Value{in: v.in, at: at + 1}
		}
	}
	return Value{}
}

func (v Value) item(index string) Value {
	wanted, err := strconv.Atoi(index)
	if err != nil || wanted < 0 {
		return Value{}
	}
	for at := v.at + 1; at < v.node().next; at = v.in.nodes[at].next {
		if wanted == 0 {
			return Value{in: v.in, at: at}
		}
		wanted--
	}
	return Value{}
}

// Exists is false where nothing, or null, stands.
func (v Value) Exists() bool {
	is := v.node().kind
	return is != 0 && is != null
}

// IsNull reports whether the member is there, and null.
func (v Value) IsNull() bool { return v.node().kind == null }

// IsObject reports whether the value is an object.
func (v Value) IsObject() bool { return v.node().kind == object }

// IsArray reports whether the value is an array.
func (v Value) IsArray() bool { return v.node().kind == array }

// IsString reports whether the value is a string.
func (v Value) IsString() bool { return v.node().kind == quote }

// Text is a string's content, a number's digits as they were sent, "true" or "false"; and empty for all else. Bytes
// that are not UTF-8 are replaced.
func (v Value) Text(keys ...string) string {
	if len(keys) > 0 {
		v = v.Get(keys...)
	}
	switch n := v.node(); n.kind {
	case quote, number, boolean:
		return v.in.content(n)
	case null, array, object:
	}
	return ""
}

// Decimal is the plain decimal text of a number, or of a string that holds one; ok is false for anything else.
func (v Value) Decimal(keys ...string) (plain string, ok bool) {
	if len(keys) > 0 {
		v = v.Get(keys...)
	}
	d, err := v.Amount()
	if err != nil {
		return "", false
	}
	return d.String(), true
}

// Bool is true for true alone.
func (v Value) Bool(keys ...string) bool {
	is, _ := v.Flag(keys...)
	return is
}

// Flag is a boolean; ok is false for anything else, its spelling in a string included.
func (v Value) Flag(keys ...string) (is, ok bool) {
	if len(keys) > 0 {
		v = v.Get(keys...)
	}
	n := v.node()
	return n.kind == boolean && v.in.text[n.start] == 't', n.kind == boolean
}

// Items are an array's elements.
func (v Value) Items(keys ...string) []Value {
	list := v.Get(keys...)
	if !list.IsArray() {
		return nil
	}
	var items []Value
	for at := list.at + 1; at < list.node().next; at = list.in.nodes[at].next {
		items = append(items, Value{in: list.in, at: at})
	}
	return items
}

// Each visits an object's members in their order.
func (v Value) Each(visit func(name string, member Value)) {
	if !v.IsObject() {
		return
	}
	for at := v.at + 1; at < v.node().next; at = v.in.nodes[at+1].next {
		visit(v.in.content(v.in.nodes[at]), Value{in: v.in, at: at + 1})
	}
}

// JSON is the value as JSON text; "null" where it is absent.
func (v Value) JSON() []byte {
	return appendValue(nil, v)
}

// Object writes a JSON object, member by member, in order. Make one with NewObject.
type Object struct {
	text  []byte
	usual [256]byte // room for the text; more grows
}

// NewObject starts an empty object.
func NewObject() *Object {
	o := new(Object)
	o.text = append(o.usual[:0], '{')
	return o
}

// String adds a string member. Bytes that are not UTF-8 are replaced.
func (o *Object) String(name, text string) *Object {
	o.name(name)
	o.text = appendString(o.text, text)
	return o
}

// Number adds a number by its decimal text. Text that is not a decimal becomes a string: it must not break the
// document.
func (o *Object) Number(name, text string) *Object {
	d, err := decimal.Parse(text)
	if err != nil {
		return o.String(name, text)
	}
	return o.raw(name, d.String())
}

// Integer adds a whole number.
func (o *Object) Integer(name string, value uint64) *Object {
	o.name(name)
	o.text = strconv.AppendUint(o.text, value, 10)
	return o
}

// Bool adds true or false.
func (o *Object) Bool(name string, value bool) *Object {
	return o.raw(name, strconv.FormatBool(value))
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

// JSON ends the object, and is its text. No member may follow.
func (o *Object) JSON() []byte {
	return append(o.text, '}')
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

func appendValue(to []byte, v Value) []byte {
	switch n := v.node(); n.kind {
	case quote:
		return appendString(to, v.Text())
	case number, boolean:
		return append(to, v.Text()...)
	case array:
		to = append(to, '[')
		for i, item := range v.Items() {
			if i > 0 {
				to = append(to, ',')
			}
			to = appendValue(to, item)
		}
		return append(to, ']')
	case object:
		to = append(to, '{')
		first := true
		v.Each(func(name string, member Value) {
			if !first {
				to = append(to, ',')
			}
			first = false
			to = appendValue(append(appendString(to, name), ':'), member)
		})
		return append(to, '}')
	case null:
	}
	return append(to, "null"...)
}

// appendString escapes what RFC 8259 section 7 states must be, and nothing else.
func appendString(to []byte, content string) []byte {
	to = append(to, '"')
	for i := range len(content) {
		if c := content[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			return append(appendEscaped(append(to, content[:i]...), strings.ToValidUTF8(content[i:], "\uFFFD")), '"')
		}
	}
	return append(append(to, content...), '"')
}

func appendEscaped(to []byte, content string) []byte {
	const hex = "0123456789abcdef"
	for i := range len(content) {
		switch c := content[i]; {
		case c == '"' || c == '\\':
			to = append(to, '\\', c)
		case c == '\n':
			to = append(to, '\\', 'n')
		case c == '\t':
			to = append(to, '\\', 't')
		case c == '\r':
			to = append(to, '\\', 'r')
		case c < ' ':
			to = append(to, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			to = append(to, c)
		}
	}
	return to
}
