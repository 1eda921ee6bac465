package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"payrouter/cmd/router/scaffold"
)

type pluginNewCommand struct {
	Name string `arg:"" help:"The plugin's name: lower-case letters, digits and dashes."`
	Dir  string `type:"path" help:"Where to; NAME by default, and plugins/NAME in the root of the router's source."`
}

func (p *pluginNewCommand) Run(h *host) error {
	begun := scaffold.Plugin{Name: p.Name, Folder: p.Dir}
	folder := begun.At()
	files, err := begun.Write()
	if err != nil {
		return err
	}
	var text strings.Builder
	for _, name := range files {
		if !strings.HasPrefix(name, "testdata/") && !strings.HasPrefix(name, "sdk/") {
			_, _ = fmt.Fprintln(&text, filepath.Join(folder, name))
		}
	}
	if slices.Contains(files, "sdk/go.mod") {
		_, _ = fmt.Fprintf(&text, "the SDK in %s,\n", filepath.Join(folder, "sdk"))
	}
	_, _ = fmt.Fprintf(&text, "and golden vectors in %s. Test the plugin, build it, check it:\n",
		filepath.Join(folder, "testdata"))
	_, _ = fmt.Fprintf(&text,
		"  cd %s\n  go test ./...\n  GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -o %[2]s.wasm .\n  router "+
			"plugin check %[2]s.wasm --vectors testdata\n", folder, p.Name)
	return write(h, text.String())
}
