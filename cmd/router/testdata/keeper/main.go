// Command keeper is a plugin for a test: it puts the payer of the payment before into a payment's request.
package main

import (
	"payrouter/abi/guest"
	abi "payrouter/abi/v1"
)

func init() { guest.Register(&connector{}) }

func main() {}

type connector struct{ payer string }

func (*connector) Describe() *abi.Manifest {
	const object = `{"type": "object"}`
	operation := func(name string, class abi.Idempotency) *abi.Operation {
		return &abi.Operation{
			Name: name, Summary: "Keep the payer.", Idempotency: class, InputSchema: object, OutputSchema: object,
			Documented: abi.Documented_DOCUMENTED_FULL, FindsByReference: class == abi.Idempotency_IDEMPOTENCY_SAFE,
		}
	}
	return &abi.Manifest{
		Name: "keeper", Version: "1.0.0", Title: "Keeper", BaseUrl: "https://api.example.com", SettingsSchema: object,
		Flows: []*abi.Flow{{Kind: abi.Kind_KIND_COLLECT, Actions: []*abi.Action{
			{Role: abi.Role_ROLE_CREATE, Operation: "make"}, {Role: abi.Role_ROLE_LOOKUP, Operation: "look"},
		}}},
		Operations: []*abi.Operation{
			operation("make", abi.Idempotency_IDEMPOTENCY_NONE), operation("look", abi.Idempotency_IDEMPOTENCY_SAFE),
		},
		Callback: &abi.CallbackForm{}, MaxSteps: 1,
	}
}

func (c *connector) Prepare(call *abi.Call) (*abi.Step, error) {
	former := c.payer
	c.payer = call.GetPayment().GetPayer().GetEmail()
	return guest.NewRequest("POST", guest.Literal("/make")).JSON([]byte(`{"former":"` + former + `"}`)).Send(nil), nil
}

func (*connector) Interpret(*abi.Call, []byte, *abi.HttpResponse) (*abi.Step, error) {
	return guest.Done(guest.Accepted(abi.Status_STATUS_SUCCEEDED, "ref-1")), nil
}

func (*connector) Receive(*abi.Callback) (*abi.Receipt, error) { return &abi.Receipt{}, nil }
