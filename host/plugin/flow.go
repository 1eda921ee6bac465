package plugin

import (
	"context"
	"errors"
	"fmt"

	abi "payrouter/abi/v1"
	"payrouter/host/plugin/replay"
	"payrouter/host/wasm"
)

// Flow is what one generation computes for one call: Prepare gives the first step, Interpret the step that follows
// each response. It is recorded as one. A Flow belongs to one goroutine at a time.
type Flow struct {
	generation *Generation
	call       *abi.Call
	// fuel is the sum over the flow's steps so far.
	fuel      int64
	recording *recording
}

// Begin starts a flow for a call. The call must not change while the flow is in use.
func (g *Generation) Begin(call *abi.Call) *Flow { return &Flow{generation: g, call: call} }

// Prepare turns the call into its first step, and returns the fuel that this took. ctx bounds only the wait for an
// instance. The error is a *FaultError, or one of package wasm's.
func (f *Flow) Prepare(ctx context.Context) (*abi.Step, int64, error) {
	input, err := f.call.MarshalVT()
	if err != nil {
		return nil, 0, fmt.Errorf("encode a call of %s: %w", f.generation.manifest.GetName(), err)
	}
	return f.step(ctx, wasm.Prepare, input)
}

// Interpret turns a response into the next step, as Prepare does the call. state is the state bytes of the step that
// was sent.
func (f *Flow) Interpret(ctx context.Context, state []byte, response *abi.HttpResponse) (*abi.Step, int64, error) {
	input, err := (&abi.Interpretation{Call: f.call, State: state, Response: response}).MarshalVT()
	if err != nil {
		return nil, 0, fmt.Errorf("encode a response for %s: %w", f.generation.manifest.GetName(), err)
	}
	return f.step(ctx, wasm.Interpret, input)
}

// step calls an export that answers with a step, counts its fuel and records it.
func (f *Flow) step(ctx context.Context, export wasm.Export, input []byte) (*abi.Step, int64, error) {
	step, made, err := f.generation.step(ctx, export, input, replay.EnvOf(f.call))
	f.fuel += made.Fuel
	f.generation.noteFuel(f.call.GetOperation(), f.fuel)
	if !errors.Is(err, wasm.ErrBusy) && !errors.Is(err, wasm.ErrClosed) {
		f.record(export, made, step.GetSend() == nil)
	}
	return step, made.Fuel, err
}

// record adds a step to the flow's recording, which Prepare begins. ended: it asks for no request.
func (f *Flow) record(export wasm.Export, made replay.Step, ended bool) {
	if export == wasm.Prepare {
		f.recording = f.generation.recorder.begin(f.generation, f.call, made, ended)
		return
	}
	f.generation.recorder.add(f.recording, made, ended)
}
