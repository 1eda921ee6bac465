package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// maxDepth bounds the nesting of a body.
const maxDepth = 32

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
	return json.Unmarshal(body, into)
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
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	value, refused := readValue(decoder, "", 0)
	if refused != nil {
		return nil, refused
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, &bodyError{reason: "holds more than one JSON value"}
	}
	return value, nil
}

func readValue(decoder *json.Decoder, at string, depth int) (any, *bodyError) {
	if depth > maxDepth {
		return nil, &bodyError{pointer: at, reason: fmt.Sprintf("is nested deeper than %d levels", maxDepth)}
	}
	token, err := decoder.Token()
	if err != nil {
		return nil, notJSON(err)
	}
	switch token {
	case json.Delim('{'):
		return readObject(decoder, at, depth)
	case json.Delim('['):
		return readArray(decoder, at, depth)
	}
	return token, nil
}

func readObject(decoder *json.Decoder, at string, depth int) (any, *bodyError) {
	members := map[string]any{}
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return nil, notJSON(err)
		}
		name, _ := token.(string)
		member := at + "/" + escaped(name)
		if _, twice := members[name]; twice {
			return nil, &bodyError{pointer: member, reason: "comes twice"}
		}
		value, refused := readValue(decoder, member, depth+1)
		if refused != nil {
			return nil, refused
		}
		members[name] = value
	}
	return members, closed(decoder)
}

func readArray(decoder *json.Decoder, at string, depth int) (any, *bodyError) {
	items := []any{}
	for decoder.More() {
		item, refused := readValue(decoder, fmt.Sprintf("%s/%d", at, len(items)), depth+1)
		if refused != nil {
			return nil, refused
		}
		items = append(items, item)
	}
	return items, closed(decoder)
}

// closed reads the bracket that More saw, or the end of the text.
func closed(decoder *json.Decoder) *bodyError {
	if _, err := decoder.Token(); err != nil {
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
