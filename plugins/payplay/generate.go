//go:build !wasip1

package main

import (
	"payrouter/abi/jsontext"
	"payrouter/abi/native"
	"payrouter/abi/native/schema"
)

//go:generate go run .

// main writes the schemas of the table of methods. A guest has an empty main.
func main() { generated().Write("schema.go") }

func generated() *schema.Methods {
	return schema.Of(methods, schema.Input, func(m *method) *jsontext.Object {
		// The rates are members by the names of their pairs, which the reader of the answer checks.
		if m.Name == getRates {
			return schema.Map(&native.Field{
				Form: &native.Any, Note: "With a decimal comma, as PayPlay sends it.", Example: "1,00",
			})
		}
		// A member that is not required may be anything, even where the document shows it.
		return schema.OutputOf(m.Output, false)
	})
}
