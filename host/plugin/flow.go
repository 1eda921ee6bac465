package plugin

import (
	"context"
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
	// account and merchant are whose call it is; empty where nobody's.
	account, merchant string
	// resumes: the call is about what was sent before.
	resumes bool
	// fuel is the sum over the flow's steps so far.
	fuel      int64
	recording *recording
}

// Begin starts a flow for a call. The call must not change while the flow is in use.
func (g *Generation) Begin(call *abi.Call) *Flow {
	return &Flow{generation: g, call: call, resumes: resumes(g.manifest, call.GetOperation())}
}

// For names the account and the merchant that the call is made for; merchant is empty for the router's own. The
// account's budget pays for it.
func (f *Flow) For(account, merchant string) *Flow {
	f.account, f.merchant = account, merchant
	return f
}

// Prepare turns the call into its first step, and returns the fuel that this took. ctx bounds only the wait for an
// instance. The error is a *FaultError, one of package wasm's, or a *withheldError: the generation is in quarantine, or
// the CPU is used up that it or the account may use for now. Calls about what was sent before are never withheld.
func (f *Flow) Prepare(ctx context.Context) (*abi.Step, int64, error) {
	if err := f.withheld(); err != nil {
		return nil, 0, err
	}
	input, err := f.call.MarshalVT()
	if err != nil {
		return nil, 0, fmt.Errorf("encode a call of %s: %w", f.generation.manifest.GetName(), err)
	}
	return f.step(ctx, wasm.Prepare, input, nil, nil)
}

// Interpret turns a response into the next step, as Prepare does the call. state is the state bytes of the step that
// was sent.
func (f *Flow) Interpret(ctx context.Context, state []byte, response *abi.HttpResponse) (*abi.Step, int64, error) {
	input, err := (&abi.Interpretation{Call: f.call, State: state, Response: response}).MarshalVT()
	if err != nil {
		return nil, 0, fmt.Errorf("encode a response for %s: %w", f.generation.manifest.GetName(), err)
	}
	return f.step(ctx, wasm.Interpret, input, state, response)
}

// withheld is nil, or why the call is not made.
func (f *Flow) withheld() error {
	if f.resumes {
		return nil
	}
	g := f.generation
	if err := g.guard.sendable(); err != nil {
		return err
	}
	return g.guard.affordable(g.registry.accountBudget(f.account), g.registry.settings.Now())
}

// step calls an export that answers with a step, counts its fuel and records it. input is what it is given; state and
// response are in it, where there are some.
func (f *Flow) step(ctx context.Context, export wasm.Export, input, state []byte,
	response *abi.HttpResponse,
) (*abi.Step, int64, error) {
	g := f.generation
	env := replay.EnvOf(f.call)
	env.Sent = f.resumes
	step, made, usage, err := g.step(ctx, export, input, env)
	f.fuel += made.Fuel
	g.noteFuel(f.call.GetOperation(), f.fuel)
	now := g.registry.settings.Now()
	g.guard.charge(usage, g.registry.accountBudget(f.account), now)
	switch {
	case notMade(err):
	case atFault(err):
		g.fault(inputOf(export, f.call, state, response), f.merchant, err)
	default:
		g.guard.flows.Well(f.merchant, now)
	}
	if !notServed(err) {
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
