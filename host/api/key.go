package api

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

const keyHeader = "Idempotency-Key"

// maxKey is the longest idempotency key, in bytes.
const maxKey = 255

// idempotencyKey reads the header's value: an RFC 8941 string, as draft-ietf-httpapi-idempotency-key-header asks for,
// or the same bare.
func idempotencyKey(header string) (string, error) {
	text := strings.TrimSpace(header)
	if strings.HasPrefix(text, `"`) {
		var err error
		if text, err = unquote(text); err != nil {
			return "", err
		}
	}
	if strings.TrimSpace(text) == "" {
		return "", errors.New(
			"is missing: send one that is new for each payment, and the same for each repetition of it")
	}
	if len(text) > maxKey {
		return "", fmt.Errorf("has %d characters; at most %d are taken", len(text), maxKey)
	}
	for _, c := range []byte(text) {
		if c < ' ' || c > '~' {
			return "", errors.New("must be printable ASCII")
		}
	}
	return text, nil
}

// unquote reads an RFC 8941 string. Parameters behind it are no part of the key.
func unquote(text string) (string, error) {
	var plain strings.Builder
	for i := 1; i < len(text); i++ {
		switch c := text[i]; c {
		case '"':
			if rest := strings.TrimSpace(text[i+1:]); rest != "" && rest[0] != ';' {
				return "", errors.New("has something behind its closing quote")
			}
			return plain.String(), nil
		case '\\':
			i++
			if i == len(text) || (text[i] != '"' && text[i] != '\\') {
				return "", errors.New("has a backslash before what is neither a quote nor a backslash")
			}
			plain.WriteByte(text[i])
		default:
			plain.WriteByte(c)
		}
	}
	return "", errors.New("has no closing quote")
}

// fingerprint distinguishes requests with one key: by method, path and the canonical form of the body.
func fingerprint(method, path string, canonical []byte) string {
	sum := sha256.New()
	for _, part := range [][]byte{[]byte(method), []byte(path), canonical} {
		_, _ = fmt.Fprintf(sum, "%d:", len(part))
		sum.Write(part)
	}
	return hex.EncodeToString(sum.Sum(nil))
}
