package guest_test

import (
	"fmt"

	"payrouter/abi/guest"
	"payrouter/abi/jsontext"
	abi "payrouter/abi/v1"
)

// Acme is a plugin that reads payments. A plugin's main package registers it: func init() { guest.Register(acme{}) }.
type acme struct{}

func (acme) Describe() *abi.Manifest { return &abi.Manifest{Name: "acme", Version: "0.1.0"} }

func (acme) Prepare(call *abi.Call) (*abi.Step, error) {
	if call.GetOperation() != "GetPayment" {
		return nil, guest.UnknownOperation(call.GetOperation())
	}
	request := guest.NewRequest("GET", guest.Literal("/payments/"), guest.Text(call.GetProviderReference()))
	return request.Bearer("key").Send(nil), nil
}

func (acme) Interpret(_ *abi.Call, _ []byte, response *abi.HttpResponse) (*abi.Step, error) {
	body, err := jsontext.Parse(response.GetBody())
	if err != nil || response.GetStatus() != 200 || body.Text("status") != "paid" {
		return guest.Unreadable("not a paid payment"), nil
	}
	outcome := guest.Accepted(abi.Status_STATUS_SUCCEEDED, body.Text("id"))
	outcome.Amount = guest.Money(body.Text("amount"), body.Text("currency"))
	return guest.Done(outcome), nil
}

func (acme) Receive(*abi.Callback) (*abi.Receipt, error) {
	return &abi.Receipt{Trust: abi.Receipt_TRUST_IGNORE}, nil
}

func Example() {
	var connector guest.Connector = acme{}
	call := &abi.Call{Operation: "GetPayment", ProviderReference: "p-1"}
	step, _ := connector.Prepare(call)
	fmt.Println(step.GetSend().GetRequest().GetMethod())
	step, _ = connector.Interpret(call, nil, &abi.HttpResponse{
		Status: 200, Body: []byte(`{"id": "p-1", "status": "paid", "amount": 49.90, "currency": "EUR"}`),
	})
	fmt.Println(step.GetDone().GetStatus(), step.GetDone().GetAmount().GetAmount())
	// Output:
	// GET
	// STATUS_SUCCEEDED 49.90
}

func ExampleNewRequest() {
	form := new(guest.Form).Set("amount", "49.90").Set("note", "").Set("name", "Jane Doe")
	step := guest.NewRequest("POST", guest.Literal("/orders")).
		Header("X-Key", guest.Secret("key")).
		Form(form).
		Send([]byte("state"))
	fmt.Println(string(step.GetSend().GetRequest().GetBody()))
	// Output: amount=49.90&name=Jane+Doe
}

func ExampleReject() {
	step := guest.Reject("invalid_request", "/amount", "the amount has to be above zero")
	fmt.Println(step.GetReject().GetField())
	// Output: /amount
}
