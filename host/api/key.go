package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// maxKey is the longest idempotency key, in bytes.
const maxKey = 255

// idempotencyKey reads the header's value: an RFC 8941 string, as draft-ietf-httpapi-idempotency-key-header asks for, or the same bare.
func idempotencyKey(header string) (string, error) {
	text := strings.TrimSpace(header)
	if strings.HasPrefix(text, `"`) {
		var err error
		if text, err = unquote(text); err != nil {
			return "", err
		}
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

// fingerprint tells requests apart that share a key: method, path and the body's canonical form.
func fingerprint(method, path string, canonical []byte) string {
	sum := sha256.New()
	for _, part := range [][]byte{[]byte(method), []byte(path), canonical} {
		_, _ = fmt.Fprintf(sum, "%d:", len(part))
		sum.Write(part)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// maxDepth bounds the nesting of a body.
const maxDepth = 32

// canonical is JSON text with its members sorted and its blanks gone, so that the same content gives the same bytes. It refuses what two
// readers could understand differently: bytes that are not UTF-8, and members that come twice.
func canonical(body []byte) ([]byte, error) {
	if !utf8.Valid(body) {
		return nil, errors.New("is not valid UTF-8")
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	value, err := readValue(decoder, "", 0)
	if err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("holds more than one JSON value")
	}
	return json.Marshal(value)
}

func readValue(decoder *json.Decoder, at string, depth int) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("is nested deeper than %d levels", maxDepth)
	}
	token, err := decoder.Token()
	if err != nil {
		return nil, fmt.Errorf("is not JSON: %w", err)
	}
	switch token {
	case json.Delim('{'):
		return readObject(decoder, at, depth)
	case json.Delim('['):
		return readArray(decoder, at, depth)
	}
	return token, nil
}

func readObject(decoder *json.Decoder, at string, depth int) (any, error) {
	members := map[string]any{}
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return nil, fmt.Errorf("is not JSON: %w", err)
		}
		name, _ := token.(string)
		if _, twice := members[name]; twice {
			return nil, fmt.Errorf("has the member %s/%s twice", at, name)
		}
		if members[name], err = readValue(decoder, at+"/"+name, depth+1); err != nil {
			return nil, err
		}
	}
	_, err := decoder.Token()
	return members, err
}

func readArray(decoder *json.Decoder, at string, depth int) (any, error) {
	items := []any{}
	for decoder.More() {
		item, err := readValue(decoder, at, depth+1)
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	_, err := decoder.Token()
	return items, err
}
