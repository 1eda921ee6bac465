// Package formtext reads and writes application/x-www-form-urlencoded text, as forms and queries carry it, without
// net/url: that would make a module 130 KB larger.
package formtext

import "strings"

// longest bounds a form or query that is read, in bytes. A report is a few short fields; what is longer is none.
const longest = 8 << 10

// Value is the first value of a field in a form or query, decoded, and valid UTF-8; empty where it does not stand, or
// is not well encoded. What is longer than 8 KiB is no form: nothing stands in it.
func Value(form, name string) string {
	if len(form) > longest {
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

// Escape encodes a text for a form or query inside another field; a blank becomes %20, which any decoder reads.
func Escape(text string) string {
	const hex = "0123456789ABCDEF"
	var encoded strings.Builder
	for i := range len(text) {
		switch c := text[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.':
			encoded.WriteByte(c)
		default:
			encoded.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
	return encoded.String()
}

// unescape decodes a name or a value, and reports whether it was well encoded.
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
