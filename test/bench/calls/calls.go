// Package calls measures ways to call a plugin, in turns, and decides which plugins and documented examples stand for
// all.
package calls

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strconv"

	"payrouter/test/figures"
)

// Settings of a measurement.
type Settings struct {
	// Root is the repository, whose plugins are built into the empty folder Dir. Plugins is the folder of modules of
	// which some are called between cold calls.
	Root, Dir, Plugins string
	// Each round plays an example Hot times in a row, and Cold times after other work.
	Rounds, Hot, Cold int
	// Progress gets a line for each plugin.
	Progress io.Writer
}

// subjects are the plugins that are measured, each with an example of one request: prepare and interpret.
//
//nolint:gochecknoglobals // a table
var subjects = []struct{ name, folder, vector string }{
	{"PayGram's invoice", "plugins/paygram", "plugins/paygram/testdata/issue-with-page.txtar"},
	{"the example's quote", "examples/plugin-go", "examples/plugin-go/testdata/quote.txtar"},
}

// neighbours are plugins that are called between cold calls, each with an example.
//
//nolint:gochecknoglobals // a table
var neighbours = map[string]string{
	"cryptogram": "create-documented", "payplay": "rates-documented",
}

// Run measures.
func Run(ctx context.Context, s Settings) (*figures.Calls, error) {
	result, build := new(figures.Calls), builder{s.Root, s.Dir}
	for _, subject := range subjects {
		made, err := build.build(ctx, subject.folder)
		if err != nil {
			return nil, err
		}
		engines, err := s.measure(ctx, made, filepath.Join(s.Root, subject.vector))
		if err != nil {
			return nil, fmt.Errorf("measure %s: %w", subject.name, err)
		}
		result.Subjects = append(result.Subjects, figures.Subject{Name: subject.name, Engines: engines})
		_, _ = fmt.Fprintf(s.Progress, "calls: %s\n", subject.name)
	}
	return result, nil
}

func (s Settings) measure(ctx context.Context, made built, vector string) (engines []figures.Engine, err error) {
	var others []byte
	for name, example := range neighbours {
		others = fmt.Appendf(others, ",%s=%s", filepath.Join(s.Plugins, name+".wasm"),
			filepath.Join(s.Root, "plugins", name, "testdata", example+".txtar"))
	}
	var output, problems bytes.Buffer
	command := exec.CommandContext(ctx, made.peer, "-module", made.module, "-extism", made.extism, "-vector", vector,
		"-neighbours", string(others[1:]), "-rounds", strconv.Itoa(s.Rounds), "-hot", strconv.Itoa(s.Hot),
		"-cold", strconv.Itoa(s.Cold))
	command.Stdout, command.Stderr = &output, &problems
	if err := command.Run(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, problems.String())
	}
	if err := json.Unmarshal(output.Bytes(), &engines); err != nil {
		return nil, fmt.Errorf("read the figures: %w", err)
	}
	return engines, nil
}
