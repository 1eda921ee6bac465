package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"payrouter/cmd/router/scaffold"
)

type pluginNewCommand struct {
	Name   string `arg:"" help:"The plugin's name: lower-case letters, digits and dashes."`
	Dir    string `type:"path" help:"Where it is written; plugins/NAME where that is not said."`
	Source string `type:"existingdir" help:"The router's source, where DIR lies outside of it: the plugin becomes a module of its own, built against that."`
}

func (p *pluginNewCommand) Run(h *host) error {
	folder := p.Dir
	if folder == "" {
		folder = filepath.Join("plugins", p.Name)
	}
	files, err := scaffold.Plugin{Name: p.Name, Folder: folder, Source: p.Source}.Write()
	if err != nil {
		return err
	}
	var text strings.Builder
	for _, name := range files {
		if !strings.HasPrefix(name, "testdata/") {
			_, _ = fmt.Fprintln(&text, filepath.Join(folder, name))
		}
	}
	_, _ = fmt.Fprintf(&text, "and its golden vectors in %s. Test it, build it, check it:\n",
		filepath.Join(folder, "testdata"))
	_, _ = fmt.Fprintf(&text,
		"  cd %s\n  go test .\n  GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -o %[2]s.wasm .\n  router "+
			"plugin check %[2]s.wasm --vectors testdata\n", folder, p.Name)
	return write(h, text.String())
}
