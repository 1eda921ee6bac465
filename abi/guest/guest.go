// Package guest is how a plugin is written in Go: a type with four methods over ordinary structs, and one call of
// Register. It hides the memory, the pointers and the encoding of the contract in package abi/v1.
//
//	func init() { guest.Register(connector{}) }
//	func main() {}
//
// Build with GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared. The same connector runs natively, in tests.
package guest

import (
	"errors"
	"fmt"

	abi "payrouter/abi/v1"
)

// Connector is a provider's integration: pure functions of their arguments. It has no clock, randomness, network or
// files; what it needs of them is in the call. It is called by one goroutine at a time, and keeps no state between
// calls.
//
// An error that a method returns is a fault of the plugin or of the call, and becomes an abi.Error: return *Error to
// choose its code. What a provider states, a refusal included, is an Outcome; a call that the provider cannot serve is
// a Reject.
type Connector interface {
	// Describe is asked once per module.
	Describe() *abi.Manifest
	// Prepare turns a call into its first step.
	Prepare(call *abi.Call) (*abi.Step, error)
	// Interpret turns the response to a step's request into the next step. state is that step's Send.State.
	Interpret(call *abi.Call, state []byte, response *abi.HttpResponse) (*abi.Step, error)
	// Receive reads a provider's callback. It believes nothing: the host looks up or verifies what the receipt states.
	Receive(callback *abi.Callback) (*abi.Receipt, error)
}

// Error is a fault with the code that the host shall see.
type Error struct {
	Code    abi.Error_Code
	Message string
}

func (e *Error) Error() string {
	return e.Message
}

// UnknownOperation is what Prepare and Interpret return for an operation that the manifest does not have.
func UnknownOperation(name string) error {
	return &Error{
		Code:    abi.Error_CODE_UNKNOWN_OPERATION,
		Message: fmt.Sprintf("operation %q is not in the manifest", name),
	}
}

// BadSettings is what a connector returns when the account's settings do not serve.
func BadSettings(format string, args ...any) error {
	return &Error{Code: abi.Error_CODE_BAD_SETTINGS, Message: fmt.Sprintf(format, args...)}
}

// Register makes the connector the one that this module exports. Call it once, from the plugin's init.
func Register(connector Connector) {
	registered = connector
}

//nolint:gochecknoglobals // a module is one plugin: the exports have nowhere else to find it
var registered Connector

// export is one of the contract's four calls, from encoded input to an answer.
type export func(connector Connector, input []byte) (*abi.Answer, error)

func describe(connector Connector, _ []byte) (*abi.Answer, error) {
	return &abi.Answer{Result: &abi.Answer_Manifest{Manifest: connector.Describe()}}, nil
}

func prepare(connector Connector, input []byte) (*abi.Answer, error) {
	call := new(abi.Call)
	if err := call.UnmarshalVTUnsafe(input); err != nil {
		return nil, badInput("Call", err)
	}
	step, err := connector.Prepare(call)
	return stepAnswer(step), err
}

func interpret(connector Connector, input []byte) (*abi.Answer, error) {
	made := new(struct {
		in       abi.Interpretation
		call     abi.Call
		response abi.HttpResponse
		headers  [8]*abi.Header // as many as most responses have
	})
	made.in.Call, made.in.Response, made.response.Headers = &made.call, &made.response, made.headers[:0]
	if err := made.in.UnmarshalVTUnsafe(input); err != nil {
		return nil, badInput("Interpretation", err)
	}
	if made.call.GetOperation() == "" || made.response.GetStatus() == 0 {
		return nil, badInput("Interpretation", errors.New("it needs a call and a response"))
	}
	step, err := connector.Interpret(&made.call, made.in.GetState(), &made.response)
	return stepAnswer(step), err
}

func receive(connector Connector, input []byte) (*abi.Answer, error) {
	callback := new(abi.Callback)
	if err := callback.UnmarshalVTUnsafe(input); err != nil {
		return nil, badInput("Callback", err)
	}
	receipt, err := connector.Receive(callback)
	return &abi.Answer{Result: &abi.Answer_Receipt{Receipt: receipt}}, err
}

// serve runs one call to an answer, whatever the connector does, and encodes it at the end of room. It does so
// backwards, as the generated code does, so that the size need not be known: finding it costs as much again. Where
// there is too little room that code panics, and size is below 0.
func serve(connector Connector, call export, input, room []byte) (answer *abi.Answer, size int) {
	defer func() {
		fault := recover()
		if fault == nil {
			return
		}
		size = -1
		if answer == nil {
			answer = errorAnswer(&Error{Code: abi.Error_CODE_PANIC, Message: fmt.Sprint(fault)})
		}
	}()
	if connector == nil {
		panic("no connector: the plugin never called guest.Register")
	}
	made, err := call(connector, input)
	if err != nil {
		made = errorAnswer(err)
	}
	answer = made
	size, err = answer.MarshalToSizedBufferVT(room)
	if err != nil {
		panic(err)
	}
	return answer, size
}

func stepAnswer(step *abi.Step) *abi.Answer {
	made := &struct {
		answer abi.Answer
		result abi.Answer_Step
	}{result: abi.Answer_Step{Step: step}}
	made.answer.Result = &made.result
	return &made.answer
}

func errorAnswer(err error) *abi.Answer {
	fault := &abi.Error{Code: abi.Error_CODE_UNSPECIFIED, Message: err.Error()}
	if typed, ok := errors.AsType[*Error](err); ok {
		fault.Code = typed.Code
	}
	return &abi.Answer{Result: &abi.Answer_Error{Error: fault}}
}

func badInput(message string, err error) error {
	return &Error{Code: abi.Error_CODE_BAD_INPUT, Message: fmt.Sprintf("decode %s: %v", message, err)}
}
