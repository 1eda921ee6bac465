package peer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	extism "github.com/extism/go-sdk"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"payrouter/abi/conformance/check"
	"payrouter/abi/conformance/vector"
	"payrouter/abi/guest"
	"payrouter/host/wasm"
	"payrouter/host/wasm/checked"
	"payrouter/test/figures"
)

// timeout is what the engines that have one give a call. None reaches it.
const timeout = 10 * time.Second

// engine is one way to call the plugin.
type engine struct {
	name    string
	machine vector.Machine
}

// engines are all ways, and what closes them.
type engines struct {
	all     []engine
	closers []func() error
}

func (e *engines) close() error {
	var problems []error
	for _, closer := range slices.Backward(e.closers) {
		problems = append(problems, closer())
	}
	return errors.Join(problems...)
}

// add adds a way, and closes it with the others.
func (e *engines) add(name string, open func() (callable, error)) error {
	opened, err := open()
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	e.closers = append(e.closers, opened.close)
	e.all = append(e.all, engine{name, vector.NewSandboxed(opened)})
	return nil
}

// open starts every engine. What it has started is closed by close, also after an error.
func (e *engines) open(ctx context.Context, connector guest.Connector, s settings) error {
	e.all = append(e.all, engine{"native Go, in the router's process", vector.Native(connector)})
	for _, way := range []struct {
		name string
		open func() (callable, error)
	}{
		{figures.Shared, func() (callable, error) { return e.sandbox(ctx, s.module, wasm.Options{}, check.Guest.Call) }},
		{"the router's sandbox, pristine instance", func() (callable, error) {
			return e.sandbox(ctx, s.module, wasm.Options{}, check.Guest.CallAlone)
		}},
		{figures.Unmetered, func() (callable, error) {
			return e.sandbox(ctx, s.module, wasm.Options{Unmetered: true}, check.Guest.Call)
		}},
		{"wazero, WithCloseOnContextDone", func() (callable, error) { return newPlain(ctx, s.module) }},
		{"Extism's Go SDK", func() (callable, error) { return newExtism(ctx, s.extism, 0) }},
		{"Extism's Go SDK, with its timeout", func() (callable, error) { return newExtism(ctx, s.extism, timeout) }},
		{"hashicorp/go-plugin, gRPC", func() (callable, error) { return newRemote(ctx) }},
	} {
		if err := e.add(way.name, way.open); err != nil {
			return err
		}
	}
	return nil
}

// callable is a check.Guest of which only calls are used. Its limits are none.
type callable struct {
	call  func(ctx context.Context, export check.Export, input []byte) ([]byte, error)
	close func() error
}

// Call implements check.Guest.
func (c callable) Call(ctx context.Context, export check.Export, input []byte) ([]byte, check.Usage, error) {
	answer, err := c.call(ctx, export, input)
	return answer, check.Usage{}, err
}

// CallAlone implements check.Guest.
func (c callable) CallAlone(ctx context.Context, export check.Export, input []byte) ([]byte, check.Usage, error) {
	return c.Call(ctx, export, input)
}

// Limits implements check.Guest.
func (callable) Limits() check.Usage { return check.Usage{} }

// Discarded implements check.Guest.
func (callable) Discarded() int64 { return 0 }

// Close implements check.Guest.
func (c callable) Close(context.Context) error { return c.close() }

type calling func(check.Guest, context.Context, check.Export, []byte) ([]byte, check.Usage, error)

// sandbox is the router's own.
func (*engines) sandbox(ctx context.Context, module []byte, options wasm.Options, call calling) (callable, error) {
	options.Logger = slog.New(slog.DiscardHandler)
	compiler, err := wasm.New("", options)
	if err != nil {
		return callable{}, err
	}
	compiled, err := checked.New(compiler).Compile(ctx, module)
	if err != nil {
		return callable{}, errors.Join(err, compiler.Close(ctx))
	}
	return callable{
		call: func(ctx context.Context, export check.Export, input []byte) ([]byte, error) {
			answer, _, err := call(compiled, ctx, export, input)
			return answer, err
		},
		close: func() error { return errors.Join(compiled.Close(ctx), compiler.Close(ctx)) },
	}, nil
}

// newPlain is what a host in Go does that bounds calls by wazero's own means: a deadline, at which compiled code looks
// at each loop's head.
func newPlain(ctx context.Context, module []byte) (c callable, err error) {
	runtime := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigCompiler().WithCloseOnContextDone(true))
	c.close = func() error { return runtime.Close(ctx) }
	defer func() {
		if err != nil {
			err = errors.Join(err, c.close())
		}
	}()
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, runtime); err != nil {
		return c, err
	}
	instance, err := runtime.InstantiateWithConfig(ctx, module,
		wazero.NewModuleConfig().WithName("").WithStartFunctions("_initialize"))
	if err != nil {
		return c, err
	}
	alloc := instance.ExportedFunction("alloc")
	exports := map[check.Export]api.Function{}
	for _, export := range []check.Export{check.Prepare, check.Interpret} {
		exports[export] = instance.ExportedFunction(string(export))
	}
	c.call = func(ctx context.Context, export check.Export, input []byte) ([]byte, error) {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		return callPlain(ctx, instance.Memory(), alloc, exports[export], input)
	}
	return c, nil
}

func callPlain(ctx context.Context, memory api.Memory, alloc, export api.Function, input []byte) ([]byte, error) {
	at, err := alloc.Call(ctx, uint64(len(input)))
	if err != nil {
		return nil, err
	}
	if !memory.Write(uint32(at[0]), input) {
		return nil, errors.New("the input is outside of the guest's memory")
	}
	packed, err := export.Call(ctx, at[0], uint64(len(input)))
	if err != nil {
		return nil, err
	}
	answer, inside := memory.Read(uint32(packed[0]>>32), uint32(packed[0]))
	if !inside {
		return nil, errors.New("the answer is outside of the guest's memory")
	}
	return append([]byte(nil), answer...), nil
}

// newExtism calls the plugin built for Extism. Without a limit it has no timeout.
func newExtism(ctx context.Context, module []byte, limit time.Duration) (callable, error) {
	manifest := extism.Manifest{
		Wasm:    []extism.Wasm{extism.WasmData{Data: module}},
		Timeout: uint64(limit.Milliseconds()),
	}
	plugin, err := extism.NewPlugin(ctx, manifest, extism.PluginConfig{EnableWasi: true}, nil)
	if err != nil {
		return callable{}, err
	}
	return callable{
		call: func(ctx context.Context, export check.Export, input []byte) ([]byte, error) {
			code, answer, err := plugin.CallWithContext(ctx, "extism_"+string(export), input)
			if err == nil && code != 0 {
				err = fmt.Errorf("%s ended with %d", export, code)
			}
			return answer, err
		},
		close: func() error { return plugin.CloseWithContext(ctx) },
	}, nil
}
