package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"payrouter/abi/conformance/check"
	"payrouter/host/api"
	"payrouter/host/wasm"
)

type openAPICommand struct{}

func (openAPICommand) Run(h *host) error {
	document, err := api.OpenAPI(version)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(h.stdout, "%s\n", document)
	return err
}

type pluginCommand struct {
	Check   pluginCheckCommand   `cmd:"" help:"Check a plugin's module: that the router takes it, and that it stands what it may be fed."`
	Inspect pluginInspectCommand `cmd:"" help:"Show what is in a plugin's module, and what it costs."`
	Keygen  pluginKeygenCommand  `cmd:"" help:"Make a pair of keys to sign plugins with."`
	Sign    pluginSignCommand    `cmd:"" help:"Sign a plugin's module, for its name and version."`
	Verify  pluginVerifyCommand  `cmd:"" help:"Say who signed a plugin's module, and as what."`
}

type pluginCheckCommand struct {
	File     string `arg:"" type:"existingfile" help:"The module, *.wasm."`
	Compiled string `type:"path" env:"ROUTER_COMPILED" help:"Folder of compiled plugins, to be quicker the next time."`
}

func (p *pluginCheckCommand) Run(h *host) (err error) {
	code, err := os.ReadFile(p.File)
	if err != nil {
		return fmt.Errorf("read the module: %w", err)
	}
	compiler, err := wasm.New(p.Compiled, wasm.Options{Logger: h.log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, compiler.Close(context.WithoutCancel(h.ctx))) }()
	report, err := check.Module(h.ctx, compiler, code)
	if err != nil {
		return err
	}
	if err := printReport(h, report); err != nil {
		return err
	}
	if !report.OK() {
		return fmt.Errorf("%s is not in order", p.File)
	}
	return nil
}

func printReport(h *host, report *check.Report) error {
	var text strings.Builder
	if manifest := report.Manifest; manifest != nil {
		_, _ = fmt.Fprintf(&text, "%s %s (%s)\n", manifest.GetName(), manifest.GetVersion(), manifest.GetTitle())
	}
	_, _ = fmt.Fprintf(&text, "sha256 %s\n", report.Digest)
	for _, result := range report.Results {
		verdict := "holds"
		if len(result.Problems) > 0 {
			verdict = "FAILS"
		}
		_, _ = fmt.Fprintf(&text, "%s  %s\n", verdict, result.Name)
		for _, problem := range result.Problems {
			_, _ = fmt.Fprintf(&text, "       %s\n", problem)
		}
	}
	if report.Manifest != nil {
		_, _ = fmt.Fprintf(&text, "an everyday call burns at most %d fuel; memory reached %d KiB\n", report.Fuel, report.Memory>>10)
	}
	_, err := io.WriteString(h.stdout, text.String())
	return err
}
