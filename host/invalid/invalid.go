// Package invalid describes what is wrong with one member of a request: where it is, and how to mend it.
package invalid

import (
	"fmt"
	"strings"
	"unicode"
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

// Address is what is wrong with the characters of a URL; empty where nothing is. RFC 3986 has no blanks, control
// characters, quotes, angle brackets or backslashes in one: readers drop, escape or keep them as they please.
func Address(text string) string {
	if at := strings.IndexFunc(text, func(r rune) bool {
		return r <= ' ' || r == 0x7f || strings.ContainsRune("\"<>\\", r) || r == utf8.RuneError || unicode.IsSpace(r) ||
			unicode.IsControl(r)
	}); at >= 0 {
		character, _ := utf8.DecodeRuneInString(text[at:])
		return fmt.Sprintf("must not hold the character %+q: write it percent-encoded", character)
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
