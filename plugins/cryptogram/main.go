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

// The operations, named after the requests in Cryptogram's document, and after its section "Available Wallets", which
// it has no request for.
const (
	createPayment    = "CreatePayment"
	getPayment       = "GetPayment"
	updatePayment    = "UpdatePayment"
	availableWallets = "AvailableWallets"
)

// handler is the two halves of an operation.
type handler struct {
	prepare   func(call *abi.Call, account settings) *abi.Step
	interpret func(call *abi.Call, account settings, response *abi.HttpResponse) *abi.Step
}

// handlers has the operations. Every request is answered with the payment as it then stands.
var handlers = map[string]handler{ //nolint:gochecknoglobals // the dispatch table
	createPayment:    {prepareCreate, interpret},
	getPayment:       {prepareGet, interpret},
	updatePayment:    {prepareUpdate, interpret},
	availableWallets: {prepareWallets, interpretWallets},
}

func (connector) Describe() *abi.Manifest {
	return manifest()
}

func (connector) Prepare(call *abi.Call) (*abi.Step, error) {
	operation, account, err := chosen(call)
	if err != nil {
		return nil, err
	}
	return operation.prepare(call, account), nil
}

func (connector) Interpret(call *abi.Call, _ []byte, response *abi.HttpResponse) (*abi.Step, error) {
	operation, account, err := chosen(call)
	if err != nil {
		return nil, err
	}
	return operation.interpret(call, account, response), nil
}

func chosen(call *abi.Call) (handler, settings, error) {
	operation, known := handlers[call.GetOperation()]
	if !known {
		return handler{}, settings{}, guest.UnknownOperation(call.GetOperation())
	}
	account, err := readSettings(call.GetSettings())
	return operation, account, err
}

func (connector) Receive(callback *abi.Callback) (*abi.Receipt, error) {
	return receive(callback), nil
}
