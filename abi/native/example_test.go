package native_test

import (
	"fmt"

	"payrouter/abi/jsontext"
	"payrouter/abi/native"
	"payrouter/abi/native/schema"
	abi "payrouter/abi/v1"
)

var methods = native.Table[struct{}]{{
	{
		Name: "Transfer", Summary: "Move money between accounts.", Class: abi.Idempotency_IDEMPOTENCY_NONE,
		Documented: abi.Documented_DOCUMENTED_FULL,
		Input: native.Fields{
			{Name: "amount", Form: &native.Amount, Required: true},
			{Name: "to", Required: true, MaxLength: 34},
		},
		Output: native.Fields{{Name: "id", Required: true}, {Name: "fee", Form: &native.Amount}},
	},
}}

func ExampleMethod_Reject() {
	input, _ := jsontext.Parse([]byte(`{"amount": "0", "to": "DE02120300000000202051"}`))
	refused := methods.Find("Transfer").Reject(input).GetReject()
	fmt.Println(refused.GetField(), refused.GetMessage())
	// Output: /amount amount has to be an amount, as a text above 0
}

func ExampleMethod_Mismatch() {
	answer, _ := jsontext.Parse([]byte(`{"id": "t-1", "fee": "free"}`))
	fmt.Println(methods.Find("Transfer").Mismatch(answer, 0))
	// Output: fee is not an amount, as a text
}

// A plugin's main calls Write where it is run natively, so that go generate writes schema.go.
func ExampleTable() {
	fmt.Println(string(schema.Output(methods.Find("Transfer")).JSON()))
	// Output:
	// {"type":"object","properties":{"id":{"type":"string"},"fee":{"type":["string","null"]}},"required":["id"]}
}
