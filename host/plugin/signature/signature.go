// Package signature verifies who signed a module, and as which plugin and version.
//
// A signature is minisign's (https://jedisct1.github.io/minisign/), detached, over the module's bytes. Its trusted
// comment, which is signed too, names the plugin, its version and its digest: so an old module that was signed once
// cannot be installed under another name, nor as a newer version.
package signature

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"

	"aead.dev/minisign"
)

// Why a signature is refused. Verify wraps them.
var (
	// ErrUnsigned: there is no signature.
	ErrUnsigned = errors.New("not signed")
	// ErrUntrusted: it was made with a key that is not among the trusted ones.
	ErrUntrusted = errors.New("signed with a key that is not trusted")
	// ErrSignatureInvalid: it names a trusted key, which did not sign these bytes or this comment.
	ErrSignatureInvalid = errors.New("signature invalid")
	// ErrStatement: a trusted key signed these bytes, but not as this plugin in this version.
	ErrStatement = errors.New("signed as something else")
)

// MaxFile is more than any signature file has, in bytes.
const MaxFile = 4 << 10

// Statement is what is signed of a module.
type Statement struct {
	Name, Version string
	// Digest is the SHA-256 of the module's bytes, in hexadecimal.
	Digest string
}

// Of is the statement about some bytes.
func Of(name, version string, code []byte) Statement {
	sum := sha256.Sum256(code)
	return Statement{Name: name, Version: version, Digest: hex.EncodeToString(sum[:])}
}

func (s Statement) comment() string {
	return "name=" + s.Name + " version=" + s.Version + " sha256=" + s.Digest
}

// Sign makes the signature file of a module.
func Sign(key minisign.PrivateKey, code []byte, s Statement) []byte {
	return minisign.SignWithComments(key, code, s.comment(), "a plugin of the payment router")
}

// Keys are trusted public keys. The zero Keys trust none. They are immutable.
type Keys struct {
	keys []minisign.PublicKey
}

// ReadKeys reads public keys, each the text of one (RWQ…) or the path of a file with one.
func ReadKeys(sources []string) (Keys, error) {
	var keys Keys
	for _, source := range sources {
		key, err := readKey(source)
		if err != nil {
			return Keys{}, err
		}
		keys.keys = append(keys.keys, key)
	}
	return keys, nil
}

func readKey(source string) (minisign.PublicKey, error) {
	var key minisign.PublicKey
	if err := key.UnmarshalText([]byte(source)); err == nil {
		return key, nil
	}
	text, err := os.ReadFile(source) //nolint:gosec // G304: the operator's own file
	if err != nil {
		return key, fmt.Errorf("trusted key %q is neither a minisign public key nor a file with one: %w", source, err)
	}
	if err := key.UnmarshalText(text); err != nil {
		return key, fmt.Errorf("read the trusted key of %s: %w", source, err)
	}
	return key, nil
}

// Any reports whether there is a key.
func (k Keys) Any() bool { return len(k.keys) > 0 }

// Verify returns what a trusted key signed of a module. The caller compares the statement's name and version with the
// manifest.
func (k Keys) Verify(code, signature []byte) (Statement, error) {
	if len(signature) == 0 {
		return Statement{}, ErrUnsigned
	}
	var made minisign.Signature
	if len(signature) > MaxFile {
		return Statement{}, fmt.Errorf("%w: %d bytes are no signature", ErrSignatureInvalid, len(signature))
	}
	if err := made.UnmarshalText(signature); err != nil {
		return Statement{}, fmt.Errorf("%w: it does not read as one of minisign", ErrSignatureInvalid)
	}
	trusted := false
	for _, key := range k.keys {
		if key.ID() != made.KeyID {
			continue
		}
		trusted = true
		if minisign.Verify(key, code, signature) {
			return stated(made.TrustedComment, code)
		}
	}
	if !trusted {
		return Statement{}, fmt.Errorf("%w: %016X", ErrUntrusted, made.KeyID)
	}
	return Statement{}, fmt.Errorf("%w: key %016X did not sign these bytes", ErrSignatureInvalid, made.KeyID)
}

// stated reads a trusted comment whose signature is valid.
func stated(comment string, code []byte) (Statement, error) {
	var s Statement
	for word := range strings.FieldsSeq(comment) {
		switch member, value, _ := strings.Cut(word, "="); member {
		case "name":
			s.Name = value
		case "version":
			s.Version = value
		case "sha256":
			s.Digest = value
		}
	}
	if s.Name == "" || s.Version == "" {
		return Statement{},
			fmt.Errorf("%w: its comment names no plugin and version: sign with \"router plugin sign\"", ErrStatement)
	}
	if want := Of(s.Name, s.Version, code); s.Digest != want.Digest {
		return Statement{}, fmt.Errorf("%w: its comment is about other bytes (sha256 %.12s…)", ErrStatement, s.Digest)
	}
	return s, nil
}
