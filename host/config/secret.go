package config

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"payrouter/host/egress"
	"payrouter/host/routing"
)

// Reference is where a secret's value is: in an environment variable, in a file, or in a credential of systemd.
type Reference struct {
	scheme, target string
	at             routing.Position
}

// String is the reference as written, "env:NAME", "file:/path" or "credential:NAME"; it is no secret.
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
	refuse := func(what, mend string) (Reference, bool) {
		v.report(fmt.Sprintf("secret %q %s", v.key(), what), mend)
		return Reference{}, false
	}
	switch {
	case scheme == "env" && target != "" && !strings.ContainsAny(target, "= \t\n"):
	case scheme == "file" && filepath.IsAbs(target):
	case scheme == "credential" && target != "" && target != "." && target != ".." && filepath.Base(target) == target:
	case scheme == "file":
		return refuse("names a file without its full path", "write file:/path, from the root")
	case scheme == "credential":
		return refuse("names a credential by a path", "write credential:NAME, the name that the service's unit gives it")
	default:
		return refuse("is not a reference", "put its value into an environment variable or a file, and write "+
			"env:NAME, file:/path or credential:NAME")
	}
	return Reference{scheme: scheme, target: target, at: v.origin().value}, true
}

// Secrets are the values of all accounts' secrets. Printing, logging and marshalling show none of them. They do not
// change.
type Secrets struct {
	// byProvider has no account with a problem.
	byProvider map[string]map[string]string
	// references are the accounts' references as written, by the secrets' names.
	references map[string]map[string]string
	problems   map[string][]error
}

// For are the values of one account's secrets, by name. The caller must not change the map, nor keep it where it may
// be printed.
func (s Secrets) For(provider string) map[string]string { return s.byProvider[provider] }

// Problem joins the problems of an account that has no values; nil for one that has them.
func (s Secrets) Problem(provider string) error { return inFileOrder(s.problems[provider]) }

// Keep gives every account with a problem the values that it had in a former set, if its references are the same ones:
// an account's secrets belong together, and change together or not at all. The error joins the problems of the accounts
// that remain without values.
func (s Secrets) Keep(former Secrets) (Secrets, error) {
	kept := Secrets{byProvider: maps.Clone(s.byProvider), references: s.references, problems: map[string][]error{}}
	var remaining []error
	for provider, problems := range s.problems {
		values, had := former.byProvider[provider]
		if had && maps.Equal(former.references[provider], s.references[provider]) {
			kept.byProvider[provider] = values
			continue
		}
		kept.problems[provider] = problems
		remaining = append(remaining, problems...)
	}
	return kept, inFileOrder(remaining)
}

// ChangedSecret is a secret of an account that has another value than before. It has no value.
type ChangedSecret struct {
	Provider  string `json:"provider"`
	Name      string `json:"name"`
	Reference string `json:"reference"`
}

// Changed lists, sorted, the secrets with other values than a former set has, of accounts that both sets have.
func (s Secrets) Changed(former Secrets) []ChangedSecret {
	var changed []ChangedSecret
	for _, provider := range slices.Sorted(maps.Keys(s.byProvider)) {
		before, there := former.byProvider[provider]
		if !there {
			continue
		}
		values := s.byProvider[provider]
		for _, name := range slices.Sorted(maps.Keys(values)) {
			if was, had := before[name]; !had || was != values[name] {
				changed = append(changed, ChangedSecret{provider, name, s.references[provider][name]})
			}
		}
	}
	return changed
}

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

// Secrets resolves every reference. Its error joins the problems of all references that have no value, or one that a
// request cannot carry, each a *routing.Problem that names the provider and the reference; accounts without a problem
// have their values all the same. References of simulated accounts are not followed.
func (c *Config) Secrets(from Sources) (Secrets, error) {
	resolved := Secrets{
		byProvider: make(map[string]map[string]string, len(c.Providers)), references: map[string]map[string]string{},
		problems: map[string][]error{},
	}
	variables := from.read()
	var all []error
	for _, p := range c.Providers {
		if p.Simulated {
			resolved.byProvider[p.Name] = p.simulatedSecrets()
			continue
		}
		values, written := make(map[string]string, len(p.Secrets)), make(map[string]string, len(p.Secrets))
		var problems []error
		for name, ref := range p.Secrets {
			value, what, mend := ref.resolve(variables)
			if what != "" {
				problems = append(problems, &routing.Problem{
					At: ref.at, What: fmt.Sprintf("provider %q: secret %q (%s): %s", p.Name, name, ref, what),
					Mend: mend,
				})
			}
			values[name], written[name] = value, ref.String()
		}
		resolved.references[p.Name] = written
		if len(problems) > 0 {
			resolved.problems[p.Name] = problems
			all = append(all, problems...)
			continue
		}
		resolved.byProvider[p.Name] = values
	}
	return resolved, inFileOrder(all)
}

// Placeholders are made-up values for every secret: what is checked with them is all that does not depend on the
// secrets themselves.
func (c *Config) Placeholders() Secrets {
	made := Secrets{byProvider: make(map[string]map[string]string, len(c.Providers))}
	for _, p := range c.Providers {
		values := make(map[string]string, len(p.Secrets))
		for name := range p.Secrets {
			values[name] = madeUp(name)
		}
		made.byProvider[p.Name] = values
	}
	return made
}

func (r Reference) resolve(from variables) (value, what, mend string) {
	switch r.scheme {
	case "env":
		if from.unreadable != "" {
			return "", "the file of variables cannot be read", from.unreadable
		}
		if value = from.values[r.target]; value == "" {
			return "", "the environment variable is not set", "export " + r.target + "=…"
		}
	case "credential":
		folder := from.values[credentialsFolder]
		if folder == "" {
			return "", credentialsFolder + " is not set",
				"let systemd pass the credential, by LoadCredential=" + r.target + ":/path in the service's unit"
		}
		value, what, mend = readSecret(filepath.Join(folder, r.target))
	default:
		value, what, mend = readSecret(r.target)
	}
	if what != "" {
		return "", what, mend
	}
	if err := egress.CheckSecret(value); err != nil {
		return "", "its value " + err.Error(), "write it whole, in one line"
	}
	return value, "", ""
}

// readSecret drops the line break that editors leave at a file's end.
func readSecret(path string) (value, what, mend string) {
	text, err := readFile(path)
	if err != nil {
		return "", "the file cannot be read", err.Error()
	}
	if value = strings.TrimRight(string(text), "\r\n"); value == "" {
		return "", "the file is empty", "write the secret into it"
	}
	return value, "", ""
}

// inFileOrder joins problems in the order of the file.
func inFileOrder(problems []error) error {
	return (&source{problems: problems}).err()
}
