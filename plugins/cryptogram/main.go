// Command cryptogram is the plugin for Cryptogram, where a payer settles a fiat amount in a cryptocurrency on a hosted
// page. It hides Cryptogram's commerce-payments API: its fields, its statuses and its ways to refuse.
package main

import (
	"payrouter/abi/guest"
	abi "payrouter/abi/v1"
)

func init() { guest.Register(connector{}) }

func main() {}

// connector is the integration. It keeps no state.
type connector struct{}

// The operations, named after the requests in Cryptogram's document.
const (
	createPayment = "CreatePayment"
	getPayment    = "GetPayment"
	updatePayment = "UpdatePayment"
)

// operations has each operation's request. Every one of them is answered with the payment as it then stands.
var operations = map[string]func(call *abi.Call, account settings) *abi.Step{ //nolint:gochecknoglobals // the dispatch table
	createPayment: prepareCreate,
	getPayment:    prepareGet,
	updatePayment: prepareUpdate,
}

func (connector) Describe() *abi.Manifest {
	return manifest()
}

func (connector) Prepare(call *abi.Call) (*abi.Step, error) {
	prepare, known := operations[call.GetOperation()]
	if !known {
		return nil, guest.UnknownOperation(call.GetOperation())
	}
	account, err := readSettings(call.GetSettings())
	if err != nil {
		return nil, err
	}
	return prepare(call, account), nil
}

func (connector) Interpret(call *abi.Call, _ []byte, response *abi.HttpResponse) (*abi.Step, error) {
	if _, known := operations[call.GetOperation()]; !known {
		return nil, guest.UnknownOperation(call.GetOperation())
	}
	account, err := readSettings(call.GetSettings())
	if err != nil {
		return nil, err
	}
	return interpret(call, account, response), nil
}

func (connector) Receive(callback *abi.Callback) (*abi.Receipt, error) {
	return receive(callback), nil
}
