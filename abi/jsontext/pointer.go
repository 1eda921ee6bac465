package jsontext

import "strings"

// Pointer is the JSON pointer (RFC 6901) of the value under these keys; empty, the whole document, without any.
func Pointer(keys ...string) string {
	var pointer strings.Builder
	for _, key := range keys {
		pointer.WriteByte('/')
		pointer.WriteString(strings.ReplaceAll(strings.ReplaceAll(key, "~", "~0"), "/", "~1"))
	}
	return pointer.String()
}

// Keys are the keys that a JSON pointer names, outermost first.
func Keys(pointer string) []string {
	if pointer == "" {
		return nil
	}
	keys := strings.Split(strings.TrimPrefix(pointer, "/"), "/")
	for i, key := range keys {
		keys[i] = strings.ReplaceAll(strings.ReplaceAll(key, "~1", "/"), "~0", "~")
	}
	return keys
}
