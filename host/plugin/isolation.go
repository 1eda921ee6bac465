package plugin

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"log/slog"

	abi "payrouter/abi/v1"
	"payrouter/host/wasm"
)

// Isolation is how a generation's calls are kept apart.
type Isolation string

// The isolations.
const (
	// Shared: an instance serves one call after another with the memory that the former left. It is the quickest, and
	// trusts the plugin to keep nothing; a sample of the calls is made again on a pristine instance, and compared.
	Shared Isolation = "shared"
	// Pristine: each call finds memory, globals and tables as after the plugin's start.
	Pristine Isolation = "pristine"
)

// IsolationSettings decide how the plugins' calls are kept apart. The zero one isolates every plugin that no trusted
// key stands behind.
type IsolationSettings struct {
	// Of has the isolation of plugins by name. A plugin that is not named is shared where its module is signed with a
	// trusted key, and pristine otherwise.
	Of map[string]Isolation
	// Sample is how many shared calls of an export there are to one that is made again on a pristine instance. 0 means
	// 64, less than 0 none.
	Sample int
}

func (s IsolationSettings) withDefaults() IsolationSettings {
	s.Sample = cmp.Or(s.Sample, 64)
	return s
}

// of is the isolation of a plugin.
func (s IsolationSettings) of(name string, signed bool) Isolation {
	if chosen, named := s.Of[name]; named {
		return chosen
	}
	if signed {
		return Shared
	}
	return Pristine
}

// Validate reports isolations that there are not.
func (s IsolationSettings) Validate() error {
	for name, isolation := range s.Of {
		if isolation != Shared && isolation != Pristine {
			return fmt.Errorf("isolation of plugin %s is %q, not %s or %s", name, isolation, Shared, Pristine)
		}
	}
	return nil
}

// isolated is how calls are kept apart now: a plugin that was caught is no longer trusted to do so itself.
func (g *Generation) isolated() Isolation {
	if g.kept.Load() > 0 {
		return Pristine
	}
	return g.isolation
}

// caller makes a call as the generation is isolated.
func (g *Generation) caller(module *wasm.Module) wasm.Caller {
	if g.isolated() == Pristine {
		return module.CallPristine
	}
	return module.Call
}

// ask calls one export as the generation is isolated. One call in a sample of shared ones is made again on a pristine
// instance: where the answers differ the plugin has kept something from calls before. That is a fault of its own; the
// second answer counts, and later calls are pristine.
func (g *Generation) ask(ctx context.Context, export wasm.Export, input []byte,
	env wasm.Env,
) (*abi.Answer, []byte, wasm.Usage, error) {
	module, err := g.loaded(ctx)
	if err != nil {
		return nil, nil, wasm.Usage{}, err
	}
	answer, raw, usage, err := ask(ctx, g.caller(module), export, input, env)
	if raw == nil || !g.sampled(export) {
		return answer, raw, usage, err
	}
	again, clean, second, problem := ask(ctx, module.CallPristine, export, input, env)
	usage.CPU += second.CPU
	if clean == nil || bytes.Equal(raw, clean) {
		return answer, raw, usage, err // without a second answer there is nothing to compare
	}
	g.kept.Add(1)
	kept := &wasm.CallError{Call: export.String(), Reason: wasm.ErrKept}
	g.fault(hashed(input), "", kept)
	g.registry.settings.Logger.Error("plugin broke the isolation of its calls",
		slog.String("plugin", g.manifest.GetName()), slog.String("version", g.manifest.GetVersion()),
		slog.String("digest", g.Digest()), slog.Int64("generation", g.number),
		slog.Any("error", kept))
	return again, clean, usage, problem
}

// sampled counts a call, and reports whether it is one to make again. Each export is counted by itself: they come in
// turns, so that one count would always meet the same.
func (g *Generation) sampled(export wasm.Export) bool {
	sample := int64(g.registry.settings.Isolation.Sample)
	return g.isolated() == Shared && sample > 0 && g.calls[export].Add(1)%sample == 0
}
