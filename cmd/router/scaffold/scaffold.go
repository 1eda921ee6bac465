// Package scaffold writes the beginnings of a plugin: a copy of package newpay, an integration of a provider that
// does not exist, which builds, passes the suite and may be changed piece by piece into the one that is wanted.
// Outside of the router's source the plugin is a module of its own, with the SDK's source beside it.
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

	sdk "payrouter/abi"
)

//go:embed newpay
var template embed.FS

// The requirements of the SDK, and their checksums. A test compares them with the router's own.
//
//go:embed sdk.mod
var requirements string

//go:embed sdk.sum
var checksums []byte

// module is the router's, which plugins import the SDK from.
const module = "payrouter"

// language is the version of Go that go.mod names.
const language = "1.26.0"

// The errors for which nothing was written. They come wrapped, with what to do.
var (
	ErrName   = errors.New("not a name for a plugin")
	ErrTaken  = errors.New("the name is taken")
	ErrFolder = errors.New("the folder is not empty")
)

// Plugin is what to begin.
type Plugin struct {
	// Name is the manifest's: lower-case letters, digits and dashes.
	Name string
	// Folder is where it is written. It may not be there yet; if it is, it has to be empty. Empty is plugins/NAME in
	// the root of the router's source, and NAME elsewhere.
	Folder string
}

// At is the folder that Write writes into.
func (p Plugin) At() string {
	if p.Folder != "" {
		return p.Folder
	}
	if text, err := os.ReadFile("go.mod"); err == nil && declares(string(text)) {
		return filepath.Join("plugins", p.Name)
	}
	return p.Name
}

// Write writes the plugin's files, and gives their names within the folder. Where it fails before the first of them,
// nothing is changed.
func (p Plugin) Write() ([]string, error) {
	p.Folder = p.At()
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
	root, text := moduleAround(p.Folder)
	switch {
	case declares(text):
		err = p.checkTaken(root)
	case requires(text): // a package of a module that has the SDK
	default:
		var module []file
		module, err = p.module()
		files = append(files, module...)
	}
	if err != nil {
		return nil, err
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

// checkTaken refuses the name of a plugin that the router's source has already.
func (p Plugin) checkTaken(root string) error {
	taken := filepath.Join(root, "plugins", p.Name)
	if folder, err := filepath.Abs(p.Folder); err == nil && folder == taken {
		return nil // it is empty
	}
	if _, err := os.Stat(taken); err == nil {
		return fmt.Errorf("%q: %w: there is %s, and a router has one plugin of a name", p.Name, ErrTaken, taken)
	}
	return nil
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

// module is what makes the plugin a module of its own: go.mod, go.sum, and the SDK's source as a module beside it.
func (p Plugin) module() ([]file, error) {
	sdk, err := source()
	if err != nil {
		return nil, err
	}
	head := "go " + language + "\n\n"
	return append(sdk,
		file{"sdk/go.mod", []byte("module " + module + "\n\n" + head + requirements)},
		file{"sdk/go.sum", checksums},
		file{"go.mod", []byte("module example.com/" + p.Name + "\n\n" + head +
			"// The SDK's source is that of the router which wrote this plugin.\nreplace " + module + " => ./sdk\n\n" +
			"require " + module + " v0.0.0\n\n" + indirect(requirements))},
		file{"go.sum", checksums}), nil
}

// indirect marks the requirements that only the SDK has. The plugin's own tests need testify.
func indirect(requirements string) string {
	var text strings.Builder
	for line := range strings.Lines(requirements) {
		if strings.Contains(line, " v") && !strings.Contains(line, "//") && !strings.Contains(line, "/testify ") {
			line = strings.TrimSuffix(line, "\n") + " // indirect\n"
		}
		text.WriteString(line)
	}
	return text.String()
}

// source is the SDK's, without its tests.
func source() ([]file, error) {
	var files []file
	err := fs.WalkDir(sdk.Source, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasSuffix(name, "_test.go") {
			return err
		}
		content, err := sdk.Source.ReadFile(name)
		files = append(files, file{"sdk/abi/" + name, content})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the SDK: %w", err)
	}
	return files, nil
}
