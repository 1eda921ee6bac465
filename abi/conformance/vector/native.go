package vector

import (
	"context"
	"errors"
	"fmt"

	"payrouter/abi/conformance/check"
	"payrouter/abi/guest"
	abi "payrouter/abi/v1"
)

// input is one encoded call of one export.
type input struct {
	export check.Export
	bytes  []byte
}

// Machine answers calls: the connector as it stands, or a module in the sandbox.
type Machine interface {
	// call gives the encoded Answer; an error is a fault of the machine (a trap), not an Answer that holds an error.
	call(ctx context.Context, in input) ([]byte, error)
}

// Native is a connector in this process.
func Native(connector guest.Connector) Machine {
	return native{connector}
}

// native runs the connector in this process, with the answers that the guest's exports give.
type native struct {
	connector guest.Connector
}

func (n native) call(_ context.Context, in input) (encoded []byte, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("panic in %s: %v", in.export, fault)
		}
	}()
	answer, err := n.answer(in)
	if err != nil {
		answer = faultAnswer(err)
	}
	return encode(answer)
}

func (n native) answer(in input) (*abi.Answer, error) {
	switch in.export {
	case check.Prepare:
		call := new(abi.Call)
		if err := call.UnmarshalVTUnsafe(in.bytes); err != nil {
			return nil, fmt.Errorf("decode Call: %w", err)
		}
		step, err := n.connector.Prepare(call)
		return &abi.Answer{Result: &abi.Answer_Step{Step: step}}, err
	case check.Interpret:
		interpretation := new(abi.Interpretation)
		if err := interpretation.UnmarshalVTUnsafe(in.bytes); err != nil {
			return nil, fmt.Errorf("decode Interpretation: %w", err)
		}
		step, err := n.connector.Interpret(interpretation.GetCall(), interpretation.GetState(),
			interpretation.GetResponse())
		return &abi.Answer{Result: &abi.Answer_Step{Step: step}}, err
	case check.Describe: // its answer is the connector's manifest, which is asked for directly
	case check.Receive:
		callback := new(abi.Callback)
		if err := callback.UnmarshalVTUnsafe(in.bytes); err != nil {
			return nil, fmt.Errorf("decode Callback: %w", err)
		}
		receipt, err := n.connector.Receive(callback)
		return &abi.Answer{Result: &abi.Answer_Receipt{Receipt: receipt}}, err
	}
	return nil, fmt.Errorf("there is no export %q", in.export)
}

func faultAnswer(err error) *abi.Answer {
	fault := &abi.Error{Message: err.Error()}
	if typed, ok := errors.AsType[*guest.Error](err); ok {
		fault.Code = typed.Code
	}
	return &abi.Answer{Result: &abi.Answer_Error{Error: fault}}
}

// message is what the contract's messages have in common.
type message interface {
	MarshalVT() ([]byte, error)
}

func encode(m message) ([]byte, error) {
	encoded, err := m.MarshalVT()
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", m, err)
	}
	return encoded, nil
}
