package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	// maxDepth bounds the nesting of a body.
	maxDepth = 32
	// maxValues bounds what a body holds: members, items and what is in them. Checking one takes many times its length
	// in memory and time.
	maxValues = 10_000
)

// bodyError is a reason why a body cannot be read, with its place.
type bodyError struct {
	// pointer is a JSON pointer; empty for the body as a whole.
	pointer string
	reason  string
}

func (e *bodyError) Error() string { return strings.TrimSpace(e.pointer + " " + e.reason) }

// unmarshal reads JSON that has one reading only; see canonical.
func unmarshal(body []byte, into any) error {
	if _, err := read(body); err != nil {
		return err
	}
	err := json.Unmarshal(body, into)
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		at := "/" + strings.ReplaceAll(escaped(wrong.Field), ".", "/")
		return &bodyError{pointer: strings.TrimSuffix(at, "/"), reason: "must be another value than a " + wrong.Value}
	}
	if err != nil {
		return &bodyError{reason: "cannot be read: " + err.Error()}
	}
	return nil
}

// canonical is JSON text with its members sorted and its blanks gone, so that the same content gives the same bytes.
func canonical(body []byte) ([]byte, *bodyError) {
	value, refused := read(body)
	if refused != nil {
		return nil, refused
	}
	text, err := json.Marshal(value)
	if err != nil {
		return nil, notJSON(err)
	}
	return text, nil
}

// read refuses what two readers could understand differently: bytes that are not UTF-8, and members that come twice.
func read(body []byte) (any, *bodyError) {
	if !utf8.Valid(body) {
		return nil, &bodyError{reason: "is not valid UTF-8"}
	}
	decoder := newTextDecoder(body)
	value, refused := readValue(decoder, "", 0)
	if refused != nil {
		return nil, refused
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, &bodyError{reason: "holds more than one JSON value"}
	}
	return value, nil
}

// loneSurrogate is half of a character outside the basic plane (RFC 8259, section 8.2). encoding/json puts another
// character in its place, so that what is kept is not what was sent.
const loneSurrogate = "has half of a surrogate pair, such as \\ud800: send the whole character"

// textDecoder is a decoder that knows its text.
type textDecoder struct {
	*json.Decoder
	text []byte
	// read is how much of the text came before the last token.
	read int64
	// values counts those that were begun.
	values int
}

func newTextDecoder(text []byte) *textDecoder {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	return &textDecoder{Decoder: decoder, text: text}
}

// Token hides the decoder's.
func (d *textDecoder) Token() (json.Token, error) {
	d.read = d.InputOffset()
	return d.Decoder.Token()
}

// replaced reports a token, the last one, that is not the text's.
func (d *textDecoder) replaced(token json.Token) bool {
	text, is := token.(string)
	if !is || !strings.ContainsRune(text, utf8.RuneError) {
		return false
	}
	return hasLoneSurrogate(d.text[d.read:d.InputOffset()])
}

// hasLoneSurrogate looks at the escapes of a JSON string that is well formed.
func hasLoneSurrogate(quoted []byte) bool {
	for i := 0; i+1 < len(quoted); i++ {
		if quoted[i] != '\\' {
			continue
		}
		i++
		if quoted[i] != 'u' {
			continue
		}
		first := escapedUnit(quoted[i+1:])
		i += 4
		if !utf16.IsSurrogate(first) {
			continue
		}
		if i+2 >= len(quoted) || quoted[i+1] != '\\' || quoted[i+2] != 'u' ||
			utf16.DecodeRune(first, escapedUnit(quoted[i+3:])) == utf8.RuneError {
			return true
		}
		i += 6
	}
	return false
}

// escapedUnit reads four hexadecimal digits.
func escapedUnit(text []byte) rune {
	const digits = 4
	unit, err := strconv.ParseUint(string(text[:min(digits, len(text))]), 16, 16)
	if err != nil {
		return 0
	}
	return rune(unit)
}

func readValue(d *textDecoder, at string, depth int) (any, *bodyError) {
	if depth > maxDepth {
		return nil, &bodyError{pointer: at, reason: fmt.Sprintf("is nested deeper than %d levels", maxDepth)}
	}
	if d.values++; d.values > maxValues {
		return nil, &bodyError{reason: fmt.Sprintf("has more than %d values", maxValues)}
	}
	token, err := d.Token()
	if err != nil {
		return nil, notJSON(err)
	}
	if d.replaced(token) {
		return nil, &bodyError{pointer: at, reason: loneSurrogate}
	}
	if number, is := token.(json.Number); is {
		if _, err := number.Float64(); err != nil {
			return nil, &bodyError{pointer: at, reason: "is a number beyond 1.8e308, which few readers know"}
		}
	}
	switch token {
	case json.Delim('{'):
		return readObject(d, at, depth)
	case json.Delim('['):
		return readArray(d, at, depth)
	}
	return token, nil
}

func readObject(d *textDecoder, at string, depth int) (any, *bodyError) {
	members := map[string]any{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return nil, notJSON(err)
		}
		name, _ := token.(string)
		if d.replaced(name) {
			return nil, &bodyError{pointer: at, reason: "has a member whose name " + loneSurrogate}
		}
		member := at + "/" + escaped(name)
		if _, twice := members[name]; twice {
			return nil, &bodyError{pointer: member, reason: "comes twice"}
		}
		value, refused := readValue(d, member, depth+1)
		if refused != nil {
			return nil, refused
		}
		members[name] = value
	}
	return members, closed(d)
}

func readArray(d *textDecoder, at string, depth int) (any, *bodyError) {
	items := []any{}
	for d.More() {
		item, refused := readValue(d, fmt.Sprintf("%s/%d", at, len(items)), depth+1)
		if refused != nil {
			return nil, refused
		}
		items = append(items, item)
	}
	return items, closed(d)
}

// closed reads the bracket that More saw, or the end of the text.
func closed(d *textDecoder) *bodyError {
	if _, err := d.Token(); err != nil {
		return notJSON(err)
	}
	return nil
}

func notJSON(err error) *bodyError {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &bodyError{reason: "is not JSON: it ends too early"}
	}
	return &bodyError{reason: "is not JSON: " + err.Error()}
}

// escaped is a member's name in a JSON pointer (RFC 6901).
func escaped(name string) string {
	if !strings.ContainsAny(name, "~/") {
		return name // making a replacer costs more than reading the whole body
	}
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}
