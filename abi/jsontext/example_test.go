package jsontext_test

import (
	"fmt"

	"payrouter/abi/jsontext"
)

func ExampleParse() {
	answer, err := jsontext.Parse([]byte(`{"order": {"id": 17, "amount": 49.90, "paid": true}}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	order := answer.Get("order")
	amount, ok := order.Decimal("amount")
	fmt.Println(order.Text("id"), amount, ok, order.Bool("paid"), order.Get("refund").Exists())
	// Output: 17 49.90 true true false
}

func ExampleNewObject() {
	body := jsontext.NewObject().String("reference", "a-1").Number("amount", "49.90").Strings("tags", []string{"x"})
	fmt.Println(string(body.JSON()))
	// Output: {"reference":"a-1","amount":49.90,"tags":["x"]}
}

func ExampleValue_Amount() {
	answer, _ := jsontext.Parse([]byte(`{"sum": 29.949999999999999}`))
	amount, _ := answer.Get("sum").Amount("29.95")
	fmt.Println(amount)
	// Output: 29.95
}

func ExampleValue_Spell() {
	answer, _ := jsontext.Parse([]byte(`{"fee": 1.50, "count": 2}`))
	text, _ := answer.Spell(func(name string) bool { return name == "fee" })
	fmt.Println(string(text))
	// Output: {"fee": "1.50", "count": 2}
}

func ExamplePointer() {
	fmt.Println(jsontext.Pointer("destination", "a/b"))
	// Output: /destination/a~1b
}
