package plugin

import (
	"context"
	"sync"

	abi "payrouter/abi/v1"
)

// maxFlows bounds the flows that are found by their call. Calls that get no response leave theirs behind.
const maxFlows = 4096

// flows finds the flow of a call, for callers that pass the call again instead of keeping the Flow. The zero value is
// ready. It is safe for concurrent use.
type flows struct {
	mutex  sync.Mutex
	byCall map[*abi.Call]*Flow
}

func (f *flows) put(flow *Flow) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if f.byCall == nil || len(f.byCall) >= maxFlows {
		f.byCall = map[*abi.Call]*Flow{}
	}
	f.byCall[flow.call] = flow
}

func (f *flows) take(call *abi.Call) (*Flow, bool) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	flow, found := f.byCall[call]
	delete(f.byCall, call)
	return flow, found
}

// Prepare begins a flow for a call and prepares it. Interpret continues that flow for the same *abi.Call. A caller
// that can keep a Flow uses Begin.
func (g *Generation) Prepare(ctx context.Context, call *abi.Call) (*abi.Step, int64, error) {
	flow := g.Begin(call)
	step, fuel, err := flow.Prepare(ctx)
	if step.GetSend() != nil {
		g.flows.put(flow)
	}
	return step, fuel, err
}

// Interpret continues the flow of the interpretation's call; see Prepare. Without one it is not recorded.
func (g *Generation) Interpret(ctx context.Context, in *abi.Interpretation) (*abi.Step, int64, error) {
	flow, found := g.flows.take(in.GetCall())
	if !found {
		flow = g.Begin(in.GetCall())
	}
	step, fuel, err := flow.Interpret(ctx, in.GetState(), in.GetResponse())
	if step.GetSend() != nil {
		g.flows.put(flow)
	}
	return step, fuel, err
}
