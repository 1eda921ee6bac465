// Package main is the Paygrt plugin: it decides how phone and bill recharges in India are spoken of with Paygrt's API.
//
// The files are chapters: manifest.go declares what the plugin can do, reply.go reads the envelope that every answer
// comes in, recharge.go, lookup.go and account.go hold the operations, status.go the words for a recharge's state,
// callback.go what Paygrt reports by itself.
package main

import (
	"payrouter/abi/guest"
	abi "payrouter/abi/v1"
)

func init() { guest.Register(connector{}) }

func main() {}

// connector is Paygrt's integration. It keeps no state.
type connector struct{}

// handler is the two halves of an operation.
type handler struct {
	prepare   func(call *abi.Call, account settings) (*abi.Step, error)
	interpret func(call *abi.Call, account settings, state []byte, answer reply) *abi.Step
}

var handlers = map[string]handler{ //nolint:gochecknoglobals // the dispatch table
	opRecharge:  {prepareRecharge, interpretRecharge},
	opStatus:    {prepareStatus, interpretStatus},
	opBalance:   {prepareBalance, interpretBalance},
	opOperators: {prepareOperators, interpretOperators},
}

func (connector) Describe() *abi.Manifest { return manifest() }

func (connector) Prepare(call *abi.Call) (*abi.Step, error) {
	operation, account, err := chosen(call)
	if err != nil {
		return nil, err
	}
	return operation.prepare(call, account)
}

func (connector) Interpret(call *abi.Call, state []byte, response *abi.HttpResponse) (*abi.Step, error) {
	operation, account, err := chosen(call)
	if err != nil {
		return nil, err
	}
	answer, end := readReply(response)
	if end != nil {
		return end, nil
	}
	return operation.interpret(call, account, state, answer), nil
}

func (connector) Receive(callback *abi.Callback) (*abi.Receipt, error) { return receive(callback), nil }

func chosen(call *abi.Call) (handler, settings, error) {
	found, known := handlers[call.GetOperation()]
	if !known {
		return handler{}, settings{}, guest.UnknownOperation(call.GetOperation())
	}
	account, err := readSettings(call.GetSettings())
	return found, account, err
}
