package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"payrouter/host/plugin/manifest"
)

type pluginDiffCommand struct {
	Former    string `arg:"" type:"existingfile" help:"The module that is active, *.wasm."`
	Candidate string `arg:"" type:"existingfile" help:"The module that is to replace it, *.wasm."`
	Compiled  string `type:"path" env:"ROUTER_COMPILED" help:"Folder of compiled plugins, to be quicker the next time."`
}

// Run shows what a router would find between the two manifests. It runs no recorded flow.
func (p *pluginDiffCommand) Run(h *host) error {
	_, former, err := described(h, p.Former, p.Compiled)
	if err != nil {
		return err
	}
	_, candidate, err := described(h, p.Candidate, p.Compiled)
	if err != nil {
		return err
	}
	if former.GetName() != candidate.GetName() {
		return fmt.Errorf("%s is %q, and %s is %q", p.Candidate, candidate.GetName(), p.Former, former.GetName())
	}
	changes := manifest.Compare(former, candidate)
	text, err := changesTable(changes)
	if err != nil {
		return err
	}
	if err := write(h, text); err != nil {
		return err
	}
	if looser := len(manifest.Loosened(changes)); looser > 0 {
		return fmt.Errorf("looser differences: %d", looser)
	}
	return nil
}

// changesTable has the differences of two manifests, a line each.
func changesTable(changes []manifest.Change) (string, error) {
	if len(changes) == 0 {
		return "the manifests are equal\n", nil
	}
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	_, err := fmt.Fprintln(table, "direction\tfield\tbefore\tnow\tallow\twhat the router does by it")
	for _, c := range changes {
		if err != nil {
			return "", err
		}
		_, err = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", c.Direction, c.Field, c.Before, c.After, c.Allow, c.Why)
	}
	if err == nil {
		err = table.Flush()
	}
	lines := strings.Split(text.String(), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " ")
	}
	return strings.Join(lines, "\n"), err
}
