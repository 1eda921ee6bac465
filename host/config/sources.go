package config

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"payrouter/host/regularfile"
)

// credentialsFolder is the variable in which systemd passes the folder of a service's credentials
// (systemd.exec(5), "CREDENTIALS").
const credentialsFolder = "CREDENTIALS_DIRECTORY"

// Sources are where the values of secrets come from, besides the files that references name.
type Sources struct {
	// Environ are the variables of env: references, and CREDENTIALS_DIRECTORY: "NAME=value".
	Environ []string
	// EnvFile is a file of variables, a line "NAME=value" each, which take precedence over Environ: the environment of a
	// running process does not change, and the file is read again each time. Empty is none.
	EnvFile string
}

// variables are the values of env: references.
type variables struct {
	values map[string]string
	// unreadable is why the file of variables has none; empty where it was read.
	unreadable string
}

func (s Sources) read() variables {
	v := variables{values: make(map[string]string, len(s.Environ))}
	for _, entry := range s.Environ {
		name, value, _ := strings.Cut(entry, "=")
		v.values[name] = value
	}
	if s.EnvFile == "" {
		return v
	}
	text, err := readFile(s.EnvFile)
	if err == nil {
		err = v.add(string(text))
	}
	if err != nil {
		v.unreadable = fmt.Sprintf("%s: %v", s.EnvFile, err)
	}
	return v
}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// add reads a file of variables. A value is taken as it stands: readers of such files disagree about quotes, so a value
// in quotes is refused. The errors repeat nothing but names.
func (v variables) add(text string) error {
	if !utf8.ValidString(text) {
		return errors.New("it is not UTF-8: save it as UTF-8")
	}
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimRight(line, "\r\n")
		if trimmed := strings.TrimSpace(line); trimmed == "" || strings.HasPrefix(trimmed, "#") {
			continue
		}
		name, value, found := strings.Cut(line, "=")
		switch {
		case !found || !variableName.MatchString(name):
			return fmt.Errorf("line %d is not NAME=value: write one variable a line, and # before a comment", number)
		case strings.HasPrefix(name, envPrefix):
			return fmt.Errorf("line %d sets %s, which is read at start only: set it in the environment", number, name)
		case strings.HasPrefix(value, `"`) || strings.HasPrefix(value, "'"):
			return fmt.Errorf("line %d: the value of %s begins with a quote: write it without quotes", number, name)
		}
		v.values[name] = value
	}
	return nil
}

// readFile reads a file of secrets. It is a regular one: a pipe has no second reading.
func readFile(path string) ([]byte, error) {
	const largest = 64 << 10
	text, err := regularfile.Read(path, largest)
	switch {
	case errors.Is(err, regularfile.ErrNotRegular):
		return nil, errors.New("it is not a regular file, and is read more than once")
	case errors.Is(err, regularfile.ErrTooLarge):
		return nil, errors.New("it is too large for a secret")
	}
	return text, err
}
