// Package invalid describes what is wrong with one member of a request: where it is, and how to mend it.
package invalid

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Error is what is wrong with one member of a request.
type Error struct {
	// Field is a JSON pointer into the request: "/amount".
	Field string
	// Reason is what is wrong and how to mend it.
	Reason string
}

func (e *Error) Error() string {
	return strings.TrimPrefix(e.Field, "/") + ": " + e.Reason
}

// Text is what is wrong with a text of at most so many bytes; empty where nothing is.
func Text(text string, limit int) string {
	if !utf8.ValidString(text) {
		return "must be valid UTF-8"
	}
	if len(text) > limit {
		return fmt.Sprintf("is %d bytes; at most %d are taken", len(text), limit)
	}
	for _, r := range text {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f {
			return "must not hold control characters"
		}
	}
	return ""
}

// Clip shortens what an error shows of a caller's text.
func Clip(text string) string {
	const most = 48
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
