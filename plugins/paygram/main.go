// Command paygram is the plugin for PayGram, where a payer settles an invoice from a wallet in the PayGram app. It
// hides PayGram's API: methods under a token in the path, numbers for currencies and states, and failures with HTTP
// 200.
package main

import (
	"payrouter/abi/guest"
	abi "payrouter/abi/v1"
)

func init() { guest.Register(connector{}) }

type connector struct{}

func (connector) Describe() *abi.Manifest {
	return manifest()
}

// Prepare knows the operations by the names that PayGram gives them. For those that payments go through, neither it nor
// Interpret goes by a table: of a function that the compiler can see it knows that the task may stay on the stack.
func (connector) Prepare(call *abi.Call) (*abi.Step, error) {
	t := task{Call: call}
	if err := t.read(); err != nil {
		return nil, err
	}
	switch call.GetOperation() {
	case issueInvoice:
		return prepareIssue(&t), nil
	case invoiceInfo:
		return prepareInfo(&t), nil
	case getInvoices:
		return prepareList(&t), nil
	case redeemInvoice:
		return prepareRedeem(&t), nil
	case payInvoice:
		return preparePay(&t), nil
	}
	if !t.native() {
		switch call.GetOperation() {
		case withdraw:
			return preparePayout(&t), nil
		case transferCredit:
			return prepareTransfer(&t), nil
		}
	}
	if method := methods.Find(call.GetOperation()); method != nil {
		return prepareNative(&t, method), nil
	}
	return nil, guest.UnknownOperation(call.GetOperation())
}

func (connector) Interpret(call *abi.Call, state []byte, response *abi.HttpResponse) (*abi.Step, error) {
	t := task{Call: call}
	if err := t.resume(state); err != nil {
		return nil, err
	}
	a, end := readAnswer(response)
	if end != nil {
		return cautious(&t, end), nil
	}
	if !a.Get("type").Exists() && movesMoney(call.GetOperation()) {
		return guest.Unreadable("success without a type, which every answer of PayGram's has"), nil
	}
	switch call.GetOperation() {
	case issueInvoice:
		return finish(&t, a, t.GetReference(), true), nil
	case invoiceInfo:
		return interpretInfo(&t, state, a), nil
	case getInvoices:
		return interpretList(a), nil
	case redeemInvoice:
		return interpretRedeem(&t, a), nil
	case payInvoice:
		return finish(&t, a, t.GetCreateReference(), false), nil
	}
	if !t.native() {
		switch call.GetOperation() {
		case withdraw:
			return interpretPayout(&t, a), nil
		case transferCredit:
			return interpretTransfer(&t, a), nil
		}
	}
	if method := methods.Find(call.GetOperation()); method != nil {
		return interpretNative(&t, method, a, len(state) > 0), nil
	}
	return nil, guest.UnknownOperation(call.GetOperation())
}

// movesMoney reports a method whose success is believed only in PayGram's own envelope: {"success": true} alone may be
// anyone's.
func movesMoney(operation string) bool {
	method := methods.Find(operation)
	return operation == redeemInvoice || operation == payInvoice || method != nil && method.Class == risky
}

func (connector) Receive(callback *abi.Callback) (*abi.Receipt, error) {
	return receive(callback), nil
}
