package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"payrouter/abi/conformance/check"
	"payrouter/abi/conformance/vector"
	"payrouter/host/atomicfile"
	"payrouter/host/wasm"
	"payrouter/host/wasm/checked"
)

type pluginCommand struct {
	New pluginNewCommand `cmd:"" help:"Write a new plugin in Go that builds and passes its tests."`

	Check pluginCheckCommand `cmd:"" help:"Check that the router accepts a module and that bad input does not break it."`

	Embed pluginEmbedCommand `cmd:"" help:"Write golden vectors into a module, for routers to check it by."`

	Diff pluginDiffCommand `cmd:"" help:"Show how a module's manifest differs from the active one, and what is looser."`

	Inspect pluginInspectCommand `cmd:"" help:"Show what is in a plugin's module, and what it costs."`
	Keygen  pluginKeygenCommand  `cmd:"" help:"Make a pair of keys to sign plugins with."`
	Sign    pluginSignCommand    `cmd:"" help:"Sign a plugin's module, for its name and version."`
	Verify  pluginVerifyCommand  `cmd:"" help:"Say who signed a plugin's module, and as what."`
}

type pluginCheckCommand struct {
	File string `arg:"" type:"existingfile" help:"The module, *.wasm."`

	Vectors string `type:"existingdir" help:"Folder of golden vectors (*.txtar) to play; else those in the module."`

	Update   bool   `help:"Write what the module answers into the vectors first. Read the difference before you keep it."`
	Compiled string `type:"path" env:"ROUTER_COMPILED" help:"Folder of compiled plugins, to be quicker the next time."`
}

func (p *pluginCheckCommand) Run(h *host) (err error) {
	if p.Update && p.Vectors == "" {
		return errors.New("--update writes vectors: name their folder with --vectors")
	}
	code, err := os.ReadFile(p.File)
	if err != nil {
		return fmt.Errorf("read the module: %w", err)
	}
	compiler, err := wasm.New(p.Compiled, wasm.Options{Logger: h.log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, compiler.Close(context.WithoutCancel(h.ctx))) }()
	report, err := check.Module(h.ctx, checked.New(compiler), code)
	if err != nil {
		return err
	}
	if report.OK() {
		if err := p.play(h, compiler, code, report); err != nil {
			return err
		}
	}
	if err := printReport(h, report); err != nil {
		return err
	}
	if !report.OK() {
		return fmt.Errorf("%s is not in order", p.File)
	}
	return nil
}

// play holds the module to golden vectors, if it has some, and adds what comes of it to the report.
func (p *pluginCheckCommand) play(h *host, compiler *wasm.Compiler, code []byte, report *check.Report) (err error) {
	vectors, err := p.vectors(code)
	if err != nil || len(vectors) == 0 {
		return err
	}
	module, err := checked.New(compiler).Compile(h.ctx, code)
	if err != nil {
		return fmt.Errorf("compile the module: %w", err)
	}
	defer func() { err = errors.Join(err, module.Close(context.WithoutCancel(h.ctx))) }()
	if p.Update {
		for _, v := range vectors {
			if err := v.Update(h.ctx, vector.NewSandboxed(module), report.Manifest); err != nil {
				return fmt.Errorf("update %s: %w", v.Name, err)
			}
		}
	}
	results, err := vector.Module(h.ctx, module, vectors)
	report.Results = append(report.Results, results...)
	return err
}

// vectors are those of the folder, or else those in the module.
func (p *pluginCheckCommand) vectors(code []byte) ([]*vector.Vector, error) {
	if p.Vectors == "" {
		return vector.Embedded(code)
	}
	return loadVectors(p.Vectors)
}

func loadVectors(folder string) ([]*vector.Vector, error) {
	vectors, err := vector.Load(folder)
	if err == nil && len(vectors) == 0 {
		err = fmt.Errorf("%s has no vectors, *.txtar", folder)
	}
	return vectors, err
}

type pluginEmbedCommand struct {
	File    string `arg:"" type:"existingfile" help:"The module, *.wasm. It is written over: sign it afterwards."`
	Vectors string `required:"" type:"existingdir" help:"Folder of golden vectors (*.txtar), in place of those in it."`
}

// Run writes vectors into a module.
func (p *pluginEmbedCommand) Run(h *host) error {
	vectors, err := loadVectors(p.Vectors)
	if err != nil {
		return err
	}
	code, err := os.ReadFile(p.File)
	if err != nil {
		return fmt.Errorf("read the module: %w", err)
	}
	made, err := vector.Embed(code, vectors)
	if err != nil {
		return fmt.Errorf("%s: %w", p.File, err)
	}
	if err := atomicfile.Write(p.File, made, 0o644); err != nil {
		return fmt.Errorf("write the module: %w", err)
	}
	return write(h, fmt.Sprintf("%s has %d vectors, sha256 %s\n", p.File, len(vectors), sum(made)))
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
		_, _ = fmt.Fprintf(&text, "an everyday call burns at most %d fuel; memory reached %d KiB\n", report.Fuel,
			report.Memory>>10)
	}
	_, err := io.WriteString(h.stdout, text.String())
	return err
}
