// Command paygram is the plugin for PayGram, where a payer settles an invoice from a wallet in the PayGram app. It hides
// PayGram's API: methods under a token in the path, numbers for currencies and states, and failures with HTTP 200.
package main

import (
	"payrouter/abi/guest"
	abi "payrouter/abi/v1"
)

func init() { guest.Register(connector{}) }

func main() {}

type connector struct{}

// method is how an operation becomes a request, and its response the next step. state is that of the request's step.
type method struct {
	prepare   func(t *task) *abi.Step
	interpret func(t *task, state []byte, answer answer) *abi.Step
}

// methodOf finds an operation by the name that PayGram gives it. It is no map, which takes a guest longer than to read a member.
func methodOf(operation string) (m method, known bool) {
	switch operation {
	case issueInvoice:
		return method{prepareIssue, interpretIssue}, true
	case invoiceInfo:
		return method{prepareInfo, interpretInfo}, true
	case getInvoices:
		return method{prepareList, interpretList}, true
	case redeemInvoice:
		return method{prepareRedeem, interpretRedeem}, true
	case payInvoice:
		return method{preparePay, interpretPay}, true
	}
	return method{}, false
}

func (connector) Describe() *abi.Manifest {
	return manifest()
}

func (connector) Prepare(call *abi.Call) (*abi.Step, error) {
	m, known := methodOf(call.GetOperation())
	if !known {
		return nil, guest.UnknownOperation(call.GetOperation())
	}
	t, err := newTask(call)
	if err != nil {
		return nil, err
	}
	return m.prepare(t), nil
}

func (connector) Interpret(call *abi.Call, state []byte, response *abi.HttpResponse) (*abi.Step, error) {
	m, known := methodOf(call.GetOperation())
	if !known {
		return nil, guest.UnknownOperation(call.GetOperation())
	}
	t, err := resumeTask(call, state)
	if err != nil {
		return nil, err
	}
	a, end := readAnswer(response)
	if end != nil {
		return end, nil
	}
	return m.interpret(t, state, a), nil
}

func (connector) Receive(callback *abi.Callback) (*abi.Receipt, error) {
	return receive(callback), nil
}
