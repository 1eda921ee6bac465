//go:build !wasip1

package main

import (
	"payrouter/abi/jsontext"
	"payrouter/abi/native/schema"
)

//go:generate go run .

// main writes the schemas of the table of methods. A guest has an empty main.
func main() { generated().Write("schema.go") }

func generated() *schema.Methods {
	return schema.Of(methods, func(m *method) *jsontext.Object {
		return schema.Input(&method{Input: inputOf(m), Open: m.Open})
	}, output)
}

// output is the schema of a method's answer: its members, and PayGram's envelope around them.
func output(m *method) *jsontext.Object {
	properties := schema.Outputs(m.Output, m.Documented == full).
		Object("type", jsontext.NewObject().String("description", "The kind of answer, a number of PayGram's.")).
		Object("success", jsontext.NewObject().Bool("const", true)).
		Object("responseCode", jsontext.NewObject().String("description", "200, where there is one."))
	return jsontext.NewObject().String("type", "object").Object("properties", properties).
		Strings("required", append(schema.Required(m.Output), "success"))
}
