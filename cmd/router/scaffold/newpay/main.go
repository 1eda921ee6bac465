// Package main is the Newpay plugin: it decides how payments are asked for and read at Newpay's API.
//
// The files are chapters: manifest.go declares what the plugin can do, method.go is the table of Newpay's methods,
// payment.go makes payments and reads them, callback.go reads what Newpay reports by itself. schema.go is generated.
package main

import (
	"payrouter/abi/guest"
	abi "payrouter/abi/v1"
)

func init() { guest.Register(connector{}) }

// connector is Newpay's integration. It keeps no state.
type connector struct{}

func (connector) Describe() *abi.Manifest { return manifest() }

func (connector) Prepare(call *abi.Call) (*abi.Step, error) {
	switch call.GetOperation() {
	case createPayment:
		return prepareCreate(call)
	case getPayment:
		return prepareGet(call), nil
	}
	return nil, guest.UnknownOperation(call.GetOperation())
}

// Interpret reads the answer to either operation: both answer with a payment, and are refused in the same form. No call
// takes a second round trip, so there is no state.
func (connector) Interpret(call *abi.Call, _ []byte, response *abi.HttpResponse) (*abi.Step, error) {
	switch call.GetOperation() {
	case createPayment, getPayment:
		return interpret(call, response), nil
	}
	return nil, guest.UnknownOperation(call.GetOperation())
}

func (connector) Receive(callback *abi.Callback) (*abi.Receipt, error) { return receive(callback), nil }
