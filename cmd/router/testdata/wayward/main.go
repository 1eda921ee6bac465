// Command wayward is a plugin for a test: a word in its module decides in which way it is wrong.
package main

import (
	"strings"

	"payrouter/abi/guest"
	"payrouter/abi/jsontext"
	abi "payrouter/abi/v1"
)

func init() { guest.Register(connector{}) }

func main() {}

type connector struct{}

// way is "well", or how the plugin is wrong. A test writes into the module what stands after the equals sign.
//
//go:noinline
func way() string {
	_, word, _ := strings.Cut("the way of this module=well      ", "=")
	return strings.TrimSpace(word)
}

func (connector) Describe() *abi.Manifest {
	const object = `{"type": "object"}`
	operation := func(name string, class abi.Idempotency) *abi.Operation {
		return &abi.Operation{
			Name: name, Summary: "Make or look.", Idempotency: class, InputSchema: object, OutputSchema: object,
			Documented: abi.Documented_DOCUMENTED_FULL, FindsByReference: class == abi.Idempotency_IDEMPOTENCY_SAFE,
		}
	}
	return &abi.Manifest{
		Name: "wayward", Version: "1.0.0", Title: "Wayward", BaseUrl: "https://api.example.com", SettingsSchema: object,
		Flows: []*abi.Flow{{Kind: abi.Kind_KIND_COLLECT, Actions: []*abi.Action{
			{Role: abi.Role_ROLE_CREATE, Operation: "make"}, {Role: abi.Role_ROLE_LOOKUP, Operation: "look"},
		}}},
		Operations: []*abi.Operation{
			operation("make", abi.Idempotency_IDEMPOTENCY_NONE), operation("look", abi.Idempotency_IDEMPOTENCY_SAFE),
		},
		Callback: &abi.CallbackForm{}, MaxSteps: 1,
	}
}

func (connector) Prepare(call *abi.Call) (*abi.Step, error) {
	if way() == "prepare" {
		panic("it cannot prepare")
	}
	return guest.NewRequest("POST", guest.Literal("/"+call.GetOperation())).
		Header("X-Way", guest.Literal(way())).
		JSON([]byte(`{"reference":"` + call.GetReference() + `"}`)).Send(nil), nil
}

func (connector) Interpret(_ *abi.Call, _ []byte, response *abi.HttpResponse) (*abi.Step, error) {
	if way() == "trap" {
		panic("it cannot interpret")
	}
	outcome := &abi.Outcome{Verdict: abi.Verdict_VERDICT_UNREADABLE}
	if answer, err := jsontext.Parse(response.GetBody()); err == nil && response.GetStatus() == 200 {
		if id := answer.Text("id"); id != "" {
			outcome = &abi.Outcome{
				Verdict: abi.Verdict_VERDICT_ACCEPTED, Status: abi.Status_STATUS_PROCESSING, ProviderReference: id,
			}
		}
	}
	return &abi.Step{Next: &abi.Step_Done{Done: outcome}}, nil
}

func (connector) Receive(*abi.Callback) (*abi.Receipt, error) { return &abi.Receipt{}, nil }
