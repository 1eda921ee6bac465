// Package scaffold decides what a new plugin begins as: a copy of package newpay, an integration of a provider that
// does not exist, which builds, passes the suite and may be changed piece by piece into the one that is wanted.
package scaffold

import (
	"embed"
	"errors"
	"fmt"
	"go/format"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

//go:embed newpay
var template embed.FS

// module is the router's, which plugins import the SDK from.
const module = "payrouter"

// The errors that say why nothing was written. They come wrapped, with what to do.
var (
	ErrName   = errors.New("not a name for a plugin")
	ErrTaken  = errors.New("the name is taken")
	ErrFolder = errors.New("the folder is not empty")
	ErrSource = errors.New("no module to build in")
)

// Plugin is what to begin.
type Plugin struct {
	// Name is the manifest's: lower-case letters, digits and dashes.
	Name string
	// Folder is where it is written. It may not be there yet; if it is, it has to be empty.
	Folder string
	// Source is the folder of the router's module, for a plugin outside of it: that one becomes a module of its own,
	// and is built against what stands there. It is not looked at where Folder lies in a module that has the SDK
	// already.
	Source string
}

// Write writes the plugin's files, and gives their names within the folder. Where it fails before the first of them,
// nothing is changed.
func (p Plugin) Write() ([]string, error) {
	if err := checkName(p.Name); err != nil {
		return nil, err
	}
	if err := checkEmpty(p.Folder); err != nil {
		return nil, err
	}
	files, err := p.files()
	if err != nil {
		return nil, err
	}
	root, own, err := p.home()
	if err != nil {
		return nil, err
	}
	if own {
		module, err := p.module(root)
		if err != nil {
			return nil, err
		}
		files = append(files, module...)
	}
	var names []string
	for _, f := range files {
		if err := f.write(p.Folder); err != nil {
			return nil, err
		}
		names = append(names, f.name)
	}
	return names, nil
}

// file is one that will be written, with slashes in its name.
type file struct {
	name    string
	content []byte
}

func (f file) write(folder string) error {
	target := filepath.Join(folder, filepath.FromSlash(f.name))
	//nolint:gosec // G301: source code, for everybody to read
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return fmt.Errorf("write %s: %w", f.name, err)
	}
	if err := os.WriteFile(target, f.content, 0o644); err != nil { //nolint:gosec // G306: the same
		return fmt.Errorf("write %s: %w", f.name, err)
	}
	return nil
}

var namePattern = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

func checkName(name string) error {
	if !namePattern.MatchString(name) || len(name) > 32 {
		return fmt.Errorf("%q: %w: at most 32 lower-case letters, digits and dashes, a letter first", name, ErrName)
	}
	if slices.Contains([]string{"internal", "testdata", "vendor"}, name) {
		return fmt.Errorf("%q: %w: to Go, a folder of that name is something else", name, ErrName)
	}
	return nil
}

func checkEmpty(folder string) error {
	entries, err := os.ReadDir(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("look into the folder: %w", err)
	}
	if len(entries) > 0 {
		return fmt.Errorf("%s: %w: name another with --dir", folder, ErrFolder)
	}
	return nil
}

// files are the template's, under the plugin's own name.
func (p Plugin) files() ([]file, error) {
	const from = "newpay"
	words := strings.Split(p.Name, "-")
	for i, word := range words {
		words[i] = strings.ToUpper(word[:1]) + word[1:]
	}
	rename := strings.NewReplacer(
		from, p.Name, "Newpay", strings.Join(words, " "), "NEWPAY",
		strings.ReplaceAll(strings.ToUpper(p.Name), "-", "_"))
	var files []file
	err := fs.WalkDir(template, from, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := template.ReadFile(name)
		if err != nil {
			return err
		}
		content = []byte(rename.Replace(string(content)))
		if path.Ext(name) == ".go" {
			if content, err = format.Source(content); err != nil {
				return err
			}
		}
		files = append(files, file{strings.TrimPrefix(name, from+"/"), content})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the template: %w", err)
	}
	return files, nil
}

// home finds the router's source, and tells whether the plugin is to be a module of its own.
func (p Plugin) home() (source string, own bool, err error) {
	root, text := moduleAround(p.Folder)
	switch {
	case declares(text):
		source = root
	case requires(text):
		return "", false, nil
	case p.Source == "":
		return "", false,
			fmt.Errorf("%s lies outside of the router's module: %w: name the router's source with --source", p.Folder,
				ErrSource)
	default:
		source, own = p.Source, true
		text, err := os.ReadFile(filepath.Join(source, "go.mod")) //nolint:gosec // G304: the author's own
		if err != nil || !declares(string(text)) {
			return "", false,
				fmt.Errorf("%s is not the router's source: %w: it has no go.mod with module %s", source, ErrSource,
					module)
		}
	}
	taken := filepath.Join(source, "plugins", p.Name)
	if folder, err := filepath.Abs(p.Folder); err == nil && folder == taken {
		return source, own, nil // it is empty
	}
	if _, err := os.Stat(taken); err == nil {
		return "", false,
			fmt.Errorf("%q: %w: there is %s, and a router has one plugin of a name", p.Name, ErrTaken, taken)
	}
	return source, own, nil
}

// moduleAround is the nearest module that a folder lies in: its root and its go.mod, empty where there is none.
func moduleAround(folder string) (root, text string) {
	folder, err := filepath.Abs(folder)
	for err == nil {
		//nolint:gosec // G304: the author's own
		if content, readErr := os.ReadFile(filepath.Join(folder, "go.mod")); readErr == nil {
			return folder, string(content)
		}
		above := filepath.Dir(folder)
		if above == folder {
			break
		}
		folder = above
	}
	return "", ""
}

func declares(text string) bool {
	return regexp.MustCompile(`(?m)^module ` + module + `$`).MatchString(text)
}

func requires(text string) bool {
	return regexp.MustCompile(`(?m)^\s*(require\s+)?` + module + ` v`).MatchString(text)
}

// module is go.mod and go.sum of a plugin outside of the router's module. The router has no public address yet, so its
// source is named by where it stands; all other modules are taken in the versions that it has, so that nothing needs to
// be fetched that it did not need.
func (p Plugin) module(source string) ([]file, error) {
	source, err := filepath.Abs(source)
	if err != nil {
		return nil, fmt.Errorf("find the router's source: %w", err)
	}
	requirements, err := os.ReadFile(filepath.Join(source, "go.mod")) //nolint:gosec // G304: the author's own
	if err != nil {
		return nil, fmt.Errorf("read the router's requirements: %w", err)
	}
	sums, err := os.ReadFile(filepath.Join(source, "go.sum")) //nolint:gosec // G304: the same
	if err != nil {
		return nil, fmt.Errorf("read the router's requirements: %w", err)
	}
	_, rest, _ := strings.Cut(string(requirements), "\nmodule ")
	if after, first := strings.CutPrefix(string(requirements), "module "); first {
		rest = after
	}
	_, rest, _ = strings.Cut(rest, "\n")
	text := fmt.Sprintf(
		"module %s\n\n// The router's source, which has no public address: write here where it stands on your "+
			"machine.\nreplace %s => %s\n\nrequire %s v0.0.0\n%s",
		p.Name, module, quoted(source), module, rest)
	return []file{{"go.mod", []byte(text)}, {"go.sum", sums}}, nil
}

// quoted writes a path as go.mod takes it.
func quoted(path string) string {
	if strings.ContainsAny(path, " \t\"'`,()[]") {
		return `"` + strings.ReplaceAll(path, `"`, `\"`) + `"`
	}
	return path
}
