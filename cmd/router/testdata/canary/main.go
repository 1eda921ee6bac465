// Command canary is a plugin for a test: it puts secrets into every place of a request where they may stand, and gives
// away all that it sees of the answers.
package main

import (
	"fmt"

	"payrouter/abi/guest"
	abi "payrouter/abi/v1"
)

func init() { guest.Register(connector{}) }

func main() {}

type connector struct{}

func (connector) Describe() *abi.Manifest {
	const object = `{"type": "object"}`
	operation := func(name string, class abi.Idempotency) *abi.Operation {
		return &abi.Operation{
			Name: name, Summary: "Give everything away.", Idempotency: class, InputSchema: object, OutputSchema: object,
			Documented: abi.Documented_DOCUMENTED_FULL, FindsByReference: class == abi.Idempotency_IDEMPOTENCY_SAFE,
		}
	}
	return &abi.Manifest{
		Name: "canary", Version: "1.0.0", Title: "Canary", BaseUrl: "https://api.example.com", SettingsSchema: object,
		Secrets: []*abi.Secret{
			{Name: "token", Summary: "In the path."}, {Name: "key", Summary: "In headers and signatures."},
			{Name: "password", Summary: "In basic authentication."},
		},
		Flows: []*abi.Flow{{Kind: abi.Kind_KIND_COLLECT, Actions: []*abi.Action{
			{Role: abi.Role_ROLE_CREATE, Operation: "make"}, {Role: abi.Role_ROLE_LOOKUP, Operation: "look"},
		}}},
		Operations: []*abi.Operation{
			operation("make", abi.Idempotency_IDEMPOTENCY_NONE), operation("look", abi.Idempotency_IDEMPOTENCY_SAFE),
		},
		Callback: &abi.CallbackForm{}, MaxSteps: 1,
	}
}

func (connector) Prepare(*abi.Call) (*abi.Step, error) {
	step := guest.NewRequest("POST", guest.Literal("/pay/"), guest.Secret("token"), guest.Literal("/make")).
		Header("X-Key", guest.Literal("key="), guest.Secret("key")).JSON([]byte(`{"want":"all"}`)).Send(nil)
	request := step.GetSend().GetRequest()
	request.Query = []*abi.Field{{Name: "key", Value: []*abi.Part{guest.Secret("key")}}}
	request.BasicAuth = &abi.BasicAuth{User: guest.Text("shop"), PasswordSecret: "password"}
	body := &abi.SignedPart{Part: &abi.SignedPart_Body{Body: true}}
	request.Signatures = []*abi.Signature{
		{
			Algorithm: abi.Signature_ALGORITHM_HMAC_SHA256, Secret: "key", Parts: []*abi.SignedPart{body},
			Encoding: abi.Signature_ENCODING_HEX, Header: "X-Sign",
		},
		{
			Algorithm: abi.Signature_ALGORITHM_MD5, Encoding: abi.Signature_ENCODING_BASE64, Header: "X-Hash",
			Parts: []*abi.SignedPart{body, {Part: &abi.SignedPart_Secret{Secret: "token"}}},
		},
	}
	return step, nil
}

func (connector) Interpret(_ *abi.Call, _ []byte, response *abi.HttpResponse) (*abi.Step, error) {
	seen := fmt.Sprint(response.GetStatus(), response.GetHeaders(), string(response.GetBody()))
	for _, header := range response.GetHeaders() {
		if header.GetName() == "X-Panic" {
			panic(seen)
		}
		if header.GetName() == "X-Log" {
			println(seen)
			return nil, fmt.Errorf("the answer is %s", seen)
		}
	}
	return &abi.Step{Next: &abi.Step_Done{Done: &abi.Outcome{
		Verdict: abi.Verdict_VERDICT_ACCEPTED, Status: abi.Status_STATUS_PROCESSING, ProviderReference: "ref-1",
		NextAction: &abi.NextAction{}, Failure: &abi.Failure{Message: seen},
	}}}, nil
}

func (connector) Receive(*abi.Callback) (*abi.Receipt, error) { return &abi.Receipt{}, nil }
