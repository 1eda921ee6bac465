// Package answer has a connector answer encoded calls outside of the router's sandbox, as the guest's exports do inside
// of it.
package answer

import (
	"fmt"

	"payrouter/abi/guest"
	abi "payrouter/abi/v1"
)

// The calls, by the names of the guest's exports.
const (
	Prepare   = "prepare"
	Interpret = "interpret"
)

// Call decodes a call, makes it, and encodes the answer.
func Call(connector guest.Connector, export string, input []byte) ([]byte, error) {
	step, err := call(connector, export, input)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", export, err)
	}
	return (&abi.Answer{Result: &abi.Answer_Step{Step: step}}).MarshalVT()
}

func call(connector guest.Connector, export string, input []byte) (*abi.Step, error) {
	switch export {
	case Prepare:
		call := new(abi.Call)
		if err := call.UnmarshalVTUnsafe(input); err != nil {
			return nil, err
		}
		return connector.Prepare(call)
	case Interpret:
		in := new(abi.Interpretation)
		if err := in.UnmarshalVTUnsafe(input); err != nil {
			return nil, err
		}
		return connector.Interpret(in.GetCall(), in.GetState(), in.GetResponse())
	}
	return nil, fmt.Errorf("there is no such call")
}
