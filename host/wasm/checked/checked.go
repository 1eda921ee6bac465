// Package checked runs plugins' modules for the conformance suite as the router runs them.
package checked

import (
	"bytes"
	"context"
	"errors"

	"payrouter/abi/conformance/check"
	"payrouter/host/wasm"
)

// Sandbox is a compiler, for the suite. It implements check.Sandbox.
type Sandbox struct{ compiler *wasm.Compiler }

// New wraps a compiler, which stays the caller's to close.
func New(compiler *wasm.Compiler) Sandbox { return Sandbox{compiler: compiler} }

// Inspect returns a module's digest, and why the router refuses the module.
func (s Sandbox) Inspect(code []byte) (digest string, refused error) {
	inspection, err := wasm.Inspect(code)
	return inspection.Digest, err
}

// Compile compiles a module for one call at a time.
func (s Sandbox) Compile(ctx context.Context, code []byte) (check.Guest, error) {
	module, err := s.compiler.Compile(ctx, code, wasm.Limits{Instances: 1})
	if refusal, isRefusal := errors.AsType[*wasm.RefusedError](err); isRefusal {
		return nil, &check.RefusedError{Reason: refusal}
	}
	if err != nil {
		return nil, err
	}
	return guest{module}, nil
}

type guest struct{ module *wasm.Module }

var exports = map[check.Export]wasm.Export{ //nolint:gochecknoglobals // a table
	check.Describe: wasm.Describe, check.Prepare: wasm.Prepare, check.Interpret: wasm.Interpret,
	check.Receive: wasm.Receive,
}

func (g guest) Call(ctx context.Context, export check.Export, input []byte) ([]byte, check.Usage, error) {
	return run(ctx, g.module.Call, export, input)
}

func (g guest) CallAlone(ctx context.Context, export check.Export, input []byte) ([]byte, check.Usage, error) {
	return run(ctx, g.module.CallPristine, export, input)
}

// run makes a call, and copies its answer.
func run(ctx context.Context, call wasm.Caller, export check.Export, input []byte) ([]byte, check.Usage, error) {
	var answer []byte
	used, err := call(ctx, exports[export], input, wasm.Env{}, func(encoded []byte) error {
		answer = bytes.Clone(encoded)
		return nil
	})
	return answer, check.Usage{Fuel: used.Fuel, Memory: int64(used.Memory)}, err
}

func (g guest) Limits() check.Usage {
	limits := g.module.Limits()
	return check.Usage{Fuel: limits.Fuel, Memory: int64(limits.MemoryPages) * wasm.PageSize}
}

func (g guest) Discarded() int64 { return g.module.Stats().Discarded }

func (g guest) Close(ctx context.Context) error { return g.module.Close(ctx) }
