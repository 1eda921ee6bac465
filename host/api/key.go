package api

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// maxKey is the longest idempotency key, in bytes.
const maxKey = 255

// idempotencyKey reads the header's value: an RFC 8941 string, as draft-ietf-httpapi-idempotency-key-header asks for, or the same bare.
func idempotencyKey(header string) (string, error) {
	text := strings.TrimSpace(header)
	if len(text) >= 2 && text[0] == '"' && text[len(text)-1] == '"' {
		text = strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(text[1 : len(text)-1])
	}
	if strings.TrimSpace(text) == "" {
		return "", errors.New("is missing: send one that is new for each payment, and the same for each repetition of it")
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

// fingerprint tells requests apart that share a key: method, path and the body's canonical form.
func fingerprint(method, path string, canonical []byte) string {
	sum := sha256.New()
	for _, part := range [][]byte{[]byte(method), []byte(path), canonical} {
		_, _ = fmt.Fprintf(sum, "%d:", len(part))
		sum.Write(part)
	}
	return hex.EncodeToString(sum.Sum(nil))
}
