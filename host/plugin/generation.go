// Package plugin decides which generation of a plugin is active: compiled code with its manifest.
//
// It hides how a module becomes active: the steps of an install (install.go, checks.go), its signature (package
// signature), its own vectors (vectors.go), what the configuration names (policy.go), the shadow check with recorded
// flows (shadow.go, package replay), which outlast a restart (recordings.go, package recordfile), live shadows
// (live.go), canaries (canary.go), the switch of the active set (switch.go), retention of former generations and
// rollback to them (retention.go, rollback.go), and recovery after a restart from modules and decisions on disk
// (disk.go, folder.go). A Flow makes the calls (flow.go).
package plugin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	abi "payrouter/abi/v1"
	"payrouter/host/plugin/faults"
	"payrouter/host/plugin/replay"
	"payrouter/host/wasm"
)

// FaultError is a failure that a plugin reports itself: a panic, an unknown operation, settings that it cannot use.
type FaultError struct {
	Code    abi.Error_Code
	Message string
}

func (e *FaultError) Error() string {
	return "plugin fault: " + e.Message
}

// errNoAnswer is an answer of another kind than the call's, or with what the contract does not have.
var errNoAnswer = errors.New("the answer is not of the call's kind")

// Generation is one version of a plugin: described, and compiled by its first call. It is safe for concurrent use: each
// call has an instance of the module to itself. It stays open while it has users: the registry, while it is active or
// kept warm, and the callers of Hold.
type Generation struct {
	digest   string
	code     *machineCode
	manifest *abi.Manifest
	// said is the answer that the manifest was read from.
	said     []byte
	number   int64
	registry *Registry
	// recorder has the plugin's flows, and callbacks its callbacks.
	recorder, callbacks *recorder
	loadedAt            time.Time
	source              string
	signed              bool
	// isolation is how its calls are kept apart; calls counts shared ones by export, and kept those that were caught.
	isolation Isolation
	calls     [wasm.Exports]atomic.Int64
	kept      atomic.Int64
	// operations are the manifest's, by name.
	operations map[string]*operation
	guard      *guard
}

// Manifest is what the plugin returned when it was loaded. It must not be changed.
func (g *Generation) Manifest() *abi.Manifest { return g.manifest }

// Digest is the SHA-256 of the module's bytes, in hexadecimal.
func (g *Generation) Digest() string { return g.digest }

// Number counts generations, over all plugins, in the order in which they were loaded since the router started.
func (g *Generation) Number() int64 { return g.number }

// Hold keeps the generation open until Release, which is called once for each Hold, from any goroutine. The generation
// must be in use: in an active set that is Adopt's argument, or held.
func (g *Generation) Hold() { g.registry.hold(g) }

// Release ends a Hold. The last one closes the generation, in the background.
func (g *Generation) Release() { g.registry.release(g) }

// Stats are the figures of the module's instances, zero where it is not loaded.
func (g *Generation) Stats() wasm.Stats { return g.code.stats() }

// Sendable is nil, or why no new request is made with the generation: an error that wraps ErrQuarantine.
func (g *Generation) Sendable() error { return g.guard.sendable() }

// Receive reads a provider's callback to an account, and returns the fuel that this took. ctx bounds only the wait for
// an instance. The error is a *FaultError, a *withheldError, or one of package wasm's.
func (g *Generation) Receive(ctx context.Context, account string, callback *abi.Callback) (*abi.Receipt, int64, error) {
	if err := g.guard.readable(); err != nil {
		return nil, 0, err
	}
	input, err := callback.MarshalVT()
	if err != nil {
		return nil, 0, fmt.Errorf("encode a callback for %s: %w", g.manifest.GetName(), err)
	}
	answer, raw, usage, err := g.ask(ctx, wasm.Receive, input, replay.EnvOfCallback(callback))
	made := made(input, raw, usage.Fuel, err)
	if err == nil && answer.GetReceipt() == nil {
		err = fmt.Errorf("receive: %w", errNoAnswer)
	}
	now := g.registry.settings.Now()
	g.guard.charge(usage, g.registry.accountBudget(account), now)
	switch {
	case notMade(err):
	case atFault(err):
		if g.guard.callbacks.Fault(inputOfCallback(callback), "", now) {
			g.registry.confine(g, Quarantine{Callbacks: true, Reason: err.Error()})
		}
	default:
		g.guard.callbacks.Well("", now)
	}
	if !notServed(err) {
		g.callbacks.callback(g, made)
	}
	if err != nil {
		return nil, usage.Fuel, fmt.Errorf("%s: %w", g.manifest.GetName(), err)
	}
	return answer.GetReceipt(), usage.Fuel, nil
}

