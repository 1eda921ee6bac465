// Package replay runs recorded flows again, and compares two runs of the same one.
//
// A plugin is a pure function of its inputs, so a recording of them can be replayed with any version of it. The state
// that a plugin passes itself from step to step belongs to the run: each step receives the state of the run's own
// former step.
package replay

import (
	"bytes"
	"context"
	"fmt"
	"time"

	abi "payrouter/abi/v1"
	"payrouter/host/wasm"
)

// Recording is one flow of a plugin: its inputs and its answers. It contains no credential, since plugins
// receive none, but it contains payers' data: Compare shows none of that.
type Recording struct {
	Plugin string
	// Digest of the module that answered.
	Digest string
	// Operation is empty for a callback, which is one step.
	Operation string
	// PaymentID is empty for operations that belong to no payment.
	PaymentID string
	At        time.Time
	Steps     []Step
}

// Step is one call of a flow: the first prepares, the others interpret; a callback's receives. The bytes are encoded
// messages of the contract, and must not be changed.
type Step struct {
	// Input is an abi.Call in the first step, and an abi.Interpretation in the others; a callback's is an abi.Callback.
	Input []byte
	// Answer is an abi.Answer; nil where there was none.
	Answer []byte
	// Failure is how the call ended where there was no answer: "wasm guest: prepare: out of fuel".
	Failure string
	Fuel    int64
}

// Size is the recording's size in bytes.
func (r Recording) Size() int {
	size := 0
	for _, step := range r.Steps {
		size += len(step.Input) + len(step.Answer)
	}
	return size
}

// Identical reports whether two runs have the same answers, bit for bit. Fuel is not compared.
func Identical(a, b Recording) bool {
	if len(a.Steps) != len(b.Steps) {
		return false
	}
	for i := range a.Steps {
		if !bytes.Equal(a.Steps[i].Answer, b.Steps[i].Answer) || a.Steps[i].Failure != b.Steps[i].Failure {
			return false
		}
	}
	return true
}

// Guest answers encoded calls, as a plugin's module does.
type Guest interface {
	Digest() string
	// Answer returns the encoded answer and its fuel. The error is the guest's failure.
	Answer(ctx context.Context, export wasm.Export, input []byte, env wasm.Env) ([]byte, int64, error)
}

// Run replays a flow with its recorded responses. It ends early where the guest fails, or sends no request
// that a recorded response could belong to. The error means that the recording cannot be read, or that ctx ended.
func Run(ctx context.Context, guest Guest, recording Recording) (Recording, error) {
	again := recording
	again.Digest, again.Steps = guest.Digest(), nil
	if len(recording.Steps) == 0 {
		return again, nil
	}
	if recording.Operation == "" {
		callback := new(abi.Callback)
		if err := callback.UnmarshalVTUnsafe(recording.Steps[0].Input); err != nil {
			return Recording{}, fmt.Errorf("read a recorded callback: %w", err)
		}
		again.ask(ctx, guest, wasm.Receive, recording.Steps[0].Input, EnvOfCallback(callback))
		return again, ctx.Err()
	}
	call := new(abi.Call)
	if err := call.UnmarshalVTUnsafe(recording.Steps[0].Input); err != nil {
		return Recording{}, fmt.Errorf("read a recorded call: %w", err)
	}
	env := EnvOf(call)
	last := again.ask(ctx, guest, wasm.Prepare, recording.Steps[0].Input, env)
	state := last.GetSend().GetState()
	for _, step := range recording.Steps[1:] {
		if err := ctx.Err(); err != nil {
			return Recording{}, fmt.Errorf("replay: %w", err)
		}
		if last.GetSend() == nil {
			break
		}
		in := new(abi.Interpretation)
		if err := in.UnmarshalVTUnsafe(step.Input); err != nil {
			return Recording{}, fmt.Errorf("read a recorded response: %w", err)
		}
		in.State = state
		input, err := in.MarshalVT()
		if err != nil {
			return Recording{}, fmt.Errorf("encode a recorded response: %w", err)
		}
		read := again.ask(ctx, guest, wasm.Interpret, input, env)
		// An answer that ends the flow may be followed by another try of the same request: its response is for
		// the same state.
		if read.GetSend() != nil {
			last, state = read, read.GetSend().GetState()
		}
	}
	return again, ctx.Err()
}

// ask adds a step to the run, and returns its result; nil where it failed.
func (r *Recording) ask(ctx context.Context, guest Guest, export wasm.Export, input []byte, env wasm.Env) *abi.Step {
	answer, fuel, err := guest.Answer(ctx, export, input, env)
	step := Step{Input: input, Answer: answer, Fuel: fuel}
	if err != nil {
		step.Answer, step.Failure = nil, err.Error()
	}
	r.Steps = append(r.Steps, step)
	return step.read().GetStep()
}

// read decodes the answer; nil where it does not decode.
func (s Step) read() *abi.Answer {
	answer := new(abi.Answer)
	if s.Answer == nil || answer.UnmarshalVTUnsafe(s.Answer) != nil {
		return nil
	}
	return answer
}

// EnvOfCallback is a callback's clock for the guest. It has no randomness.
func EnvOfCallback(callback *abi.Callback) wasm.Env {
	return wasm.Env{Now: time.UnixMilli(callback.GetNowMs())}
}

// Result is what came of a recording, in a word or two: the payment's status, the verdict where that has none, "not
// answered" where a request was the last that the plugin asked for, a callback's trust.
func (r Recording) Result() string {
	if len(r.Steps) == 0 {
		return "nothing"
	}
	last := r.Steps[len(r.Steps)-1]
	answer := last.read()
	outcome := answer.GetStep().GetDone()
	switch {
	case last.Failure != "" || answer.GetError() != nil:
		return "fault"
	case answer.GetReceipt() != nil:
		return abi.NameOf(answer.GetReceipt().GetTrust(), "TRUST_")
	case answer.GetStep().GetReject() != nil:
		return "not possible"
	case outcome.GetStatus() != abi.Status_STATUS_UNSPECIFIED:
		return abi.NameOf(outcome.GetStatus(), "STATUS_")
	case outcome != nil:
		return abi.NameOf(outcome.GetVerdict(), "VERDICT_")
	}
	return "not answered"
}

// EnvOf is a call's clock and randomness for the guest.
func EnvOf(call *abi.Call) wasm.Env {
	env := wasm.Env{Now: time.UnixMilli(call.GetNowMs())}
	copy(env.Seed[:], call.GetSeed())
	return env
}
