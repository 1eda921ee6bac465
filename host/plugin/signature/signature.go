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
	"regexp"
	"slices"
	"strings"

	"aead.dev/minisign"
)

// Why a signature is refused. Verify wraps them.
var (
	// ErrUnsigned: there is no signature.
	ErrUnsigned = errors.New("not signed")
	// ErrUntrusted: it was made with a key that is not among the trusted ones, or is not trusted for this plugin.
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

// Keys are trusted public keys, each for all plugins or for those that are named. The zero Keys trust none. They are
// immutable.
type Keys struct {
	keys []trusted
}

// trusted is a key, and the plugins that it signs for: none means all of them.
type trusted struct {
	key     minisign.PublicKey
	plugins []string
}

// ReadKeys reads public keys: each source is the text of one (RWQ…) or the path of a file with one, and believed for
// all plugins, or has a plugin's name in front ("paygram=RWQ…") and is believed for that one. A key may be named for
// several plugins, but not for all and for one.
func ReadKeys(sources []string) (Keys, error) {
	var keys Keys
	for _, source := range sources {
		plugin, text, bound := bound(source)
		key, err := readKey(text)
		if err != nil {
			return Keys{}, err
		}
		if err := keys.add(key, plugin, bound); err != nil {
			return Keys{}, err
		}
	}
	return keys, nil
}

// bound splits "paygram=RWQ…". A path that has "=" behind what could be a plugin's name is written with "./" before it.
func bound(source string) (plugin, key string, bound bool) {
	plugin, key, bound = strings.Cut(source, "=")
	if !bound || !pluginName.MatchString(plugin) {
		return "", source, false
	}
	return plugin, key, true
}

var pluginName = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)

func (k *Keys) add(key minisign.PublicKey, plugin string, bound bool) error {
	at := slices.IndexFunc(k.keys, func(t trusted) bool { return t.key.Equal(key) })
	switch {
	case at < 0 && bound:
		k.keys = append(k.keys, trusted{key: key, plugins: []string{plugin}})
	case at < 0:
		k.keys = append(k.keys, trusted{key: key})
	case bound != (len(k.keys[at].plugins) > 0):
		return fmt.Errorf("trusted key %016X is given for all plugins and for one: give it either way", key.ID())
	case bound:
		k.keys[at].plugins = append(k.keys[at].plugins, plugin)
	}
	return nil
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
	known := false
	for _, t := range k.keys {
		if t.key.ID() != made.KeyID {
			continue
		}
		known = true
		if minisign.Verify(t.key, code, signature) {
			statement, err := stated(made.TrustedComment, code)
			if err == nil {
				err = t.mayPublish(statement.Name)
			}
			if err != nil {
				return Statement{}, err
			}
			return statement, nil
		}
	}
	if !known {
		return Statement{}, fmt.Errorf("%w: %016X", ErrUntrusted, made.KeyID)
	}
	return Statement{}, fmt.Errorf("%w: key %016X did not sign these bytes", ErrSignatureInvalid, made.KeyID)
}

// mayPublish is an error where the key is not trusted for a plugin.
func (t trusted) mayPublish(plugin string) error {
	if len(t.plugins) == 0 || slices.Contains(t.plugins, plugin) {
		return nil
	}
	return fmt.Errorf("%w: %016X is trusted for %s only, and signed %s", ErrUntrusted, t.key.ID(),
		strings.Join(t.plugins, ", "), plugin)
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
