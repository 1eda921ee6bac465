package plugin

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"sync/atomic"

	"payrouter/host/wasm"
)

// machineCode is the compiled module of a generation. One that was active before the start is known by its manifest and
// digest alone until an account needs it: compiled, it would take memory, and a start time, for no payment.
type machineCode struct {
	module atomic.Pointer[wasm.Module]
	// busy holds a value while the module is loaded or closed. closed is guarded by it.
	busy   chan struct{}
	closed bool
}

// loadError is why a generation's module is not there to be called. Nothing ran, so that it is no fault of the plugin's
// calls: its accounts do without it, and another may take the payment.
type loadError struct {
	// plugin is its name.
	plugin string
	cause  error
}

func (e *loadError) Error() string { return "load " + e.plugin + ": " + e.cause.Error() }

// Unwrap returns the cause.
func (e *loadError) Unwrap() error { return e.cause }

// Withheld is the reason for whoever may see the account.
func (e *loadError) Withheld() string { return "the plugin cannot be loaded" }

// newMachineCode has a compiled module, or none yet where it is nil.
func newMachineCode(module *wasm.Module) *machineCode {
	c := &machineCode{busy: make(chan struct{}, 1)}
	c.module.Store(module)
	return c
}

// stats are zero where nothing is loaded.
func (c *machineCode) stats() wasm.Stats {
	if module := c.module.Load(); module != nil {
		return module.Stats()
	}
	return wasm.Stats{}
}

// take waits until the module is neither loaded nor closed, and keeps others from either.
func (c *machineCode) take(ctx context.Context) error {
	select {
	case c.busy <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// close closes what is loaded, and refuses to load. It may be called again after an error.
func (c *machineCode) close(ctx context.Context) error {
	if err := c.take(ctx); err != nil {
		return err
	}
	defer func() { <-c.busy }()
	c.closed = true
	if module := c.module.Load(); module != nil {
		return module.Close(ctx)
	}
	return nil
}

// Loaded reports whether the module is compiled.
func (g *Generation) Loaded() bool { return g.code.module.Load() != nil }

// Load compiles the module, where that was not done yet. It is for who is about to send payments to the generation: a
// call loads it too, and waits for it. A module that is not the one of the manifest is a *RefusedError.
func (g *Generation) Load() error {
	_, err := g.loaded(g.registry.base)
	return err
}

// loaded is the compiled module.
func (g *Generation) loaded(ctx context.Context) (*wasm.Module, error) {
	if module := g.code.module.Load(); module != nil {
		return module, nil
	}
	if err := g.code.take(ctx); err != nil {
		return nil, fmt.Errorf("load %s: %w: %w", g.manifest.GetName(), wasm.ErrBusy, err)
	}
	module, first, err := g.load(ctx)
	<-g.code.busy
	if !first {
		return module, err
	}
	t := g.registry.trail(g.manifest.GetName(), g.source)
	t.quiet = true
	t.of(g)
	if err != nil {
		return nil, &loadError{plugin: g.manifest.GetName(), cause: t.failed(StepCompile, err)}
	}
	t.done(StepCompile, "generation "+strconv.FormatInt(g.number, 10)+", which was known by its manifest")
	return module, nil
}

// load compiles the kept module and has it describe itself again: what the accounts were checked with must be its
// manifest. first reports whether it was tried. The caller took the code.
func (g *Generation) load(ctx context.Context) (module *wasm.Module, first bool, err error) {
	switch module := g.code.module.Load(); {
	case module != nil:
		return module, false, nil
	case g.code.closed:
		return nil, false, wasm.ErrClosed
	}
	kept, err := g.registry.readKept(g.manifest.GetName(), g.digest)
	if err != nil {
		return nil, true, err
	}
	if module, err = g.registry.compile(ctx, kept.Code); err != nil {
		return nil, true, err
	}
	again, err := describe(ctx, module)
	if err == nil && !bytes.Equal(again.said, g.said) {
		g.registry.discardDescription(g.manifest.GetName(), g.digest) // the next start asks the module
		err = &RefusedError{Step: StepDescribe, Reason: ErrManifest, What: "it is not the one that was kept"}
	}
	if err != nil {
		return nil, true, closing(ctx, module, err)
	}
	g.code.module.Store(module)
	return module, true, nil
}
