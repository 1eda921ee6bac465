package attempt

import (
	"context"

	abi "payrouter/abi/v1"
)

// Prepared is a flow's first step, made before there was an owner to journal it for: what the plugin cannot make a
// request of leaves nothing behind. One flow uses it, once.
type Prepared struct {
	plan  Plan
	call  *abi.Call
	steps Steps
	step  *abi.Step
	fuel  int64
	err   error
}

// Prepare has the plan's plugin make the first step of a merchant's call. ctx bounds the wait for the plugin. A fault
// of the plugin shows when the flow runs.
func (p Plan) Prepare(ctx context.Context, call *abi.Call, merchant string) *Prepared {
	made := &Prepared{plan: p, call: call, steps: p.Connector.Begin(call, merchant)}
	made.step, made.fuel, made.err = made.steps.Prepare(ctx)
	return made
}

// Reject is why the plugin cannot make a request of the call; nil where it can, or is at fault.
func (p *Prepared) Reject() *abi.Reject { return p.step.GetReject() }

// Err is why the plugin cannot make a request of the call, as the end of a flow has it: ErrUnavailable or a
// *DeclinedError. It is nil where the plugin can, or is at fault.
func (p *Prepared) Err() error {
	if p.Reject() == nil {
		return nil
	}
	return Ending{Event: Unable, Failure: rejected(p.Reject()), Plan: p.plan}.Err()
}

// Use has the flow begin with a step that was made for its plan, if it was made by the plugin that serves.
func (f *Flow) Use(p *Prepared) {
	if p != nil && p.plan.Connector.Digest() == f.Plan.Connector.Digest() &&
		p.plan.Connector.Number() == f.Plan.Connector.Number() && p.plan.Operation.GetName() == f.Plan.Operation.GetName() {
		f.prepared, f.Call = p, p.call
	}
}

// prepare is the flow's first step, with the fuel that it took.
func (f *Flow) prepare(ctx context.Context) (*abi.Step, int64, error) {
	if p := f.prepared; p != nil {
		f.steps, f.prepared = p.steps, nil
		return p.step, p.fuel, p.err
	}
	merchant := ""
	if f.Owner != nil {
		merchant = f.Owner.Merchant()
	}
	f.steps = f.Plan.Connector.Begin(f.Call, merchant)
	return f.steps.Prepare(ctx)
}
