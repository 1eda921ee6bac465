package main

import (
	"strings"
)

// longestForm bounds a form or query that is read, in bytes. A report is a few short fields; what is longer is none.
const longestForm = 8 << 10

// formValue is the first value of a field in a form or query, decoded; empty where it does not stand, or is not well
// encoded. net/url would do the same, and make the module 130 KB larger.
func formValue(form, name string) string {
	if len(form) > longestForm {
		return ""
	}
	for pair := range strings.SplitSeq(form, "&") {
		key, value, _ := strings.Cut(pair, "=")
		if decoded, ok := unescape(key); ok && decoded == name {
			text, _ := unescape(value)
			return strings.ToValidUTF8(text, "\uFFFD")
		}
	}
	return ""
}

// unescape decodes application/x-www-form-urlencoded text.
func unescape(text string) (string, bool) {
	if !strings.ContainsAny(text, "%+") {
		return text, true
	}
	decoded := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '+':
			decoded = append(decoded, ' ')
		case '%':
			if i+2 >= len(text) || !isHex(text[i+1]) || !isHex(text[i+2]) {
				return "", false
			}
			decoded = append(decoded, nibble(text[i+1])<<4|nibble(text[i+2]))
			i += 2
		default:
			decoded = append(decoded, text[i])
		}
	}
	return string(decoded), true
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func nibble(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return (c | 0x20) - 'a' + 10
}