// fault counts a fault of a flow's call, which may be one too many.
func (g *Generation) fault(of faults.Input, merchant string, why error) {
	if g.guard.flows.Fault(of, merchant, g.registry.settings.Now()) {
		g.registry.confine(g, Quarantine{Sends: true, Reason: why.Error()})
	}
}

// Answer implements replay.Guest: it returns an encoded answer, and records nothing.
func (g *Generation) Answer(ctx context.Context, export wasm.Export, input []byte,
	env wasm.Env,
) ([]byte, int64, error) {
	raw, usage, err := g.answer(ctx, export, input, env)
	return raw, usage.Fuel, err
}

func (g *Generation) answer(ctx context.Context, export wasm.Export, input []byte,
	env wasm.Env,
) ([]byte, wasm.Usage, error) {
	_, raw, usage, err := g.ask(ctx, export, input, env)
	if fault, said := errors.AsType[*FaultError](err); said && raw != nil && fault.Code != abi.Error_CODE_PANIC {
		return raw, usage, nil
	}
	return raw, usage, err
}

// step calls an export that answers with a step, and returns what is recorded with it, and what it used.
func (g *Generation) step(ctx context.Context, export wasm.Export, input []byte,
	env wasm.Env,
) (*abi.Step, replay.Step, wasm.Usage, error) {
	answer, raw, usage, err := g.ask(ctx, export, input, env)
	made := made(input, raw, usage.Fuel, err)
	if err != nil {
		return nil, made, usage, fmt.Errorf("%s: %w", g.manifest.GetName(), err)
	}
	if answer.GetStep().GetNext() == nil || !inContract(answer.GetStep().GetDone()) {
		return nil, made, usage, fmt.Errorf("%s: %s: %w", g.manifest.GetName(), export, errNoAnswer)
	}
	return answer.GetStep(), made, usage, nil
}

// inContract reports whether an outcome, which may be nil, has a verdict and a status that there are.
func inContract(outcome *abi.Outcome) bool {
	_, verdict := abi.Verdict_name[int32(outcome.GetVerdict())]
	_, status := abi.Status_name[int32(outcome.GetStatus())]
	return verdict && status
}

// made is a call as it is recorded. A fault that the plugin reports is an answer, but for a panic.
func made(input, answer []byte, fuel int64, err error) replay.Step {
	step := replay.Step{Input: input, Answer: answer, Fuel: fuel}
	if err != nil {
		if fault, said := errors.AsType[*FaultError](err); !said || fault.Code == abi.Error_CODE_PANIC {
			step.Answer, step.Failure = nil, err.Error()
		}
	}
	return step
}

// ask calls one export, and returns the answer decoded and encoded. After a panic that the guest recovered from, its
// memory may be inconsistent: the panic is reported as a bad answer, so that the instance is not used again.
func ask(ctx context.Context, call wasm.Caller, export wasm.Export, input []byte,
	env wasm.Env,
) (*abi.Answer, []byte, wasm.Usage, error) {
	answer := new(abi.Answer)
	var raw []byte
	usage, err := call(ctx, export, input, env, func(encoded []byte) error {
		// One copy out of the guest's memory, which the answer's texts then borrow.
		raw = bytes.Clone(encoded)
		if err := answer.UnmarshalVTUnsafe(raw); err != nil {
			return err
		}
		if fault := answer.GetError(); fault.GetCode() == abi.Error_CODE_PANIC {
			return &FaultError{Code: fault.GetCode(), Message: fault.GetMessage()}
		}
		return nil
	})
	if err != nil {
		return nil, nil, usage, err
	}
	if fault := answer.GetError(); fault != nil {
		return nil, raw, usage, &FaultError{Code: fault.GetCode(), Message: fault.GetMessage()}
	}
	return answer, raw, usage, nil
}
