package config

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"payrouter/host/routing"
)

// Reference is where a secret's value is: in an environment variable or in a file.
type Reference struct {
	scheme, target string
	at             routing.Position
}

// String is the reference as written, "env:NAME" or "file:/path"; it is no secret.
func (r Reference) String() string { return r.scheme + ":" + r.target }

func (v view) secrets() map[string]Reference {
	references := map[string]Reference{}
	v.each("secrets", func(name string, m view) {
		if r, ok := m.reference(); ok {
			references[name] = r
		}
	})
	return references
}

// reference never repeats what it cannot read: it may be the secret itself.
func (v view) reference() (Reference, bool) {
	text, _ := v.value.(string)
	scheme, target, _ := strings.Cut(text, ":")
	const mend = "put its value into an environment variable or a file, and write env:NAME or file:/path"
	switch {
	case scheme == "env" && target != "" && !strings.ContainsAny(target, "= \t\n"):
	case scheme == "file" && filepath.IsAbs(target):
	case scheme == "file":
		v.report(fmt.Sprintf("secret %q names a file without its full path", v.key()),
			"write file:/path, from the root")
		return Reference{}, false
	default:
		v.report(fmt.Sprintf("secret %q is not a reference", v.key()), mend)
		return Reference{}, false
	}
	return Reference{scheme: scheme, target: target, at: v.origin().value}, true
}

// Secrets are the values of all accounts' secrets. Printing, logging and marshalling show none of them.
type Secrets struct {
	byProvider map[string]map[string]string
}

// For are the values of one account's secrets, by name. The caller must not change the map, nor keep it where it may
// be printed.
func (s Secrets) For(provider string) map[string]string { return s.byProvider[provider] }

// Fingerprint is for comparing two sets of values only: values can be tried against it.
func (s Secrets) Fingerprint() [sha256.Size]byte {
	return fingerprint(s.byProvider, func(sum hash.Hash, values map[string]string) {
		of := FingerprintOf(values)
		sum.Write(of[:])
	})
}

// FingerprintOf is the fingerprint of one account's values.
func FingerprintOf(values map[string]string) [sha256.Size]byte {
	return fingerprint(values, func(sum hash.Hash, value string) { writeText(sum, value) })
}

func fingerprint[V any](values map[string]V, write func(hash.Hash, V)) [sha256.Size]byte {
	sum := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(values)) {
		writeText(sum, name)
		write(sum, values[name])
	}
	return [sha256.Size]byte(sum.Sum(nil))
}

// writeText writes a text with its length, so that no two lists of texts are the same bytes.
func writeText(sum hash.Hash, text string) {
	_, _ = fmt.Fprintf(sum, "%d:%s", len(text), text)
}

const masked = "[secrets]"

// String shows none of the values.
func (Secrets) String() string { return masked }

// GoString shows none of the values.
func (Secrets) GoString() string { return masked }

// MarshalText shows none of the values.
func (Secrets) MarshalText() ([]byte, error) { return []byte(masked), nil }

// LogValue shows none of the values.
func (Secrets) LogValue() slog.Value { return slog.StringValue(masked) }

// Secrets resolves every reference, from environ ("NAME=value") and the files named. It reports all that are missing,
// joined, each a *routing.Problem that names the provider and the reference. References of simulated accounts are not
// followed.
func (c *Config) Secrets(environ []string) (Secrets, error) {
	variables := make(map[string]string, len(environ))
	for _, e := range environ {
		name, value, _ := strings.Cut(e, "=")
		variables[name] = value
	}
	resolved := Secrets{byProvider: make(map[string]map[string]string, len(c.Providers))}
	var problems []error
	for _, p := range c.Providers {
		if p.Simulated {
			resolved.byProvider[p.Name] = p.simulatedSecrets()
			continue
		}
		values := make(map[string]string, len(p.Secrets))
		for name, ref := range p.Secrets {
			value, what, mend := ref.resolve(variables)
			if what != "" {
				problems = append(problems, &routing.Problem{
					At: ref.at, What: fmt.Sprintf("provider %q: secret %q (%s): %s", p.Name, name, ref, what),
					Mend: mend,
				})
			}
			values[name] = value
		}
		resolved.byProvider[p.Name] = values
	}
	if err := inFileOrder(problems); err != nil {
		return Secrets{}, err
	}
	return resolved, nil
}

func (r Reference) resolve(variables map[string]string) (value, what, mend string) {
	if r.scheme == "env" {
		value = variables[r.target]
		what, mend = "the environment variable is not set", "export "+r.target+"=…"
	} else {
		var err error
		value, err = readSecret(r.target)
		what, mend = "the file is empty", "write the secret into it"
		if err != nil {
			return "", "the file cannot be read", err.Error()
		}
	}
	switch {
	case value == "":
		return "", what, mend
	case strings.ContainsFunc(value, func(c rune) bool { return c < ' ' || c == 0x7f }):
		return "", "its value holds a control character", "write it in one line"
	}
	return value, "", ""
}

// readSecret drops the line break that editors leave at a file's end.
func readSecret(path string) (string, error) {
	const largest = 64 << 10
	file, err := os.Open(path) //nolint:gosec // the operator's own choice
	if err != nil {
		return "", err
	}
	defer file.Close() //nolint:errcheck // only read from
	text, err := io.ReadAll(io.LimitReader(file, largest+1))
	if err != nil {
		return "", err
	}
	if len(text) > largest {
		return "", errors.New("it is too large for a secret")
	}
	return strings.TrimRight(string(text), "\r\n"), nil
}

// inFileOrder joins problems in the order of the file.
func inFileOrder(problems []error) error {
	return (&source{problems: problems}).err()
}
